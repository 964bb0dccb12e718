"""What leaves the guard changes within the slew limit, also after commands that were rejected."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import Command, VehicleLimits, VehicleState
from liquid_pilot.onboard.safety.geofence import Geofence
from liquid_pilot.onboard.safety.guard import (
    ENGAGED,
    INITIAL_SLEW_STEP_S,
    MAX_SLEW_STEP_S,
    SAFE,
    Guard,
)

MS = 1_000_000
LIMITS = VehicleLimits(
    maximum=(2.5, 1.5, 1.0, 1.5),
    slew=(8.0, 8.0, 8.0, 10.0),
    safe_command=(0.1, 0.0, -0.2, 0.0),
)
FULL = (2.5, 1.5, 1.0, 1.5)
HARMFUL = (math.nan, 0.0, 0.0, 0.0)


def engaged(fence=None):
    guard = Guard(LIMITS, fence)
    assert guard.engage(0.0)[0]
    return guard


def largest_step_s(values, before):
    """The time in which the slew limit allows the change from `before` to `values`."""
    return max(
        abs(value - other) / slew
        for value, other, slew in zip(values, before, LIMITS.slew, strict=True)
    )


@pytest.mark.parametrize('gap_ms', [1, 10, 33, 50, 99])
def test_after_a_rejected_command_the_slew_counts_from_its_answer(gap_ms):
    guard = engaged()
    guard.accept(Command(0, *FULL), 0.0)
    assert guard.accept(Command(50 * MS, *HARMFUL), 0.05).state == SAFE
    stamp_ns = (50 + gap_ms) * MS
    after = guard.accept(Command(stamp_ns, *FULL), stamp_ns / 1e9)
    assert after.state == ENGAGED
    step_s = largest_step_s(after.command.values, LIMITS.safe_command)
    assert step_s == pytest.approx(1e-3 * gap_ms)


def test_the_next_command_after_that_slews_as_ever():
    guard = engaged()
    guard.accept(Command(0, *FULL), 0.0)
    guard.accept(Command(50 * MS, *HARMFUL), 0.05)
    first = guard.accept(Command(100 * MS, *FULL), 0.1).command
    second = guard.accept(Command(150 * MS, *FULL), 0.15).command
    assert largest_step_s(second.values, first.values) == pytest.approx(0.05)


@pytest.mark.parametrize('wrong_ms', [-1000, 0, 10_000_000])
def test_the_stamp_of_a_rejected_command_may_be_wrong(wrong_ms):
    """It neither opens the slew limit, nor holds back the good commands that follow."""
    guard = engaged()
    guard.accept(Command(2000 * MS, *FULL), 0.0)
    guard.accept(Command(2000 * MS + wrong_ms * MS, *HARMFUL), 0.045)
    after = guard.accept(Command(2050 * MS, *FULL), 0.05)
    assert after.accepted
    assert largest_step_s(after.command.values, LIMITS.safe_command) == pytest.approx(0.005)


@pytest.mark.parametrize('clock_s', [math.nan, math.inf, 1e9, -1e9])
def test_a_rejection_at_no_known_time_costs_one_step_only(clock_s):
    guard = engaged()
    guard.accept(Command(0, *FULL), 0.0)
    assert guard.accept(Command(50 * MS, *HARMFUL), clock_s).state == SAFE
    first = guard.accept(Command(100 * MS, *FULL), 0.1)
    second = guard.accept(Command(150 * MS, *FULL), 0.15)
    assert first.accepted and second.accepted
    assert largest_step_s(first.command.values, LIMITS.safe_command) <= 0.05 + 1e-9
    step_s = largest_step_s(second.command.values, first.command.values)
    assert step_s == pytest.approx(0.05)


def test_commands_rejected_for_odometry_or_by_the_caller_count_too():
    state = VehicleState(0, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3)
    guard = engaged(Geofence(radius_m=1000.0))
    guard.accept(Command(0, *FULL), 0.0, vehicle=state)
    assert guard.accept(Command(50 * MS, *FULL), 0.05, vehicle=None).state == SAFE
    after = guard.accept(Command(60 * MS, *FULL), 0.06, vehicle=state)
    assert largest_step_s(after.command.values, LIMITS.safe_command) == pytest.approx(0.01)

    guard = engaged()
    guard.accept(Command(0, *FULL), 0.0)
    guard.inhibit('two publishers')
    guard.accept(Command(50 * MS, *FULL), 0.05)
    guard.inhibit('')
    after = guard.accept(Command(60 * MS, *FULL), 0.06)
    assert largest_step_s(after.command.values, LIMITS.safe_command) == pytest.approx(0.01)


values = st.tuples(*[st.floats(-3.0, 3.0)] * 4)
messages = st.tuples(
    st.integers(1, 120),  # ms since the one before
    st.one_of(values, values, st.just(HARMFUL)),
    st.one_of(st.none(), st.none(), st.integers(-500, 10**6)),  # ms by which the stamp is wrong
)


@settings(max_examples=300, deadline=None)
@given(st.lists(messages, min_size=2, max_size=40))
@example([(50, FULL, None), (50, HARMFUL, None), (50, FULL, None)])
@example([(50, FULL, None), (99, HARMFUL, -500), (1, FULL, None)])
@example([(50, FULL, None), (99, HARMFUL, 10**6), (1, FULL, None)])
def test_what_leaves_never_changes_faster_than_the_limit_unless_to_the_safe_command(sequence):
    """Commands arrive at their stamps, but those of some harmful ones are wrong."""
    guard, left_s, left = engaged(), None, LIMITS.safe_command
    now_ms = 0
    for elapsed_ms, wanted, wrong_ms in sequence:
        now_ms += elapsed_ms
        stamp_ms = now_ms
        if wrong_ms is not None and wanted is HARMFUL:
            stamp_ms = max(0, now_ms + wrong_ms)
        now_s = now_ms / 1e3
        decision = guard.accept(Command(stamp_ms * MS, *wanted), now_s)
        out = decision.command.values
        if decision.accepted:
            allowed_s = MAX_SLEW_STEP_S if left_s is None else min(now_s - left_s, MAX_SLEW_STEP_S)
            assert largest_step_s(out, left) <= allowed_s + 1e-9
        else:
            assert wanted is HARMFUL and out == LIMITS.safe_command
        left_s, left = now_s, out


anything = st.sampled_from([math.nan, math.inf, -math.inf, 1e308, 10**400, None, 'x'])
times_s = st.one_of(
    st.integers(0, 3000).map(lambda ms: ms / 1e3),
    st.sampled_from([math.nan, math.inf, -math.inf, -1.0, 1e12]),
)
stamps_ns = st.one_of(
    st.integers(0, 3000).map(lambda ms: ms * MS), st.sampled_from([-1, 2**63, None, 1.5])
)
states = st.builds(
    lambda position, w: VehicleState(0, position, (w, 0.0, 0.0, 0.0), (1.0,) * 3, (0.0,) * 3),
    st.tuples(*[st.floats(-50.0, 50.0)] * 3),
    st.sampled_from([1.0, 1.0, math.nan]),
)
wanted_values = st.one_of(
    values, values, st.tuples(*[st.one_of(st.floats(-5.0, 5.0), anything)] * 4)
)
accepts = st.builds(
    lambda stamp, wanted, now_s, clock, vehicle: (
        lambda guard: guard.accept(Command(stamp, *wanted), now_s, clock, vehicle)
    ),
    stamps_ns,
    wanted_values,
    times_s,
    st.one_of(st.none(), stamps_ns),
    st.one_of(st.none(), states),
)
others = st.one_of(
    times_s.map(lambda now_s: lambda guard: guard.check(now_s)),
    times_s.map(lambda now_s: lambda guard: guard.engage(now_s) and None),
    times_s.map(lambda now_s: lambda guard: guard.stop(now_s) and None),
    st.sampled_from(['', 'why']).map(lambda reason: lambda guard: guard.inhibit(reason)),
    st.sampled_from(['', 'who']).map(lambda reason: lambda guard: guard.override(reason)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(accepts, accepts, others), max_size=40), st.booleans())
def test_whatever_happens_outputs_are_finite_bounded_and_near_the_last_or_the_safe_one(
    calls, fenced
):
    """Clocks go back or are no numbers, stamps repeat, and services are called in between."""
    guard, left = engaged(Geofence(radius_m=20.0) if fenced else None), LIMITS.safe_command
    for call in calls:
        decision = call(guard)
        if decision is None:
            continue
        out = decision.command.values
        for value, maximum in zip(out, LIMITS.maximum, strict=True):
            assert type(value) is float and abs(value) <= maximum
        if decision.accepted:
            assert (
                largest_step_s(out, left) <= MAX_SLEW_STEP_S + 1e-9
                or largest_step_s(out, LIMITS.safe_command) <= INITIAL_SLEW_STEP_S + 1e-9
            )
        else:
            assert out in (left, LIMITS.safe_command)
        left = out
