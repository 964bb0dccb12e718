"""What leaves the guard changes within the slew limit, also after commands that were rejected."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import Command, VehicleLimits, VehicleState
from liquid_pilot.onboard.safety.geofence import Geofence
from liquid_pilot.onboard.safety.guard import ENGAGED, SAFE, Guard
from liquid_pilot.onboard.safety.slew_clock import INITIAL_SLEW_STEP_S, MAX_SLEW_STEP_S

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


def test_a_burst_of_delayed_commands_slews_no_more_than_one_late_command():
    """Ten commands with good stamps arrive at once, after a silence of 0.4 s."""
    guard = engaged()
    for tick in range(20):
        last = guard.accept(Command(tick * 50 * MS, 0.1, 0.0, -0.2, 0.0), 0.05 * tick).command
    now_s = 0.95 + 0.4
    for tick in range(20, 30):
        burst = guard.accept(Command(tick * 50 * MS, *FULL), now_s)
        assert burst.accepted
    assert largest_step_s(burst.command.values, last.values) == pytest.approx(MAX_SLEW_STEP_S)
    after = guard.accept(Command(1500 * MS, *FULL), now_s + 0.02).command
    assert largest_step_s(after.values, burst.command.values) == pytest.approx(0.02, abs=1e-5)


def test_commands_that_arrive_in_turn_early_and_late_lose_no_slew():
    """Their stamps are 50 ms apart, and they arrive after 0 and 30 ms, in turn."""
    guard, outputs = engaged(), []
    for tick in range(40):
        rising = 0.1 + 0.05 * tick
        arrival_s = 0.05 * tick + (0.03 if tick % 2 else 0.0)
        outputs.append(guard.accept(Command(tick * 50 * MS, rising, 0, -0.2, 0), arrival_s).command)
    assert outputs[-1].forward_m_s == pytest.approx(0.1 + 0.05 * 39)

    # At the limit itself the first early one costs 30 ms, once, and no other one does.
    guard, last, steps_s = engaged(), LIMITS.safe_command, []
    limits_full = (0.1 + 8.0 * 0.05 * 5, 0.0, -0.2, 0.0)
    for tick in range(6):
        arrival_s = 0.05 * tick + (0.0 if tick % 2 else 0.03)
        out = guard.accept(Command(tick * 50 * MS, *limits_full), arrival_s).command.values
        steps_s.append(largest_step_s(out, last))
        last = out
    assert steps_s == pytest.approx([0.05, 0.02, 0.05, 0.05, 0.05, 0.03], abs=1e-5)


@pytest.mark.parametrize('after_s', [0.0, 0.001, 0.02, 0.05, 0.2])
@pytest.mark.parametrize('how', ['time-out', 'inhibit', 'engage', 'stop', 'override'])
def test_the_first_command_slews_from_when_the_safe_one_left(how, after_s):
    guard = engaged()
    guard.accept(Command(0, *FULL), 0.0)
    now_s = 0.1
    if how == 'time-out':
        now_s = 0.501
    elif how == 'inhibit':
        guard.inhibit('two publishers')
    elif how == 'override':
        guard.override('a human')
    else:
        {'engage': guard.disengage, 'stop': guard.stop}[how](now_s)
    assert guard.check(now_s).command.values == LIMITS.safe_command
    guard.inhibit('')
    guard.override('')
    guard.engage(now_s)
    # What the watchdog says meanwhile changes nothing.
    guard.check(now_s + after_s / 2)
    first = guard.accept(Command(2000 * MS, *FULL), now_s + after_s)
    assert first.accepted
    step_s = largest_step_s(first.command.values, LIMITS.safe_command)
    assert step_s == pytest.approx(min(after_s, INITIAL_SLEW_STEP_S), abs=1e-9)


def test_engaging_again_and_again_moves_the_vehicle_no_farther():
    guard = engaged()
    guard.check(0.0)
    for k in range(1, 20):
        now_s = 0.001 * k
        first = guard.accept(Command(k * MS, *FULL), now_s).command
        assert largest_step_s(first.values, LIMITS.safe_command) <= 0.001 + 1e-9
        guard.disengage(now_s)
        guard.check(now_s)
        guard.engage(now_s)


values = st.tuples(*[st.floats(-3.0, 3.0)] * 4)
arrivals = st.lists(
    st.tuples(st.integers(0, 120), st.integers(1, 120), values), min_size=2, max_size=60
)


@settings(max_examples=300, deadline=None)
@given(arrivals)
def test_in_any_interval_the_outputs_change_by_no_more_than_the_time_at_the_guard_allows(sequence):
    """Whatever the stamps say: by the time of the interval, and MAX_SLEW_STEP_S."""
    guard, now_ms, stamp_ms, outputs = engaged(), 0, 0, []
    for arrival_ms, ahead_ms, wanted in sequence:
        now_ms, stamp_ms = now_ms + arrival_ms, stamp_ms + ahead_ms
        out = guard.accept(Command(stamp_ms * MS, *wanted), now_ms / 1e3)
        assert out.accepted
        outputs.append((now_ms / 1e3, out.command.values))
    for first, (start_s, before) in enumerate(outputs):
        for end_s, after in outputs[first + 1 :]:
            allowed_s = end_s - start_s + MAX_SLEW_STEP_S + 1e-6 * len(sequence)
            assert largest_step_s(after, before) <= allowed_s


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


@given(
    st.sampled_from([0, 50 * MS, 1_764_000_000 * 10**9]),
    st.lists(
        st.tuples(
            st.sampled_from([50 * MS, 50 * MS, 33_333_333, 16_666_667, 150 * MS, 1, 700 * MS]),
            st.tuples(*[st.floats(-3, 3)] * 4),
        ),
        max_size=60,
    ),
)
def test_in_lock_step_the_slew_follows_the_stamps_alone_to_the_last_bit(start_ns, commands):
    """There the time at the guard is that of the stamps, and its rounding changes no flight."""
    guard = engaged()
    stamp_ns, last_ns, output = start_ns, None, LIMITS.safe_command
    for gap_ns, values in [(0, LIMITS.safe_command), *commands]:
        stamp_ns += gap_ns
        step_s = INITIAL_SLEW_STEP_S
        # Without a command for the time-out, or since it was engaged at the time 0.
        expired = (stamp_ns if last_ns is None else stamp_ns - last_ns) > 500 * MS
        if expired:
            output = LIMITS.safe_command
        elif last_ns is not None:
            step_s = min((stamp_ns - last_ns) / 10**9, MAX_SLEW_STEP_S)
        output = LIMITS.limit_slew(LIMITS.clamp(values), output, step_s)
        last_ns = stamp_ns
        answer = guard.accept(Command(stamp_ns, *values), stamp_ns / 10**9)
        assert answer.command == Command(stamp_ns, *output)


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
