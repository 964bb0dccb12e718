"""Speed and yaw rate for ArduPilot's Rover: the path of a command, forwards and in reverse."""

import math

import pytest
from autopilot_model import GUIDED, Autopilot
from free_ports import free_port
from hypothesis import given
from hypothesis import strategies as st
from mavlink_peer import mavlink

from liquid_pilot.interfaces import Command
from liquid_pilot.onboard.setpoints.mavlink import MavlinkLink
from liquid_pilot.onboard.setpoints.registry import make_adapter
from liquid_pilot.onboard.setpoints.settings import AdapterSettings

SETTINGS = AdapterSettings(wheelbase_m=0.5, max_steering_angle_rad=1.4, min_speed_m_s=1.0)
speeds, rates = st.floats(-8.0, 8.0), st.floats(-2.0, 2.0)


def converted(forward, yaw_rate):
    return make_adapter('mavlink_rover', SETTINGS).convert(
        Command(7, forward, 0.3, 0.2, yaw_rate), None
    )


@given(speeds, rates)
def test_the_path_is_that_of_a_car_with_the_same_command(forward, yaw_rate):
    setpoint = converted(forward, yaw_rate)
    car = make_adapter('ackermann', SETTINGS).convert(Command(7, forward, 0.0, 0.0, yaw_rate))
    assert (setpoint.stamp_ns, setpoint.forward_m_s) == (7, forward)
    curvature = math.tan(car.steering_rad) / SETTINGS.wheelbase_m
    assert setpoint.yaw_rate_rad_s == pytest.approx(curvature * forward, rel=1e-6, abs=1e-9)
    assert abs(setpoint.yaw_rate_rad_s) <= abs(yaw_rate) + 1e-12


def test_standstill_turns_nothing_and_reverse_turns_the_other_way():
    assert converted(0.0, 1.0)[1:] == (0.0, 0.0)
    assert converted(2.0, 0.5)[1:] == (2.0, 0.5)
    assert converted(-2.0, 0.5)[1:] == (-2.0, -0.5)
    assert converted(0.5, 0.5)[1:] == (0.5, 0.25)


@pytest.fixture
def ends():
    port = free_port()
    link, rover = MavlinkLink.open(f'udpin:127.0.0.1:{port}'), Autopilot(port, 'rover')
    rover.step(0.0)
    link.poll(0.0)
    yield link, rover
    link.close()
    rover.close()


@pytest.mark.parametrize('forward', [1.5, -1.5])
def test_a_rover_drives_the_circle_that_is_meant_without_odometry(ends, forward):
    """A left turn, forwards or in reverse, keeps the circle's centre to the left of the vehicle."""
    link, rover = ends
    rover.set_mode(GUIDED)
    rover.armed = True
    now_s, radius_m = 0.0, 3.0
    positions = []
    while now_s < 2.0 * math.pi * radius_m / 1.5 + 1.0:
        now_s += 0.02
        link.send_forward_turn(converted(forward, 1.5 / radius_m))
        rover.step(now_s)
        positions.append((rover.position_ned[0], rover.position_ned[1], rover.yaw))
    (_, sent) = rover.setpoints[-1]
    assert (sent.get_type(), sent.coordinate_frame) == (
        'SET_POSITION_TARGET_LOCAL_NED',
        mavlink.MAV_FRAME_BODY_NED,
    )
    assert (sent.vx, sent.vy, sent.vz) == (forward, 0.0, 0.0)
    # About the axis down: a left turn is negative, and in reverse positive.
    assert sent.yaw_rate == pytest.approx(-0.5 if forward > 0.0 else 0.5)
    ignored = ('X', 'Y', 'Z', 'AX', 'AY', 'AZ', 'YAW')
    assert sent.type_mask == sum(
        getattr(mavlink, f'POSITION_TARGET_TYPEMASK_{name}_IGNORE') for name in ignored
    )
    north, east, yaw = positions[150]
    centre = (north + radius_m * math.sin(yaw), east - radius_m * math.cos(yaw))
    for n, e, _ in positions[150:]:
        assert math.hypot(n - centre[0], e - centre[1]) == pytest.approx(radius_m, rel=0.15)
    turned = positions[-1][2]
    assert abs(turned) > 5.0 and (turned < 0.0) == (forward > 0.0)


def test_a_rover_stops_by_itself_when_setpoints_end(ends):
    link, rover = ends
    rover.set_mode(GUIDED)
    rover.armed = True
    for step in range(100):
        link.send_forward_turn(converted(1.0, 0.0))
        rover.step(0.02 * step)
    assert rover.velocity_ned[0] > 0.9
    for step in range(100, 350):
        rover.step(0.02 * step)
    assert abs(rover.velocity_ned[0]) < 0.01
