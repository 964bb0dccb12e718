"""The graph as data, and that the CLI and the launch file are translations of it."""

import ast
import dataclasses
import os
import xml.etree.ElementTree
from pathlib import Path

import pytest

from liquid_pilot.cli import fly, main
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.process import dds_profile
from liquid_pilot.nodes.common.process.dds_profile import PROFILE_VARIABLES, profile_variable
from liquid_pilot.nodes.launch import flight_environment, flight_graph
from liquid_pilot.nodes.launch.flight_checks import check_before_start
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.nodes.launch.process_runner import command_line
from liquid_pilot.onboard.vehicles.registry import VEHICLES, get_vehicle_limits
from liquid_pilot.pilot_file import STATISTICS_FILE
from liquid_pilot.utils.resources import share_path
from liquid_pilot.utils.settings import from_strings

OTHERS = {
    'pilot': '/p',
    'adapter': 'attitude_thrust',
    'missions': 7,
    'seed': 42,
    'realtime': True,
    'headless': True,
    'record': True,
    'dashboard': True,
    'visualization': True,
    'out': '/o',
    'camera_topic': '/cam/image',
    'camera_info_topic': '/cam/info',
    'namespace': 'uav/one',
    'use_sim_time': 'false',
    'log_level': 'debug',
    'condition': 'snow:4@3s+wind:2',
}
OTHER_SETS = (
    OTHERS,
    {'lesson': 'aim', 'realtime': True},
    {'simulator': 'gazebo', 'gui': True, 'condition': 'target:2'},
    {'simulator': 'none', 'adapter': 'mavlink'},
    {
        'simulator': 'scene',
        'engage': True,
        'anchor': 'world',
        'odom_topic': 'hall/odom',
        'scene_odom_topic': 'hall/truth',
        'imu_topic': '/imu',
    },
)


def specs(**options):
    return {spec.name: spec for spec in flight_graph.nodes(FlyOptions(out='/run', **options), {})}


def test_the_default_graph():
    found = specs()
    assert list(found) == ['guard', 'pilot', 'adaptation', 'simulator']
    assert {name: spec.required for name, spec in found.items()} == {
        'guard': True,
        'pilot': True,
        'adaptation': False,
        'simulator': True,
    }
    assert [name for name, spec in found.items() if spec.ends_run] == ['simulator']
    for name in ('guard', 'pilot'):
        assert found[name].parameters['lockstep'] is True
        assert found[name].parameters['use_sim_time'] is True
    assert 'use_sim_time' not in found['simulator'].parameters
    assert all(spec.remappings == () for spec in found.values())


def test_an_option_left_at_its_default_leaves_the_parameter_file_its_say():
    simulator = specs()['simulator'].parameters
    assert set(simulator) == {'publish_clock', 'out', 'adapt', 'command'}
    assert specs(missions=9, seed=4)['simulator'].parameters['missions'] == 9
    assert 'pilot' not in specs()['pilot'].parameters
    assert specs(pilot='/p')['pilot'].parameters['pilot'] == '/p'


def test_real_time_and_a_vehicle_elsewhere():
    real = specs(realtime=True)
    assert real['pilot'].parameters['lockstep'] is False
    assert real['simulator'].parameters['realtime'] is True
    elsewhere = specs(simulator='none', camera_topic='/front/image_raw', headless=True)
    assert list(elsewhere) == ['guard', 'pilot', 'adaptation']
    assert elsewhere['guard'].parameters == {'use_sim_time': False, 'lockstep': False}
    assert elsewhere['pilot'].remappings == (
        ('camera/image_raw', '/front/image_raw'),
        ('camera/camera_info', '/front/camera_info'),
    )


def test_a_users_node_between_camera_and_pilot_is_a_remapping_of_the_pilot_alone():
    found = specs(camera_topic='my/image', record=True)
    assert found['pilot'].remappings == (('camera/image_raw', 'my/image'),)
    assert found['simulator'].remappings == ()
    assert found['recorder'].parameters['image_topic'] == 'my/image'
    assert found['recorder'].parameters['path'] == '/run/recording'


def test_a_demonstration_is_recorded_and_has_no_pilot():
    found = specs(demonstrate=True, headless=True)
    assert list(found) == ['guard', 'simulator', 'recorder']
    assert found['recorder'].required
    assert found['simulator'].parameters['demonstrate'] is True


def test_an_adapting_pilot_and_the_adaptation_node_fly_the_same_file(tmp_path):
    folder = str(tmp_path)
    (tmp_path / STATISTICS_FILE).touch()
    found = specs(pilot=folder, namespace='uav', camera_topic='my/image')
    assert found['pilot'].parameters['adaptation'] is found['simulator'].parameters['adapt'] is True
    node = found['adaptation']
    assert node.parameters == {'use_sim_time': True, 'pilot': folder, 'keep_on_pilot_reset': False}
    assert (node.namespace, node.required, node.ends_run) == ('uav', False, False)
    # What a vehicle learned in flight outlives a restart of its pilot.
    real = specs(realtime=True)['adaptation'].parameters
    assert real == {'use_sim_time': True}


def test_what_holds_no_statistics_of_its_training_flies_as_trained_and_says_so(tmp_path):
    for options in ({'pilot': str(tmp_path)}, {'adapt': False}, {'pilot': '/nowhere'}):
        found = specs(**options)
        assert 'adaptation' not in found
        assert found['pilot'].parameters['adaptation'] is False
        assert found['simulator'].parameters['adapt'] is False
    said = flight_graph.startup_notice(FlyOptions(pilot=str(tmp_path)))
    assert str(tmp_path) in said and 'liquid-pilot fit-statistics' in said
    for options in ({}, {'adapt': False}, {'demonstrate': True}, {'pilot': '/nowhere'}):
        assert flight_graph.startup_notice(FlyOptions(**options)) == ''


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'demonstrate': True, 'realtime': True}, 'demonstrate needs the embedded simulator'),
        ({'missions': 0}, 'missions must be at least 1'),
        ({'seed': -1}, 'seed must be at least 0'),
        ({'simulator': 'webots'}, 'simulator must be one of mujoco, gazebo, scene, none'),
        ({'simulator': 'gazebo', 'adapter': 'cmd_vel'}, 'adapter cmd_vel .* takes gazebo; leave'),
        ({'simulator': 'gazebo', 'demonstrate': True}, 'demonstrate needs the embedded simulator'),
        (
            {'simulator': 'gazebo', 'vehicle': 'rover', 'pilot': '/p', 'adapter': 'gazebo'},
            'adapter gazebo is not for a rover in simulator:=gazebo, which takes cmd_vel',
        ),
        (
            {'vehicle': 'rover', 'pilot': '/p', 'adapter': 'attitude_thrust'},
            'adapter attitude_thrust is not for a rover .* takes cmd_vel; leave',
        ),
        ({'namespace': 'a b'}, "namespace 'a b'"),
        ({'namespace': '1a'}, 'namespace'),
        ({'camera_topic': ''}, 'camera_topic'),
        ({'camera_info_topic': 'x y'}, 'camera_info_topic'),
        ({'condition': 'hail:3'}, 'no condition named'),
        ({'condition': 'latency:1', 'demonstrate': True}, 'leave latency out'),
        (
            {'adapter': 'px4'},
            'takes cmd_vel or attitude_thrust; leave adapter:= out, or set simulator',
        ),
        ({'params_file': '/nowhere.yaml'}, 'params_file: there is no file /nowhere.yaml'),
        ({'params_file': '/'}, 'params_file: / is a folder; name a file'),
        ({'vehicle': 'boat'}, 'vehicle must be'),
        ({'condition': ''}, 'a condition is empty: write clear'),
        ({'condition': 'patches:3'}, 'condition: the world of a quadrotor has no patches'),
        ({'vehicle': 'rover', 'condition': 'snow:2+target:2'}, 'of a rover has no target'),
        ({'condition': 'snow=99'}, 'condition: snow: strength must lie in'),
        ({'simulator': 'gazebo', 'condition': 'snow:3'}, 'Gazebo draws the picture'),
        (
            {'simulator': 'none', 'missions': 5, 'condition': 'snow:3'},
            'no use for missions:=5 and condition:=snow:3; leave that out',
        ),
        (
            {'simulator': 'none', 'seed': 4, 'realtime': True},
            'no use for seed:=4 and realtime:=true',
        ),
        ({'simulator': 'none', 'gui': True}, 'no use for gui:=true'),
        ({'simulator': 'none', 'bridge': False}, 'no use for bridge:=false'),
        ({'gui': True, 'bridge': False}, 'mujoco has no use for gui:=true and bridge:=false'),
        ({'simulator': 'gazebo', 'realtime': True}, 'no use for realtime:=true'),
        ({'demonstrate': True, 'pilot': 'road-ltc'}, 'pilot road-ltc would not steer'),
        ({'camera_topic': '~image'}, 'is not the name of a topic; use letters'),
        ({'camera_topic': 'caméra'}, 'is not the name of a topic'),
    ],
)
def test_what_cannot_be_flown_is_refused_at_once(changes, words):
    with pytest.raises(LiquidPilotError, match=words):
        FlyOptions(**changes)


def test_a_vehicle_without_a_shipped_pilot_wants_one_named(monkeypatch):
    without_pilot = VEHICLES['rover']._replace(default_pilot='')
    monkeypatch.setitem(VEHICLES.built_in, 'rover', without_pilot)
    with pytest.raises(LiquidPilotError, match='no pilot for a rover is shipped yet'):
        FlyOptions(vehicle='rover')
    assert FlyOptions(vehicle='rover', demonstrate=True).vehicle == 'rover'


def test_each_vehicle_flies_by_its_own_pilot():
    assert 'pilot' not in specs(headless=True)['pilot'].parameters
    assert specs(headless=True, vehicle='rover')['pilot'].parameters['pilot'] == 'road-ltc'


def test_an_autopilot_is_chosen_where_nothing_is_simulated():
    guard = specs(simulator='none', adapter='mavlink')['guard']
    assert guard.parameters['adapter'] == 'mavlink' and 'preflight' not in guard.parameters


def test_in_gazebo_the_bridge_is_started_and_all_runs_on_its_clock():
    found = specs(simulator='gazebo', headless=True, missions=2)
    assert list(found) == ['guard', 'pilot', 'adaptation', 'gazebo', 'gazebo_bridge']
    assert [name for name, spec in found.items() if spec.ends_run] == ['gazebo']
    assert found['guard'].parameters == {
        'use_sim_time': True,
        'lockstep': False,
        'adapter': 'gazebo',
    }
    assert found['pilot'].parameters['use_sim_time'] and not found['pilot'].parameters['lockstep']
    assert found['gazebo'].parameters == {
        'missions': 2,
        'adapt': True,
        'use_sim_time': True,
        'out': '/run',
        'command': 'liquid-pilot fly --simulator gazebo --missions 2 --headless',
    }
    bridge = found['gazebo_bridge']
    assert (bridge.package, bridge.executable) == ('ros_gz_bridge', 'parameter_bridge')
    assert Path(bridge.parameters['config_file']).is_file() and bridge.required
    assert bridge.parameter_files == ()
    assert list(specs(simulator='gazebo', headless=True, bridge=False, adapt=False)) == [
        'guard',
        'pilot',
        'gazebo',
    ]
    car = specs(simulator='gazebo', vehicle='rover', pilot='/p', headless=True)
    assert car['guard'].parameters['adapter'] == 'cmd_vel'
    assert car['gazebo'].parameters['vehicle'] == 'rover'
    added = flight_environment.environment(FlyOptions(simulator='gazebo'), {})
    assert added['GZ_IP'] == '127.0.0.1' and added['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    own = {'GZ_IP': '10.0.0.1'}
    assert 'GZ_IP' not in flight_environment.environment(FlyOptions(simulator='gazebo'), own)


def test_another_vehicle_brings_its_limits_to_the_guard():
    found = specs(vehicle='rover', pilot='/p', headless=True)
    limits = get_vehicle_limits('rover')
    assert found['guard'].parameters['maximum'] == list(limits.maximum)
    assert found['guard'].parameters['safe_command'] == [0.0] * 4
    for name in ('pilot', 'simulator'):
        assert found[name].parameters['vehicle'] == 'rover'
        assert found[name].parameters['pilot'] == '/p'


def test_an_adapter_that_is_named_is_the_one_whatever_the_parameter_file_says():
    assert 'adapter' not in specs()['guard'].parameters
    named = specs(adapter='cmd_vel')
    assert named['guard'].parameters['adapter'] == 'cmd_vel'
    assert named['simulator'].parameters['adapter'] == 'cmd_vel'


@pytest.mark.parametrize('others', OTHER_SETS)
def test_the_command_line_gives_the_options(others):
    parse = main.make_parser('fly').parse_args
    assert fly.options_from(parse(['fly'])) == FlyOptions()
    arguments = ['fly']
    for name, value in others.items():
        flag = '--' + name.replace('_', '-')
        arguments += [flag] if value is True else [flag, str(value)]
    assert fly.options_from(parse(arguments)) == FlyOptions(**others)
    assert not fly.options_from(parse(['fly', '--no-adapt'])).adapt
    base = ['fly', *(['--simulator', others['simulator']] if 'simulator' in others else [])]
    plain = fly.options_from(parse(base))
    for name in (name for name, value in others.items() if value is True):
        flags = [f'--{name}', f'--no-{name}']
        assert fly.options_from(parse([*base, *flags])) == plain
        assert getattr(fly.options_from(parse([*base, *flags[::-1]])), name) is True


def test_launch_arguments_give_the_same_options():
    named = {name for others in OTHER_SETS for name in others}
    alone = {'vehicle', 'params_file', 'demonstrate', 'bridge', 'adapt', 'clock_topic'}
    assert named | alone == {field.name for field in dataclasses.fields(FlyOptions)}
    for others in OTHER_SETS:
        texts = {
            name: str(value).lower() if value is True else str(value)
            for name, value in others.items()
        }
        assert from_strings(FlyOptions, texts) == FlyOptions(**others)
    with pytest.raises(LiquidPilotError, match='missions must be a whole number'):
        from_strings(FlyOptions, {'missions': 'two'})
    with pytest.raises(LiquidPilotError, match='realtime must be true or false'):
        from_strings(FlyOptions, {'realtime': 'maybe'})


@pytest.mark.parametrize(
    ('file', 'options'), [('fly.launch.py', FlyOptions), ('hardware.launch.py', HardwareOptions)]
)
def test_the_launch_files_name_no_node_and_no_option_of_their_own(file, options):
    """launch is not everywhere, so its files are read here; they have to come from the graph."""
    text = (Path(__file__).resolve().parents[3] / 'launch' / file).read_text()
    tree = ast.parse(text)
    strings = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    names = {field.name for field in dataclasses.fields(options)}
    assert not strings & (names | {'guard', 'simulator', 'recorder', 'dashboard', 'cmd_vel'})
    (call,) = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    module = 'flight' if options is FlyOptions else 'hardware'
    assert [ast.unparse(argument) for argument in call.args][:3] == [
        f'{module}_options.{options.__name__}',
        f'{module}_graph.nodes',
        'flight_environment.environment' if module == 'flight' else 'hardware_graph.environment',
    ]


def test_the_command_of_a_node():
    spec = specs(namespace='/uav/', camera_topic='my/image', pilot='12')['pilot']
    line = command_line(spec)
    assert line[1:4] == ['-P', '-m', 'liquid_pilot.nodes.pilot']
    assert '__ns:=/uav' in line
    assert 'camera/image_raw:=my/image' in line
    # A text that looks like a number stays a text.
    assert 'pilot:="12"' in line
    assert 'use_sim_time:=true' in line
    assert line[line.index('--params-file') + 1].endswith('config/fly.yaml')


def test_simulation_stays_on_this_machine_unless_the_user_says_otherwise():
    added = flight_environment.environment(FlyOptions(), {})
    assert added['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert os.path.isfile(added[profile_variable()])
    # The other name would make every node of Fast DDS 3 warn.
    assert sum(name in added for name in PROFILE_VARIABLES) == 1
    wide = flight_environment.environment(FlyOptions(), {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'})
    assert 'ROS_AUTOMATIC_DISCOVERY_RANGE' not in wide
    assert profile_variable() not in wide
    for name in PROFILE_VARIABLES:
        own = flight_environment.environment(FlyOptions(), {name: '/x'})
        assert not set(PROFILE_VARIABLES) & set(own)
    real = flight_environment.environment(FlyOptions(simulator='none'), {'OMP_NUM_THREADS': '4'})
    assert set(real) == {'MALLOC_MMAP_THRESHOLD_', 'OPENBLAS_NUM_THREADS'}


def test_the_fast_dds_profile_whitelists_the_loopback():
    tree = xml.etree.ElementTree.parse(share_path('config/fastdds.xml'))
    space = {'d': 'http://www.eprosima.com'}
    addresses = [node.text for node in tree.iterfind('.//d:interfaceWhiteList/d:address', space)]
    assert addresses == ['127.0.0.1']
    assert tree.find('.//d:useBuiltinTransports', space).text == 'false'


@pytest.mark.parametrize(('vehicle', 'words'), [('quadrotor', 'To fly: '), ('rover', 'To drive: ')])
def test_what_is_said_to_a_person_holds_for_the_vehicle(vehicle, words, tmp_path):
    options = FlyOptions(simulator='none', vehicle=vehicle, pilot=str(tmp_path))
    assert words in flight_graph.engage_notice(options)
    assert 'fl' not in flight_graph.startup_notice(options).removeprefix(str(tmp_path))


def test_a_robot_in_a_namespace_may_have_a_clock_of_its_own():
    found = specs(namespace='/drone1/', clock_topic='clock', record=True, headless=False)
    assert all(('/clock', '/drone1/clock') in spec.remappings for spec in found.values())
    assert not any('/clock' in dict(spec.remappings) for spec in specs(namespace='one').values())
    with pytest.raises(LiquidPilotError, match="clock_topic 'a b' is not the name of a topic"):
        FlyOptions(clock_topic='a b')


@pytest.mark.parametrize(
    ('package', 'distribution', 'expected'),
    [
        ('fastrtps', 'kilted', PROFILE_VARIABLES[0]),
        ('fastdds', 'jazzy', PROFILE_VARIABLES[1]),
        ('', 'jazzy', PROFILE_VARIABLES[0]),
        ('', 'kilted', PROFILE_VARIABLES[1]),
        ('', 'rolling', PROFILE_VARIABLES[1]),
    ],
)
def test_only_the_variable_that_the_installed_fast_dds_knows_is_set(
    package, distribution, expected, tmp_path, monkeypatch
):
    if package:
        (tmp_path / 'share' / package).mkdir(parents=True)
    monkeypatch.setattr(dds_profile, 'package_prefixes', lambda package: [tmp_path])
    monkeypatch.setenv('ROS_DISTRO', distribution)
    added = flight_environment.environment(FlyOptions(), {})
    assert [name for name in PROFILE_VARIABLES if name in added] == [expected]


def test_a_list_of_mixed_types_is_refused_before_anything_starts(tmp_path):
    file = tmp_path / 'mixed.yaml'
    file.write_text('/**:\n  ros__parameters:\n    rates: [1, 2.5]\n')
    with pytest.raises(LiquidPilotError, match=r'the list rates in .* mixes whole numbers'):
        check_before_start(FlyOptions(params_file=str(file), simulator='none'))
