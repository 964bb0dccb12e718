"""Whether one source speaks or two, by the name that each process gives itself.

A process that is started anew has a new name, once. Two that live take turns: a name that was left
comes back. That tells a live rival from a dead predecessor, which a middleware lists for seconds.
"""

from __future__ import annotations


class Rivalry:
    """Watches the names under which the same node speaks; times are steady seconds."""

    WINDOW_S = 4.0
    LATELY_S = 2.5
    """Somebody who speaks once a second has spoken within this time, if he lives."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._spoke: dict[str, float] = {}
        self._left: dict[str, float] = {}
        self._returned_s: float | None = None

    def note(self, name: str, now_s: float) -> None:
        """One message."""
        self._spoke = {other: at_s for other, at_s in self._spoke.items()
                       if now_s - at_s <= self.LATELY_S}
        self._spoke[name] = now_s
        if name == self._name:
            return
        self._left = {other: at_s for other, at_s in self._left.items()
                      if now_s - at_s <= self.WINDOW_S}
        if name in self._left:
            self._returned_s = now_s
        if self._name is not None:
            self._left[self._name] = now_s
        self._name = name

    def seen(self, now_s: float) -> bool:
        """Whether two have been taking turns lately."""
        return self._returned_s is not None and now_s - self._returned_s <= self.WINDOW_S

    def lately(self, now_s: float) -> int:
        """How many have spoken within LATELY_S: live ones, and one that has just died."""
        return sum(now_s - at_s <= self.LATELY_S for at_s in self._spoke.values())
