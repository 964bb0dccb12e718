"""What a human's sticks command is published while the human flies, and at no other time."""

import time

import pytest
import rclpy
from free_ports import free_port
from geometry_msgs.msg import TwistStamped
from guard_parameters import parameters_with
from mavlink_peer import GUIDED, LOITER, Peer, mavlink
from rclpy.executors import SingleThreadedExecutor

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.guard import GuardNode

ARDUPILOT = mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA
STABILIZE = 0


class Field:
    """A guard, and an autopilot whose sticks a human moves."""

    def __init__(self, **parameters):
        port = free_port()
        chosen = {'adapter': 'mavlink', 'mavlink_url': f'udpin:127.0.0.1:{port}', **parameters}
        self.guard = type('RcGuard', (GuardNode,), {'parameters': parameters_with(**chosen)})()
        self.peer, self.node = Peer(port), rclpy.create_node('ears')
        self.executor = SingleThreadedExecutor()
        for node in (self.guard, self.node):
            self.executor.add_node(node)
        self.heard = []
        self.node.create_subscription(TwistStamped, 'hand/command', self.heard.append, qos.COMMAND)

    def fly(self, mode, armed=True, sticks=(1500, 1300, 1500, 1700), seconds=0.6):
        """Return what was heard in a time, without what was on its way at its begin."""
        begin_s = time.monotonic()
        while (now_s := time.monotonic()) < begin_s + seconds:
            if now_s < begin_s + 0.3:
                self.heard.clear()
            self.peer.send(self.peer.heartbeat(mode, armed, ARDUPILOT), self.peer.sticks(*sticks))
            self.executor.spin_once(timeout_sec=0.02)
        return [messages.unpack_command(message).values for message in self.heard]

    def close(self):
        self.executor.shutdown()
        self.guard.destroy_node()
        self.node.destroy_node()
        self.peer.close()


@pytest.fixture
def field(ros):
    made = []

    def make(**parameters):
        made.append(Field(**parameters))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_hand_of_a_human_is_heard_in_modes_of_velocity_only(field):
    flight = field(rc_hand=True)
    found = flight.fly(LOITER, seconds=1.0)
    assert len(found) > 3
    assert all(values == pytest.approx((1.25, 0.0, 0.0, -0.75)) for values in found)
    assert not flight.fly(GUIDED)
    assert not flight.fly(STABILIZE)
    assert not flight.fly(LOITER, armed=False)
    assert not flight.fly(LOITER, sticks=())
    assert flight.fly(LOITER)


def test_without_the_parameter_nobody_listens_to_the_sticks(field):
    assert not field().fly(LOITER)


def test_wrong_channels_are_refused_at_the_start(field):
    with pytest.raises(LiquidPilotError, match='rc_channels must have four numbers, not 3'):
        field(rc_hand=True, rc_channels=(1, 2, 3))
