"""Who may import what. Each module is imported in a fresh process that then reads sys.modules."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
MODULES = sorted(
    '.'.join(path.relative_to(REPOSITORY).with_suffix('').parts)
    for path in (REPOSITORY / 'liquid_pilot').rglob('*.py')
    if path.name != '__init__.py'
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
    'pygame',
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


def test_every_module_can_be_imported_by_itself(imported):
    broken = {
        name: loaded
        for name, loaded in imported.items()
        if any(entry.startswith('ERROR') for entry in loaded)
    }
    assert broken == {}
    assert 'rclpy' in imported['liquid_pilot.nodes.pilot']
    assert 'torch' in imported['liquid_pilot.learning.models.ltc']


def test_only_nodes_import_rclpy(imported):
    outside = set(MODULES) - set(within('nodes'))
    assert {name for name in outside if 'rclpy' in imported[name]} == set()


def test_only_learning_imports_torch(imported):
    outside = set(MODULES) - set(within('learning'))
    assert {name for name in outside if 'torch' in imported[name]} == set()


def test_what_flies_knows_neither_simulation_nor_evaluation_nor_learning(imported):
    for name in within('onboard', 'liquid'):
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
        assert not imported[name] & {'mujoco', 'gymnasium', 'matplotlib', 'pygame'}, name


def test_a_floor_imports_only_from_below(imported):
    below = {
        # A vehicle's file is read on board; its task is imported when it is asked for.
        'liquid': (),
        'fleet': ('onboard',),
        'onboard': ('liquid', 'fleet'),
        'simulation': ('liquid', 'onboard', 'fleet'),
        'evaluation': ('liquid', 'onboard', 'fleet', 'simulation'),
        'learning': ('liquid', 'onboard', 'fleet', 'simulation', 'evaluation'),
        'nodes': ('liquid', 'onboard', 'fleet', 'simulation', 'evaluation'),
    }
    for floor, allowed in below.items():
        for name in within(floor):
            floors = {entry.split('.')[1] for entry in imported[name] if entry.count('.') > 1}
            assert floors <= {floor, *allowed}, name


def test_the_interfaces_import_numpy_and_nothing_else_of_weight(imported):
    assert imported['liquid_pilot.interfaces'] == {'liquid_pilot.interfaces'}


def test_guard_and_adapters_stand_when_the_numerical_libraries_fall(imported):
    names = [
        'liquid_pilot.nodes.guard',
        'liquid_pilot.onboard.safety.guard',
        *(name for name in MODULES if name.startswith('liquid_pilot.onboard.vehicles.')),
    ]
    assert len(names) > 4
    for name in names:
        assert not imported[name] & {'numba', 'onnxruntime', 'cv2', 'mujoco', 'torch'}, name


def test_the_simulator_node_needs_no_network(imported):
    for name in ('liquid_pilot.nodes.simulator', 'liquid_pilot.nodes.missions.simulator_missions'):
        assert not imported[name] & {'numba', 'onnxruntime', 'torch'}, name


def test_help_and_launch_are_quick(imported):
    for name in (
        'liquid_pilot.cli',
        'liquid_pilot.nodes.launch.flight_graph',
        'liquid_pilot.nodes.launch.process_runner',
    ):
        assert not imported[name] & set(WATCHED), name
