"""The guard: each rule by example, and all of them against random hostile sequences."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import Command, VehicleLimits
from liquid_pilot.onboard.safety.guard import (
    DISENGAGED,
    ENGAGED,
    OVERRIDDEN,
    SAFE,
    STATES,
    STOPPED,
    Guard,
)
from liquid_pilot.onboard.safety.slew_clock import INITIAL_SLEW_STEP_S, MAX_SLEW_STEP_S

LIMITS = VehicleLimits(
    maximum=(2.5, 1.5, 1.0, 1.5),
    slew=(8.0, 8.0, 8.0, 10.0),
    safe_command=(0.1, 0.0, -0.2, 0.0),
)
MS = 1_000_000


def engaged(now_s=0.0, limits=LIMITS):
    guard = Guard(limits)
    assert guard.engage(now_s)[0]
    return guard


def test_nothing_passes_before_engaging():
    guard = Guard(LIMITS)
    decision = guard.accept(Command(5, 1.0, 0.0, 0.0, 0.0), 0.0)
    assert decision.command.values == LIMITS.safe_command
    assert (decision.state, decision.accepted) == (DISENGAGED, False)
    assert decision.reason == 'not engaged'


@pytest.mark.parametrize('command', [(5, 1.0, 0.0, 0.0), (5, 1.0, 0.0, 0.0, 0.0, 0.0)])
def test_a_command_of_another_length_is_refused(command):
    decision = engaged().accept(command, 0.0)
    assert decision.command.values == LIMITS.safe_command
    assert (decision.state, decision.accepted) == (SAFE, False)


def test_a_command_within_the_limits_arrives_by_slewing():
    guard = engaged()
    wanted = (1.0, -0.5, 0.25, 0.75)
    last = LIMITS.safe_command
    for tick in range(20):
        decision = guard.accept(Command(tick * 50 * MS, *wanted), tick * 0.05)
        assert (decision.state, decision.reason, decision.accepted) == (ENGAGED, '', True)
        assert decision.command.stamp_ns == tick * 50 * MS
        for value, before, slew in zip(decision.command.values, last, LIMITS.slew, strict=True):
            assert abs(value - before) <= slew * 0.05 + 1e-12
        last = decision.command.values
    assert last == wanted


def test_the_first_command_slews_from_the_safe_command():
    decision = engaged().accept(Command(10**12, 2.0, 0.0, -0.2, 0.0), 0.0)
    assert decision.command.forward_m_s == pytest.approx(0.1 + 8.0 * INITIAL_SLEW_STEP_S)
    assert decision.command.up_m_s == -0.2


def test_a_long_gap_allows_no_long_step():
    guard = engaged()
    first = guard.accept(Command(0, 0.1, 0.0, 0.0, 0.0), 0.0).command
    later = guard.accept(Command(400 * MS, 2.5, 0.0, 0.0, 0.0), 0.4).command
    assert later.forward_m_s == pytest.approx(first.forward_m_s + 8.0 * MAX_SLEW_STEP_S)


def test_the_slew_counts_the_time_between_two_stamps():
    guard, stamp = engaged(), 10**18
    first = guard.accept(Command(stamp, 0.1, 0.0, 0.0, 0.0), 0.0).command
    later = guard.accept(Command(stamp + 20 * MS, 2.5, 0.0, 0.0, 0.0), 0.02).command
    assert later.forward_m_s - first.forward_m_s == pytest.approx(8.0 * 0.02)


def test_values_are_bounded():
    guard = engaged()
    for tick in range(60):
        decision = guard.accept(Command(tick * 50 * MS, 1e300, -1e300, 9.0, -9.0), tick * 0.05)
    assert decision.command.values == (2.5, -1.5, 1.0, -1.5)


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf, 10**400, None, 'a', np.nan])
@pytest.mark.parametrize('place', range(4))
def test_a_value_that_is_not_finite_gives_the_safe_command_with_its_stamp(bad, place):
    guard = engaged()
    guard.accept(Command(0, 2.0, 0.0, 0.0, 0.0), 0.0)
    values = [0.5, 0.5, 0.5, 0.5]
    values[place] = bad
    decision = guard.accept(Command(50 * MS, *values), 0.05)
    assert decision.command == Command(50 * MS, *LIMITS.safe_command)
    assert (decision.state, decision.accepted) == (SAFE, False)
    assert 'not finite' in decision.reason
    # The watchdog keeps it, a good command ends it by slewing from the safe command.
    assert guard.check(0.06).command.values == LIMITS.safe_command
    after = guard.accept(Command(100 * MS, 2.0, 0.0, 0.0, 0.0), 0.1)
    assert (after.state, after.accepted) == (ENGAGED, True)
    assert after.command.forward_m_s == pytest.approx(0.1 + 8.0 * 0.05)


def test_the_watchdog_holds_then_gives_the_safe_command():
    guard = engaged()
    sent = guard.accept(Command(7, 0.3, 0.0, 0.0, 0.0), 1.0 - 0.9).command
    held = guard.check(0.6)
    assert (held.command, held.state, held.accepted) == (sent, ENGAGED, False)
    late = guard.check(0.601)
    assert late.command == Command(7, *LIMITS.safe_command)
    assert late.state == SAFE
    assert '0.5 s' in late.reason


def test_the_reason_of_an_inhibition_outlives_the_time_out():
    guard = engaged()
    guard.inhibit('two publishers')
    assert guard.check(0.1).reason == 'two publishers: safe command'
    assert guard.check(0.7).reason == 'two publishers: safe command'
    guard.inhibit('')
    assert guard.check(0.8).reason == 'no good command for 0.5 s: safe command'


def test_engaging_without_any_command_times_out_too():
    guard = engaged(10.0)
    assert guard.check(10.5).state == ENGAGED
    assert guard.check(10.5).command.values == LIMITS.safe_command
    assert guard.check(10.51).state == SAFE


def test_commands_that_are_dropped_do_not_feed_the_watchdog():
    guard = engaged()
    guard.accept(Command(100 * MS, 0.3, 0.0, 0.0, 0.0), 0.0)
    for tick in range(1, 11):
        decision = guard.accept(Command(100 * MS, 0.3, 0.0, 0.0, 0.0), tick * 0.05)
        assert not decision.accepted
    assert guard.check(0.51).state == SAFE


def test_an_older_stamp_is_dropped_and_the_held_command_stays():
    guard = engaged()
    held = guard.accept(Command(100 * MS, 0.3, 0.0, 0.0, 0.0), 0.0).command
    decision = guard.accept(Command(50 * MS, -2.0, 0.0, 0.0, 0.0), 0.01)
    assert (decision.command, decision.state, decision.accepted) == (held, ENGAGED, False)
    assert 'older' in decision.reason


def test_a_time_out_forgets_the_last_stamp():
    guard = engaged()
    guard.accept(Command(10**15, 2.0, 0.0, 0.0, 0.0), 0.0)
    assert not guard.accept(Command(0, 2.0, 0.0, 0.0, 0.0), 0.3).accepted
    decision = guard.accept(Command(50 * MS, 2.0, 0.0, 0.0, 0.0), 0.6)
    assert (decision.state, decision.accepted) == (ENGAGED, True)
    assert decision.command.forward_m_s == pytest.approx(0.1 + 8.0 * INITIAL_SLEW_STEP_S)


def test_a_repeated_stamp_answers_the_same_again():
    """Lock-step: a message sent again after a loss gets the same answer, with the same stamp."""
    guard = engaged()
    first = guard.accept(Command(50 * MS, 2.0, 0.0, 0.0, 0.0), 0.0)
    again = guard.accept(Command(50 * MS, -2.0, 0.0, 0.0, 0.0), 0.01)
    assert again.command == first.command
    assert 'answered already' in again.reason


def test_a_stuck_pilot_is_not_flown_on_after_the_time_out():
    """A command that is repeated is one command, also after the last stamp is forgotten."""
    guard = engaged()
    guard.accept(Command(50 * MS, 2.0, 0.0, 0.0, 0.0), 0.0)
    for tick in range(11, 60):
        decision = guard.accept(Command(50 * MS, 2.0, 0.0, 0.0, 0.0), tick * 0.05)
        assert decision.command.values == LIMITS.safe_command


def test_a_late_copy_of_the_last_mission_does_not_enter_the_next():
    guard = engaged()
    guard.accept(Command(50 * MS, 2.0, 0.0, 0.0, 0.0), 0.0)
    guard.disengage(0.05)
    assert guard.check(0.05).command.values == LIMITS.safe_command
    guard.engage(0.06)
    late = guard.accept(Command(50 * MS, 2.0, 0.0, 0.0, 0.0), 0.07)
    assert late.command.values == LIMITS.safe_command
    first = guard.accept(Command(100 * MS, 2.0, 0.0, 0.0, 0.0), 0.1)
    assert first.command.forward_m_s == pytest.approx(0.1 + 8.0 * INITIAL_SLEW_STEP_S)


@pytest.mark.parametrize(
    ('age_ms', 'fresh', 'word'),
    [
        (0, True, ''),
        (500, True, ''),
        (501, False, 'older'),
        (-100, True, ''),
        (-101, False, 'future'),
    ],
)
def test_age_is_checked_when_the_clock_is_given(age_ms, fresh, word):
    guard = engaged()
    stamp_ns = 10**18
    decision = guard.accept(
        Command(stamp_ns, 0.3, 0.0, 0.0, 0.0), 0.0, clock_ns=stamp_ns + age_ms * MS
    )
    assert decision.accepted is fresh
    assert word in decision.reason
    assert bool(decision.reason) is bool(word)


@pytest.mark.parametrize('stamp', [-1, 2**31 * 10**9, 10**400, 1.5, math.nan, None, 'x'])
def test_a_stamp_that_is_not_a_time_is_dropped(stamp):
    guard = engaged()
    held = guard.accept(Command(3, 0.3, 0.0, 0.0, 0.0), 0.0).command
    decision = guard.accept(Command(stamp, 0.4, 0.0, 0.0, 0.0), 0.0)
    assert decision.command == held
    assert 'not a time' in decision.reason


def test_before_the_first_command_the_safe_one_has_no_time():
    assert Guard(LIMITS).check(0.0).command == Command(0, *LIMITS.safe_command)


@pytest.mark.parametrize('stamp', [0, 1_764_000_000 * 10**9, (2**31 - 1) * 10**9])
def test_every_time_that_a_message_can_carry_is_one(stamp):
    assert engaged().accept(Command(stamp, 0.3, 0.0, 0.0, 0.0), 0.0).accepted


def test_numpy_scalars_come_out_as_plain_numbers():
    guard = engaged()
    values = (np.float32(0.3), np.float64(0.1), np.int64(0), 0)
    command = guard.accept(Command(np.int64(5), *values), np.float64(0.0), np.int64(5)).command
    assert type(command.stamp_ns) is int
    assert all(type(value) is float for value in command.values)


def test_stop_is_immediate_and_latched_until_engaged_again():
    guard = engaged()
    guard.accept(Command(0, 2.0, 0.0, 0.0, 0.0), 0.0)
    assert guard.stop(0.01)[0]
    assert guard.check(0.01).command.values == LIMITS.safe_command
    decision = guard.accept(Command(50 * MS, 2.0, 0.0, 0.0, 0.0), 0.05)
    assert (decision.state, decision.accepted) == (STOPPED, False)
    assert decision.command.values == LIMITS.safe_command
    guard.disengage(0.1)
    assert guard.state == STOPPED
    assert guard.engage(0.2) == (True, 'engaged')
    assert guard.accept(Command(250 * MS, 2.0, 0.0, 0.0, 0.0), 0.25).accepted


def test_engaging_twice_changes_nothing():
    guard = engaged()
    held = guard.accept(Command(0, 2.0, 0.0, 0.0, 0.0), 0.0).command
    assert guard.engage(0.1) == (True, 'already engaged')
    assert guard.check(0.1).command == held


@pytest.mark.parametrize('now', [math.nan, math.inf, -math.inf, 10**400])
def test_a_clock_that_is_not_finite_is_a_time_out(now):
    guard = Guard(LIMITS)
    assert not guard.engage(now)[0]
    guard.engage(0.0)
    guard.accept(Command(0, 2.0, 0.0, 0.0, 0.0), 0.0)
    assert guard.check(now).state == SAFE
    decision = guard.accept(Command(50 * MS, 2.0, 0.0, 0.0, 0.0), now)
    assert (decision.state, decision.accepted) == (SAFE, False)


def test_a_clock_that_goes_back_is_a_time_out_and_recovers():
    guard = engaged(100.0)
    guard.accept(Command(0, 2.0, 0.0, 0.0, 0.0), 100.0)
    assert guard.check(99.0).state == SAFE
    assert guard.accept(Command(50 * MS, 2.0, 0.0, 0.0, 0.0), 99.05).accepted


numbers = st.one_of(
    st.floats(-5.0, 5.0),
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-3, 3),
    st.sampled_from([10**400, -(10**400), 1e308, -1e308, 5e-324]),
)
elapsed = st.one_of(
    st.sampled_from([0.0, 0.01, 0.05, 0.05, 0.05, 0.5, 0.500001, 2.0, -1.0]),
    st.floats(allow_nan=True, allow_infinity=True),
)
stamps = st.one_of(
    st.integers(0, 60).map(lambda tick: tick * 50 * MS),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=True, allow_infinity=True),
)
clocks = st.one_of(
    st.none(), st.integers(0, 60).map(lambda tick: tick * 50 * MS), st.integers(-(10**400), 10**400)
)
events = st.one_of(
    st.tuples(st.just('accept'), elapsed, stamps, st.tuples(*[numbers] * 4), clocks),
    st.tuples(st.just('accept'), elapsed, stamps, st.tuples(*[st.floats(-3, 3)] * 4), st.none()),
    st.tuples(st.just('check'), elapsed),
    st.tuples(st.sampled_from(['engage', 'engage', 'disengage', 'stop']), elapsed),
    st.tuples(st.sampled_from(['override', 'inhibit']), st.sampled_from(['why', '', ''])),
)


@settings(max_examples=250, deadline=None)
@given(st.lists(events, max_size=40))
def test_no_sequence_of_events_gets_past_the_guard(sequence):
    guard = Guard(LIMITS)
    assert guard.engage(0.0)[0]
    now, last_good = 0.0, 0.0
    last, last_fresh_stamp, may_fly = LIMITS.safe_command, None, True
    human = inhibited = False
    for kind, delta, *rest in sequence:
        if kind == 'override':
            guard.override(delta)
            human = bool(delta)
            may_fly = may_fly and not human
            assert human is (guard.state == OVERRIDDEN)
            last = guard.check(now).command.values
            assert may_fly or last == LIMITS.safe_command
            continue
        if kind == 'inhibit':
            guard.inhibit(delta)
            inhibited = bool(delta)
            last = guard.check(now).command.values
            assert not inhibited or last == LIMITS.safe_command
            continue
        # A hostile clock is read once; the true one goes on.
        time = now + delta
        if math.isfinite(time) and delta >= 0.0 and time < 1e6:
            now = time
        if kind == 'engage':
            was = guard.state
            done, message = guard.engage(time)
            refused = human or (inhibited and was != ENGAGED)
            assert done is (math.isfinite(time) and not refused) and message
            if done and was != ENGAGED:
                last, last_good, may_fly = LIMITS.safe_command, time, True
            continue
        if kind in ('disengage', 'stop'):
            assert getattr(guard, kind)(time)[0] is not (human and kind == 'stop')
            last, may_fly = LIMITS.safe_command, False
            continue
        if kind == 'check':
            command, decision = None, guard.check(time)
        else:
            stamp, values, clock = rest
            command = Command(stamp, *values)
            decision = guard.accept(command, time, clock)

        out = decision.command
        assert type(out.stamp_ns) is int and 0 <= out.stamp_ns < 2**31 * 10**9
        assert all(type(value) is float and math.isfinite(value) for value in out.values)
        assert all(abs(v) <= m for v, m in zip(out.values, LIMITS.maximum, strict=True))
        assert decision.state in STATES
        if decision.accepted:
            assert may_fly and decision.state == ENGAGED and math.isfinite(time)
            assert not human and not inhibited
            assert all(math.isfinite(value) for value in command.values)
            assert out.stamp_ns == command.stamp_ns != last_fresh_stamp
            if rest[2] is not None:
                assert -0.1 <= (rest[2] - command.stamp_ns) / 1e9 <= 0.5
            # From the command before or, after a time-out, from the safe command.
            expired = not 0.0 <= time - last_good <= LIMITS.command_timeout_s
            start = LIMITS.safe_command if expired else last
            for value, before, slew in zip(out.values, start, LIMITS.slew, strict=True):
                assert abs(value - before) <= slew * MAX_SLEW_STEP_S + 1e-9
            last_good, last_fresh_stamp = time, out.stamp_ns
        else:
            assert out.values in (last, LIMITS.safe_command)
            if not may_fly or not 0.0 <= time - last_good <= LIMITS.command_timeout_s:
                assert out.values == LIMITS.safe_command
        if decision.state != ENGAGED:
            assert out.values == LIMITS.safe_command
            assert decision.reason
        last = out.values


def test_guard_and_adapters_need_no_numerical_library():
    """The last word must not fall with a compiler cache or a network runtime."""
    code = (
        'import sys, liquid_pilot.onboard.safety.guard\n'
        'import liquid_pilot.onboard.setpoints.registry as v\n'
        'v.make_adapter("attitude_thrust")\n'
        'print(sorted({"numba", "onnxruntime", "cv2", "torch", "mujoco", "rclpy"} '
        '& set(sys.modules)))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, timeout=180, check=True
    )
    assert done.stdout.strip() == '[]'
