"""The time that the slew limit may count for the next command, by its stamp and by the guard.

A stamp says when a command was meant, and a burst of delayed commands carries many of them at one
instant. Therefore the time that has passed at the guard counts as well: in any interval the outputs
change by at most the slew limit times that interval and MAX_SLEW_STEP_S. In lock-step simulation
the guard's time is that of the stamps, so that the stamps alone decide.
"""

from __future__ import annotations

import math

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND

INITIAL_SLEW_STEP_S = 0.05
"""Elapsed time assumed by the slew limit for a command without a predecessor, s."""
MAX_SLEW_STEP_S = 0.1
"""Maximum elapsed time that the slew limit uses, however far apart two stamps are, s."""
_ROUNDING_S = 1e-6
"""Difference between two times that is only rounding: times of 1e9 s are exact to 2.4e-7 s."""


class SlewClock:
    """Follows what leaves the guard. Times called `now_s` are those of the guard, s.

    A command may use the time between the stamps, as far as the time at the guard covers it. What
    it leaves is a credit of at most MAX_SLEW_STEP_S, so that commands that arrive in turn late and
    early lose nothing.
    """

    def __init__(self) -> None:
        """Start with the safe command as the output, which has not been given yet."""
        self._is_safe = True
        self._safe_since_s: float | None = None
        self._rejected_stamp_ns: int | None = None
        self._passed_s = 0.0
        self._credit_s = 0.0

    def enter_safe(self) -> None:
        """Note that the output is the safe command from now on; `give` says when it is given."""
        if not self._is_safe:
            self._is_safe, self._safe_since_s = True, None

    def reject(self, stamp_ns: int, now_s: float) -> None:
        """Note that a command is answered by the safe one.

        Args:
            stamp_ns: stamp of the command, which may be wrong.
            now_s: the time; at an unknown time the next good command keeps the safe values once.
        """
        self._is_safe, self._rejected_stamp_ns = True, stamp_ns
        self._safe_since_s = now_s if math.isfinite(now_s) else math.inf

    def give(self, now_s: float) -> None:
        """Note that the output is given to the caller.

        Args:
            now_s: the time; unknown times are left out.
        """
        if self._is_safe and self._safe_since_s is None and math.isfinite(now_s):
            self._safe_since_s = now_s

    def pass_on(self, step_s: float, now_s: float) -> None:
        """Note that a command has become the output.

        Args:
            step_s: time that the slew limit has counted for it.
            now_s: the time.
        """
        self._credit_s = 0.0 if self._is_safe else max(0.0, self._available_s(now_s) - step_s)
        self._is_safe, self._safe_since_s, self._rejected_stamp_ns = False, None, None
        self._passed_s = now_s

    def step_s(self, stamp_ns: int, last_stamp_ns: int | None, now_s: float) -> float:
        """Return the time since the previous output that the slew limit may count, s.

        Args:
            stamp_ns: stamp of the command.
            last_stamp_ns: stamp of the last accepted command; None after a change of state.
            now_s: the time.
        """
        step_s = INITIAL_SLEW_STEP_S
        if last_stamp_ns is not None:
            step_s = min((stamp_ns - last_stamp_ns) / NANOSECONDS_PER_SECOND, MAX_SLEW_STEP_S)
        if self._rejected_stamp_ns is not None and self._safe_since_s is not None:
            # The stamp that was answered by the safe command may be wrong, even in the future, so
            # that the time since then counts as well.
            if stamp_ns > self._rejected_stamp_ns:
                step_s = min(step_s, (stamp_ns - self._rejected_stamp_ns) / NANOSECONDS_PER_SECOND)
            return max(0.0, min(step_s, now_s - self._safe_since_s))
        if not self._is_safe:
            return _bounded(step_s, self._available_s(now_s))
        if self._safe_since_s is None:
            # The safe command has not left, so that there is no time since then.
            return step_s
        return _bounded(step_s, now_s - self._safe_since_s)

    def _available_s(self, now_s: float) -> float:
        """Return the time that has passed at the guard and was not used, at most MAX_SLEW_STEP_S.

        Args:
            now_s: the time.
        """
        return min(self._credit_s + max(0.0, now_s - self._passed_s), MAX_SLEW_STEP_S)


def _bounded(step_s: float, available_s: float) -> float:
    """Return the step, exactly as it is unless it exceeds what is available by more than rounding.

    In lock-step both come from the same stamps, and the flight must not change by a bit.

    Args:
        step_s: time between two stamps.
        available_s: time that has passed at the guard.
    """
    return step_s if step_s <= available_s + _ROUNDING_S else max(0.0, available_s)
