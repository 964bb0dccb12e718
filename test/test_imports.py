"""Who may import what: the contract of pyproject.toml, and what a process really loads.

import-linter reads the text of all modules and checks the contract. What it cannot say, because
some imports happen only when a function is called, is checked by importing each module in a fresh
process that then reads sys.modules.
"""

import ast
import graphlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CONTRACT = REPOSITORY / 'pyproject.toml'
MODULES = sorted(
    '.'.join(path.relative_to(REPOSITORY).with_suffix('').parts)
    for path in (REPOSITORY / 'liquid_pilot').rglob('*.py')
    if path.name not in ('__init__.py', '__main__.py')
)
if importlib.util.find_spec('launch_ros') is None:
    # It translates graphs for `launch`, which comes with ROS only.
    MODULES.remove('liquid_pilot.nodes.launch.launch_description')
WATCHED = (
    'rclpy',
    'torch',
    'numba',
    'onnxruntime',
    'mujoco',
    'gymnasium',
    'matplotlib',
    'cv2',
    'launch',
)
PROGRAM = f"""
import json, os, sys
found = {{}}
for name in json.loads(sys.argv[1]):
    reader, writer = os.pipe()
    if not os.fork():
        try:
            __import__(name)
            loaded = [m for m in sys.modules if m.startswith('liquid_pilot.')]
            loaded += [m for m in {WATCHED!r} if m in sys.modules]
        except BaseException as error:
            loaded = ['ERROR ' + repr(error)]
        os.write(writer, json.dumps(loaded).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        found[name] = json.loads(pipe.read())
    os.wait()
print(json.dumps(found))
"""


# The contract, by the text of the modules


def lint(folder):
    """Run import-linter on the package in a folder; its exit code and what it printed."""
    pytest.importorskip('importlinter')
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            'import sys; from importlinter.cli import lint_imports_command; lint_imports_command()',
            '--no-cache',
            '--no-logo',
            str(CONTRACT),
        ],
        cwd=folder,
        env={'PATH': '/usr/bin:/bin', 'PYTHONPATH': str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope='module')
def graph():
    """Module -> the modules of the package that it imports anywhere in its text."""
    grimp = pytest.importorskip('grimp')
    found = grimp.build_graph('liquid_pilot', cache_dir=None)
    return {name: found.find_modules_directly_imported_by(name) for name in found.modules}


def test_the_contract_is_kept():
    code, output = lint(REPOSITORY)
    assert code == 0, output


def test_the_contract_has_no_exceptions():
    importlinter = pytest.importorskip('importlinter.api')
    contracts = importlinter.read_configuration(str(CONTRACT))['contracts_options']
    assert len(contracts) > 8
    for contract in contracts:
        allowed = {'ignore_imports', 'exhaustive_ignores', 'skip_descendants'} & set(contract)
        assert not allowed, contract['name']
        assert contract['type'] != 'layers' or contract['exhaustive'], contract['name']


BREACHES = {
    # contract: (file, the line that breaks it)
    'Imports go down only': ('onboard/geometry.py', 'import liquid_pilot.simulation.rollout'),
    'No circle between the parts of any package': (
        'simulation/base/task.py',
        'import liquid_pilot.simulation.tasks.registry',
    ),
    'The rooms of nodes': ('nodes/common/qos.py', 'import liquid_pilot.nodes.outputs.base'),
    'Only nodes and cli use ROS': ('evaluation/metrics.py', 'import rclpy'),
    'Only learning uses torch': ('nodes/pilot.py', 'def load():\n    import torch'),
    'The commands that train leave torch to learning': ('cli/train.py', 'import torch'),
    'What a robot needs draws and simulates nothing': ('pilot_file/format.py', 'import mujoco'),
    'What flies never loads matplotlib': ('onboard/safety/guard.py', 'import matplotlib'),
}


def test_the_contract_notices_what_breaks_it(tmp_path):
    shutil.copytree(
        REPOSITORY / 'liquid_pilot',
        tmp_path / 'liquid_pilot',
        ignore=shutil.ignore_patterns('__pycache__'),
    )
    for file, line in BREACHES.values():
        with open(tmp_path / 'liquid_pilot' / file, 'a') as text:
            text.write(f'\n\n{line}\n')
    (tmp_path / 'liquid_pilot' / 'cellar').mkdir()
    (tmp_path / 'liquid_pilot' / 'cellar' / '__init__.py').write_text('')
    code, output = lint(tmp_path)
    assert code != 0
    for name in BREACHES:
        assert f'{name} BROKEN' in output, output
    assert 'cellar' in output, 'a package that has no place in the contract is named'


def test_no_file_imports_itself_by_a_detour(graph):
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(' -> '.join(error.args[1]))


def test_nothing_inside_imports_the_public_face(graph):
    """It leads to every floor, and so would every module that imports it."""
    assert {name for name, imported in graph.items() if 'liquid_pilot' in imported} == set()


# What a process really loads


@pytest.fixture(scope='module')
def imported():
    """Module -> what is loaded once it has been imported, in a process of its own."""
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, json.dumps(MODULES)],
        cwd=REPOSITORY,
        text=True,
        capture_output=True,
        timeout=300,
        check=True,
    )
    return {name: set(loaded) for name, loaded in json.loads(done.stdout).items()}


def within(*folders):
    return [
        name
        for name in MODULES
        if name.startswith(tuple(f'liquid_pilot.{folder}.' for folder in folders))
    ]


@pytest.mark.slow
def test_every_module_can_be_imported_by_itself(imported):
    broken = {
        name: loaded
        for name, loaded in imported.items()
        if any(entry.startswith('ERROR') for entry in loaded)
    }
    assert broken == {}
    assert 'rclpy' in imported['liquid_pilot.nodes.pilot']
    assert 'torch' in imported['liquid_pilot.learning.models.ltc']


@pytest.mark.slow
def test_only_nodes_load_rclpy(imported):
    outside = set(MODULES) - set(within('nodes'))
    assert {name for name in outside if 'rclpy' in imported[name]} == set()


@pytest.mark.slow
def test_only_learning_loads_torch(imported):
    outside = set(MODULES) - set(within('learning'))
    assert {name for name in outside if 'torch' in imported[name]} == set()


@pytest.mark.slow
def test_what_flies_loads_neither_simulation_nor_evaluation_nor_learning(imported):
    for name in within('onboard', 'liquid', 'pilot_file', 'utils'):
        above = [
            entry
            for entry in imported[name]
            if entry.startswith(
                (
                    'liquid_pilot.simulation',
                    'liquid_pilot.evaluation',
                    'liquid_pilot.learning',
                    'liquid_pilot.nodes',
                )
            )
        ]
        assert above == [], name
        assert not imported[name] & {'mujoco', 'gymnasium', 'matplotlib'}, name


@pytest.mark.slow
def test_the_nodes_of_a_robot_load_neither_simulation_nor_evaluation(imported):
    for node in ('pilot', 'adaptation', 'guard'):
        loaded = imported[f'liquid_pilot.nodes.{node}']
        floors = {entry.split('.')[1] for entry in loaded if entry.startswith('liquid_pilot.')}
        assert not floors & {'simulation', 'evaluation', 'learning', 'cli'}, node
        assert not loaded & {'mujoco', 'gymnasium', 'matplotlib', 'torch'}, node


@pytest.mark.slow
def test_a_floor_loads_only_what_is_below(imported):
    floors_down = (
        'explanation',
        'simulation',
        'onboard',
        'pilot_file',
        'liquid',
        'utils',
        'interfaces',
    )
    below = {floor: floors_down[number:] for number, floor in enumerate(floors_down, 1)}
    below['evaluation'] = below['learning'] = floors_down
    below['nodes'] = ('dashboard', 'evaluation', *floors_down)
    for floor, allowed in below.items():
        for name in within(floor):
            floors = {entry.split('.')[1] for entry in imported[name] if '.' in entry}
            assert floors <= {floor, *allowed}, name


@pytest.mark.slow
def test_the_interfaces_load_numpy_and_nothing_else_of_weight(imported):
    assert imported['liquid_pilot.interfaces'] == {'liquid_pilot.interfaces'}


@pytest.mark.slow
def test_guard_and_adapters_stand_when_the_numerical_libraries_fall(imported):
    names = [
        'liquid_pilot.nodes.guard',
        'liquid_pilot.onboard.safety.guard',
        *within('onboard.vehicles', 'onboard.setpoints'),
    ]
    assert len(names) > 10
    for name in names:
        assert not imported[name] & {'numba', 'onnxruntime', 'cv2', 'mujoco', 'torch'}, name


@pytest.mark.slow
def test_the_simulator_node_needs_no_network(imported):
    for name in ('liquid_pilot.nodes.simulator', 'liquid_pilot.nodes.missions.simulator_missions'):
        assert not imported[name] & {'numba', 'onnxruntime', 'torch'}, name


@pytest.mark.slow
def test_help_and_launch_are_quick(imported):
    for name in (
        'liquid_pilot.cli.main',
        'liquid_pilot.nodes.launch.flight_graph',
        'liquid_pilot.nodes.launch.process_runner',
    ):
        assert not imported[name] & set(WATCHED), name


def _names_in(path):
    """The names that a file defines or imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition('.')[0] for alias in node.names}
    return names


@pytest.mark.parametrize('folder', ['benchmarks', 'scripts', 'studies'])
def test_what_a_program_imports_from_the_package_is_there(folder):
    """Programs that a test runs only with others' parts, or for hours, import what has moved."""
    checked, missing = 0, []
    for program in (REPOSITORY / folder).rglob('*.py'):
        for node in ast.walk(ast.parse(program.read_text())):
            if not isinstance(node, ast.ImportFrom) or node.level or not node.module:
                continue
            if node.module.partition('.')[0] != 'liquid_pilot' or node.module == 'liquid_pilot':
                continue
            base = REPOSITORY.joinpath(*node.module.split('.'))
            file = base / '__init__.py' if base.is_dir() else base.with_suffix('.py')
            names = _names_in(file) if file.exists() else set()
            if base.is_dir():
                names |= {path.stem for path in base.iterdir()}
            checked += 1
            missing += [
                f'{program.relative_to(REPOSITORY)}:{node.lineno} {node.module}.{alias.name}'
                for alias in node.names
                if alias.name not in names
            ]
    assert checked and not missing
