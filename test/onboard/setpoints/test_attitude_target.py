"""Attitude setpoints: the heading that turns, a hover thrust that is wrong, and no odometry."""

import math

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
from liquid_pilot.onboard.geometry import heading_rad, into_world
from liquid_pilot.onboard.setpoints.adapter import StatefulAdapter
from liquid_pilot.onboard.setpoints.attitude_target import (
    MAX_HEADING_LEAD_RAD,
    AttitudeTarget,
    ThrustCorrection,
)
from liquid_pilot.onboard.setpoints.registry import ADAPTERS, make_adapter
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityGains
from liquid_pilot.onboard.setpoints.world_velocity import VelocityEnu, VelocityNed

NAMES = ('mavros_attitude', 'px4_attitude', 'mavlink_attitude')
PERIOD_NS = 50_000_000
STILL = (0.0, 0.0, 0.0, 0.0)


def facing(yaw, velocity_flu=(0.0, 0.0, 0.0)):
    orientation = (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))
    return VehicleState(0, (0.0, 0.0, 2.0), orientation, velocity_flu, (0.0,) * 3)


def turn(adapter, yaw_rate, seconds, follow_s, start_ns=0, yaw=0.0):
    """Fly setpoints at 20 Hz on a vehicle whose heading follows that of the setpoint with a lag.

    Returns:
        Heading of the vehicle, and of the last setpoint, rad.
    """
    sent = yaw
    for k in range(round(20 * seconds)):
        target = adapter.convert(
            Command(start_ns + k * PERIOD_NS, 0.0, 0.0, 0.0, yaw_rate), facing(yaw)
        )
        sent = heading_rad(target.orientation_wxyz)
        yaw += math.remainder(sent - yaw, 2 * math.pi) * (1.0 - math.exp(-0.05 / follow_s))
    return yaw, sent


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('yaw_rate', [0.4, -0.4, 1.5])
def test_the_commanded_yaw_rate_is_flown_by_the_heading_alone(name, yaw_rate):
    """A vehicle that follows the attitude, and does not know of the yaw rate, turns at it."""
    adapter = make_adapter(name)
    half, _ = turn(adapter, yaw_rate, 2.0, follow_s=0.2)
    adapter = make_adapter(name)
    whole, _ = turn(adapter, yaw_rate, 3.0, follow_s=0.2)
    flown = math.remainder(whole - half, 2 * math.pi) / 1.0
    assert flown == pytest.approx(yaw_rate, abs=0.02)


def test_the_first_setpoint_has_the_heading_of_the_vehicle():
    target = make_adapter('px4_attitude').convert(Command(7, 0.0, 0.0, 0.0, 1.0), facing(0.7))
    assert heading_rad(target.orientation_wxyz) == pytest.approx(0.7)
    assert target.yaw_rate_rad_s == 1.0


def test_the_heading_runs_at_most_half_a_radian_ahead():
    """A vehicle that cannot turn, such as one that a hand holds, does not spin when let go."""
    for yaw_rate in (1.0, -1.0):
        adapter = make_adapter('mavlink_attitude')
        yaw, sent = turn(adapter, yaw_rate, 5.0, follow_s=1e9, yaw=3.0)
        assert math.remainder(sent - yaw, 2 * math.pi) == pytest.approx(
            math.copysign(MAX_HEADING_LEAD_RAD, yaw_rate), abs=1e-6
        )


def test_a_heading_without_a_yaw_rate_is_held_against_a_gust():
    adapter = make_adapter('mavlink_attitude')
    adapter.convert(Command(0, *STILL), facing(1.0))
    target = adapter.convert(Command(PERIOD_NS, *STILL), facing(1.2))
    assert heading_rad(target.orientation_wxyz) == pytest.approx(1.0)


@pytest.mark.parametrize('pause_ns', [600_000_000, -600_000_000, 3_600_000_000_000])
def test_after_a_pause_it_begins_at_the_vehicles_heading(pause_ns):
    start_ns = 10**10
    adapter = make_adapter('mavlink_attitude')
    turn(adapter, 1.0, 1.0, follow_s=1e9, start_ns=start_ns)
    stamp_ns = start_ns + 19 * PERIOD_NS + pause_ns
    target = adapter.convert(Command(stamp_ns, 0.0, 0.0, 0.0, 1.0), facing(-2.0))
    assert heading_rad(target.orientation_wxyz) == pytest.approx(-2.0)


def test_a_stamp_that_goes_back_by_little_adds_no_turn_and_loses_none():
    """The safe command is stamped now, a command of the pilot with its camera frame."""
    adapter = make_adapter('mavlink_attitude')
    sent = []
    for stamp_ns in (0, 100_000_000, 60_000_000, 90_000_000, 140_000_000):
        target = adapter.convert(Command(stamp_ns, 0.0, 0.0, 0.0, 1.0), facing(0.0))
        sent.append(heading_rad(target.orientation_wxyz))
    assert sent == pytest.approx([0.0, 0.1, 0.1, 0.1, 0.14])


def test_a_heading_that_is_ahead_leaves_the_thrust_where_it_was():
    """The force in the world is that of the velocity controller, whatever the heading."""
    adapter, inner = make_adapter('mavlink_attitude'), make_adapter('attitude_thrust')
    for k in range(9):
        command = Command(k * PERIOD_NS, 1.0, -0.5, 0.2, 1.0)
        state = facing(0.3, (0.2, 0.1, 0.0))
        target, plain = adapter.convert(command, state), inner.convert(command, state)
    up = (0.0, 0.0, 1.0)
    assert into_world(target.orientation_wxyz, up) == pytest.approx(
        into_world(plain.orientation_wxyz, up), abs=1e-9
    )
    assert heading_rad(target.orientation_wxyz) > heading_rad(plain.orientation_wxyz) + 0.3
    assert math.hypot(*target.orientation_frd_ned_wxyz) == pytest.approx(1.0)


# The thrust


def climb_rates(wrong, bound=0.25, seconds=12.0, commanded=lambda time_s: 0.0, lag_s=0.1):
    """Fly the vertical axis of a vehicle whose hover thrust is not the one that is set.

    The motors follow with 50 ms, and the odometry is `lag_s` late.

    Args:
        wrong: by how much the set hover thrust is too large, as a share of the right one.
        bound: bound of the correction.
        seconds: duration.
        commanded: commanded climb rate at a time.
        lag_s: age of the odometry.

    Returns:
        Climb rates every 5 ms.
    """
    right, step_s = 0.4, 0.005
    settings = AdapterSettings(hover_thrust=right * (1 + wrong), max_thrust_correction=bound)
    adapter = make_adapter('mavlink_attitude', settings)
    climbs, motors, thrust = [0.0] * (1 + round(lag_s / step_s)), right, right
    for k in range(round(seconds / step_s)):
        if k % 10 == 0:
            time_s = k * step_s
            state = facing(0.0, (0.0, 0.0, climbs[-1 - round(lag_s / step_s)]))
            command = Command(round(1e9 * time_s), 0.0, 0.0, commanded(time_s), 0.0)
            thrust = adapter.convert(command, state).thrust
        motors += (thrust - motors) * step_s / 0.05
        climbs.append(climbs[-1] + (motors / right - 1) * STANDARD_GRAVITY_M_S2 * step_s)
    return climbs


@pytest.mark.parametrize('wrong', [0.08, -0.08, 0.2, -0.2])
def test_a_wrong_hover_thrust_does_not_climb_for_ever(wrong):
    assert abs(climb_rates(wrong)[-1]) < 0.05 / 2
    # What it would be: error of thrust over the gain, for ever.
    left_alone = climb_rates(wrong, bound=0.0)[-1]
    assert abs(left_alone) > 0.2
    assert math.copysign(1.0, left_alone) == math.copysign(1.0, wrong)


def test_eight_percent_are_below_5_cm_s_within_six_seconds():
    climbs = climb_rates(0.08)
    late = climbs[round(6.0 / 0.005) :]
    assert max(map(abs, late)) < 0.05
    assert max(climbs) > 0.2


def test_with_the_right_hover_thrust_a_climb_neither_overshoots_nor_leaves_anything_behind():
    climbs = climb_rates(
        0.0, commanded=lambda time_s: 1.0 if 1.0 <= time_s < 5.0 else 0.0, lag_s=0.05
    )
    assert max(climbs) < 1.06
    assert min(climbs) > -0.06
    assert abs(climbs[-1]) < 0.005


def test_the_correction_is_bounded_and_its_thrust_too():
    correction = ThrustCorrection(0.1, VelocityGains())
    for climb, expected in ((-0.5, 0.1), (0.5, -0.1)):
        for _ in range(2000):
            correction.step(0.0, climb, False, 0.05)
        assert correction.value == pytest.approx(expected)


@pytest.mark.parametrize(
    ('climb', 'full'),
    [(-4.0, False), (4.0, False), (-0.5, True)],
    ids=['ceiling', 'floor', 'full'],
)
def test_at_a_limit_of_the_thrust_nothing_winds_up(climb, full):
    correction = ThrustCorrection(0.25, VelocityGains())
    for _ in range(200):
        correction.step(0.0, climb, full, 0.05)
    assert correction.value == 0.0
    # It comes back from the limit, though.
    correction.step(0.0, math.copysign(0.2, -climb), full and climb > 0, 0.05)
    before = correction.value
    correction.step(0.0, math.copysign(0.2, climb), False, 0.05)
    assert correction.value != before


def test_after_a_pause_the_correction_is_gone():
    adapter = make_adapter('mavlink_attitude')
    sinking = facing(0.0, (0.0, 0.0, -0.3))
    thrusts = [adapter.convert(Command(k * PERIOD_NS, *STILL), sinking).thrust for k in range(100)]
    assert thrusts[-1] > 1.05 * thrusts[0]
    later = adapter.convert(Command(10**11, *STILL), sinking).thrust
    assert later == thrusts[0]


def test_a_vehicle_that_does_not_follow_winds_nothing_up():
    """The guard resets the adapter while the autopilot is in another mode or disarmed."""
    adapter = make_adapter('px4_attitude')
    assert isinstance(adapter, StatefulAdapter)
    command = Command(0, 0.0, 0.0, 1.0, 1.0)
    first = adapter.convert(command, facing(0.0))
    for k in range(1, 100):
        adapter.reset()
        last = adapter.convert(command._replace(stamp_ns=k * PERIOD_NS), facing(0.0))
    assert last == first._replace(stamp_ns=last.stamp_ns)


def test_only_attitudes_for_autopilots_have_a_state():
    """What the embedded simulator flies is a function of command and odometry alone."""
    stateful = {name for name in ADAPTERS if isinstance(make_adapter(name), StatefulAdapter)}
    assert stateful == set(NAMES)


@pytest.mark.parametrize('value', [-0.1, 0.6, math.nan])
def test_a_bound_that_is_none_is_refused(value):
    with pytest.raises(LiquidPilotError, match='max_thrust_correction'):
        AdapterSettings(max_thrust_correction=value)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(
        st.tuples(st.integers(0, 2**61), st.tuples(*[finite] * 4), st.tuples(*[finite] * 3)),
        min_size=1,
        max_size=6,
    ),
    st.floats(0.05, 0.95),
)
def test_any_history_of_finite_numbers_gives_a_finite_bounded_setpoint(history, hover_thrust):
    adapter = make_adapter('mavlink_attitude', AdapterSettings(hover_thrust=hover_thrust))
    stamp_ns = 0
    for step, values, velocity in history:
        stamp_ns += step % 1_000_000_000
        target = adapter.convert(Command(stamp_ns, *values), facing(0.5, velocity))
        assert 0.0 <= target.thrust <= 1.0
        assert math.hypot(*target.orientation_wxyz) == pytest.approx(1.0)
        lead = math.remainder(heading_rad(target.orientation_wxyz) - 0.5, 2 * math.pi)
        assert abs(lead) <= MAX_HEADING_LEAD_RAD + 1e-6


# Without odometry

UNUSABLE = (
    None,
    facing(0.0)._replace(orientation_wxyz=(0.0,) * 4),
    facing(0.0, (math.nan, 0.0, 0.0)),
)


@pytest.mark.parametrize('state', UNUSABLE)
def test_a_standstill_without_odometry_is_the_autopilots_own(state):
    for name in NAMES:
        still = make_adapter(name).convert(Command(9, *STILL), state)
        assert isinstance(still, VelocityEnu if name == 'mavros_attitude' else VelocityNed)
        assert (still.stamp_ns, still.yaw_rate_rad_s) == (9, 0.0)
        assert [abs(value) for value in still[1]] == [0.0] * 3


@pytest.mark.parametrize('state', UNUSABLE)
@pytest.mark.parametrize('values', [(1e-9, 0.0, 0.0, 0.0), (0.0, 1e-9, 0.0, 0.0)])
def test_a_command_that_moves_is_refused_without_odometry(state, values):
    with pytest.raises(ObservationError, match=r'odom|orientation'):
        make_adapter('mavlink_attitude').convert(Command(9, *values), state)


@pytest.mark.parametrize('place', range(4))
def test_a_command_that_is_not_finite_is_refused_without_odometry_too(place):
    values = [0.0] * 4
    values[place] = math.nan
    for state in (None, facing(0.0)):
        with pytest.raises(ObservationError):
            make_adapter('mavlink_attitude').convert(Command(9, *values), state)


def test_odometry_that_comes_back_begins_anew():
    adapter = make_adapter('mavlink_attitude')
    turn(adapter, 1.0, 0.4, follow_s=1e9)
    adapter.convert(Command(8 * PERIOD_NS, *STILL), None)
    target = adapter.convert(Command(9 * PERIOD_NS, 0.0, 0.0, 0.0, 1.0), facing(0.0))
    assert isinstance(target, AttitudeTarget)
    assert heading_rad(target.orientation_wxyz) == pytest.approx(0.0)
