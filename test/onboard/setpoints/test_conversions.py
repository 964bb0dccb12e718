"""Every conversion to an autopilot's terms, as properties and by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.interfaces import Command, LiquidPilotError, ObservationError, VehicleState
from liquid_pilot.onboard.geometry import into_world
from liquid_pilot.onboard.setpoints.hover import MIN_HEIGHT_M
from liquid_pilot.onboard.setpoints.registry import ADAPTERS, make_adapter
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits

MAXIMUM = get_vehicle_limits('quadrotor').maximum
commands = st.builds(
    Command, st.integers(0, 2**61), *[st.floats(-maximum, maximum) for maximum in MAXIMUM]
)
units = (
    st.tuples(*[st.floats(-1, 1)] * 4)
    .filter(lambda q: math.hypot(*q) > 0.1)
    .map(lambda q: tuple(value / math.hypot(*q) for value in q))
)
near = st.tuples(*[st.floats(-50, 50)] * 3)
states = st.builds(VehicleState, st.integers(0, 2**61), near, units, near, near)
NEEDY = [name for name in ADAPTERS if make_adapter(name).needs_odometry]


def numbers(setpoint):
    for value in setpoint:
        yield from (value if isinstance(value, tuple) else (value,))


def facing(yaw, height=2.0):
    return VehicleState(
        0,
        (0.0, 0.0, height),
        (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)),
        (0.0,) * 3,
        (0.0,) * 3,
    )


@pytest.mark.parametrize('name', ADAPTERS)
@given(commands, states)
def test_whatever_the_guard_lets_through_stays_finite_and_keeps_its_stamp(name, command, state):
    setpoint = make_adapter(name).convert(command, state)
    assert setpoint.stamp_ns == command.stamp_ns
    assert all(math.isfinite(value) for value in numbers(setpoint))


@pytest.mark.parametrize('name', NEEDY)
@pytest.mark.parametrize(
    'state',
    [
        None,
        facing(0.0)._replace(orientation_wxyz=(math.nan, 0, 0, 0), position_enu_m=(0, 0, math.nan)),
        facing(0.0)._replace(
            orientation_wxyz=(0.0, 0.0, 0.0, 0.0), position_enu_m=(0, 0, math.inf)
        ),
    ],
)
def test_without_usable_odometry_nothing_is_made(name, state):
    with pytest.raises(ObservationError, match=r'odom|orientation'):
        make_adapter(name).convert(Command(1, 1.0, 0.0, 0.0, 0.0), state)


@given(commands, states)
def test_world_velocities_keep_speed_climb_and_turn(command, state):
    enu = make_adapter('mavros').convert(command, state)
    ned = make_adapter('px4').convert(command, state)
    assert make_adapter('mavlink').convert(command, state) == ned
    east, north, up = enu.velocity_enu_m_s
    assert ned.velocity_ned_m_s == (north, east, -up)
    assert up == command.up_m_s
    assert enu.yaw_rate_rad_s == command.yaw_rate_rad_s == -ned.yaw_rate_rad_s
    assert math.hypot(east, north) == pytest.approx(
        math.hypot(command.forward_m_s, command.left_m_s), abs=1e-9
    )


@given(commands, states)
def test_gazebo_gets_the_same_velocity_along_the_tilted_axes(command, state):
    body = make_adapter('gazebo').convert(command, state)
    world = make_adapter('mavros').convert(command, state).velocity_enu_m_s
    assert into_world(state.orientation_wxyz, body.values[:3]) == pytest.approx(world, abs=1e-6)
    assert body.yaw_rate_rad_s == command.yaw_rate_rad_s


def test_gazebo_is_commanded_to_climb_along_a_nose_that_points_down():
    pitched = facing(0.0)._replace(
        orientation_wxyz=(math.cos(0.1), 0.0, math.sin(0.1), 0.0)
    )  # 0.2 rad, nose down.
    body = make_adapter('gazebo').convert(Command(1, 2.0, 0.0, 0.0, 0.0), pitched)
    assert body.values[:3] == pytest.approx((2.0 * math.cos(0.2), 0.0, 2.0 * math.sin(0.2)))


def test_forward_is_where_the_nose_is():
    forward, left = Command(1, 1.0, 0.0, 0.0, 0.2), Command(1, 0.0, 1.0, -0.5, 0.0)
    north, east = facing(math.pi / 2), facing(0.0)
    mavros, px4 = make_adapter('mavros'), make_adapter('px4')
    assert mavros.convert(forward, north).velocity_enu_m_s == pytest.approx((0, 1, 0))
    assert mavros.convert(left, north).velocity_enu_m_s == pytest.approx((-1, 0, -0.5))
    assert px4.convert(forward, north).velocity_ned_m_s == pytest.approx((1, 0, 0))
    assert px4.convert(forward, east).velocity_ned_m_s == pytest.approx((0, 1, 0))
    assert px4.convert(left, east).velocity_ned_m_s == pytest.approx((1, 0, 0.5))
    # A turn to the left is counter-clockwise from above, negative about down.
    assert px4.convert(forward, north).yaw_rate_rad_s == -0.2


@given(commands, states, st.floats(0.1, 0.9))
def test_thrust_is_a_share_and_attitude_the_same_in_both_conventions(command, state, hover):
    target = make_adapter('px4_attitude', AdapterSettings(hover_thrust=hover)).convert(
        command, state
    )
    other = make_adapter('mavlink_attitude', AdapterSettings(hover_thrust=hover)).convert(
        command, state
    )
    assert target == other and 0.0 <= target.thrust <= 1.0
    plain = make_adapter('attitude_thrust').convert(command, state)
    assert target.orientation_wxyz == plain.orientation_wxyz
    assert target.thrust == pytest.approx(min(hover * plain.thrust_m_s2 / 9.80665, 1.0))


def test_hovering_takes_the_hover_thrust_and_no_tilt():
    target = make_adapter('mavros_attitude', AdapterSettings(hover_thrust=0.4)).convert(
        Command(1, 0.0, 0.0, 0.0, 0.0), facing(math.pi / 2)
    )
    assert target.thrust == pytest.approx(0.4)
    # Level and facing north: for an autopilot no rotation at all.
    assert target.orientation_frd_ned_wxyz == pytest.approx((1, 0, 0, 0), abs=1e-9)


@given(st.floats(0.5, 2.5), st.floats(-1.0, 1.0), st.booleans())
def test_a_car_turns_at_the_commanded_rate(speed, yaw_rate, reverse):
    settings = AdapterSettings(wheelbase_m=0.3, max_steering_angle_rad=1.0, min_speed_m_s=0.5)
    forward = -speed if reverse else speed
    setpoint = make_adapter('ackermann', settings).convert(
        Command(1, forward, 0.0, 0.0, yaw_rate), None
    )
    assert setpoint.speed_m_s == forward
    # Backwards the same curvature turns the other way about.
    turned = setpoint.speed_m_s * math.tan(setpoint.steering_rad) / 0.3
    assert turned == pytest.approx(-yaw_rate if reverse else yaw_rate, abs=1e-9)
    assert math.copysign(1, setpoint.steering_rad) == math.copysign(1, yaw_rate)


@given(commands)
def test_steering_is_bounded_and_survives_standing_still(command):
    settings = AdapterSettings(max_steering_angle_rad=0.42, min_speed_m_s=0.5)
    adapter = make_adapter('ackermann', settings)
    assert abs(adapter.convert(command, None).steering_rad) <= 0.42
    still = adapter.convert(command._replace(forward_m_s=0.0), None)
    slow = adapter.convert(command._replace(forward_m_s=0.5), None)
    assert still.steering_rad == slow.steering_rad and still.speed_m_s == 0.0


@given(commands, states)
def test_a_hover_never_asks_for_the_ground(command, state):
    setpoint = make_adapter('crazyflie').convert(command, state)
    assert setpoint.height_m >= MIN_HEIGHT_M
    assert (setpoint.forward_m_s, setpoint.left_m_s, setpoint.yaw_rate_rad_s) == (
        command.forward_m_s,
        command.left_m_s,
        command.yaw_rate_rad_s,
    )
    wanted = state.position_enu_m[2] + 0.5 * command.up_m_s
    assert setpoint.height_m == pytest.approx(max(wanted, MIN_HEIGHT_M))


@pytest.mark.parametrize(
    'wrong',
    [
        {'hover_thrust': 1.0},
        {'hover_thrust': 0.0},
        {'wheelbase_m': -1.0},
        {'max_steering_angle_rad': 1.6},
        {'min_speed_m_s': math.nan},
        {'climb_lookahead_s': math.inf},
    ],
)
def test_settings_that_are_no_vehicle_are_refused(wrong):
    with pytest.raises(LiquidPilotError, match=next(iter(wrong))):
        AdapterSettings(**wrong)
