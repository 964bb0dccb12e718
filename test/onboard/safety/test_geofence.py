"""The fence: what leads out is slowed in time, what does not is left alone."""

import math

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import Command, LiquidPilotError, VehicleLimits, VehicleState
from liquid_pilot.onboard.safety.geofence import Geofence
from liquid_pilot.onboard.safety.guard import ENGAGED, SAFE, Guard

HOME = (5.0, -3.0, 10.0)
LIMITS = VehicleLimits(maximum=(2.5, 1.5, 1.0, 1.5), slew=(8.0, 8.0, 8.0, 10.0))


def at(east, north, up, yaw=0.0, stamp_ns=0, velocity=(0.0, 0.0, 0.0)):
    return VehicleState(
        stamp_ns,
        (HOME[0] + east, HOME[1] + north, HOME[2] + up),
        (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)),
        velocity,
        (0.0,) * 3,
    )


def test_nothing_is_changed_far_from_the_fence():
    fence = Geofence(radius_m=100.0, ceiling_m=50.0)
    assert fence.limit((2.0, 1.0, 1.0, 0.5), at(10, 0, 5), HOME) == ((2.0, 1.0, 1.0, 0.5), '')


@pytest.mark.parametrize('fence', [Geofence(), Geofence(radius_m=0.0, ceiling_m=0.0)])
def test_without_limits_there_is_no_fence(fence):
    assert not fence
    assert fence.limit((9.0, 9.0, 9.0, 9.0), at(1e6, 0, 1e6), HOME) == ((9.0,) * 4, '')


def test_out_is_stopped_and_in_is_not():
    fence = Geofence(radius_m=20.0)
    east = at(20.0, 0.0, 0.0)
    stopped, why = fence.limit((2.0, 0.0, 0.3, 0.4), east, HOME)
    assert stopped == (0.0, 0.0, 0.3, 0.4) and '20 m from' in why
    assert fence.limit((-2.0, 0.0, 0.0, 0.0), east, HOME) == ((-2.0, 0.0, 0.0, 0.0), '')
    # Along the fence leads out too: it is round.
    assert fence.limit((0.0, 1.0, 0.0, 0.0), east, HOME)[0][1] == 0.0
    # Outside, what comes nearer passes, and what does not comes to a stop.
    outside = at(25.0, 0.0, 0.0)
    for values, passes in (
        ((-1.0, 0.0), True),
        ((-0.2, 1.0), True),
        ((0.2, 1.0), False),
        ((1.0, 0.0), False),
    ):
        found = fence.limit((*values, 0.0, 0.0), outside, HOME)[0][:2]
        assert found == (values if passes else (0.0, 0.0))
    # Turned about, forward leads back in.
    turned = at(20.0, 0.0, 0.0, yaw=math.pi)
    assert fence.limit((2.0, 0.0, 0.0, 0.0), turned, HOME)[0][0] == 2.0


@pytest.mark.parametrize('yaw', [0.0, 2.0])
@pytest.mark.parametrize(
    ('flown', 'bound'),
    [
        (0.0, lambda v: v * 0.6 + v**2 / (2 * 2.0)),  # It has to react and to brake from here ...
        (3.0, lambda v: 3.0 * 0.6 + v**2 / (2 * 2.0)),
    ],
)  # ... or is too fast already.
def test_the_room_that_is_left_suffices_to_react_and_brake(yaw, flown, bound):
    fence = Geofence(radius_m=20.0, reaction_s=0.6, braking_m_s2=2.0)
    east = (math.cos(yaw), -math.sin(yaw))
    flying = at(17.0, 0.0, 0.0, yaw, velocity=(flown * east[0], flown * east[1], 0.0))
    (forward, left, *_), why = fence.limit((9.0 * east[0], 9.0 * east[1], 0.0, 0.0), flying, HOME)
    assert bound(math.hypot(forward, left)) == pytest.approx(3.0) and why


def test_the_ceiling_is_above_where_it_was_engaged():
    fence = Geofence(ceiling_m=4.0)
    (_, _, up, _), why = fence.limit((0.0, 0.0, 1.0, 0.0), at(0, 0, 4.5), HOME)
    assert up == 0.0 and '4 m above' in why
    assert fence.limit((0.0, 0.0, -1.0, 0.0), at(0, 0, 4.5), HOME) == ((0.0, 0.0, -1.0, 0.0), '')


@pytest.mark.parametrize(
    'wrong',
    [{'radius_m': -1.0}, {'ceiling_m': math.nan}, {'reaction_s': math.inf}, {'braking_m_s2': 0.0}],
)
def test_a_fence_that_bounds_nothing_is_refused(wrong):
    with pytest.raises(LiquidPilotError, match='fence'):
        Geofence(**wrong)


speeds = st.floats(-5.0, 5.0)


@settings(max_examples=300, deadline=None)
@given(st.tuples(*[speeds] * 4), st.tuples(*[st.floats(-60, 60)] * 3), st.floats(-7, 7))
def test_no_value_grows_and_the_direction_stays(values, place, yaw):
    found, why = Geofence(30.0, 20.0).limit(values, at(*place, yaw), HOME)
    assert all(
        abs(after) <= abs(before) + 1e-12 or (index == 2 and after == 0.0)
        for index, (before, after) in enumerate(zip(values, found, strict=True))
    )
    assert found[3] == values[3]
    assert found[0] * values[1] == pytest.approx(found[1] * values[0], abs=1e-9)
    assert found[0] * values[0] >= 0.0 and found[1] * values[1] >= 0.0
    assert bool(why) == (found != values)


# Shrinking a flight takes minutes, and a flight that fails says enough.
@settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    st.lists(st.tuples(speeds, speeds, speeds, st.floats(-2, 2)), min_size=20, max_size=60),
    st.floats(0.02, 0.4),
    st.floats(-7, 7),
)
def test_a_vehicle_that_lags_never_leaves(commands, lag_s, yaw):
    """Flown in closed loop at 20 Hz through the whole guard, each wish held for 0.6 s."""
    fence = Geofence(radius_m=6.0, ceiling_m=3.0)
    guard = Guard(LIMITS, fence)
    guard.engage(0.0)
    place, velocity, now = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 0.0
    for wanted in commands:
        for _ in range(12):
            now += 0.05
            body = (
                math.cos(yaw) * velocity[0] + math.sin(yaw) * velocity[1],
                math.cos(yaw) * velocity[1] - math.sin(yaw) * velocity[0],
                velocity[2],
            )
            state = at(*place, yaw, round(now * 1e9), body)
            out = guard.accept(Command(round(now * 1e9), *wanted), now, vehicle=state).command
            turned = (
                math.cos(yaw) * out.forward_m_s - math.sin(yaw) * out.left_m_s,
                math.sin(yaw) * out.forward_m_s + math.cos(yaw) * out.left_m_s,
                out.up_m_s,
            )
            velocity = [
                v + (c - v) * (1 - math.exp(-0.05 / lag_s))
                for v, c in zip(velocity, turned, strict=True)
            ]
            place = [p + 0.05 * v for p, v in zip(place, velocity, strict=True)]
            yaw += 0.05 * out.yaw_rate_rad_s
            assert math.hypot(*place[:2]) <= 6.02 and place[2] <= 3.02
        assert guard.state == ENGAGED
    assert guard.home_enu_m == HOME


bad = VehicleState(0, (math.nan, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3)
good = bad._replace(position_enu_m=(0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    'vehicle',
    [
        None,
        bad,
        bad._replace(position_enu_m=(1e308, 1e308, 0.0)),
        bad._replace(position_enu_m=(1e7, 0.0, 0.0)),
        *(good._replace(orientation_wxyz=(norm, 0.0, 0.0, 0.0)) for norm in (0.0, 0.5, 2.0, 2.5)),
    ],
)
def test_without_odometry_a_fence_lets_nothing_through(vehicle):
    guard = Guard(LIMITS, Geofence(radius_m=10.0))
    guard.engage(0.0)
    decision = guard.accept(Command(10, 1.0, 0.0, 0.0, 0.0), 0.0, vehicle=vehicle)
    assert (decision.state, decision.accepted) == (SAFE, False)
    assert decision.command.values == LIMITS.safe_command and 'odometry' in decision.reason
    # And where there is no fence none is needed.
    free = Guard(LIMITS)
    free.engage(0.0)
    assert free.accept(Command(10, 1.0, 0.0, 0.0, 0.0), 0.0, vehicle=vehicle).accepted


@pytest.mark.parametrize(
    'vehicle',
    [
        good,
        good._replace(position_enu_m=(1e7 - 0.5, 0.0, 0.0)),
        *(good._replace(orientation_wxyz=(0.0, norm, 0.0, 0.0)) for norm in (0.51, 1.99)),
    ],
)
def test_odometry_that_could_be_meant_is_used(vehicle):
    guard = Guard(LIMITS, Geofence(radius_m=10.0))
    guard.engage(0.0)
    assert guard.accept(Command(10, 1.0, 0.0, 0.0, 0.0), 0.0, vehicle=vehicle).accepted


@pytest.mark.parametrize(
    ('age_ms', 'words'),
    [
        (0, ''),
        (500, ''),
        (501, 'it is older than 0.5 s'),
        (100_000, 'it is older than 0.5 s'),
        (-100, ''),
        (-101, 'its stamp is over 0.1 s in the future'),
        (math.nan, 'its stamp is not a time'),
    ],
)
def test_odometry_that_has_just_arrived_is_as_old_as_its_stamp_says(age_ms, words):
    clock_ns = 10**18
    stamp_ns = age_ms if math.isnan(age_ms) else clock_ns - age_ms * 1_000_000
    command, vehicle = Command(clock_ns, 1.0, 0.0, 0.0, 0.0), good._replace(stamp_ns=stamp_ns)
    guard = Guard(LIMITS, Geofence(radius_m=10.0))
    guard.engage(0.0)
    decision = guard.accept(command, 0.0, clock_ns, vehicle)
    assert decision.accepted is (not words)
    assert decision.reason == (f'geofence: odometry: {words}: safe command' if words else '')
    # Where stamps are of another clock, they are not compared.
    other = Guard(LIMITS, Geofence(radius_m=10.0))
    other.engage(0.0)
    assert other.accept(command, 0.0, None, vehicle).accepted


@pytest.mark.parametrize(
    ('slew', 'slower'),
    [
        ((0.5, 8.0, 8.0, 10.0), True),
        ((8.0, 0.5, 8.0, 10.0), True),
        ((8.0, 8.0, 0.5, 10.0), True),
        ((8.0, 8.0, 8.0, 0.5), False),
    ],
)  # A turn does not brake.
def test_the_fence_brakes_no_harder_than_the_slew_limit_allows(slew, slower):
    speeds_ = []
    for limits in (LIMITS, VehicleLimits(maximum=(2.5, 1.5, 1.0, 1.5), slew=slew)):
        guard = Guard(limits, Geofence(radius_m=3.0))
        guard.engage(0.0)
        for tick in range(200):
            command = Command(tick * 50_000_000, 2.5, 0.0, 0.0, 0.0)
            out = guard.accept(command, tick * 0.05, vehicle=at(0, 0, 0)).command
        speeds_.append(out.forward_m_s)
    assert (speeds_[1] < speeds_[0]) is slower
