"""Parameter files of which ROS would ignore a part in silence: refused before anything starts."""

import pytest
import rclpy

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes import guard
from liquid_pilot.nodes.common.parameters import declared_settings
from liquid_pilot.nodes.common.process import parameter_files, ros_start
from liquid_pilot.nodes.common.process.parameter_files import check_parameter_file, files_of
from liquid_pilot.nodes.launch.flight_checks import check_before_start
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.utils.resources import share_path

PILOT, GUARD = '/drone1/pilot', '/drone1/guard'


def below(name, *lines):
    return ''.join([f'{name}:\n', '  ros__parameters:\n', *(f'    {line}\n' for line in lines)])


ONE = 'command_timeout_s: 0.3'
REFUSED = {
    'another name': (
        below('/**/autopilot', 'x: 1'),
        'names no node that there is; it names /**/autopilot, and there are adaptation, '
        'dashboard, gazebo, guard, hand, pilot, ',
    ),
    'nearly the name': (
        below('/**/pilot', 'threads: 1') + below('/**/gaurd', ONE),
        'there is no node /**/gaurd; write /**/guard, or leave it out',
    ),
    'another namespace': (
        below('/drone2/guard', ONE) + below('/**/pilot', 'threads: 1'),
        '/drone2/guard is not /drone1/guard, so that its parameters would be ignored; write '
        '/**/guard for every namespace',
    ),
    'no namespace': (below('guard', ONE), '/guard is not /drone1/guard'),
    'one level': (below('/*/*/guard', ONE), '/*/*/guard is not /drone1/guard'),
    'nearly the parameter': (
        below('/**/guard', 'comand_timeout_s: 0.3'),
        '/**/guard has no parameter comand_timeout_s; it may be command_timeout_s',
    ),
    'a parameter of another node': (
        below('/**/guard', 'threads: 1'),
        '/**/guard has no parameter threads; ',
    ),
    'a parameter of no node': (below('/**', 'thread_number: 1'), '/** has no parameter thread_num'),
    'without parameters': ('/**/guard:\n  command_timeout_s: 0.3\n', 'there is no ros__param'),
    'one underscore': (
        '/**/guard:\n  ros_parameters:\n    command_timeout_s: 0.3\n',
        '/**/guard/ros_parameters/command_timeout_s is no node',
    ),
    'twice': (
        below('/**/guard', 'ros__parameters: {command_timeout_s: 0.3}'),
        'ros__parameters stands there twice',
    ),
    'without a node': ('ros__parameters:\n  command_timeout_s: 0.3\n', 'stands below no node'),
    'no mapping': ('/**/guard:\n  ros__parameters: 3\n', 'must be `name: value` lines'),
    'nothing': ('{}\n', 'it names none, and there are'),
    'a list': ('[1]\n', 'holds no parameters'),
}  # fmt: skip


@pytest.mark.parametrize('kind', REFUSED)
def test_what_would_be_ignored_is_refused(kind, tmp_path):
    text, words = REFUSED[kind]
    (file := tmp_path / 'my.yaml').write_text(text)
    with pytest.raises(LiquidPilotError) as refused:
        check_parameter_file(file, [PILOT, GUARD])
    said = str(refused.value)
    assert words in said and str(file) in said and '\n' not in said


@pytest.mark.parametrize(
    'text',
    [
        below('/**/guard', ONE),
        below('/drone1/guard', ONE),
        below('drone1/guard', ONE),
        below('/*/guard', ONE),
        'drone1:\n  guard:\n    ros__parameters:\n      command_timeout_s: 0.3\n',
        below('/**', 'use_sim_time: true', 'threads: 2'),
        below('/**/guard', 'use_sim_time: true', 'qos_overrides./clock.subscription.depth: 1'),
        # A file may be that of a fleet, and of drivers too.
        below('/drone1/guard', ONE) + below('/drone2/guard', ONE),
        below('/**/guard', ONE) + below('/**/usb_cam', 'video_device: /dev/video0'),
        '/**/guard:\n  ros__parameters:\n',
    ],
)
def test_what_counts_is_accepted(text, tmp_path):
    (file := tmp_path / 'my.yaml').write_text(text)
    check_parameter_file(file, [PILOT, GUARD])


def test_a_node_may_have_another_name(tmp_path):
    (file := tmp_path / 'my.yaml').write_text(below('/**/safety', 'x: 1'))
    check_parameter_file(file, ['/safety'])
    with pytest.raises(LiquidPilotError, match='names no node'):
        check_parameter_file(file, ['/guard'])


def test_the_shipped_file_is_accepted_and_names_the_parameters_of_the_nodes(tmp_path):
    shipped = share_path('config/fly.yaml')
    check_parameter_file(shipped, [GUARD])
    (copy := tmp_path / 'my.yaml').write_text(shipped.read_text())
    check_parameter_file(copy, [GUARD])
    known = parameter_files.known_parameters()['guard']
    assert known == set(declared_settings(guard.GuardNode.parameters))


def test_the_files_of_a_command_line_are_found():
    line = ['guard', '--ros-args', '--params-file', 'a.yaml', '-p', 'x:=1', '--params-file', 'b']
    assert [str(file) for file in files_of(line)] == ['a.yaml', 'b']


def test_a_flight_is_refused_before_it_starts(tmp_path):
    (file := tmp_path / 'my.yaml').write_text(below('/drone2/guard', ONE))
    options = FlyOptions(params_file=str(file), namespace='drone1', simulator='none')
    with pytest.raises(LiquidPilotError, match=r'params_file: .* is not /drone1/guard'):
        check_before_start(options)
    check_before_start(FlyOptions(params_file=str(file), namespace='/drone2/', simulator='none'))


def test_a_node_refuses_it(ros, tmp_path, monkeypatch):
    (file := tmp_path / 'my.yaml').write_text(below('/drone2/guard', ONE))
    monkeypatch.setattr(ros_start, '_given_files', [file])
    with pytest.raises(LiquidPilotError, match='/drone2/guard is not /guard'):
        guard.GuardNode()


def test_the_files_are_those_of_the_command_line(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(ros_start, '_given_files', given)
    monkeypatch.setattr(rclpy, 'init', lambda **_: None)
    ros_start.start(['guard', '--ros-args', '--params-file', 'my.yaml'])
    assert [str(file) for file in given] == ['my.yaml']
