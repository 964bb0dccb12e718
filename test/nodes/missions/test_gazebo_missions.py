"""Whole runs of `liquid-pilot fly --simulator gazebo` against a stand-in for Gazebo and its bridge.

The genuine nodes, with the shipped pilot; what stands in is gazebo_peer.py. docs/how_to/gazebo.md
tells of flights in the real one.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
import rclpy
import ros_domain
import yaml
from geometry_msgs.msg import Twist
from rclpy.executors import SingleThreadedExecutor

from liquid_pilot.cli import main
from liquid_pilot.nodes.launch import flight_checks

ROOT = Path(__file__).resolve().parents[3]
PEER = ROOT / 'test' / 'support' / 'peers' / 'gazebo_peer.py'
SEED = 10_000


@pytest.fixture
def gazebo(tmp_path, monkeypatch):
    """Function (fault, bridge) that makes the stand-in the `gz` of this test; gives its folder."""
    with contextlib.ExitStack() as stack:

        def make(fault='', bridge=True):
            notes = tmp_path / 'peer'
            notes.mkdir()
            program = tmp_path / 'bin' / 'gz'
            program.parent.mkdir()
            program.write_text(f'#!/bin/sh\nexec {sys.executable} {PEER} "$@"\n')
            program.chmod(0o755)
            monkeypatch.setenv('PATH', f'{program.parent}{os.pathsep}{os.environ["PATH"]}')
            monkeypatch.setenv('PEER', str(notes))
            monkeypatch.setenv('PEER_FAULT', fault)
            # What the test before has killed may still be listed in its domain.
            monkeypatch.setenv('ROS_DOMAIN_ID', str(ros_domain.reserve()))
            if not bridge:
                return notes
            log = stack.enter_context((tmp_path / 'bridge.log').open('w+'))
            process = subprocess.Popen([sys.executable, PEER, 'bridge'], stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return notes

        yield make


@pytest.fixture
def fly(run_cli, tmp_path):
    """Function (*options, **parameters of the node gazebo) -> the process."""

    def start(*options, **parameters):
        path = tmp_path / 'parameters.yaml'
        path.write_text(
            yaml.safe_dump({'/**/gazebo': {'ros__parameters': parameters}} if parameters else {})
        )
        extra = ('--params-file', path) if parameters else ()
        return run_cli(
            'fly',
            '--simulator',
            'gazebo',
            '--no-bridge',
            '--headless',
            '--seed',
            SEED,
            '--out',
            tmp_path / 'run',
            *extra,
            *options,
        )

    return start


def calls(notes):
    """Every time that `gz` was started: (process id, arguments)."""
    path = notes / 'calls.jsonl'
    lines = path.read_text().splitlines() if path.exists() else []
    return [(entry['pid'], entry['line']) for entry in map(json.loads, lines)]


def alive(pid):
    """Whether the process is there, and not only its exit code."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def wait_for(condition, limit_s=60.0):
    until_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def ended(process, limit_s=60.0):
    """(exit code, what it printed)."""
    out, err = process.communicate(timeout=limit_s)
    assert 'Traceback' not in err, err
    return process.returncode, out + err


@pytest.mark.slow
@pytest.mark.realtime
def test_two_missions_by_the_shipped_pilot(gazebo, fly, tmp_path):
    notes = gazebo()
    # One process less: in real time a slow machine has enough to do.
    code, said = ended(fly('--missions', 2, '--no-adapt'), 120.0)
    assert code == 0, said
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    assert [mission['outcome'] for mission in report['missions']] == ['success'] * 2, said
    run = report['run']
    assert run['simulator'] == 'gazebo' and run['adapter'] == 'gazebo'
    # How fast that is depends on the machine.
    assert 0.1 < run['real_time_factor'] < 1.2 and 2.0 < run['camera_hz'] < 25.0
    names = set(os.listdir(tmp_path / 'run'))
    assert {'report.json', 'paths.png', 'paths.npz', 'camera.png', 'gazebo.log'} <= names
    started = [(pid, line) for pid, line in calls(notes) if line[0] == 'sim']
    assert len(started) == 2
    assert not any(alive(pid) for pid, _ in calls(notes))
    # Time goes on from one world to the next.
    times = [float(line[line.index('--initial-sim-time') + 1]) for _, line in started]
    durations = [mission['duration_s'] for mission in report['missions']]
    assert times[0] > 0.0 and times[1] > times[0] + durations[0]
    assert all('-s' in line and '--headless-rendering' in line for _, line in started)
    # What the worlds were read from is gone.
    assert not any(Path(line[-1]).exists() for _, line in started)
    assert not [line for line in said.splitlines() if 'ERROR' in line], said


@pytest.mark.realtime
@pytest.mark.slow
def test_a_rover_on_a_road_by_the_same_nodes(gazebo, fly, rover_pilot, tmp_path):
    notes = gazebo()
    code, said = ended(
        fly('--vehicle', 'rover', '--pilot', rover_pilot.path, '--missions', 1, time_limit_s=4.0),
        120.0,
    )
    assert code == 0, said
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    assert report['run']['vehicle'] == 'rover' and report['run']['adapter'] == 'cmd_vel'
    (mission,) = report['missions']
    # Random weights: until the time is up, or off the road.
    assert mission['reason'] in ('4 s were up', 'hit the verge'), said
    assert mission['distance_flown_m'] > 0.5
    assert not any(alive(pid) for pid, _ in calls(notes))


@pytest.mark.realtime
@pytest.mark.slow
def test_pictures_of_both_simulators_are_compared(gazebo, fly, tmp_path):
    """The stand-in draws with MuJoCo, so that here they are all but the same."""
    gazebo()
    code, said = ended(fly('--missions', 1, '--record', time_limit_s=3.0))
    assert code == 0, said
    sheet = tmp_path / 'pairs.png'
    done = subprocess.run(
        [
            sys.executable,
            ROOT / 'benchmarks' / 'gazebo_pictures.py',
            tmp_path / 'run',
            '--out',
            sheet,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures['missions'] == 1 and figures['frames'] > 30
    assert figures['difference'] < 1.0
    assert max(figures['command_rms'].values()) < 0.02
    # A row of two pairs, 220 pixels wide each, with heads above and the seed beside it.
    height, width, _ = cv2.imread(str(sheet)).shape
    assert height == 24 + 5 + 124 + 5 and width > 4 * 225


@pytest.mark.realtime
@pytest.mark.slow
def test_ctrl_c_ends_gazebo_too_and_keeps_the_report(gazebo, fly, tmp_path):
    notes = gazebo()
    process = fly('--missions', 50)
    wait_for(lambda: (notes / 'unpaused').exists())
    time.sleep(2.0)
    process.send_signal(signal.SIGINT)
    code, said = ended(process, 30.0)
    assert code == 130, said
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    assert report['missions'][-1]['reason'] == 'interrupted by the user'
    wait_for(lambda: not any(alive(pid) for pid, _ in calls(notes)), 5.0)


def pids(process):
    """Names of the run's nodes and their process ids."""
    found = {}
    for entry in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            stat = Path(f'/proc/{entry}/stat').read_text().rpartition(')')[2].split()
            words = Path(f'/proc/{entry}/cmdline').read_text().split('\0')
            if int(stat[1]) == process.pid and '-m' in words:
                found[words[words.index('-m') + 1].rpartition('.')[2]] = int(entry)
    return found


@pytest.mark.slow
def test_a_killed_runner_leaves_no_gazebo(gazebo, fly):
    notes = gazebo()
    process = fly('--missions', 50)
    wait_for(lambda: (notes / 'unpaused').exists())
    os.kill(pids(process)['gazebo'], signal.SIGKILL)
    code, said = ended(process, 30.0)
    assert code == 128 + signal.SIGKILL, said
    wait_for(lambda: not any(alive(pid) for pid, _ in calls(notes)), 5.0)


@pytest.mark.realtime
@pytest.mark.slow
def test_when_the_guard_freezes_the_vehicle_is_commanded_to_hover(gazebo, fly):
    gazebo()
    process = fly('--missions', 1, time_limit_s=20.0)
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=int(os.environ['ROS_DOMAIN_ID']))
    ears = rclpy.create_node('ears', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(ears)
    twists = []
    ears.create_subscription(
        Twist,
        'gazebo/twist',
        lambda message: twists.append(
            (time.monotonic(), message.linear.x, message.linear.z, message.angular.z)
        ),
        10,
    )

    def flies():
        executor.spin_once(timeout_sec=0.1)
        return bool(twists) and twists[-1][1] > 0.8

    wait_for(flies)
    guard = pids(process)['guard']
    os.kill(guard, signal.SIGSTOP)
    struck_s = time.monotonic()
    while time.monotonic() < struck_s + 2.0:
        executor.spin_once(timeout_sec=0.1)
    os.kill(guard, signal.SIGCONT)
    process.send_signal(signal.SIGINT)
    _, said = ended(process, 30.0)
    executor.shutdown()
    ears.destroy_node()
    rclpy.shutdown(context=context)
    after = [twist[1:] for twist in twists if 0.5 + 0.4 < twist[0] - struck_s < 2.0]
    heard = [(round(twist[0] - struck_s, 2), *twist[1:]) for twist in twists]
    assert len(after) > 5 and set(after) == {(0.0, 0.0, 0.0)}, (heard[-60:], said)


@pytest.mark.realtime
@pytest.mark.slow
@pytest.mark.parametrize(
    ('fault', 'words', 'limits'),
    [
        ('dies', 'Gazebo ended with exit code 3: [Err] this world cannot be loaded', {}),
        ('mute', 'no /clock', {'gazebo_timeout_s': 2.0}),
        ('freezes', 'no odometry', {'gazebo_timeout_s': 2.0}),
        ('another', 'another Gazebo is running (its clock is at 77 s)', {}),
    ],
)
def test_what_is_wrong_with_gazebo_is_said(fault, words, limits, gazebo, fly):
    notes = gazebo(fault)
    code, said = ended(fly('--missions', 5, **limits))
    assert code == 1
    assert words in said
    assert not any(alive(pid) for pid, _ in calls(notes))


def test_without_gazebo_it_says_how_to_come_by_it(gazebo, fly, monkeypatch):
    gazebo()
    monkeypatch.setenv('PATH', '/nonexistent')
    code, said = ended(fly())
    assert code == main.REFUSED
    assert 'Gazebo is not installed' in said and 'apt install ros-jazzy-ros-gz' in said


@pytest.mark.slow
def test_without_a_bridge_it_says_what_is_missing(gazebo, fly):
    gazebo(bridge=False)
    code, said = ended(fly(startup_timeout_s=8.0), 60.0)
    assert code == 1
    assert 'the bridge (no publisher of' in said


def test_the_bridge_of_ros_must_be_installed(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(flight_checks, 'find_gazebo', lambda: 'gz')
    words = ['fly', '--simulator', 'gazebo', '--headless', '--out', str(tmp_path / 'run')]
    assert main.main(words) == main.REFUSED
    said = capsys.readouterr().err
    assert 'ros_gz_bridge is not installed' in said and 'apt install' in said
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (('--condition', 'snow:3'), 'Gazebo draws the picture'),
        (('--adapter', 'attitude_thrust'), '--simulator gazebo, which takes gazebo; leave'),
        (('--demonstrate',), 'lock-step'),
    ],
)
def test_what_gazebo_does_not_do_is_refused_in_words(options, words, gazebo, fly):
    gazebo()
    code, said = ended(fly(*options))
    assert code == main.REFUSED
    assert words in said
