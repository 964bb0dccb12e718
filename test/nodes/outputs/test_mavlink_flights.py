"""A guard with a model of ArduCopter or PX4 on the loopback: take-offs, landings, a link that dies.

The guard is a node in this process. The test is the human, who arms and takes off, and the pilot.
"""

import time

import pytest
import rclpy
from autopilot_model import (
    ATTITUDE,
    GUIDED,
    IMU,
    LAND,
    LANDED,
    POSITION,
    PX4_LOITER,
    RAW_IMU,
    Autopilot,
)
from free_ports import free_port
from geometry_msgs.msg import TwistStamped
from guard_parameters import parameters_with
from mavlink_peer import PX4_OFFBOARD
from std_srvs.srv import Trigger

from liquid_pilot.interfaces import Command
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.nodes.guard import GuardNode
from liquid_pilot.onboard.safety import airborne
from liquid_pilot.onboard.safety.airborne import AIRBORNE_UNKNOWN, NOT_AIRBORNE

TIMEOUT_S, COMMAND_S, STEP_S = 0.4, 0.05, 0.01
RATES = {ATTITUDE: 50.0, POSITION: 50.0, LANDED: 10.0}
FLYING = [('copter', 'mavlink'), ('copter', 'mavlink_attitude'), ('px4', 'mavlink')]


class Flight:
    """The guard, the autopilot, and a pilot that commands `forward` m/s all the time."""

    def __init__(self, kind, adapter, **parameters):
        port = free_port()
        chosen = {
            'adapter': adapter,
            'mavlink_url': f'udpin:127.0.0.1:{port}',
            'hover_thrust': 0.39,
            'command_timeout_s': TIMEOUT_S,
            'preflight': False,
            **parameters,
        }
        guard_class = type('FlightGuard', (GuardNode,), {'parameters': parameters_with(**chosen)})
        self.guard, self.pilot = guard_class(), rclpy.create_node('pilot')
        self.executor = node_base._executor()
        for node in (self.guard, self.pilot):
            self.executor.add_node(node)
        self.commands = self.pilot.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)
        # A pilot would need the IMU, and nothing here does.
        self.autopilot = Autopilot(port, kind, RATES, refused=(IMU, RAW_IMU))
        self.forward, self.commanded_s = 1.0, 0.0

    def step(self):
        now_s = time.monotonic()
        if now_s - self.commanded_s >= COMMAND_S:
            self.commanded_s = now_s
            stamp_ns = self.pilot.get_clock().now().nanoseconds
            self.commands.publish(
                messages.pack_command(Command(stamp_ns, self.forward, 0.0, 0.0, 0.0))
            )
        self.autopilot.step(now_s)
        while (left_s := now_s + STEP_S - time.monotonic()) > 0.0:
            self.executor.spin_once(timeout_sec=left_s)

    def run(self, seconds):
        """Run for a time, and return the setpoints that have come meanwhile."""
        self.autopilot.setpoints.clear()
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.step()
        return [message for _, message in self.autopilot.setpoints]

    def until(self, condition, limit_s=30.0):
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s, (self.guard._guard.reason, self.autopilot.mode)
            self.step()

    @property
    def state(self):
        return self.guard._guard.state

    @property
    def speed(self):
        return self.autopilot.velocity_ned[0]

    def fly(self):
        """Take off first, then engage, as a human does."""
        self.take_off()
        self.until(lambda: self.guard._engage()[0])
        self.until(lambda: self.autopilot.set_mode(self.offboard))
        self.until(lambda: self.speed > 0.8)

    @property
    def offboard(self):
        return PX4_OFFBOARD if self.autopilot.px4 else GUIDED

    def arm(self):
        self.until(lambda: self.guard._output.status.airborne is not None)
        if not self.autopilot.px4:
            self.autopilot.set_mode(GUIDED)
        self.autopilot.armed = True

    def take_off(self, height_m=1.0):
        self.arm()
        self.autopilot.take_off(height_m)
        self.until(lambda: self.autopilot.takeoff_m is None)
        assert self.autopilot.height >= height_m

    def close(self):
        self.guard.close()
        self.executor.shutdown()
        self.guard.destroy_node()
        self.pilot.destroy_node()
        self.autopilot.close()


@pytest.fixture
def flight(ros):
    made = []

    def make(*arguments, **parameters):
        made.append(Flight(*arguments, **parameters))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(('kind', 'adapter'), FLYING)
def test_a_vehicle_that_a_human_has_armed_stays_on_the_ground(flight, kind, adapter):
    made = flight(kind, adapter)
    made.forward = 0.0
    made.arm()
    made.until(lambda: made.guard._engage() == (False, f'not engaged: {NOT_AIRBORNE}'))
    assert not made.run(0.7)
    # Nor does a stop fly, whose safe command is a hover in the air.
    made.guard._on_stop(Trigger.Request(), Trigger.Response())
    assert not made.run(0.7)
    assert made.autopilot.height == 0.0 and made.autopilot.landed


@pytest.mark.parametrize(('kind', 'adapter'), FLYING)
def test_a_guard_that_engages_by_itself_waits_for_the_end_of_the_take_off(flight, kind, adapter):
    made = flight(kind, adapter, engage_on_start=True)
    made.take_off()
    assert not made.autopilot.setpoints
    made.until(lambda: made.autopilot.setpoints)
    made.until(lambda: made.autopilot.set_mode(made.offboard))
    made.until(lambda: made.speed > 0.8)
    assert made.state == 'engaged' and made.autopilot.height > 0.7


@pytest.mark.slow
@pytest.mark.parametrize('lands', ['by a mode', 'by itself'])
def test_after_a_landing_nothing_flies_off_at_the_next_take_off(flight, lands):
    made = flight('copter', 'mavlink', engage_on_start=True)
    made.fly()
    if lands == 'by a mode':
        made.autopilot.set_mode(LAND)
    else:
        made.autopilot.position_ned[2], made.autopilot.landed = 0.0, True
        made.autopilot.target = None
    made.until(lambda: made.autopilot.landed and made.state == 'disengaged')
    assert made.guard._guard.reason in (
        f'not engaged: {NOT_AIRBORNE}',
        # Which of the two messages that tell of a mode comes first is left to chance.
        'not engaged: a human had the vehicle' if lands == 'by a mode' else '',
    )
    made.run(0.3)
    made.take_off()
    assert not made.run(0.7)
    assert made.guard._engage()[0] and made.run(0.5)


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.parametrize(('kind', 'adapter'), FLYING)
def test_a_vehicle_whose_downlink_dies_stands_still(flight, kind, adapter):
    """What stands still then needs no odometry, of which the guard gets none any more."""
    made = flight(kind, adapter)
    made.fly()
    made.autopilot.downlink = False
    cut_s, at_m = time.monotonic(), made.autopilot.position_ned[0]
    made.until(lambda: made.state == 'safe', 2.0)
    safe_s = time.monotonic() - cut_s
    assert 'no recent odometry' in made.guard._guard.reason
    # The age of the odometry, a period of the watchdog, and what the machine needs.
    assert safe_s < TIMEOUT_S + 0.05 + 0.15
    made.run(0.1)
    after = made.run(1.5)
    assert {message.get_type() for message in after} == {'SET_POSITION_TARGET_LOCAL_NED'}
    assert all((m.vx, m.vy, m.vz, m.yaw_rate) == (0.0, 0.0, 0.0, 0.0) for m in after)
    assert len(after) >= 20 and abs(made.speed) < 0.1
    assert made.autopilot.position_ned[0] - at_m < 1.5
    # By now nothing has arrived for so long that the link itself counts as lost.
    state, values = made.guard._describe()
    assert state == 'safe' and 'the autopilot is not connected' in values['reason']


def test_px4_takes_over_when_setpoints_end(flight):
    made = flight('px4', 'mavlink')
    made.take_off()
    assert not made.autopilot.set_mode(PX4_OFFBOARD)
    made.until(lambda: made.guard._engage()[0])
    made.until(lambda: made.autopilot.set_mode(PX4_OFFBOARD))
    made.until(lambda: made.speed > 0.8)
    made.guard._on_override('a human has the vehicle')
    made.until(lambda: made.autopilot.mode == PX4_LOITER)
    made.until(lambda: abs(made.speed) < 0.05)


def test_thrust_is_refused_where_it_is_not_known_whether_the_vehicle_flies(flight, monkeypatch):
    monkeypatch.setattr(airborne, 'AWAIT_S', 0.2)
    velocity = flight('copter', 'mavlink', preflight=True)
    velocity.autopilot.rates.pop(LANDED)
    velocity.autopilot.refused.add(LANDED)
    velocity.until(lambda: velocity.guard._output.status.connected)
    velocity.run(0.3)
    assert AIRBORNE_UNKNOWN not in velocity.guard._failed_checks()
    velocity.guard.close()
    attitude = flight('copter', 'mavlink_attitude', preflight=True)
    attitude.autopilot.rates.pop(LANDED)
    attitude.autopilot.refused.add(LANDED)
    attitude.until(lambda: AIRBORNE_UNKNOWN in attitude.guard._failed_checks())
    # Not even by a stop.
    attitude.guard._on_stop(Trigger.Request(), Trigger.Response())
    assert not attitude.run(0.5)
    _, values = attitude.guard._describe()
    assert AIRBORNE_UNKNOWN in values.values()
