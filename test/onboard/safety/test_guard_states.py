"""The guard's state machine, explored until nothing new is found, against its table."""

import copy
import math
import re
from pathlib import Path

import pytest

from liquid_pilot.interfaces import Command, VehicleLimits
from liquid_pilot.onboard.safety import guard as g

LIMITS = VehicleLimits(
    maximum=(2.5, 1.5, 1.0, 1.5), slew=(8.0, 8.0, 8.0, 10.0), safe_command=(0.1, 0.0, -0.2, 0.0)
)
MS = 1_000_000


class World:
    """A guard, its clock and the source of its commands."""

    def __init__(self):
        self.guard, self.now, self.tick, self.inhibited = g.Guard(LIMITS), 0.0, 0, False

    def command(self, value):
        self.tick += 1
        return self.guard.accept(Command(self.tick * 50 * MS, value, 0.0, 0.0, 0.0), self.now)

    def late(self):
        self.now += 0.6
        return self.guard.check(self.now)

    def inhibit(self, reason):
        self.inhibited = bool(reason)
        self.guard.inhibit(reason)

    @property
    def key(self):
        """All that decides what comes next; times and stamps count only by their order."""
        fresh = self.now - self.guard._last_accepted_s <= LIMITS.command_timeout_s
        return (
            self.guard.state,
            self.inhibited,
            fresh,
            self.guard._last_command_stamp_ns is None,
            self.guard.check(self.now).command.values == LIMITS.safe_command,
        )


EVENTS = {
    'engage': lambda w: w.guard.engage(w.now),
    'engage, failing': lambda w: w.guard.engage(w.now, ['camera: 3 Hz']),
    'disengage': lambda w: w.guard.disengage(w.now),
    'stop': lambda w: w.guard.stop(w.now),
    'override': lambda w: w.guard.override('the human has it'),
    'override ends': lambda w: w.guard.override(''),
    'good command': lambda w: w.command(1.0),
    'not finite': lambda w: w.command(math.nan),
    'time-out': lambda w: w.late(),
    'check': lambda w: w.guard.check(w.now),
    'inhibit': lambda w: w.inhibit('two publishers'),
    'inhibition ends': lambda w: w.inhibit(''),
}


def expected(state, event, inhibited):
    if event == 'engage, failing' or (event in ('engage', 'good command') and inhibited):
        return state
    return g.TRANSITIONS.get((state, event), state)


def explore():
    """Every (world, event, world after, what was said) that can be reached."""
    first = World()
    seen, waiting = {first.key}, [first]
    while waiting:
        before = waiting.pop()
        for event, do in EVENTS.items():
            after = copy.deepcopy(before)
            after.now += 0.01
            said = do(after)
            yield before, event, after, said
            if after.key not in seen:
                seen.add(after.key)
                waiting.append(after)


EXPLORED = list(explore())


def test_every_state_and_every_transition_of_the_table_is_reached_and_no_other():
    taken = set()
    for before, event, after, _ in EXPLORED:
        source, target = before.guard.state, after.guard.state
        # Time goes on between two events: what was engaged may have expired meanwhile.
        if (
            source == g.ENGAGED
            and event not in ('engage', 'disengage', 'stop', 'override')
            and after.now - before.guard._last_accepted_s > LIMITS.command_timeout_s
        ):
            source = g.SAFE if event != 'time-out' else source
        assert target == expected(source, event, before.inhibited), (source, event)
        if source != target:
            taken.add((source, event))
    assert taken == set(g.TRANSITIONS)
    assert {after.guard.state for _, _, after, _ in EXPLORED} == set(g.STATES)


def test_what_leaves_is_safe_wherever_it_is_not_engaged():
    for _, event, after, said in EXPLORED:
        decision = said if isinstance(said, g.Decision) else after.guard.check(after.now)
        assert all(math.isfinite(value) for value in decision.command.values)
        if decision.state != g.ENGAGED:
            assert decision.command.values == LIMITS.safe_command and decision.reason
        assert decision.accepted == (event == 'good command' and decision.state == g.ENGAGED)


def test_a_command_moves_the_output_no_farther_than_the_time_since_it_was_given_allows():
    """An output is given at once, each event comes 10 ms or more later, stamps are 50 ms apart."""
    moved_s = []
    for before, _, after, said in EXPLORED:
        if isinstance(said, g.Decision) and said.accepted:
            start = before.guard.check(before.now).command.values
            moved_s.append((said.command.forward_m_s - start[0]) / LIMITS.slew[0])
            since_s = before.guard._slew_clock._safe_since_s
            allowed_s = 0.01 if since_s is None else min(0.05, after.now - since_s)
            assert moved_s[-1] == pytest.approx(allowed_s, abs=1e-5)
    assert min(moved_s) == pytest.approx(0.01, abs=1e-5) and max(moved_s) == pytest.approx(0.05)


def test_nothing_engages_by_itself_after_a_stop_a_human_or_a_disengaging():
    for before, event, after, _ in EXPLORED:
        if before.guard.state in (g.DISENGAGED, g.STOPPED, g.OVERRIDDEN) and event != 'engage':
            assert after.guard.state not in (g.ENGAGED, g.SAFE)


def test_a_human_wins_from_every_state_at_once_and_until_he_gives_it_back():
    for before, event, after, said in EXPLORED:
        if event == 'override':
            assert after.guard.state == g.OVERRIDDEN
        elif before.guard.state == g.OVERRIDDEN:
            ended = event == 'override ends'
            assert after.guard.state == (g.DISENGAGED if ended else g.OVERRIDDEN)
            if event in ('engage', 'engage, failing', 'stop'):
                assert said[0] is False and 'the human has it' in said[1]


def test_failing_checks_and_inhibition_keep_it_from_engaging_and_are_named():
    named = set()
    for before, event, after, said in EXPLORED:
        if not event.startswith('engage') or before.guard.state in (g.ENGAGED, g.OVERRIDDEN):
            continue
        if event == 'engage, failing':
            assert said[0] is False and 'camera: 3 Hz' in said[1]
            named.add('checks')
        if before.inhibited:
            assert said[0] is False and 'two publishers' in said[1]
            named.add('inhibit')
        assert said[0] is (after.guard.state == g.ENGAGED)
    assert named == {'checks', 'inhibit'}


def test_the_table_in_the_docs_is_the_guards():
    text = (Path(__file__).resolve().parents[3] / 'docs' / 'explanation' / 'guard.md').read_text()
    rows = re.findall(r'^\| (`.+`) \| ([\w -]+) \| `(\w+)` \|$', text, re.M)
    listed = {
        (source, event): target
        for sources, event, target in rows
        for source in re.findall(r'`(\w+)`', sources)
    }
    assert listed == g.TRANSITIONS


def test_a_reason_that_a_check_and_the_inhibition_share_is_said_once():
    guard = g.Guard(LIMITS)
    guard.inhibit('the autopilot is not connected')
    engaged, message = guard.engage(0.0, ['imu: no samples/s', 'the autopilot is not connected'])
    assert not engaged
    assert message == 'not engaged: imu: no samples/s | the autopilot is not connected'
    assert guard.engage(0.0, ['the autopilot is not connected: no heartbeat'])[1] == (
        'not engaged: the autopilot is not connected: no heartbeat'
    )
    assert not guard.engage(0.0)[0], 'it is inhibited, whatever the checks say'
