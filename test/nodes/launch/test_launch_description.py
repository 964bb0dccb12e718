"""The launch files by the genuine `launch` and `launch_ros`, where ROS has them.

They are on no package index, so where ROS is not installed this is skipped; test_graph.py compares
there what the files name with the graph.
"""

import atexit
import dataclasses
import importlib.util
import signal
from pathlib import Path

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch import (
    flight_checks,
    flight_environment,
    flight_graph,
    hardware_graph,
)
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.nodes.launch.run_folder import with_run_folder
from liquid_pilot.utils.settings import from_strings

if importlib.util.find_spec('launch_ros') is None:
    pytest.skip('launch_ros is not installed: it comes with ROS (apt)', allow_module_level=True)

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    TimerAction,
)
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.utilities import perform_substitutions
from launch_ros.actions import Node
from launch_ros.utilities import evaluate_parameters

from launch import LaunchContext

FOLDER = Path(__file__).resolve().parents[3] / 'launch'


@pytest.fixture(autouse=True)
def last_lines(monkeypatch):
    """The graph of Gazebo is made here, not run; what would be said at the end is returned."""
    monkeypatch.setattr(flight_checks, 'find_gazebo', lambda: 'gz')
    said = []
    monkeypatch.setattr(atexit, 'register', lambda function, *texts: said.extend(texts))
    return said


def loaded(file):
    """(context, launch description) of a launch file, loaded as `ros2 launch` does."""
    context = LaunchContext()
    source = PythonLaunchDescriptionSource(str(FOLDER / file))
    return context, source.get_launch_description(context)


def actions(file, **arguments):
    """(context, what the launch file starts) with these arguments."""
    context, description = loaded(file)
    context.launch_configurations.update(arguments)
    found = []
    for entity in description.entities:
        if isinstance(entity, OpaqueFunction):
            found += entity.execute(context) or []
        elif isinstance(entity, DeclareLaunchArgument):
            entity.execute(context)
    return context, found


def of(kind, found):
    return [action for action in found if isinstance(action, kind)]


def text(context, value):
    return (
        value
        if isinstance(value, str)
        else perform_substitutions(context, value if isinstance(value, (list, tuple)) else [value])
    )


def described(context, node):
    """(package, executable, name, parameters, remappings) of a Node action."""
    parameters = evaluate_parameters(context, node._Node__parameters)
    values = {}
    for given in parameters:
        if isinstance(given, dict):
            values.update(given)
    remappings = [
        tuple(text(context, side) for side in pair) for pair in node._Node__remappings or ()
    ]
    return (
        text(context, node.node_package),
        text(context, node.node_executable),
        text(context, node._Node__node_name),
        values,
        remappings,
    )


@pytest.mark.parametrize(
    ('file', 'options'),
    [
        ('fly.launch.py', FlyOptions),
        ('hardware.launch.py', HardwareOptions),
    ],
)
def test_every_option_is_an_argument_with_its_default_and_choices(file, options):
    context, description = loaded(file)
    declared = {each.name: each for each in description.get_launch_arguments()}
    assert set(declared) == {field.name for field in dataclasses.fields(options)}
    for field in dataclasses.fields(options):
        argument = declared[field.name]
        default = text(context, argument.default_value)
        kept = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert default == kept
        assert field.metadata['description'] in argument.description
        choices = tuple(field.metadata['choices'])
        if isinstance(field.default, bool) or 'true' in choices:
            # `launch` would compare letter by letter, and refuse True.
            assert argument.choices is None
            assert ('[auto, true, false]' if choices else '[true or false]') in argument.description
        else:
            assert tuple(argument.choices or ()) == choices


@pytest.mark.parametrize(
    ('switches', 'expected'),
    [
        ({'headless': 'True', 'adapt': 'NO', 'use_sim_time': '1'}, (True, False, 'true')),
        ({'headless': 'yes', 'adapt': 'true', 'use_sim_time': 'False'}, (True, True, 'false')),
    ],
)
def test_switches_are_spelled_as_people_do(switches, expected, tmp_path):
    context, description = loaded('fly.launch.py')
    context.launch_configurations.update(switches)
    for argument in description.get_launch_arguments():
        argument.execute(context)
    options = from_strings(
        FlyOptions, {name: context.launch_configurations[name] for name in switches}
    )
    assert (options.headless, options.adapt, options.use_sim_time) == expected
    _, found = actions('fly.launch.py', **switches, out=str(tmp_path / 'run'))
    names = [described(context, node)[2] for node in of(Node, found)]
    assert 'dashboard' not in names and ('adaptation' in names) is expected[1]


@pytest.mark.parametrize(
    'arguments',
    [
        {},
        {'simulator': 'gazebo', 'missions': '2', 'adapt': 'true', 'gui': 'true'},
        {'simulator': 'gazebo', 'bridge': 'false', 'headless': 'true'},
        {'simulator': 'none', 'adapter': 'mavlink', 'camera_topic': '/front/image_raw'},
        {'realtime': 'true', 'namespace': 'uav/one', 'record': 'true', 'condition': 'snow:4@3s'},
    ],
)
def test_it_starts_the_nodes_of_the_graph(arguments, tmp_path):
    out = str(tmp_path / 'run')
    context, found = actions('fly.launch.py', **arguments, out=out)
    options = with_run_folder(from_strings(FlyOptions, {**arguments, 'out': out}))
    specs = flight_graph.nodes(options)
    nodes = [described(context, node) for node in of(Node, found)]
    assert [node[:3] for node in nodes] == [
        (spec.package, spec.executable, spec.name) for spec in specs
    ]
    for (*_, values, remappings), spec in zip(nodes, specs, strict=True):
        for name, value in spec.parameters.items():
            given = values[name]
            assert (list(given) if isinstance(value, list) else given) == value, name
        assert remappings == list(spec.remappings)
    # Of these nodes alone: what else a launch file starts keeps its environment.
    assert not of(SetEnvironmentVariable, found)
    for node in of(Node, found):
        variables = {
            text(context, name): text(context, value)
            for name, value in node.process_description.additional_env
        }
        assert variables == flight_environment.environment(options, context.environment)


def ends(context, found, name, code):
    """What happens when the node of this name ends with this exit code."""
    (index,) = [
        k
        for k, action in enumerate(found)
        if isinstance(action, Node) and described(context, action)[2] == name
    ]
    handler = found[index - 1]
    assert isinstance(handler, RegisterEventHandler)
    event = ProcessExited(
        action=found[index], name=name, cmd=[], cwd=None, env=None, pid=1, returncode=code
    )
    assert handler.event_handler.matches(event)
    return handler.event_handler.handle(event, context)


@pytest.mark.parametrize(('simulator', 'node'), [('mujoco', 'simulator'), ('gazebo', 'gazebo')])
def test_when_all_missions_are_flown_the_launch_ends(simulator, node, tmp_path):
    options = {'simulator': simulator, 'dashboard': 'true'}
    context, found = actions('fly.launch.py', **options, out=str(tmp_path / 'run'))
    (action,) = ends(context, found, node, 0)
    assert isinstance(action, EmitEvent)
    with pytest.raises(LiquidPilotError, match=f'the {node} ended with exit code 1'):
        ends(context, found, node, 1)
    assert ends(context, found, 'dashboard', 1) is None


def test_a_simulator_is_terminated_where_a_node_fails_and_only_then_all_is(tmp_path, last_lines):
    context, found = actions('fly.launch.py', out=str(tmp_path / 'run'))
    signalled, later = ends(context, found, 'guard', -9)
    assert signalled.event.signal == signal.SIGTERM
    assert isinstance(later, TimerAction)
    (action,) = later.actions
    with pytest.raises(LiquidPilotError, match='the guard was ended by SIGKILL') as raised:
        action.execute(context)
    # It is said again at the very end, when the others have said theirs.
    assert last_lines == [str(raised.value)]
    # The simulator, which ends now, is not another failure.
    assert ends(context, found, 'simulator', 143) is None


def test_a_recorder_that_fails_fails_the_launch_when_all_missions_are_over(tmp_path, last_lines):
    context, found = actions('fly.launch.py', record='true', out=str(tmp_path / 'run'))
    assert ends(context, found, 'recorder', -9) is None
    with pytest.raises(LiquidPilotError, match='the recorder was ended by SIGKILL'):
        ends(context, found, 'simulator', 0)
    assert 'before the run was over' in last_lines[0]


def test_on_a_vehicle_nodes_are_started_again_and_only_the_guard_ends_the_launch(capsys):
    arguments = {'autopilot': 'mavlink', 'camera': 'v4l2_camera', 'camera_pose': '0 0 0 0 0 0'}
    context, found = actions('hardware.launch.py', **arguments)
    for name in ('pilot', 'camera', 'adaptation', 'camera_transform'):
        for code, delay_s in ((-9, 1.0), (1, 2.0)):
            (timer,) = ends(context, found, name, code)
            assert isinstance(timer, TimerAction)
            assert timer.period == delay_s
            handler, node = timer.actions[0].execute(context)
            assert isinstance(handler, RegisterEventHandler)
            assert described(context, node)[2] == name
        assert f'the {name} was ended by SIGKILL' in capsys.readouterr().err
    with pytest.raises(LiquidPilotError, match='the guard ended with exit code 0'):
        ends(context, found, 'guard', 0)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'missions': '0'}, 'missions must be at least 1'),
        ({'missions': 'some'}, 'must be a whole number'),
        ({'simulator': 'none', 'missions': '5'}, 'no use for missions:=5; leave that out'),
        ({'pilot': 'nope'}, 'pilot: there is no pilot'),
        ({'pilot': 'road-ltc'}, 'trained for a rover, not for a quadrotor; set vehicle:=rover'),
        ({'condition': 'patches:3'}, 'the world of a quadrotor has no patches'),
        ({'out': '/proc/nowhere'}, 'out: /proc/nowhere cannot be written'),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_starts(arguments, words):
    with pytest.raises(LiquidPilotError, match=words):
        actions('fly.launch.py', **arguments)


def test_the_hardware_launch_starts_driver_transforms_pilot_and_guard(tmp_path):
    arguments = {'autopilot': 'mavlink', 'camera': 'v4l2_camera'}
    context, found = actions('hardware.launch.py', **arguments)
    nodes = [described(context, node) for node in of(Node, found)]
    options = from_strings(HardwareOptions, arguments)
    assert [node[:3] for node in nodes] == [
        (spec.package, spec.executable, spec.name) for spec in hardware_graph.nodes(options)
    ]
    (printed,) = of(LogInfo, found)
    assert 'guard/engage' in text(context, printed.msg)
