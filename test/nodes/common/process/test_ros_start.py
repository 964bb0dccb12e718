"""What ROS refuses is one line that says what to do, and never a traceback."""

import os
import tempfile
from pathlib import Path

import pytest
import rclpy
from rclpy.context import Context

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.process import loopback, ros_start


@pytest.fixture
def mixed(tmp_path):
    file = tmp_path / 'mixed.yaml'
    file.write_text('/**:\n  ros__parameters:\n    rates: [1, 2.5]\n')
    return file


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--params-file', 'MIXED'], 'a list mixes whole numbers'),
        (['-p', 'x:=[1, 2.5]'], 'a list mixes whole numbers'),
        (['--params-file', '/nowhere.yaml'], 'the file is not there or cannot be read'),
        (['-r', '__ns:=/my-robot'], 'a namespace is not valid: use letters, digits and _'),
        (['-r', '__ns:=/a//b'], 'a namespace is not valid'),
        (['-r', '__node:=my-guard'], 'the name of a node is not valid'),
        (['-r', 'a b:=c'], '-r takes FROM:=TO'),
        (['--log-level', 'loud'], '--log-level takes debug, info'),
        (['--wrong'], 'behind --ros-args there are'),
    ],
)
def test_a_command_line_that_rcl_refuses(arguments, words, mixed):
    arguments = [str(mixed) if word == 'MIXED' else word for word in arguments]
    with pytest.raises(LiquidPilotError) as refused, ros_start.refusals_in_one_line():
        rclpy.init(args=['node', '--ros-args', *arguments], context=Context())
    text = str(refused.value)
    assert words in text
    assert '\n' not in text and '/src/' not in text


def test_the_environment_is_looked_at_first(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', '300')
    with pytest.raises(LiquidPilotError, match='ROS_DOMAIN_ID is 300, for which DDS has no ports'):
        ros_start.start(['node'])
    monkeypatch.setenv('ROS_DOMAIN_ID', '7')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    monkeypatch.setattr(loopback, 'is_up', lambda: False)
    with pytest.raises(LiquidPilotError, match='the loopback interface is down'):
        ros_start.start(['node'])


def test_a_node_starts_without_a_home(monkeypatch, capsys, tmp_path):
    started = []
    monkeypatch.setattr(rclpy, 'init', lambda **options: started.append(dict(os.environ)))
    monkeypatch.setenv('HOME', '/proc/nowhere')
    # A machine on which nobody has started a node yet.
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    for name in ('ROS_LOG_DIR', 'ROS_HOME'):
        monkeypatch.delenv(name, raising=False)
    # What the call sets is taken back when the test ends.
    monkeypatch.setenv('ROS_LOG_DIR', '')
    ros_start.start(['node'])
    folder = Path(started[0]['ROS_LOG_DIR'])
    assert folder.is_relative_to(tmp_path) and folder.is_dir()
    assert capsys.readouterr().err.startswith('the logs of ROS 2 go to ')
