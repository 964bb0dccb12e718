"""Where the logs of ROS 2 go, so that nodes start without a home that can be written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import pytest

from liquid_pilot.nodes.common.process import log_folder
from liquid_pilot.nodes.launch import flight_graph, preparation
from liquid_pilot.nodes.launch.flight_options import FlyOptions


@pytest.fixture
def no_folder(tmp_path):
    """A path below a file, where nobody can make a folder, root included."""
    (tmp_path / 'file').touch()
    return str(tmp_path / 'file' / 'home')


def test_the_folder_of_ros_is_left_where_it_can_be_written(tmp_path):
    assert log_folder.writable_folder({'HOME': str(tmp_path)}) is None
    assert (tmp_path / '.ros' / 'log').is_dir()
    assert log_folder.writable_folder({'HOME': '/', 'ROS_HOME': str(tmp_path / 'ros')}) is None
    assert (tmp_path / 'ros' / 'log').is_dir()


def test_a_folder_that_cannot_be_written_is_replaced(tmp_path, no_folder):
    instead = Path(tempfile.gettempdir()) / f'liquid_pilot_{os.getuid()}' / 'log'
    assert log_folder.writable_folder({'HOME': no_folder}) == instead
    home = str(tmp_path)
    assert log_folder.writable_folder({'HOME': home, 'ROS_HOME': no_folder}) == instead
    assert log_folder.writable_folder({'HOME': home, 'ROS_LOG_DIR': no_folder}) == instead


def test_without_home_the_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os.path, 'expanduser', lambda path: path.replace('~', str(tmp_path), 1))
    assert log_folder.writable_folder({}) == tmp_path / '.ros' / 'log'
    assert log_folder.writable_folder({'ROS_LOG_DIR': str(tmp_path)}) is None


def test_the_nodes_get_the_folder_and_the_user_one_line(no_folder, monkeypatch):
    monkeypatch.setenv('HOME', no_folder)
    monkeypatch.delenv('ROS_LOG_DIR', raising=False)
    monkeypatch.delenv('ROS_HOME', raising=False)
    specs = flight_graph.nodes(FlyOptions(out='/run', demonstrate=True))
    # Nothing is started, so that the ROS domain need not be claimed.
    monkeypatch.setattr(preparation, 'claimed', lambda *_: contextlib.nullcontext())
    lines: list[str] = []
    with preparation.prepared(specs, {'A': 'b'}, lines.append) as variables:
        # Only the nodes get it: what else this process starts may have a folder of its own.
        assert 'ROS_LOG_DIR' not in os.environ
    folder = variables['ROS_LOG_DIR']
    assert variables == {'A': 'b', 'ROS_LOG_DIR': folder}
    assert lines == [f'the logs of ROS 2 go to {folder}, because its own folder cannot be written']
    assert 'ROS_LOG_DIR' not in os.environ


def test_the_variable_stands_only_while_ros_starts(no_folder, monkeypatch):
    monkeypatch.setenv('HOME', no_folder)
    monkeypatch.delenv('ROS_HOME', raising=False)
    lines: list[str] = []
    for before in (None, no_folder):
        if before is None:
            monkeypatch.delenv('ROS_LOG_DIR', raising=False)
        else:
            monkeypatch.setenv('ROS_LOG_DIR', before)
        with log_folder.chosen(lines.append):
            assert os.environ['ROS_LOG_DIR'] in lines[-1]
        assert os.environ.get('ROS_LOG_DIR') == before
