"""The weather of docs/how_to/own_weather.md, from an installed package, like that of this one."""

import os

import numpy as np
import page_package
import pytest

from liquid_pilot import pilot_file
from liquid_pilot.cli.main import main
from liquid_pilot.evaluation.runner import evaluate
from liquid_pilot.interfaces import Command, LiquidPilotError
from liquid_pilot.simulation.base.condition import label, parse
from liquid_pilot.simulation.base.condition_spec import ConditionSpec
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.conditions.pipeline import _stream
from liquid_pilot.simulation.conditions.severities import strength
from liquid_pilot.simulation.gazebo.world import check_conditions as check_gazebo_conditions
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import check_conditions, expand_conditions

FILES = page_package.files_of('own_weather.md')
SEED = 7


@pytest.fixture
def weather(tmp_path):
    with page_package.installed(FILES, tmp_path / 'installed'):
        yield


@pytest.fixture(scope='module')
def simulation():
    with Simulation() as simulation:
        yield simulation


def changed(folder, *changes):
    """Install the page's package with other code."""
    source = FILES['my_weather.py']
    for before, after in changes:
        assert before in source
        source = source.replace(before, after)
    return page_package.installed({**FILES, 'my_weather.py': source}, folder)


def fly(simulation, text, ticks=8):
    packets = [simulation.reset(SEED, conditions=parse(text))]
    for _ in range(ticks):
        packets.append(simulation.advance(Command(packets[-1].stamp_ns, 1.0, 0.2, 0.0, 0.3)))
    return packets


def pixels(packet):
    image = packet.observation.image
    return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3).astype(int)


def test_it_is_written_like_any_other_condition(weather):
    assert label(parse('sand:4@3s+wind:2')) == 'sand:4@3s+wind:2'
    assert strength(parse('sand:3')[0]) == 0.03 and strength(parse('sand=0.2')[0]) == 0.2
    with pytest.raises(LiquidPilotError, match=r'sand: strength must lie in \[0, 0.5\] .extinct'):
        strength(parse('sand=0.9')[0])
    assert expand_conditions('sand:2-3') == ['sand:2', 'sand:3']
    for vehicle in ('quadrotor', 'rover'):
        assert expand_conditions('all:3', vehicle)[-1] == 'sand:3'
        check_conditions(vehicle, parse('sand:1'))
    with pytest.raises(LiquidPilotError, match=r'no condition named .sandd.*, sand, season'):
        parse('sandd:3')
    with pytest.raises(LiquidPilotError):
        check_gazebo_conditions(parse('sand:1'))


def test_it_changes_picture_and_flight_by_seed_and_severity(weather, simulation):
    clear, weak, strong = (fly(simulation, text) for text in ('clear', 'sand:1', 'sand:5'))
    assert fly(simulation, 'sand:5') == strong
    differences = [np.abs(pixels(each[0]) - pixels(clear[0])).mean() for each in (weak, strong)]
    assert 1.0 < differences[0] < 0.6 * differences[1]
    places = [np.array(each[-1].state.position_enu_m) for each in (clear, weak, strong)]
    drift_m = [float(np.linalg.norm(place - places[0])) for place in places[1:]]
    assert 1e-6 < drift_m[0] < drift_m[1]
    # Before its onset it is not there.
    later = fly(simulation, 'sand:5@0.3s')
    assert later[:6] == clear[:6] and later[7] != clear[7]


def test_it_acts_before_the_exposure_or_on_the_finished_picture(weather, simulation, tmp_path):
    night = pixels(fly(simulation, 'sand:5+night:5', 0)[0])
    assert night.max() < 200 and night.mean() < pixels(fly(simulation, 'sand:5', 0)[0]).mean()
    with _picture_stage(tmp_path / 'other'):
        picture = pixels(fly(simulation, 'plain:5+night:5', 0)[0])
        assert (picture == (194, 160, 110)).all()


def _picture_stage(folder):
    """Install another weather, which replaces the finished picture."""
    source = FILES['my_weather.py'].replace('needs_depth=True', "stage='picture'")
    source = source.replace('np.exp(-density * context.require_depth())[..., np.newaxis]', '0.0')
    project = FILES['pyproject.toml'].replace('my_weather', 'plain_weather')
    project = project.replace('sand =', 'plain =')
    return page_package.installed({'pyproject.toml': project, 'plain_weather.py': source}, folder)


def test_its_random_numbers_are_its_own(weather):
    """A family whose name begins like another one draws other numbers, also for its wind."""
    draws = {name: _stream(3, name).random() for name in ('sand', 'sand wind', 'season', 'season2')}
    assert len(set(draws.values())) == 4


def test_stored_missions_are_of_the_version_of_the_package(weather, tmp_path):
    pilot = pilot_file.load(pilot_file.resolve('forest-ltc'))
    results = evaluate(
        [pilot],
        ['clear', 'sand:2'],
        [SEED],
        tmp_path / 'out',
        workers=1,
        rules=MissionRules(time_limit_s=0.2),
    )
    versions = {key.condition: key.version for key in results.flights}
    assert versions == {'clear': results.version, 'sand:2': f'{results.version}+my_weather-1.0'}
    assert len(results.flights_by_seed(pilot.specification.name, 'sand:2')) == 1


BROKEN = {
    'fails in a frame': (
        ('rgb + (1.0 - visible)', 'rgb + (1.0 - invisible)'),
        r"its effect failed \(NameError: name 'invisible' is not defined, at .*my_weather.py:\d+\)",
    ),
    'another size': (
        ('.astype(np.uint8)', '.astype(np.uint8)[::2]'),
        r'its effect must return a picture of shape \(144, 256, 3\) and type uint8',
    ),
    'another type': (('.astype(np.uint8)', ''), 'its effect must return a picture of shape'),
    'fails to start': (
        ('def __init__(self, rng, camera,', 'def __init__(self, rng,'),
        r'it failed to start \(TypeError: ',
    ),
    'no picture effect': (
        ('def __call__(self, rgb', 'def look(self, rgb'),
        "the Veil that it makes has no '__call__'",
    ),
    'no wind': (('return MeanWind', 'MeanWind'), "the NoneType that it makes has no 'step'"),
    'four severities': (('0.04, 0.05)', '0.04)'), r'my_weather cannot be imported .*5 severities'),
}


@pytest.mark.parametrize(('change', 'words'), BROKEN.values(), ids=BROKEN)
def test_one_that_is_broken_names_its_package(simulation, tmp_path, change, words):
    start = "^the condition 'sand' of the package my_weather 1.0 cannot be used: "
    with changed(tmp_path, change), pytest.raises(LiquidPilotError, match=start + words):
        fly(simulation, 'sand:3', 1)


def test_all_conditions_but_a_broken_one_are_flown(tmp_path):
    said = "'sand' of the package my_weather 1.0 is left out: my_weather cannot be imported"
    change = ('import numpy as np', 'import numpy_of_another_name as np')
    with changed(tmp_path, change), pytest.warns(UserWarning, match=said):
        labels = expand_conditions('all:3')
    assert labels == expand_conditions('all:3') and 'snow:3' in labels


def test_a_spec_is_checked_when_it_is_made():
    good = {'description': 'hail', 'unit': '1', 'strength_range': (0.0, 1.0)}
    severities = (0.1, 0.2, 0.3, 0.4, 0.5)
    for changes, words in (
        ({'severities': severities}, 'set image or wind'),
        ({'severities': severities[::-1], 'wind': int}, '5 severities that rise'),
        ({'severities': (*severities[:4], 2.0), 'wind': int}, '5 severities that rise'),
        ({'severities': (*severities[:4], float('nan')), 'wind': int}, '5 severities that rise'),
        ({'severities': severities, 'image': int, 'stage': 'lens'}, 'stage is scene or picture'),
    ):
        with pytest.raises(LiquidPilotError, match=words):
            ConditionSpec(**good, **changes)


@pytest.mark.slow
def test_it_is_evaluated_by_worker_processes_and_flown_through_ros(weather, tmp_path):
    out = tmp_path / 'evaluated'
    words = ['forest-ltc', '--conditions', 'clear,sand:1', '--missions', '2', '--seed', '100']
    assert main(['evaluate', *words, '--workers', '2', '--out', str(out)]) == 0
    assert 'sand:1' in (out / 'missions.jsonl').read_text()
    pytest.importorskip('rclpy')
    run = tmp_path / 'flown'
    arguments = ['--condition', 'sand:1', '--missions', '1', '--seed', '100', '--headless']
    assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert main(['fly', *arguments, '--no-adapt', '--out', str(run)]) == 0
    assert '"sand:1"' in (run / 'report.json').read_text()
