"""The guard: the last check before the vehicle.

It lets a command through that is finite, within the limits, in time and slew-limited, and gives the
vehicle's safe command otherwise. Nothing here reads a clock or holds a thread: every time is an
argument, so that everything can be tested, and so that lock-step simulation gives the same flight
every time. It is plain Python: the guard must not fail with a numerical library.

    disengaged --engage--> engaged <--good command / time-out, not finite, inhibit--> safe
    any --stop--> stopped --engage--> engaged           (a stop is left by engage only ...)
    any --override--> overridden --override ends--> disengaged             (... or by a human)
    engaged, safe --disengage--> disengaged

`TRANSITIONS` lists all transitions; docs/explanation/guard.md draws them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    Command,
    CommandValues,
    VehicleLimits,
    VehicleState,
)
from liquid_pilot.onboard.safety.geofence import Geofence
from liquid_pilot.onboard.safety.input_age import FUTURE_TOLERANCE_S
from liquid_pilot.onboard.safety.slew_clock import SlewClock

DISENGAGED = 'disengaged'
"""State in which nothing is sent; where the guard begins."""
ENGAGED = 'engaged'
"""State in which commands pass."""
SAFE = 'safe'
"""State in which the safe command is given until a good command arrives."""
STOPPED = 'stopped'
"""State in which the safe command is given until the guard is engaged."""
OVERRIDDEN = 'overridden'
"""State in which a human controls the vehicle and nothing is sent."""
STATES = (DISENGAGED, ENGAGED, SAFE, STOPPED, OVERRIDDEN)
"""All states of the guard."""
SILENT_STATES = (DISENGAGED, OVERRIDDEN)
"""States in which nothing is sent, as the vehicle may be under other control."""

TRANSITIONS: dict[tuple[str, str], str] = {
    (DISENGAGED, 'engage'): ENGAGED,
    (SAFE, 'engage'): ENGAGED,
    (STOPPED, 'engage'): ENGAGED,
    (ENGAGED, 'disengage'): DISENGAGED,
    (SAFE, 'disengage'): DISENGAGED,
    **{(state, 'stop'): STOPPED for state in (DISENGAGED, ENGAGED, SAFE)},
    **{(state, 'override'): OVERRIDDEN for state in (DISENGAGED, ENGAGED, SAFE, STOPPED)},
    (OVERRIDDEN, 'override ends'): DISENGAGED,
    **{(ENGAGED, event): SAFE for event in ('time-out', 'not finite', 'inhibit')},
    (SAFE, 'good command'): ENGAGED,
}
"""Next state by (state, event); any other event leaves the state unchanged. While the guard is
inhibited, `engage` is refused and no command is good; while checks fail, `engage` is refused."""

REASON_SEPARATOR = ' | '
"""Text between two reasons of a refusal to engage; a reason may itself hold a semicolon."""
_MAX_POSITION_M = 1e7
"""Bound on plausible positions and velocities in odometry, m and m/s."""
_MAX_STAMP_NS = 2**31 * NANOSECONDS_PER_SECOND
"""Bound on stamps: ROS counts seconds in an int32, so that a later stamp cannot be sent, ns."""


class Decision(NamedTuple):
    """The command for the vehicle, and why it is given."""

    command: Command
    """Command that is finite and within the limits: slew-limited, or exactly the safe command."""
    state: str
    """State of the guard, one of STATES."""
    reason: str
    """One line for the user; empty when nothing is wrong."""
    accepted: bool
    """Whether this call accepted a new command."""


class Guard:
    """The guard of one vehicle. No method raises, whatever numbers it is given.

    A decision carries the stamp of the command that it answers, for which lock-step simulation
    waits. That holds for a refused command too, unless the command is dropped (old, stale or
    repeated): then the previous output is given again, with its own stamp. The watchdog's safe
    command carries the stamp of the previous output.

    Times called `now_s` are seconds of a clock that never jumps (a steady one, or the simulated one
    in lock-step). A `now_s` that is not finite or goes back counts as a time-out.

    >>> limits = VehicleLimits(maximum=(2.5, 1.5, 1.0, 1.5), slew=(8.0, 8.0, 8.0, 10.0))
    >>> guard = Guard(limits)
    >>> guard.engage(now_s=0.0)
    (True, 'engaged')
    >>> guard.accept(Command(50_000_000, 9.0, 0.0, 0.0, 0.0), now_s=0.05).command.forward_m_s
    0.4
    >>> decision = guard.check(now_s=1.0)
    >>> decision.state, decision.reason
    ('safe', 'no good command for 0.5 s: safe command')
    """

    def __init__(self, limits: VehicleLimits, fence: Geofence | None = None) -> None:
        """Start in the state DISENGAGED.

        Args:
            limits: limits on the vehicle's commands.
            fence: geofence; None: no fence.
        """
        self.limits = limits
        fence = fence or Geofence()
        # A fence that assumes more braking than the slew limit allows would be overrun.
        self._fence = replace(fence, braking_m_s2=min(fence.braking_m_s2, *limits.slew[:3]))
        self._home: tuple[float, float, float] | None = None
        self._inhibit_reason = ''
        self._state = DISENGAGED
        self._reason = 'not engaged'
        self._output = limits.safe_command
        self._output_stamp_ns = 0
        self._accepted_stamp_ns: int | None = None
        self._last_command_stamp_ns: int | None = None
        self._last_accepted_s = 0.0
        self._slew_clock = SlewClock()

    @property
    def state(self) -> str:
        """State of the guard, one of STATES."""
        return self._state

    @property
    def reason(self) -> str:
        """Why the guard is in its state, in one line; empty while commands pass."""
        return self._reason

    @property
    def home_enu_m(self) -> tuple[float, float, float] | None:
        """Axis of the fence: the first position after engaging, ENU, m; None before it."""
        return self._home

    def engage(
        self,
        now_s: float,
        failed_checks: Sequence[str] = (),
        home_enu_m: tuple[float, float, float] | None = None,
    ) -> tuple[bool, str]:
        """Let commands through from now on; this ends a stop.

        Args:
            now_s: the time, s.
            failed_checks: the checks that do not pass, in words (`onboard.safety.preflight`).
            home_enu_m: axis of the fence, ENU, m; None: the first position after engaging.

        Returns:
            Whether the guard is engaged, and a message for the user.
        """
        now_s = _number(now_s)
        if not math.isfinite(now_s):
            return False, 'not engaged: the clock is not finite'
        if self._state == OVERRIDDEN:
            return False, f'not engaged: {self._reason}'
        if self._state == ENGAGED:
            return True, 'already engaged'
        reasons = list(dict.fromkeys(failed_checks))
        inhibited = self._inhibit_reason
        # A check may have found what inhibits already, in the same words or more.
        if inhibited and not any(reason.startswith(inhibited) for reason in reasons):
            reasons.append(inhibited)
        if reasons:
            return False, f'not engaged: {REASON_SEPARATOR.join(reasons)}'
        self._enter_state(ENGAGED, 'waiting for the first command')
        self._last_accepted_s, self._home = now_s, home_enu_m
        return True, 'engaged'

    def disengage(self, now_s: float, why: str = '') -> tuple[bool, str]:
        """Let no command through from now on. A stop remains a stop.

        Args:
            now_s: the time, s.
            why: why commands end, in words; empty: a user has asked for it.

        Returns:
            True, and a message for the user.
        """
        if self._state == STOPPED:
            return True, 'stopped already; engage to go on'
        if self._state == OVERRIDDEN:
            return True, f'disengaged already: {self._reason}'
        self._enter_state(DISENGAGED, f'not engaged: {why}' if why else 'not engaged')
        return True, 'disengaged'

    def stop(self, now_s: float) -> tuple[bool, str]:
        """Give the safe command until engaged again.

        Args:
            now_s: the time, s; a stop is possible at any time.

        Returns:
            Whether the guard is stopped, and a message for the user. It is not stopped while a
            human controls the vehicle: nothing is sent then anyway.
        """
        if self._state == OVERRIDDEN:
            return False, f'nothing to stop: {self._reason}'
        self._enter_state(STOPPED, 'stopped; engage to go on')
        return True, 'stopped: the safe command holds until engaged again'

    def override(self, reason: str) -> None:
        """Begin or end control by a human. The guard is silent at once and until it ends.

        Args:
            reason: who controls the vehicle, in words; empty when the control ends. The guard is
                then disengaged, so that nothing flies on by itself.
        """
        if reason:
            self._enter_state(OVERRIDDEN, reason)
        elif self._state == OVERRIDDEN:
            self._enter_state(DISENGAGED, 'not engaged: a human had the vehicle')

    def inhibit(self, reason: str) -> None:
        """Reject all commands from now on, or accept them again.

        This is for what only the caller knows, such as two publishers of commands.

        Args:
            reason: why commands cannot be trusted, in words; empty when they can be again.
        """
        self._inhibit_reason = reason
        if reason and self._state == ENGAGED:
            self._enter_state(SAFE, f'{reason}: safe command')

    def check(self, now_s: float) -> Decision:
        """Decide without a command: this is the watchdog.

        The previous output is held until the last accepted command, or the engaging, is more than
        `command_timeout_s` ago; then the safe command is given. It is not slew-limited: it is safe
        in any state, and nothing is known that could justify a ramp.

        Args:
            now_s: the time, s.
        """
        now_s = _number(now_s)
        self._expire(now_s)
        return self._decision(self._reason, now_s)

    def accept(
        self,
        command: Command,
        now_s: float,
        clock_ns: int | None = None,
        vehicle: VehicleState | None = None,
    ) -> Decision:
        """Decide on a command that has arrived.

        A command is dropped when its stamp is older than that of the last accepted one (unless a
        time-out came between) or equal to it. Dropped commands do not feed the watchdog. Values
        that are not finite give the safe command at once.

        Args:
            command: the command, in the heading frame.
            now_s: the time, s.
            clock_ns: the clock that the stamp was taken from, ns. A command that is older than
                `command_timeout_s`, or more than FUTURE_TOLERANCE_S ahead, is dropped. None: the
                age is not checked.
            vehicle: the newest odometry, which a fence needs, and whose stamp must be as young;
                None when there is none, or it is too old.
        """
        now_s = _number(now_s)
        self._expire(now_s)
        if self._state not in (ENGAGED, SAFE):
            return self._decision(self._reason, now_s)
        stamp_ns = _integer(command[0])
        if stamp_ns is None or not 0 <= stamp_ns < _MAX_STAMP_NS:
            return self._decision('command dropped: its stamp is not a time', now_s)
        values = tuple(_number(value) for value in command[1:])
        if len(values) != 4 or not all(map(math.isfinite, values)):
            return self._reject(stamp_ns, now_s, 'command is not finite: safe command')
        if not math.isfinite(now_s):
            return self._reject(stamp_ns, now_s, 'the clock is not finite: safe command')
        if clock_ns is not None:
            stale = self._stale(stamp_ns, clock_ns)
            if stale:
                return self._decision(f'command dropped: {stale}', now_s)
        if stamp_ns == self._accepted_stamp_ns:
            return self._decision('command dropped: its stamp was answered already', now_s)
        if self._last_command_stamp_ns is not None and stamp_ns < self._last_command_stamp_ns:
            return self._decision('command dropped: its stamp is older than the last one', now_s)
        if self._inhibit_reason:
            return self._reject(stamp_ns, now_s, f'{self._inhibit_reason}: safe command')
        # Before the fence: where a command leads depends on what the vehicle can fly.
        clamped = self.limits.clamp(values)
        slowed = ''
        if self._fence:
            if vehicle is None or not _is_usable(vehicle):
                return self._reject(stamp_ns, now_s, 'geofence: no usable odometry: safe command')
            stale = '' if clock_ns is None else self._stale(vehicle.stamp_ns, clock_ns)
            if stale:
                return self._reject(stamp_ns, now_s, f'geofence: odometry: {stale}: safe command')
            if self._home is None:
                east, north, up = map(float, vehicle.position_enu_m)
                self._home = east, north, up
            clamped, slowed = self._fence.limit(clamped, vehicle, self._home)
        return self._pass(stamp_ns, clamped, now_s, slowed)

    def _pass(self, stamp_ns: int, values: CommandValues, now_s: float, slowed: str) -> Decision:
        """Apply the slew limit to clamped values, and accept them."""
        step_s = self._slew_clock.step_s(stamp_ns, self._last_command_stamp_ns, now_s)
        self._output = self.limits.limit_slew(values, self._output, step_s)
        self._slew_clock.pass_on(step_s, now_s)
        self._state, self._reason = ENGAGED, ''
        self._output_stamp_ns = self._accepted_stamp_ns = self._last_command_stamp_ns = stamp_ns
        self._last_accepted_s = now_s
        return self._decision(slowed, now_s, accepted=True)

    def _reject(self, stamp_ns: int, now_s: float, reason: str) -> Decision:
        """Answer a harmful command with the safe one, without feeding the watchdog."""
        self._slew_clock.reject(stamp_ns, now_s)
        self._state, self._reason = SAFE, reason
        self._output = self.limits.safe_command
        self._output_stamp_ns = stamp_ns
        return self._decision(reason, now_s)

    def _stale(self, stamp_ns: int, clock_ns: int) -> str:
        """Return why a stamp is not of the present, or an empty string."""
        stamp, clock = _integer(stamp_ns), _integer(clock_ns)
        if stamp is None or clock is None:
            return 'its stamp is not a time' if stamp is None else 'the clock is not a time'
        # Compared as integers: a corrupt clock may not fit a float.
        age_ns = clock - stamp
        if age_ns > int(self.limits.command_timeout_s * NANOSECONDS_PER_SECOND):
            return f'it is older than {self.limits.command_timeout_s:g} s'
        if age_ns < -int(FUTURE_TOLERANCE_S * NANOSECONDS_PER_SECOND):
            return f'its stamp is over {FUTURE_TOLERANCE_S:g} s in the future'
        return ''

    def _expire(self, now_s: float) -> None:
        """Enter SAFE when no command was accepted for too long."""
        if self._state not in (ENGAGED, SAFE):
            return
        # Written so that NaN and a clock that went back count as expired.
        if 0.0 <= now_s - self._last_accepted_s <= self.limits.command_timeout_s:
            return
        # While it is inhibited, that is why no command is good.
        why = self._inhibit_reason or f'no good command for {self.limits.command_timeout_s:g} s'
        self._enter_state(SAFE, f'{why}: safe command')

    def _enter_state(self, state: str, reason: str) -> None:
        """Enter a state whose output is the safe command, and forget the last stamp."""
        self._state, self._reason = state, reason
        self._output = self.limits.safe_command
        self._last_command_stamp_ns = None
        self._slew_clock.enter_safe()

    def _decision(self, reason: str, now_s: float, accepted: bool = False) -> Decision:
        self._slew_clock.give(now_s)
        return Decision(
            Command(self._output_stamp_ns, *self._output), self._state, reason, accepted
        )


def _is_usable(vehicle: VehicleState) -> bool:
    """Return whether position, velocity and attitude are finite and plausible."""
    values = [
        _number(value)
        for value in (*vehicle.orientation_wxyz, *vehicle.position_enu_m, *vehicle.velocity_flu_m_s)
    ]
    # Written so that NaN is not usable.
    return (
        all(abs(value) < _MAX_POSITION_M for value in values)
        and 0.5 < math.hypot(*values[:4]) < 2.0
    )


def _number(value: float) -> float:
    """Return the value as a float; NaN for anything else, such as an integer that is too large."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _integer(value: int) -> int | None:
    """Return the value as a Python integer; None unless it is an integer (numpy's included)."""
    try:
        return operator.index(value)
    except TypeError:
        return None
