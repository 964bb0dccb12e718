"""The last word before the vehicle: a command that is finite, bounded, fresh and slew-limited.

Or else the vehicle's safe command. Nothing here reads a clock or holds a thread: every time is an
argument, so that all of it can be tested, and so that lock-step simulation gives the same flight
every time. Plain Python: the guard must not fall with a numerical library.

    disengaged --engage--> engaged <--good command / time-out, not finite, distrust--> safe
    any --stop--> stopped --engage--> engaged           (a stop is left by engage only ...)
    any --override--> overridden --override ends--> disengaged             (... or by a human)
    engaged, safe --disengage--> disengaged

`TRANSITIONS` has all of them; docs/guard.md draws it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, Command, VehicleLimits, VehicleState
from liquid_pilot.onboard.safety.geofence import Geofence

DISENGAGED = 'disengaged'
ENGAGED = 'engaged'
SAFE = 'safe'
STOPPED = 'stopped'
OVERRIDDEN = 'overridden'
STATES = (DISENGAGED, ENGAGED, SAFE, STOPPED, OVERRIDDEN)
SILENT_STATES = (DISENGAGED, OVERRIDDEN)
"""States in which nothing is sent: somebody else may have the vehicle."""

TRANSITIONS: dict[tuple[str, str], str] = {
    (DISENGAGED, 'engage'): ENGAGED,
    (SAFE, 'engage'): ENGAGED,
    (STOPPED, 'engage'): ENGAGED,
    (ENGAGED, 'disengage'): DISENGAGED,
    (SAFE, 'disengage'): DISENGAGED,
    **{(state, 'stop'): STOPPED for state in (DISENGAGED, ENGAGED, SAFE)},
    **{(state, 'override'): OVERRIDDEN for state in (DISENGAGED, ENGAGED, SAFE, STOPPED)},
    (OVERRIDDEN, 'override ends'): DISENGAGED,
    **{(ENGAGED, event): SAFE for event in ('time-out', 'not finite', 'distrust')},
    (SAFE, 'good command'): ENGAGED,
}
"""(state, event) to the next state; what is not here leaves the state as it is. While distrust
lasts, and while checks fail, `engage` is refused, and no command is good."""

INITIAL_SLEW_STEP_S = 0.05
"""Elapsed time that the slew limit reckons with for a command that has no predecessor."""
MAX_SLEW_STEP_S = 0.1
"""No gap between two stamps allows a larger change than this one."""
FUTURE_TOLERANCE_S = 0.1
"""How far a stamp may lie ahead of the clock (clocks of two machines differ a little)."""
_MAX_POSITION_M = 1e7
"""No position is farther from where its frame begins."""
_MAX_STAMP_NS = 2**31 * NANOSECONDS_PER_SECOND
"""A ROS stamp counts seconds in an int32: anything outside cannot be sent on."""


class Decision(NamedTuple):
    """What goes to the vehicle now, and why."""

    command: Command
    """Finite and within the limits; slew-limited, or exactly the safe command."""
    state: str
    """One of STATES."""
    reason: str
    """One line for the user; empty when all is well."""
    fresh: bool
    """True only when this call accepted a new command."""


class Guard:
    """One vehicle's guard. No method raises, whatever numbers it is given.

    Stamps: a decision carries the stamp of the command that it answers (lock-step waits for it),
    a refused one too, unless it was dropped (old, stale or repeated: then the held command leaves
    again, with its own stamp). The watchdog's safe command carries the last stamp that left.
    Times called `now_s` are seconds of a clock that never jumps (steady; simulated in lock-step).
    A `now_s` that is not finite or goes back counts as a time-out.
    """

    def __init__(self, limits: VehicleLimits, fence: Geofence | None = None) -> None:
        self.limits = limits
        fence = fence or Geofence()
        # A fence that reckons with more braking than the slew limit allows would be overrun.
        self._fence = replace(fence, braking_m_s2=min(fence.braking_m_s2, *limits.slew[:3]))
        self._home: tuple[float, float, float] | None = None
        self._inhibit_reason = ''
        self._state = DISENGAGED
        self._reason = 'not engaged'
        self._output = limits.safe_command
        self._output_stamp_ns = 0
        self._accepted_stamp_ns: int | None = None
        self._last_command_stamp_ns: int | None = None
        self._since_s = 0.0

    @property
    def state(self) -> str:
        """One of STATES."""
        return self._state

    @property
    def home_enu_m(self) -> tuple[float, float, float] | None:
        """What the fence stands about: the first position after engaging."""
        return self._home

    def engage(self, now_s: float, failing: Sequence[str] = ()) -> tuple[bool, str]:
        """Let commands through from now on; leaves a stop. Returns (done, message).

        `failing` are the checks that do not pass (`onboard.safety.preflight`), in words.
        """
        now_s = _number(now_s)
        if not math.isfinite(now_s):
            return False, 'not engaged: the clock is not finite'
        if self._state == OVERRIDDEN:
            return False, f'not engaged: {self._reason}'
        if self._state == ENGAGED:
            return True, 'already engaged'
        failing = [*failing, *([self._inhibit_reason] if self._inhibit_reason else [])]
        if failing:
            return False, f'not engaged: {"; ".join(failing)}'
        self._enter_state(ENGAGED, 'waiting for the first command')
        self._since_s, self._home = now_s, None
        return True, 'engaged'

    def disengage(self, now_s: float) -> tuple[bool, str]:
        """Let no command through any more; a stop stays a stop. Returns (done, message)."""
        if self._state == STOPPED:
            return True, 'stopped already; engage to fly again'
        if self._state == OVERRIDDEN:
            return True, f'disengaged already: {self._reason}'
        self._enter_state(DISENGAGED, 'not engaged')
        return True, 'disengaged'

    def stop(self, now_s: float) -> tuple[bool, str]:
        """Give the safe command until engaged again. Returns (done, message).

        Always done, whatever the time, but for a human who has the vehicle: then nothing is sent.
        """
        if self._state == OVERRIDDEN:
            return False, f'nothing to stop: {self._reason}'
        self._enter_state(STOPPED, 'stopped; engage to fly again')
        return True, 'stopped: the safe command holds until engaged again'

    def override(self, reason: str) -> None:
        """A human has the vehicle, or has given it back (empty): who, in words, for the user.

        Silent at once and for as long as it lasts. Nothing flies again by itself afterwards.
        """
        if reason:
            self._enter_state(OVERRIDDEN, reason)
        elif self._state == OVERRIDDEN:
            self._enter_state(DISENGAGED, 'not engaged: a human had the vehicle')

    def distrust(self, reason: str) -> None:
        """Why no command can be trusted from now on, in words; empty: they can again.

        For what only the surroundings know, such as two publishers of commands.
        """
        self._inhibit_reason = reason
        if reason and self._state == ENGAGED:
            self._enter_state(SAFE, f'{reason}: safe command')

    def check(self, now_s: float) -> Decision:
        """Decide without a command (the watchdog): holds what left last, or the safe command.

        The safe command comes once the last accepted command (or the engaging) is more than
        `command_timeout_s` ago. It is immediate, not slewed: it is what the vehicle does safely
        from any state, and nothing is known that could justify a ramp.
        """
        self._expire(_number(now_s))
        return self._decision(self._reason)

    def accept(
        self,
        command: Command,
        now_s: float,
        clock_ns: int | None = None,
        vehicle: VehicleState | None = None,
    ) -> Decision:
        """Decide on an arriving command.

        `vehicle` is the newest odometry, which a fence needs; None when there is none, or none
        that is fresh.

        `clock_ns` is the clock that the stamp was taken from; with it, a command older than
        `command_timeout_s`, or more than 0.1 s in the future, is dropped. None: no age check.
        A stamp before the last accepted one is dropped too, until a time-out starts time anew; a
        stamp equal to it is never accepted twice. Dropped commands do not feed the watchdog.
        Values that are not finite give the safe command at once.
        """
        now_s = _number(now_s)
        self._expire(now_s)
        if self._state not in (ENGAGED, SAFE):
            return self._decision(self._reason)
        stamp_ns = _integer(command[0])
        if stamp_ns is None or not 0 <= stamp_ns < _MAX_STAMP_NS:
            return self._decision('command dropped: its stamp is not a time')
        values = tuple(_number(value) for value in command[1:])
        if len(values) != 4 or not all(map(math.isfinite, values)):
            return self._refuse(stamp_ns, 'command is not finite: safe command')
        if not math.isfinite(now_s):
            return self._refuse(stamp_ns, 'the clock is not finite: safe command')
        if clock_ns is not None:
            stale = self._stale(stamp_ns, clock_ns)
            if stale:
                return self._decision(stale)
        if stamp_ns == self._accepted_stamp_ns:
            return self._decision('command dropped: its stamp was answered already')
        if self._last_command_stamp_ns is not None and stamp_ns < self._last_command_stamp_ns:
            return self._decision('command dropped: its stamp is older than the last one')
        if self._inhibit_reason:
            return self._refuse(stamp_ns, f'{self._inhibit_reason}: safe command')
        # Before the fence: a command that no vehicle could fly says nothing about where it leads.
        values = self.limits.bounded(values)
        slowed = ''
        if self._fence:
            if not _is_usable(vehicle):
                return self._refuse(stamp_ns, 'fence: no usable odometry: safe command')
            if self._home is None:
                self._home = tuple(map(float, vehicle.position_enu_m))
            values, slowed = self._fence.contain(values, vehicle, self._home)
        return self._pass(stamp_ns, values, now_s, slowed)

    def _pass(
        self, stamp_ns: int, values: tuple[float, ...], now_s: float, slowed: str
    ) -> Decision:
        """Slew-limit what is bounded, and let it through."""
        step_s = INITIAL_SLEW_STEP_S
        if self._last_command_stamp_ns is not None:
            step_s = (stamp_ns - self._last_command_stamp_ns) / NANOSECONDS_PER_SECOND
            step_s = min(step_s, MAX_SLEW_STEP_S)
        self._output = self.limits.slewed(values, self._output, step_s)
        self._state, self._reason = ENGAGED, ''
        self._output_stamp_ns = self._accepted_stamp_ns = self._last_command_stamp_ns = stamp_ns
        self._since_s = now_s
        return self._decision(slowed, fresh=True)

    def _refuse(self, stamp_ns: int, reason: str) -> Decision:
        """Answer a harmful command with the safe one; time goes on, so that it may recover."""
        self._state, self._reason = SAFE, reason
        self._output = self.limits.safe_command
        self._output_stamp_ns = stamp_ns
        return self._decision(reason)

    def _stale(self, stamp_ns: int, clock_ns: int) -> str:
        """Why the stamp cannot be trusted now; empty when it can."""
        clock = _integer(clock_ns)
        if clock is None:
            return 'command dropped: the clock is not a time'
        # Compared as integers: a hostile clock may not fit a float.
        age_ns = clock - stamp_ns
        if age_ns > int(self.limits.command_timeout_s * NANOSECONDS_PER_SECOND):
            return f'command dropped: it is older than {self.limits.command_timeout_s:g} s'
        if age_ns < -int(FUTURE_TOLERANCE_S * NANOSECONDS_PER_SECOND):
            return f'command dropped: its stamp is over {FUTURE_TOLERANCE_S:g} s in the future'
        return ''

    def _expire(self, now_s: float) -> None:
        """Fall back to the safe command when nothing was accepted for too long."""
        if self._state not in (ENGAGED, SAFE):
            return
        # Written so that NaN and a clock that went back count as expired.
        if 0.0 <= now_s - self._since_s <= self.limits.command_timeout_s:
            return
        self._enter_state(
            SAFE, f'no good command for {self.limits.command_timeout_s:g} s: safe command'
        )

    def _enter_state(self, state: str, reason: str) -> None:
        """Enter a state in which the safe command holds and time starts anew."""
        self._state, self._reason = state, reason
        self._output = self.limits.safe_command
        self._last_command_stamp_ns = None

    def _decision(self, reason: str, fresh: bool = False) -> Decision:
        return Decision(Command(self._output_stamp_ns, *self._output), self._state, reason, fresh)


def _is_usable(vehicle: VehicleState | None) -> bool:
    """Whether position, velocity and attitude are there and of this world."""
    if vehicle is None:
        return False
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
    """As a float; NaN for whatever is not one, an integer too large for it included."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _integer(value: int) -> int | None:
    """As a Python integer (numpy's too); None for a float or anything else."""
    try:
        return operator.index(value)
    except TypeError:
        return None
