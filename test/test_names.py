"""None of the names that were given up is left, but where it stays on purpose.

Modules, classes, options, parameters and topics were renamed to what the field calls them;
CHANGELOG.rst lists old and new. This test searches all text files for the old ones.
"""

import ast
import io
import re
import tokenize
from fnmatch import fnmatch
from pathlib import Path

import pytest
from repository_files import repository_files

ROOT = Path(__file__).resolve().parents[1]


def words(text):
    """Return the words of a text as a set."""
    return frozenset(text.split())


# Below liquid_pilot/ or benchmarks/, without `.py`: files that moved or went.
MODULES = {
    'benchmarks': 'studies figures calibrate_conditions condition_sheet',
    'benchmarks/adaptation': 'arms grid makers pages record run schedule study',
    'benchmarks/driving': 'makers record run study',
    'benchmarks/robustness': 'record run',
    'evaluation': 'cells crew drawing flight history ledger missions verb',
    'fleet': 'quadrotor rover',
    'learning': """alignment augmentation bag_mapping bag_pictures bag_reader bag_streams bags
        baselines core_choice curves dataset_verb demonstrate_verb demonstrations encoder
        familiarise_verb familiarity features files imitation import_ncps import_verb interrupts ltc
        onnx_export progress randomness settings source stages train verb warm_start""",
    'liquid': 'ahead familiar fields inspection onnx_bytes packing pilot_file',
    'nodes': """adapting autopilots bag_writer checks child_process diagnostics doctor
        doctor_onboard flights gazebo_flights gazebo_link gazebo_server graph hardware intake
        labelled launching mavlink_output messages mission_node mission_run parameters
        process_runner progress px4_output qos record_verb runtime surroundings vehicle_link
        vehicle_outputs viewer""",
    'onboard': """_receptor_kernels adapting ahead cores crop encoder engine evidence fence
        foresight frames front grip guard imu lens mavlink_link memory onnx_graph photometry
        preflight preprocess receptors rivalry rotations surprise time_scales
        velocity_controller""",
    'onboard/vehicles': """ackermann adapter attitude_target attitude_thrust body_velocity classes
        cmd_vel coding handling hover settings vehicle_class world_velocity""",
    'simulation': """courses disturbance driver environment expert exposure faults gazebo_forest
        gazebo_meshes gazebo_parts gazebo_road gazebo_rover gazebo_vehicle gazebo_world layout look
        maps mechanics mission optics precipitation rendering road_layout road_scene rover scene
        sdf sensors severities shapes task view weather workers world world_verb""",
}

# Anywhere in any text: commands, parameters, settings and topics.
WORDS = words("""
    answer_timeout_s caution_after_s caution_fade_s check_age climb_lead_s familiarise
    fence_ceiling_m fence_radius_m fence_reaction_s follow_rotation gate_margin gate_relative
    hold_frames hold_limit_s keep_over_restarts leak_by_grip learn_receptors least_camera_rate
    least_imu_rate_hz least_speed_m_s most_steering_rad oldest_s pygame pygame-ce receptor_rate
    resend_s slowest_m_s stretch_core
    """)
PATTERNS = {
    r'adaptation/time_constants': 'the topic adaptation/time_scales',
    r'liquid_pilot/time_constants': 'the schema liquid_pilot/time_scales',
    r'gazebo/touched': 'the topic gazebo/contact',
    r'gazebo/enable\b(?!_)': 'the topic gazebo/enable_motors',
    r'(liquid-pilot|\./run) world\b': 'the command export-world',
    r'inspect\b.*--draw\b': 'the option --plot',
    r'\b(caution|stretch|govern|receptors|foresee)[:=](true|false|\d)': 'a setting of adaptation',
    r'(?m)^ +(caution|stretch|govern|receptors|foresee|recorded):': 'a node parameter',
    r'(?<!\w)(shortest_s|longest_s)[`:]': 'a key of a dataset mapping',
}

# Names in Python code: classes, functions and constants.
IDENTIFIERS = words("""
    Adapting Announce Beginning CORE_PARTS Cell Coding Demonstrator DriverSettings Effort Evidence
    FAMILIAR FIRST_STEP_S Familiar Fields Flier Flights Follower Foreseer Foresight Forgetful Front
    FrontParameters FrontSettings FrontState GRAPH_CORES Gate GateSettings GateState GazeboFlights
    GazeboPlace Grip GripSettings GripState Handling Heard Injector Intake Interrupts
    LONGEST_STEP_S Lanes Ledger MakePilot Mark Moment NoWindowError OBEYING_MODES Objects Odometer
    Offer Packing Piece Proposal Pull RECEPTOR_RANGE Recall Reception ReceptorState Receptors
    Rivalry RoadWay Running SILENT_S STEERINGS ScaleKeeper SceneLook SensitiveState Shots Sight
    SilentImuError Slippery Storm Surroundings TIME_CONSTANTS Terms Timing UNFIT UnansweredError
    VehicleClass VehicleSettings ViewerNode ViewerParameters Watched Waverer Way class_of
    compile_ahead disturbance_of duration_text evidence_in evidence_of fly_one furnish gazebo_of
    held_back judged_courses limits_of look_of moment_in pack_time_constants release_code
    since_kept surprised trace_of trespass unpack_time_constants weaken with_familiar
    """)

# Too common to be searched for everywhere: nothing in the package is defined by these names.
DEFINITIONS = words("""
    caution crowd deciding decided familiar foresees foresight govern grown heed judge lately lay
    pull rivals see settled shown solved stretch surprised thinned told trespass turned well_again
    """)

# What stays on purpose: (file pattern, name) -> why.
STAYS: dict[tuple[str, str], str] = {
    **{
        (f'studies/{study}/README.md', f'benchmarks/{study}/run'): 'its path at the commit named'
        for study in ('adaptation', 'driving', 'robustness')
    },
    ('test/cli/test_main.py', 'familiarise'): 'a command that is refused',
}
# Files that are not searched, and why.
NOT_SEARCHED = {
    'CHANGELOG.rst': 'lists old names beside the new ones',
    'test/test_names.py': 'this test',
    'LICENSE': 'not ours',
    'studies/*/results.json': 'evidence, as it was written',
    'constraints*.txt': 'names of other packages',
}


def text_files():
    """Return the text of every tracked file, and of new ones that git does not ignore."""
    found = {}
    for path in repository_files():
        name = path.as_posix()
        if any(fnmatch(name, pattern) for pattern in NOT_SEARCHED):
            continue
        try:
            found[name] = (ROOT / path).read_text()
        except UnicodeDecodeError:
            continue
    return found


@pytest.fixture(scope='module')
def texts():
    return text_files()


def stays(file, name):
    return any(fnmatch(file, pattern) and name == kept for pattern, kept in STAYS)


def search(texts, expression):
    """Return 'file:line: what was found' for each match of a regular expression."""
    found = []
    for file, text in texts.items():
        for match in re.finditer(expression, text):
            if not stays(file, match[0].strip()):
                line = text.count('\n', 0, match.start()) + 1
                found.append(f'{file}:{line}: {match[0].strip()}')
    return found


def fail_if_any(found):
    if found:
        pytest.fail('\n'.join(['old names:', *found]), pytrace=False)


@pytest.mark.parametrize('folder', MODULES)
def test_no_file_is_called_by_its_old_path(texts, folder):
    names = '|'.join(sorted(words(MODULES[folder])))
    as_path = rf'(?<![\w/-])(?:liquid_pilot/)?{folder}/({names})(?![/\w-])'
    as_module = rf'(?:liquid_pilot\.|`){folder.replace("/", ".")}\.({names})(?![\w-])'
    fail_if_any(search(texts, as_path) + search(texts, as_module))


def test_no_old_command_parameter_setting_or_topic_is_left(texts):
    found = search(texts, rf'(?<![\w-])({"|".join(sorted(WORDS))})(?![\w-])')
    for expression, new in PATTERNS.items():
        found += [f'{each} ({new})' for each in search(texts, expression)]
    fail_if_any(found)


def test_no_old_class_function_or_constant_is_left(texts):
    fail_if_any(
        [
            f'{file}:{token.start[0]}: {token.string}'
            for file, text in texts.items()
            if file.endswith('.py')
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.NAME
            and token.string in IDENTIFIERS
            and not stays(file, token.string)
        ]
    )


def definitions(text):
    """Yield (line, name) of each function, class and annotated attribute of a class."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.lineno, node.name
        if isinstance(node, ast.ClassDef):
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield field.lineno, field.target.id


def test_nothing_is_defined_by_a_name_that_says_nothing(texts):
    fail_if_any(
        [
            f'{file}:{line}: {name}'
            for file, text in texts.items()
            if file.startswith('liquid_pilot/') and file.endswith('.py')
            for line, name in definitions(text)
            if name in DEFINITIONS and not stays(file, name)
        ]
    )


def test_what_stays_is_still_there(texts):
    """An exception that nothing needs any more is taken out."""
    for pattern, name in STAYS:
        files = [text for file, text in texts.items() if fnmatch(file, pattern)]
        assert any(name in text for text in files), (pattern, name)
    for pattern in NOT_SEARCHED:
        assert list(ROOT.glob(pattern)), pattern


def test_the_search_finds_old_names():
    failed = pytest.fail.Exception
    for file, text, test in (
        ('a.md', 'liquid_pilot/evaluation/crew.py', test_no_file_is_called_by_its_old_path),
        (
            'a.py',
            'from liquid_pilot.evaluation.crew import x',
            test_no_file_is_called_by_its_old_path,
        ),
        ('a.yaml', '  caution: true', test_no_old_command_parameter_setting_or_topic_is_left),
        ('a.md', 'caution_after_s', test_no_old_command_parameter_setting_or_topic_is_left),
        ('a.py', 'class Ledger: pass', test_no_old_class_function_or_constant_is_left),
        ('liquid_pilot/a.py', 'def told(): 1', test_nothing_is_defined_by_a_name_that_says_nothing),
    ):
        more = ('evaluation',) if test is test_no_file_is_called_by_its_old_path else ()
        with pytest.raises(failed, match=re.escape(f'{file}:2: ')):
            test({file: f'# nothing\n{text}\n'}, *more)
