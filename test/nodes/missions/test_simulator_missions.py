"""Whole runs by `liquid-pilot fly`: processes, DDS, simulator, report."""

import json
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
import rclpy
import yaml
from mcap.reader import make_reader
from mcap_ros2.reader import read_ros2_messages
from rclpy.executors import SingleThreadedExecutor
from reference_missions import fly_reference
from sensor_msgs.msg import Image

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
