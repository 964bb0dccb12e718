"""Detection of a second live publisher, by the name that each process gives itself.

A process that is restarted has a new name, once. Two live processes take turns: a name that had
been replaced comes back. This distinguishes a live duplicate from a dead predecessor, which the
middleware lists for seconds.
"""

from __future__ import annotations


class DuplicatePublisherDetector:
    """Watches the names of the processes that publish as the same node.

    Times are seconds of a steady clock.

    >>> detector = DuplicatePublisherDetector()
    >>> for second, name in enumerate(['a', 'b', 'a', 'b']):
    ...     detector.record(name, float(second))
    >>> detector.detected(3.0), detector.recent_count(3.0)
    (True, 2)
    """

    ALTERNATION_WINDOW_S = 4.0
    """Time within which a name must come back to count as alternation, s."""
    LIVE_WINDOW_S = 2.5
    """Time within which a live process that publishes once a second has published, s."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._last_message_s: dict[str, float] = {}
        self._replaced_s: dict[str, float] = {}
        self._last_alternation_s: float | None = None

    def record(self, name: str, now_s: float) -> None:
        """Record one message.

        Args:
            name: name of the process that sent it.
            now_s: time of its arrival.
        """
        self._last_message_s = {
            other: at_s
            for other, at_s in self._last_message_s.items()
            if now_s - at_s <= self.LIVE_WINDOW_S
        }
        self._last_message_s[name] = now_s
        if name == self._name:
            return
        self._replaced_s = {
            other: at_s
            for other, at_s in self._replaced_s.items()
            if now_s - at_s <= self.ALTERNATION_WINDOW_S
        }
        if name in self._replaced_s:
            self._last_alternation_s = now_s
        if self._name is not None:
            self._replaced_s[self._name] = now_s
        self._name = name

    def detected(self, now_s: float) -> bool:
        """Return whether two processes have alternated within ALTERNATION_WINDOW_S."""
        return (
            self._last_alternation_s is not None
            and now_s - self._last_alternation_s <= self.ALTERNATION_WINDOW_S
        )

    def recent_count(self, now_s: float) -> int:
        """Return the number of processes that have published within LIVE_WINDOW_S.

        These are the live ones, and one that has just ended.
        """
        return sum(now_s - at_s <= self.LIVE_WINDOW_S for at_s in self._last_message_s.values())
