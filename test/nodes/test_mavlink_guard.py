"""A real guard process with a MAVLink vehicle: a peer on the loopback is the autopilot."""

import math
import os
import signal
import time

import pytest
import rclpy
import service_calls
from free_ports import free_port
from geometry_msgs.msg import TwistStamped
from mavlink_peer import PX4_OFFBOARD, PX4_POSCTL, Peer
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Imu
from std_srvs.srv import SetBool

from liquid_pilot.interfaces import Command
from liquid_pilot.nodes.common import messages, qos

TIMEOUT_S = 0.3
FACING_EAST = (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5))

pytestmark = pytest.mark.realtime


class Field:
    """An autopilot, a pilot's commands, and the guard between them."""

    def __init__(self, start_node, folder, **parameters):
        port = free_port()
        self.guard = start_node(
            'guard',
            folder / 'guard.log',
            'm',
            adapter='mavlink',
            mavlink_url=f'udpin:127.0.0.1:{port}',
            command_timeout_s=TIMEOUT_S,
            preflight=False,
            **parameters,
        )
        self.peer = Peer(port)
        self.node = rclpy.create_node('field', namespace='m')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.imu, self.odometry, self.received = [], [], []
        hear = self.node.create_subscription
        hear(Imu, 'imu/data', self.imu.append, qos.SENSOR)
        hear(Odometry, 'odom', self.odometry.append, qos.SENSOR)
        self.commands = self.node.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)
        self.client = self.node.create_client(SetBool, 'guard/engage')
        self.mode, self.armed, self.alive = PX4_POSCTL, True, True

    def run(self, seconds, commands=True):
        """Run for a time, at 20 Hz, and return the setpoints that the autopilot received."""
        self.received.clear()
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            if self.alive:
                self.peer.send(
                    self.peer.heartbeat(self.mode, self.armed),
                    self.peer.imu(),
                    self.peer.attitude(FACING_EAST),
                    self.peer.place(),
                    self.peer.landed_state(),
                )
            if commands:
                stamp_ns = self.node.get_clock().now().nanoseconds
                self.commands.publish(messages.pack_command(Command(stamp_ns, 1.0, 0.0, 0.25, 0.5)))
            until_s = time.monotonic() + 0.05
            while (left_s := until_s - time.monotonic()) > 0.0:
                self.executor.spin_once(timeout_sec=left_s)
            now_s = time.monotonic()
            self.received += [(now_s, message) for message in self.peer.received()]
        return self.setpoints

    def eastward(self):
        """The newest speed, once a while of commands has gone by."""
        found = self.run(0.3)
        return found[-1].vy if found else 0.0

    @property
    def setpoints(self):
        return [
            message
            for _, message in self.received
            if message.get_type() == 'SET_POSITION_TARGET_LOCAL_NED'
        ]

    @property
    def heartbeats(self):
        return [m for _, m in self.received if m.get_type() == 'HEARTBEAT']

    def engage(self):
        for _ in range(40):
            self.run(0.25)
            answer = service_calls.call(self.executor, self.client, SetBool.Request(data=True))
            if answer.success:
                return
        raise AssertionError(answer.message)


@pytest.fixture
def field(ros, start_node, tmp_path):
    made = Field(start_node, tmp_path)
    yield made
    # The next test has a guard of its own under the same name.
    made.guard.end()
    made.peer.close()
    made.executor.shutdown()
    made.node.destroy_node()


def test_commands_arrive_turned_and_sensors_come_back(field, eventually):
    assert not field.run(0.5)
    field.engage()
    field.mode = PX4_OFFBOARD
    eventually(lambda: field.eastward() == pytest.approx(1.0))
    last = field.run(1.5)[-1]
    # Forward is east; a climb is negative down, a turn to the left negative about down.
    assert (last.vx, last.vy, last.vz) == pytest.approx((0.0, 1.0, -0.25), abs=1e-6)
    assert last.yaw_rate == pytest.approx(-0.5)
    assert 1 <= len(field.heartbeats) <= 2
    assert field.imu[-1].angular_velocity.y == pytest.approx(-0.2, abs=1e-6)
    odometry = messages.unpack_odometry(field.odometry[-1])
    assert odometry.position_enu_m == pytest.approx((2.0, 1.0, 3.0))
    # The last word: a standstill, once the commands end.
    silent = field.run(1.0, commands=False)
    assert (silent[-1].vx, silent[-1].vy, silent[-1].vz, silent[-1].yaw_rate) == (0, 0, 0, 0)


@pytest.mark.slow
def test_a_flipped_switch_silences_the_guard_until_it_is_engaged_again(field):
    field.engage()
    field.mode = PX4_OFFBOARD
    assert field.run(1.0)
    field.mode = PX4_POSCTL
    field.run(0.6)
    assert not field.run(0.5)
    assert 'a human has the vehicle (mode POSCTL)' in field.guard.output
    # And back again by the switch alone: still nothing.
    field.mode = PX4_OFFBOARD
    assert not field.run(0.6)
    field.engage()
    assert field.run(0.5)
    field.armed = False
    field.run(0.6)
    assert not field.run(0.5)
    assert 'disarmed' in field.guard.output


@pytest.mark.slow
def test_a_silent_autopilot_gets_the_safe_command_and_nothing_else(field, eventually):
    field.engage()
    field.mode = PX4_OFFBOARD
    eventually(lambda: field.eastward() == pytest.approx(1.0))
    field.alive = False
    field.run(3.6)
    after = field.run(0.5)
    # Standstill is the same in every heading, so that it needs no attitude.
    assert after and all(message.vx == message.vy == message.vz == 0 for message in after)


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGSTOP])
def test_a_guard_that_dies_or_freezes_leaves_silence_for_the_autopilots_failsafe(field, number):
    field.engage()
    field.mode = PX4_OFFBOARD
    assert field.run(0.6)
    os.kill(field.guard.popen.pid, number)
    try:
        field.run(0.3)
        assert not field.run(1.5) and not field.heartbeats
        # What waits for it is old by then.
        field.run(2.0 * TIMEOUT_S, commands=False)
    finally:
        if number == signal.SIGSTOP:
            os.kill(field.guard.popen.pid, signal.SIGCONT)
    if number == signal.SIGSTOP:
        # Thawed, it has to catch up with time: the watchdog speaks first, not an old command.
        thawed = field.run(0.5, commands=False)
        assert all(message.vy == 0 for message in thawed)
