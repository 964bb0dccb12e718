"""How runs of `liquid-pilot fly` end before their missions are over: by whom, and what is left."""

import json
import os
import signal
import threading
import time

import pytest
import rclpy
import yaml
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Float32MultiArray

from liquid_pilot.nodes.common import qos


def children(pid):
    """Ids of the processes that have this parent."""
    found = []
    for entry in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{entry}/stat') as stat:
                if int(stat.read().rpartition(')')[2].split()[1]) == pid:
                    found.append(int(entry))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def alive(pids):
    left = []
    for pid in pids:
        try:
            os.kill(pid, 0)
            left.append(pid)
        except ProcessLookupError:
            continue
    return left


@pytest.mark.parametrize('when', ['starting', 'flying'])
def test_ctrl_c_ends_with_a_report_and_leaves_no_process(
    pilot, run_cli, tmp_path, eventually, when
):
    process = run_cli(
        'fly', '--pilot', pilot.path, '--missions', 9, '--headless', '--out', tmp_path / 'run'
    )
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, '')))
    reader.start()
    eventually(lambda: len(children(process.pid)) >= 3, 20)
    if when == 'flying':
        eventually(lambda: any('m to go' in line for line in lines), 60)
        time.sleep(0.3)
    nodes = children(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    reader.join(5)
    error = process.stderr.read()
    assert alive(nodes) == []
    assert 'Traceback' not in error
    if when == 'flying':
        report = json.loads((tmp_path / 'run' / 'report.json').read_text())
        last = report['missions'][-1]
        assert (last['outcome'], last['reason']) == ('aborted', 'interrupted by the user')
        assert report['summary']['trials'] == len(report['missions']) - 1
        assert 'aborted' in ''.join(lines)


def test_a_node_that_dies_ends_the_run_with_a_clear_line(run_cli, tmp_path, eventually):
    # A parameter file is read by the nodes alone.
    file = tmp_path / 'parameters.yaml'
    file.write_text(
        yaml.safe_dump({'/**/pilot': {'ros__parameters': {'pilot': str(tmp_path / 'none')}}})
    )
    process = run_cli('fly', '--params-file', file, '--headless', '--out', tmp_path / 'run')
    eventually(lambda: len(children(process.pid)) >= 3, 20)
    nodes = children(process.pid)
    _, error = process.communicate(timeout=180)
    assert process.returncode == 1
    said, stopping, ended = error.splitlines()
    assert said.startswith(f"[pilot] error: there is no pilot '{tmp_path / 'none'}'")
    assert stopping == 'the pilot ended with exit code 1: stopping the nodes'
    assert ended == (
        'the pilot ended with exit code 1, and the run cannot go on without it; see '
        'its message above'
    )
    assert alive(nodes) == []


def test_a_killed_runner_takes_its_nodes_along(pilot, run_cli, tmp_path, eventually):
    process = run_cli(
        'fly', '--pilot', pilot.path, '--missions', 9, '--headless', '--out', tmp_path / 'run'
    )
    eventually(lambda: len(children(process.pid)) >= 3, 20)
    time.sleep(1.5)
    nodes = children(process.pid)
    process.kill()
    process.communicate(timeout=180)
    eventually(lambda: alive(nodes) == [], 20)


@pytest.mark.parametrize(
    ('topic', 'kind'),
    [
        pytest.param('cmd_vel', TwistStamped, id='guard', marks=pytest.mark.slow),
        pytest.param('pilot/command', TwistStamped, id='pilot', marks=pytest.mark.slow),
        pytest.param(
            'adaptation/time_scales', Float32MultiArray, id='adaptation', marks=pytest.mark.slow
        ),
    ],
)
def test_a_second_one_is_noticed_and_the_mission_does_not_count(
    ros, adaptive_pilot, run_cli, tmp_path, eventually, topic, kind
):
    process = run_cli(
        'fly',
        '--pilot',
        adaptive_pilot.path,
        '--adapt',
        '--missions',
        9,
        '--headless',
        '--out',
        tmp_path / 'run',
    )
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, '')))
    reader.start()
    eventually(lambda: any('m to go' in line for line in lines), 60)
    node = rclpy.create_node('second')
    node.create_publisher(kind, topic, qos.COMMAND)
    assert process.wait(40) == 1
    reader.join(5)
    node.destroy_node()
    process.stderr.close()
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    last = report['missions'][-1]
    assert last['outcome'] == 'aborted'
    assert last['reason'].startswith(f'{topic} has a second publisher')
    assert 'giving up' in ''.join(lines)
