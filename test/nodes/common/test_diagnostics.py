"""The status that a node publishes on /diagnostics."""

import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor

from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.nodes.common.diagnostics import INSTANCE_ID, DiagnosticsReporter
from liquid_pilot.nodes.common.health import WARNING
from liquid_pilot.nodes.viewer import ViewerParameters


class Reporting(node_base.LiquidNode):
    parameters = ViewerParameters
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
