"""Whole runs by `liquid-pilot fly`: processes, DDS, simulator, report."""

import json
import os
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import rclpy
import yaml
from geometry_msgs.msg import TwistStamped
from mcap.reader import make_reader
from mcap_ros2.reader import read_ros2_messages
from rclpy.executors import SingleThreadedExecutor
from reference_missions import fly_reference
from sensor_msgs.msg import Image
from std_msgs.msg import Float32MultiArray

from liquid_pilot.cli import main
from liquid_pilot.nodes.common import qos
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.tasks.registry import task_of

LIMIT_S = 2.5


@pytest.fixture
def parameters(tmp_path):
    """A parameter file with short missions."""
    path = tmp_path / 'parameters.yaml'
    path.write_text(
        yaml.safe_dump({'/**/simulator': {'ros__parameters': {'time_limit_s': LIMIT_S}}})
    )
    return path


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


def same_paths(folder, results):
    """Whether a run flew exactly the paths of these results."""
    flown = np.load(folder / 'paths.npz')
    assert sorted(flown.files) == sorted(f'seed_{result.seed}' for result in results)
    return all(
        np.array_equal(flown[f'seed_{result.seed}'][:, 1:], np.array(result.path)[:, 1:])
        for result in results
    )


class Between:
    """A user's node between camera and pilot: it passes frames on, under another name."""

    def __init__(self):
        self.node = rclpy.create_node('between')
        self.count = 0
        self.publisher = self.node.create_publisher(Image, 'my/image', qos.IMAGE)
        self.node.create_subscription(Image, 'camera/image_raw', self.on_image, qos.IMAGE)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.spin)
        self.thread.start()

    def on_image(self, message):
        self.count += 1
        self.publisher.publish(message)

    def spin(self):
        while not self.ended.is_set():
            self.executor.spin_once(timeout_sec=0.1)

    def close(self):
        self.ended.set()
        self.thread.join()
        self.executor.shutdown()
        self.node.destroy_node()


def test_with_a_users_node_in_between_a_seed_flies_as_in_one_process(
    ros, pilot, run_cli, parameters, tmp_path
):
    between = Between()
    try:
        process = run_cli(
            'fly',
            '--pilot',
            pilot.path,
            '--missions',
            2,
            '--seed',
            11,
            '--headless',
            '--out',
            tmp_path / 'run',
            '--params-file',
            parameters,
            '--camera-topic',
            'my/image',
        )
        out, err = process.communicate(timeout=180)
    finally:
        between.close()
    assert process.returncode == 0, out + err
    results = fly_reference([11, 12], pilot, rules=MissionRules(time_limit_s=LIMIT_S))
    assert same_paths(tmp_path / 'run', results)
    assert between.count >= 2 * LIMIT_S * 20
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    assert report['missions'] == [result.to_json() for result in results]
    assert report['run']['mode'] == 'lockstep'
    assert {'paths.png', 'camera.png'} <= set(os.listdir(tmp_path / 'run'))
    assert 'mission 2/2  seed 12' in out
    assert '95 % interval' in out
    assert 'Traceback' not in err


def test_a_rover_drives_by_the_same_nodes_as_in_one_process(
    rover_pilot, run_cli, parameters, tmp_path
):
    process = run_cli(
        'fly',
        '--vehicle',
        'rover',
        '--pilot',
        rover_pilot.path,
        '--missions',
        1,
        '--seed',
        11,
        '--headless',
        '--out',
        tmp_path / 'run',
        '--params-file',
        parameters,
        '--condition',
        'friction:4@1s+noise:2',
    )
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, out + err
    (result,) = fly_reference(
        [11],
        rover_pilot,
        rules=replace(task_of('rover').rules, time_limit_s=LIMIT_S),
        settings=SimulationSettings(vehicle='rover', conditions=parse('friction:4@1s+noise:2')),
    )
    assert same_paths(tmp_path / 'run', [result])
    assert result.distance_flown_m > 1.0
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    assert report['run']['vehicle'] == 'rover'
    assert report['missions'] == [result.to_json()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ('adapter', 'condition'),
    [
        ('attitude_thrust', 'glimpse:1+night:2'),
        ('cmd_vel', 'snow:3@1s+rate:2+dropped:2+latency=0.1+wind:2'),
        # With latency the guard would take the newest odometry, whichever that is.
        ('attitude_thrust', 'rate:1+noise:2'),
    ],
)
def test_in_any_condition_a_seed_flies_as_in_one_process(
    adapter, condition, pilot, run_cli, parameters, tmp_path
):
    process = run_cli(
        'fly',
        '--pilot',
        pilot.path,
        '--missions',
        1,
        '--seed',
        13,
        '--headless',
        '--out',
        tmp_path / 'run',
        '--params-file',
        parameters,
        '--adapter',
        adapter,
        '--condition',
        condition,
    )
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, out + err
    results = fly_reference(
        [13],
        pilot,
        adapter,
        rules=MissionRules(time_limit_s=LIMIT_S),
        settings=SimulationSettings(conditions=parse(condition)),
    )
    assert same_paths(tmp_path / 'run', results)
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    assert report['run']['condition'] == condition


def test_by_attitude_and_thrust_in_a_namespace_recorded(pilot, run_cli, parameters, tmp_path):
    folder = tmp_path / 'run'
    arguments = (
        'fly',
        '--pilot',
        pilot.path,
        '--missions',
        1,
        '--seed',
        12,
        '--headless',
        '--out',
        folder,
        '--params-file',
        parameters,
        '--adapter',
        'attitude_thrust',
        '--namespace',
        'uav1',
        '--record',
    )
    process = run_cli(*arguments)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, out + err
    results = fly_reference(
        [12], pilot, 'attitude_thrust', rules=MissionRules(time_limit_s=LIMIT_S)
    )
    assert same_paths(folder, results)

    recording = folder / 'recording' / 'recording_0.mcap'
    with open(recording, 'rb') as file:
        summary = make_reader(file).get_summary()
    counts = {
        channel.topic: summary.statistics.channel_message_counts.get(key, 0)
        for key, channel in summary.channels.items()
    }
    ticks = len(results[0].path) - 1
    assert counts['/uav1/imu/data'] >= 5 * (ticks - 1)
    for topic in ('pilot/command', 'attitude_thrust', 'odom', 'pilot/trace'):
        assert counts[f'/uav1/{topic}'] >= ticks - 1, topic
    assert '/uav1/cmd_vel' not in counts
    assert counts['/clock'] >= ticks - 1
    stamps = [
        message.ros_msg.header.stamp.sec + 1e-9 * message.ros_msg.header.stamp.nanosec
        for message in read_ros2_messages(recording, topics=['/uav1/odom'])
    ]
    assert stamps == sorted(stamps)
    assert stamps[-1] - stamps[0] >= LIMIT_S - 0.2

    again = run_cli(*arguments)
    out, err = again.communicate(timeout=180)
    assert again.returncode == main.REFUSED
    assert err.count('\n') == 1
    assert 'holds a run already' in err


@pytest.mark.slow
@pytest.mark.realtime
def test_in_real_time_the_vehicle_flies_on_the_wall_clock(pilot, run_cli, parameters, tmp_path):
    process = run_cli(
        'fly',
        '--pilot',
        pilot.path,
        '--missions',
        1,
        '--seed',
        11,
        '--headless',
        '--realtime',
        '--out',
        tmp_path / 'run',
        '--params-file',
        parameters,
        '--use-sim-time',
        'false',
    )
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, out + err
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    # A busy machine comes late for a frame, and the stamps go on meanwhile.
    assert LIMIT_S - 1e-6 <= report['missions'][0]['duration_s'] < LIMIT_S + 0.5
    assert report['missions'][0]['distance_flown_m'] > 0.5
    assert report['run']['wall_s'] > LIMIT_S


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
        pytest.param('pilot/command', TwistStamped, id='pilot'),
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
