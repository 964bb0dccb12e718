"""Whether one source speaks or two, by the name that each process gives itself.

A process that is started anew has a new name, once. Two that live take turns: a name that was left
comes back. That tells a live rival from a dead predecessor, which a middleware lists for seconds.
"""

from __future__ import annotations


class DuplicatePublisherDetector:
    """Watches the names under which the same node speaks; times are steady seconds."""

    ALTERNATION_WINDOW_S = 4.0
    LIVE_WINDOW_S = 2.5
    """Somebody who speaks once a second has spoken within this time, if he lives."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._last_message_s: dict[str, float] = {}
        self._left: dict[str, float] = {}
        self._last_alternation_s: float | None = None

    def note(self, name: str, now_s: float) -> None:
        """One message."""
        self._last_message_s = {
            other: at_s
            for other, at_s in self._last_message_s.items()
            if now_s - at_s <= self.LIVE_WINDOW_S
        }
        self._last_message_s[name] = now_s
        if name == self._name:
            return
        self._left = {
            other: at_s
            for other, at_s in self._left.items()
            if now_s - at_s <= self.ALTERNATION_WINDOW_S
        }
        if name in self._left:
            self._last_alternation_s = now_s
        if self._name is not None:
            self._left[self._name] = now_s
        self._name = name

    def seen(self, now_s: float) -> bool:
        """Whether two have been taking turns lately."""
        return (
            self._last_alternation_s is not None
            and now_s - self._last_alternation_s <= self.ALTERNATION_WINDOW_S
        )

    def lately(self, now_s: float) -> int:
        """How many have spoken within LIVE_WINDOW_S: live ones, and one that has just died."""
        return sum(now_s - at_s <= self.LIVE_WINDOW_S for at_s in self._last_message_s.values())
