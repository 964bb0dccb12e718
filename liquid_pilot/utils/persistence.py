"""Whether a condition lasts: a fault begins after a while of it, and ends after a while without.

Times are seconds of a clock that never jumps back, and are arguments.
"""

from __future__ import annotations


class Persistence:
    """Turns what is seen at each moment into a fault with a hold and a recovery time.

    >>> fault = Persistence(hold_s=1.0, recovery_s=0.5)
    >>> [fault.update(True, now_s) for now_s in (0.0, 0.5, 1.0, 1.5)]
    [False, False, True, True]
    >>> [fault.update(False, now_s) for now_s in (1.6, 2.0, 2.2)]
    [True, True, False]
    """

    def __init__(self, hold_s: float, recovery_s: float, min_count: int = 1) -> None:
        """Start without a fault.

        Args:
            hold_s: time that the condition must last to be a fault, s.
            recovery_s: time without the condition after which the fault ends, s.
            min_count: number of times in a row that the condition must be seen as well.
        """
        self.hold_s, self.recovery_s, self.min_count = hold_s, recovery_s, min_count
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.fault = False
        """Whether there is a fault now."""
        self._since_s: float | None = None
        self._count = 0

    def update(self, seen: bool, now_s: float) -> bool:
        """Take what is seen now, and return whether there is a fault.

        Args:
            seen: whether the condition holds.
            now_s: the time, s.
        """
        if seen == self.fault:
            # As it was: the other has not begun.
            self._since_s, self._count = None, 0
            return self.fault
        if self._since_s is None:
            self._since_s = now_s
        self._count += 1
        needed_s = self.recovery_s if self.fault else self.hold_s
        needed = 1 if self.fault else self.min_count
        if now_s - self._since_s >= needed_s and self._count >= needed:
            self.fault = seen
            self._since_s, self._count = None, 0
        return self.fault
