"""The status that a node publishes on /diagnostics."""

import threading
import time
from types import SimpleNamespace

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor

from liquid_pilot.cli.live.robots import NODES, SILENT_AFTER_S
from liquid_pilot.interfaces import Command
from liquid_pilot.nodes.common import diagnostics, messages, node_base, qos, topics
from liquid_pilot.nodes.common.diagnostics import INSTANCE_ID, DiagnosticsReporter
from liquid_pilot.nodes.common.health import WARNING
from liquid_pilot.nodes.common.sensor_monitor import SensorMonitor
from liquid_pilot.nodes.common.sensors.camera_input import LOST_FRAMES
from liquid_pilot.nodes.pilot import PilotNode
from liquid_pilot.nodes.recorder import RecorderParameters
from liquid_pilot.utils.resources import share_path


class Reporting(node_base.LiquidNode):
    parameters = RecorderParameters
    state = 'waiting'

    def __init__(self):
        super().__init__('reporting')
        self.heard = []
        self.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self.on_diagnostics, qos.DIAGNOSTICS
        )
        self.reporter = DiagnosticsReporter(self, lambda: (self.state, {'extra': '7'}))

    def on_diagnostics(self, message):
        own = self.get_fully_qualified_name()
        found = messages.unpack_diagnostics(message)
        self.heard += [status for status in found if status.hardware_id == own]


def test_the_analyzer_file_names_each_status_of_the_package_in_one_group():
    """For diagnostic_aggregator; dashboard and visualization report nothing."""
    loaded = yaml.safe_load(share_path('config/diagnostic_analyzers.yaml').read_text())
    groups = {
        name: group
        for name, group in loaded['/**']['ros__parameters'].items()
        if isinstance(group, dict)
    }
    named = [
        name
        for group in groups.values()
        for key in ('expected', 'startswith')
        for name in group.get(key, ())
    ]
    assert sorted(named) == sorted(NODES)
    assert [groups[name]['expected'] for name in ('guard', 'pilot')] == [['guard'], ['pilot']]
    assert {group['type'] for group in groups.values()} == {'diagnostic_aggregator/GenericAnalyzer'}
    assert {group['timeout'] for group in groups.values()} == {SILENT_AFTER_S}


def test_the_name_is_constant_and_the_state_a_value(ros):
    node, executor = Reporting(), SingleThreadedExecutor()
    executor.add_node(node)

    def publish(count):
        end_s = time.monotonic() + 30.0
        while len(node.heard) < count:
            assert time.monotonic() < end_s
            executor.spin_once(timeout_sec=0.05)

    publish(1)
    node.state = 'flying'
    node.reporter.problem('imu', 'imu: no message', WARNING)
    node.reporter.problem('camera', 'camera: no frame')
    publish(3)
    node.reporter.resolved()
    node.reporter.publish()
    publish(4)
    executor.shutdown()
    node.destroy_node()
    assert {status.name for status in node.heard} == {'reporting'}
    states = [status.values['state'] for status in node.heard]
    assert states[0] == 'waiting' and set(states[1:]) == {'flying'}
    assert node.heard[0].message == 'waiting'
    worst = max(node.heard, key=lambda status: status.level)
    assert (worst.level, worst.message) == (2, 'camera: no frame; imu: no message')
    assert (node.heard[-1].level, node.heard[-1].message) == (0, 'flying')
    assert all(status.values['instance'] == INSTANCE_ID for status in node.heard)
    assert all(status.values['extra'] == '7' for status in node.heard)


def test_a_problem_and_its_end_are_one_line_each_at_the_level_that_shows_both(ros, monkeypatch):
    node, lines = Reporting(), []
    logger = SimpleNamespace(
        error=lambda text: lines.append(('error', text)),
        warning=lambda text: lines.append(('warning', text)),
    )
    monkeypatch.setattr(node, 'get_logger', lambda: logger)
    clock = SimpleNamespace(s=100.0)
    monkeypatch.setattr(node, 'steady_s', lambda: clock.s)
    try:
        for clock.s in (100.0, 100.2, 101.0):
            node.reporter.problem('imu', f'imu: no message for {clock.s - 99:.1f} s')
            node.reporter._on_timer()
        node.reporter.resolved('imu')
        for clock.s in range(102, 108):
            node.reporter._on_timer()
    finally:
        node.destroy_node()
    assert lines == [
        ('error', 'imu: no message for 1.0 s'),
        ('warning', 'imu: recovered after 2.0 s'),
    ]


@pytest.mark.parametrize(('vehicle', 'state'), [('quadrotor', 'flying'), ('rover', 'driving')])
def test_the_state_of_a_pilot_is_a_word_for_its_vehicle(vehicle, state):
    friction, command = SimpleNamespace(friction=None), Command(1, 1.0, 0.0, 0.0, 0.0)
    specification = SimpleNamespace(vehicle=vehicle, name='some', rate_hz=20.0)
    node = SimpleNamespace(
        _commands=None,
        _flight=SimpleNamespace(last_command=command, rejecting=False, state=friction),
        settings=SimpleNamespace(current=SimpleNamespace(use_camera_info=False)),
        _engine=SimpleNamespace(pilot=SimpleNamespace(specification=specification, digest='0')),
        _sensors=SensorMonitor(),
        _adaptation_client=None,
        _command_publisher='',
        _checks=SimpleNamespace(values=lambda now_s: {}),
        steady_s=lambda: 1.0,
    )
    assert PilotNode._describe(node)[0] == state
    node._flight.last_command = None
    assert PilotNode._describe(node)[0] == 'waiting'


@pytest.mark.parametrize('frame_s', [None, 1.0])
def test_a_pilot_does_not_miss_a_camera_after_the_end_of_a_mission(frame_s):
    rejected = []
    node = SimpleNamespace(
        steady_s=lambda: 9.0,
        settings=SimpleNamespace(current=SimpleNamespace(camera_timeout_s=0.5)),
        _flight=SimpleNamespace(began_s=0.5, frame_s=frame_s),
        _sync=SimpleNamespace(lockstep=False),
        _sensors=SensorMonitor(),
        _camera=SimpleNamespace(
            topic='image',
            warnings=lambda now_s: {LOST_FRAMES: ''},
            ask_for_latched_info=lambda: None,
        ),
        _check_adaptation_timeout=lambda *of: None,
        resolve_topic_name=lambda topic: f'/{topic}',
        count_publishers=lambda topic: 0,
        _reject=lambda kind, text: rejected.append((kind, text)),
        _reporter=SimpleNamespace(resolved=lambda kind: None),
    )
    PilotNode._on_mission(node, messages.pack_header(1, 'end aborted'))
    PilotNode._check_timeouts(node)
    assert rejected == []
    PilotNode._on_mission(node, messages.pack_header(2, 'seed 8'))
    PilotNode._check_timeouts(node)
    text = 'no frame has ever arrived' if frame_s is None else 'no frame for 8.0 s'
    advice = 'on /image (0 publishers); start the driver or remap the topic'
    assert rejected == [('camera', f'camera: {text} {advice}')]


def test_a_node_that_is_busy_before_it_spins_goes_on_to_publish(ros, monkeypatch):
    monkeypatch.setattr(diagnostics, '_BUSY_PERIOD_S', 0.01)
    node, done, published = Reporting(), [], threading.Event()
    monkeypatch.setattr(node.reporter, 'publish', published.set)

    def work():
        done.append(published.wait(60.0))

    def fail():
        raise ValueError('not to be done')

    try:
        node.reporter.publish_during(work, lambda: done.append('last'))
        assert done == [True, 'last']
        with pytest.raises(ValueError, match='not to be done'):
            node.reporter.publish_during(fail, lambda: done.append('never'))
        assert done == [True, 'last']
    finally:
        node.destroy_node()
