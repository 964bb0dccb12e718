"""The velocity loop: signs, bounds, and a point mass that it flies."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.interfaces import (
    STANDARD_GRAVITY_M_S2,
    Command,
    LiquidPilotError,
    ObservationError,
    VehicleState,
)
from liquid_pilot.onboard.geometry import heading_rad, unit_quaternion
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityController, VelocityGains

G = STANDARD_GRAVITY_M_S2
IDENTITY = (1.0, 0.0, 0.0, 0.0)
CONTROLLER = VelocityController()


def multiply(a, b):
    """Hamilton product, the oracle of every rotation here."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def rotate(q, vector):
    w, x, y, z = q
    return np.array(multiply(multiply(q, (0.0, *vector)), (w, -x, -y, -z))[1:])


def about(axis, angle):
    half = 0.5 * angle
    return (math.cos(half), *(math.sin(half) * np.asarray(axis, dtype=float)).tolist())


def state(orientation=IDENTITY, velocity_flu=(0.0, 0.0, 0.0)):
    return VehicleState(7, (0.0, 0.0, 5.0), orientation, velocity_flu, (0.0, 0.0, 0.0))


def command(forward=0.0, left=0.0, up=0.0, yaw_rate=0.0):
    return Command(42, forward, left, up, yaw_rate)


def test_hover_is_level_with_the_weight_as_thrust():
    answer = CONTROLLER.attitude_thrust(command(), state())
    assert answer.orientation_wxyz == pytest.approx(IDENTITY, abs=1e-12)
    assert answer.thrust_m_s2 == pytest.approx(G)
    assert answer.yaw_rate_rad_s == 0.0


def test_the_answer_carries_the_stamp_and_the_yaw_rate_of_the_command():
    answer = CONTROLLER.attitude_thrust(command(yaw_rate=-0.7), state())
    assert answer.stamp_ns == 42
    assert answer.yaw_rate_rad_s == -0.7


@pytest.mark.parametrize(
    ('asked', 'axis'),
    [
        (command(forward=1.0), (0, 1, 0)),  # nose down: positive about +y in FLU
        (command(forward=-1.0), (0, -1, 0)),
        (command(left=1.0), (-1, 0, 0)),  # left side down: negative about +x
        (command(left=-1.0), (1, 0, 0)),
    ],
)
def test_tilt_turns_the_thrust_towards_the_velocity_asked_for(asked, axis):
    answer = CONTROLLER.attitude_thrust(asked, state())
    angle = math.atan2(2.5, G)
    assert answer.orientation_wxyz == pytest.approx(about(axis, angle), abs=1e-12)


@given(
    st.floats(-3, 3),
    st.floats(-3, 3),
    st.floats(-0.4, 0.4),
    st.floats(-math.pi, math.pi),
)
def test_thrust_axis_is_the_desired_force_and_yaw_is_kept(forward, left, up, yaw):
    q = about((0, 0, 1), yaw)
    answer = CONTROLLER.attitude_thrust(command(forward, left, up), state(q))
    force = np.array([2.5 * forward, 2.5 * left, G + 3.0 * up])
    horizontal = math.hypot(force[0], force[1])
    bound = math.tan(math.radians(30.0)) * force[2]
    if horizontal > bound:
        force[:2] *= bound / horizontal
    axis = rotate(answer.orientation_wxyz, (0, 0, 1))
    expected = rotate(q, force / np.linalg.norm(force))
    assert axis == pytest.approx(expected, abs=1e-9)
    # Of the x axis, nothing may point across the heading.
    across = rotate(answer.orientation_wxyz, (1, 0, 0)) @ rotate(q, (0, 1, 0))
    assert across == pytest.approx(0.0, abs=1e-9)
    assert np.linalg.norm(answer.orientation_wxyz) == pytest.approx(1.0)


def test_up_asks_for_more_thrust_and_down_for_less():
    up = CONTROLLER.attitude_thrust(command(up=0.5), state()).thrust_m_s2
    down = CONTROLLER.attitude_thrust(command(up=-0.5), state()).thrust_m_s2
    assert up == pytest.approx(G + 1.5)
    assert down == pytest.approx(G - 1.5)


def test_body_velocity_is_rotated_before_it_is_compared():
    # Nose down by 20 degrees, flying level and forward at 1 m/s: the body sees it split on x and z.
    q = multiply(about((0, 0, 1), 1.1), about((0, 1, 0), math.radians(20.0)))
    w, x, y, z = q
    velocity_world = rotate(about((0, 0, 1), 1.1), (1.0, 0.0, 0.0))
    velocity_body = tuple(rotate((w, -x, -y, -z), velocity_world))
    assert velocity_body[2] > 0.3
    answer = CONTROLLER.attitude_thrust(command(forward=1.0), state(q, velocity_body))
    # The velocity is as asked: level attitude at the same yaw, weight projected on the tilted axis.
    assert answer.orientation_wxyz == pytest.approx(about((0, 0, 1), 1.1), abs=1e-9)
    assert answer.thrust_m_s2 == pytest.approx(G * math.cos(math.radians(20.0)))


def test_upside_down_gets_the_minimum_thrust():
    answer = CONTROLLER.attitude_thrust(command(up=1.0), state((0.0, 1.0, 0.0, 0.0)))
    assert answer.thrust_m_s2 == VelocityGains().minimum_thrust_m_s2
    assert rotate(answer.orientation_wxyz, (0, 0, 1))[2] > 0.99


finite = st.floats(allow_nan=False, allow_infinity=False)
axis_part = st.floats(-1.0, 1.0)


@given(
    st.tuples(finite, finite, finite, finite),
    st.tuples(finite, finite, finite),
    st.tuples(axis_part, axis_part, axis_part, axis_part).filter(
        lambda q: 0.51 < math.hypot(*q) < 1.99
    ),
)
def test_any_finite_input_gives_a_bounded_attitude_and_thrust(values, velocity, orientation):
    answer = CONTROLLER.attitude_thrust(Command(1, *values), state(orientation, velocity))
    assert all(math.isfinite(value) for value in answer.orientation_wxyz)
    assert math.hypot(*answer.orientation_wxyz) == pytest.approx(1.0, abs=1e-9)
    tilt = math.acos(min(1.0, rotate(answer.orientation_wxyz, (0, 0, 1))[2]))
    assert tilt <= math.radians(30.0) + 1e-6
    assert 0.2 * G <= answer.thrust_m_s2 <= 2.0 * G


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize('place', range(4))
def test_a_command_that_is_not_finite_is_refused(bad, place):
    values = [0.0, 0.0, 0.0, 0.0]
    values[place] = bad
    with pytest.raises(ObservationError, match='not finite'):
        CONTROLLER.attitude_thrust(Command(1, *values), state())


@pytest.mark.parametrize('bad', [math.nan, math.inf])
def test_odometry_that_is_not_finite_is_refused(bad):
    with pytest.raises(ObservationError, match='not finite'):
        CONTROLLER.attitude_thrust(command(), state(velocity_flu=(0.0, bad, 0.0)))
    with pytest.raises(ObservationError, match='not a rotation'):
        CONTROLLER.attitude_thrust(command(), state((1.0, bad, 0.0, 0.0)))


def test_the_empty_quaternion_is_refused():
    with pytest.raises(ObservationError, match='not a rotation'):
        unit_quaternion((0.0, 0.0, 0.0, 0.0))


@given(st.floats(-3.1, 3.1), st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
def test_heading_is_the_yaw_of_any_tilt(yaw, pitch, roll):
    q = multiply(about((0, 0, 1), yaw), multiply(about((0, 1, 0), pitch), about((1, 0, 0), roll)))
    assert heading_rad(q) == pytest.approx(yaw, abs=1e-9)


@pytest.mark.parametrize(
    'wrong',
    [
        {'horizontal_1_s': 0.0},
        {'vertical_1_s': math.nan},
        {'maximum_tilt_rad': 1.5},
        {'minimum_thrust_m_s2': 10.0},
        {'maximum_thrust_m_s2': 10.0},
        {'maximum_thrust_m_s2': math.inf},
    ],
)
def test_gains_that_cannot_fly_are_refused(wrong):
    with pytest.raises(LiquidPilotError):
        VelocityGains(**wrong)


@pytest.mark.parametrize('update_hz', [20, 200])
@pytest.mark.parametrize('attitude_lag_s', [0.03, 0.12])
@pytest.mark.parametrize('yaw_rate', [0.0, 0.8])
def test_a_point_mass_reaches_the_velocity_asked_for(update_hz, attitude_lag_s, yaw_rate):
    """Second oracle: integrate m = 1 under gravity, with an attitude that follows with a lag.

    The answer is held between updates (50 ms at 20 Hz), as an autopilot holds a setpoint.
    """
    dt_s = 0.001
    asked = command(1.8, -0.9, 0.6, yaw_rate)
    q = np.array(about((0, 0, 1), 0.4))
    velocity = np.array([-1.0, 1.5, -0.5])
    answer = None
    for tick in range(5000):
        if tick % (1000 // update_hz) == 0:
            w, x, y, z = q
            body = tuple(float(part) for part in rotate((w, -x, -y, -z), velocity))
            answer = CONTROLLER.attitude_thrust(asked, state(tuple(q.tolist()), body))
        goal = np.array(answer.orientation_wxyz)
        goal = goal if goal @ q >= 0 else -goal
        q = q + (goal - q) * dt_s / attitude_lag_s
        q = np.array(multiply(about((0, 0, 1), answer.yaw_rate_rad_s * dt_s), tuple(q)))
        q /= np.linalg.norm(q)
        force = rotate(tuple(q), (0, 0, answer.thrust_m_s2))
        velocity = velocity + (force - np.array([0.0, 0.0, G])) * dt_s
    cos_yaw, sin_yaw = math.cos(heading_rad(tuple(q))), math.sin(heading_rad(tuple(q)))
    seen = (
        cos_yaw * velocity[0] + sin_yaw * velocity[1],
        cos_yaw * velocity[1] - sin_yaw * velocity[0],
        velocity[2],
    )
    # While it turns, a proportional loop trails by about v * yaw_rate / gain.
    trail = yaw_rate * math.hypot(1.8, 0.9) / 2.5
    assert math.hypot(seen[0] - 1.8, seen[1] + 0.9) <= 1.1 * trail + 0.01
    assert seen[2] == pytest.approx(0.6, abs=0.05 if yaw_rate else 0.01)
