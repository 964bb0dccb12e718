"""A real guard process registers its mode with a peer of PX4 over DDS, with PX4's genuine types."""

import importlib
import math
import os
import signal
import time

import pytest
import rclpy
import service_calls
from geometry_msgs.msg import TwistStamped
from px4_peer import types
from px4_peer.modes import FIRST_EXTERNAL, INPUTS, RTL, Px4Peer
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import SetBool

from liquid_pilot.interfaces import Command
from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.outputs.px4_topics import versioned

NAME, NAMESPACE = 'Liquid pilot', 'px4'
TIMEOUT_S = 0.3
PERIOD_S = 0.02

pytestmark = [
    pytest.mark.slow,
    pytest.mark.realtime,
    pytest.mark.skipif(not types.GENUINE, reason='px4_msgs is not installed'),
]


class Field:
    """A PX4 in the air that faces north, a pilot's commands, and the guard between them."""

    def __init__(self, start_node, folder):
        self.types = importlib.import_module('px4_msgs.msg')
        self.guard = start_node(
            'guard',
            folder / 'guard.log',
            NAMESPACE,
            adapter='px4',
            px4_external_mode=True,
            command_timeout_s=TIMEOUT_S,
            preflight=False,
        )
        self.node = rclpy.create_node('field', namespace=NAMESPACE)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.publishers = {}
        self.peer = Px4Peer(self.publish)
        self.peer.armed = False
        for topic, name in INPUTS.items():
            kind = getattr(self.types, name)
            self.node.create_subscription(
                kind,
                versioned(f'fmu/in/{topic}', kind),
                lambda message, topic=topic: self.peer.receive(topic, message),
                qos.SENSOR,
            )
        self.commands = self.node.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)
        self.client = self.node.create_client(SetBool, 'guard/engage')
        self.steps = 0
        self.node.create_timer(PERIOD_S, self.step)

    def publish(self, name, topic, /, **fields):
        kind = getattr(self.types, name)
        if topic not in self.publishers:
            # As the agent of PX4 1.16 publishes them.
            self.publishers[topic] = self.node.create_publisher(
                kind, versioned(f'fmu/out/{topic}', kind), qos.SENSOR
            )
        self.publishers[topic].publish(kind(**fields))

    def step(self):
        self.peer.step(time.monotonic())
        self.steps += 1
        if self.steps % 2 == 0:
            stamp_ns = self.node.get_clock().now().nanoseconds
            self.commands.publish(messages.pack_command(Command(stamp_ns, 1.0, 0.0, 0.25, 0.5)))
            self.publish(
                'VehicleOdometry',
                'vehicle_odometry',
                pose_frame=1,
                velocity_frame=1,
                position=[1.0, 2.0, -3.0],
                q=[1.0, 0.0, 0.0, 0.0],
                velocity=[0.0, 0.0, 0.0],
                angular_velocity=[0.0, 0.0, 0.0],
            )

    def run(self, until, limit_s=20.0):
        """Run until a condition holds, and return how long it took."""
        start_s = time.monotonic()
        while not until():
            assert time.monotonic() - start_s < limit_s, self.guard.output
            self.executor.spin_once(timeout_sec=0.02)
        return time.monotonic() - start_s

    def fly(self):
        """Register while disarmed, fly, engage, and select the mode."""
        self.run(lambda: self.peer.place_of(NAME) is not None)
        self.run(lambda: self.peer.mode(FIRST_EXTERNAL).configuration is not None)
        self.peer.armed = True
        for _ in range(20):
            request = SetBool.Request(data=True)
            if service_calls.call(self.executor, self.client, request).success:
                break
        self.run(lambda: self.peer.select(FIRST_EXTERNAL))
        self.run(lambda: self.peer.of('trajectory_setpoint'))


@pytest.fixture
def field(ros, start_node, tmp_path):
    made = Field(start_node, tmp_path)
    yield made
    made.guard.end()
    made.executor.shutdown()
    made.node.destroy_node()


def test_the_mode_flies_and_px4_leaves_it_when_the_guard_is_killed(field):
    field.fly()
    field.run(lambda: field.peer.of('trajectory_setpoint')[-1].velocity[0] > 0.999)
    last = field.peer.of('trajectory_setpoint')[-1]
    assert list(last.velocity) == pytest.approx([1.0, 0.0, -0.25])
    assert last.yawspeed == -0.5 and math.isnan(last.yaw)
    assert not field.peer.failsafe
    os.kill(field.guard.popen.pid, signal.SIGKILL)
    # PX4 bears three checks without an answer, one every 0.3 s.
    assert 0.9 < field.run(lambda: field.peer.nav_state == RTL) < 1.8


def test_a_guard_that_ends_on_the_ground_gives_its_place_back(field):
    field.run(lambda: field.peer.place_of(NAME) is not None)
    field.run(lambda: field.peer.of('arming_check_reply'))
    field.guard.popen.send_signal(signal.SIGINT)
    field.run(lambda: field.peer.place_of(NAME) is None)
    # By its own message, and not since PX4 has dropped it for its silence.
    assert len(field.peer.of('unregister_ext_component')) == 1
    assert field.guard.popen.wait(10.0) == 0
