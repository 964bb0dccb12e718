"""Detection of a second live publisher, while one that has died may still be listed.

A name does not tell publishers apart, as two nodes may have the same one. What does:

- `DuplicatePublisherDetector`: the name that each process gives itself in its reports
- `InterleavedMessages`: the numbers that each publisher gives its messages
- `LivePublishers`: the endpoints that the middleware lists, less those known to be dead
"""

from __future__ import annotations

from collections.abc import Iterable


class DuplicatePublisherDetector:
    """Watches the names of the processes that publish as the same node.

    A process that is restarted has a new name, once. Two live processes take turns: a name that had
    been replaced comes back. Times are seconds of a steady clock.

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


class InterleavedMessages:
    """Detection of two live publishers of one topic, by the numbers that they give their messages.

    Each publisher counts its messages. One that is restarted begins again, once; from two that
    are alive the numbers go down again and again, or back to where they were. Names do not matter,
    nor how long the middleware lists a publisher that has died. Times are seconds of a steady
    clock.

    >>> order = InterleavedMessages()
    >>> for second, number in enumerate([900, 901, 5, 902]):
    ...     order.record(number, float(second))
    >>> order.detected(3.0)
    True
    """

    WINDOW_S = 4.0
    """Time within which the numbers must go down twice, or back, s. It is also the time for which
    the publishers count as two after that."""
    _MIN_RETURN, _MAX_RETURN = 10, 1000
    """Smallest step of the numbers that is not taken for lost messages, and how far a publisher may
    have gone on meanwhile, in messages."""

    def __init__(self) -> None:
        """Start without messages."""
        self._last: int | None = None
        self._left: tuple[int, float] | None = None
        self._detected_s: float | None = None

    def record(self, number: int, now_s: float) -> None:
        """Record one message.

        Args:
            number: number that its publisher has given it.
            now_s: time of its arrival.
        """
        last, left = self._last, self._left
        self._last = number
        if left is not None and now_s - left[1] > self.WINDOW_S:
            left = self._left = None
        if last is None:
            return
        went_down = number <= last
        came_back = (
            left is not None
            and number - last > self._MIN_RETURN
            and 0 < number - left[0] < self._MAX_RETURN
        )
        if came_back or (went_down and left is not None):
            self._detected_s = now_s
        if went_down or came_back:
            self._left = last, now_s

    def detected(self, now_s: float) -> bool:
        """Return whether messages of two publishers have come within WINDOW_S."""
        return self._detected_s is not None and now_s - self._detected_s <= self.WINDOW_S


class LivePublishers:
    """Counts the publishers of a topic by their endpoints, less those that are known to be dead.

    The middleware lists a publisher that was killed for up to 20 s. One whose process had reported
    its endpoint, and has stopped to report, is dead. All others count, whatever they are called.

    >>> live = LivePublishers()
    >>> live.report('a', 0.0)
    >>> live.among(['a', 'b'], 1.0), live.among(['a', 'b'], 5.0)
    (['a', 'b'], ['b'])
    """

    SILENT_AFTER_S = 2.5
    """Time after which a process that reports once a second is taken for dead, s."""
    _FORGOTTEN_AFTER_S = 600.0

    def __init__(self) -> None:
        """Start without reports."""
        self._reported_s: dict[str, float] = {}

    def report(self, endpoint: str, now_s: float) -> None:
        """Note that a live process has reported its endpoint.

        Args:
            endpoint: identifier of the endpoint; empty when the process does not know it.
            now_s: the time, s.
        """
        if not endpoint:
            return
        self._reported_s = {
            other: at_s
            for other, at_s in self._reported_s.items()
            if now_s - at_s <= self._FORGOTTEN_AFTER_S
        }
        self._reported_s[endpoint] = now_s

    def among(self, listed: Iterable[str], now_s: float) -> list[str]:
        """Return the listed endpoints that may be alive.

        Args:
            listed: the endpoints that the middleware lists.
            now_s: the time, s.
        """
        return [
            endpoint
            for endpoint in listed
            if now_s - self._reported_s.get(endpoint, now_s) <= self.SILENT_AFTER_S
        ]
