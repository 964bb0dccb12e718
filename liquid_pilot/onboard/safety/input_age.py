"""The age of the newest message of an input, by its stamp as well as by its arrival.

A message that has just arrived may be old: delayed on its way, played from a recording, or repeated
by a driver whose device is dead.
"""

from __future__ import annotations

import math

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND

FUTURE_TOLERANCE_S = 0.1
"""Maximum time by which a stamp may be ahead of the clock, as two clocks differ a little, s."""


class InputAge:
    """Follows stamps and arrivals of one input. Times called `now_s` are of a steady clock, s.

    >>> age = InputAge()
    >>> age.record(5_000_000_000, 1.0), age.record(5_000_000_000, 1.1)
    (True, False)
    >>> age.problem(1.2, 0.5, clock_ns=5_100_000_000)
    ''
    >>> age.problem(1.2, 0.5, clock_ns=105_000_000_000)
    'it is stamped 100.0 s ago by the ROS clock'
    """

    RESTART_S = 1.0
    """Time without a newer stamp after which an older one counts as that of a new start, s."""

    def __init__(self) -> None:
        """Start without messages."""
        self._stamp_ns: int | None = None
        self._arrived_s = -math.inf
        self._repeated = False

    def record(self, stamp_ns: int, now_s: float) -> bool:
        """Record one message.

        Args:
            stamp_ns: its stamp, ns.
            now_s: time of its arrival.

        Returns:
            Whether it is newer than the others, so that it may be used.
        """
        last = self._stamp_ns
        self._repeated = stamp_ns == last
        if last is not None and stamp_ns <= last:
            restarted = not self._repeated and now_s - self._arrived_s > self.RESTART_S
            if not restarted:
                return False
        self._stamp_ns, self._arrived_s = stamp_ns, now_s
        return True

    def problem(self, now_s: float, timeout_s: float, clock_ns: int | None) -> str:
        """Return why the newest message is too old, in words; empty when it is not.

        Args:
            now_s: the time.
            timeout_s: maximum age, s.
            clock_ns: the clock that the stamps were taken from, ns; None: it is not known.
        """
        if self._stamp_ns is None:
            return 'no message has arrived'
        if now_s - self._arrived_s > timeout_s:
            silent = f'{now_s - self._arrived_s:.1f} s'
            return f'the stamp is the same for {silent}' if self._repeated else f'none for {silent}'
        if clock_ns is None:
            return ''
        if self._stamp_ns == 0:
            return 'it carries no time stamp'
        age_s = (clock_ns - self._stamp_ns) / NANOSECONDS_PER_SECOND
        if age_s > timeout_s:
            return f'it is stamped {age_s:.1f} s ago by the ROS clock'
        if age_s < -FUTURE_TOLERANCE_S:
            return f'it is stamped {-age_s:.1f} s in the future by the ROS clock'
        return ''
