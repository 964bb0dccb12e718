"""The pages that are open: each has room for one message, so that a slow one loses frames.

All of it belongs to the event loop of the server, except for what says that any thread may use it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

MAX_COMMAND_BYTES = 4096
"""Longest message that a page may send."""
_MAX_MAPS = 4
"""Most maps that one page may ask for."""
Map = tuple[str, str]
"""Method of a map of the picture, and the command that it explains."""


class Viewer:
    """One page.

    Args:
        known: the maps that there are.
    """

    def __init__(self, known: Iterable[Map]) -> None:
        self._known = frozenset(known)
        self._newest: bytes | None = None
        self._arrived = asyncio.Event()
        self.maps: tuple[Map, ...] = ()
        """The maps that it asks for."""
        self.paused = False
        """Whether it wants no new records, as while it shows an earlier moment."""
        self.hidden = False
        """Whether nobody sees it, as in a tab behind another one."""
        self.lost = 0
        """Number of messages that it was too slow for."""

    def offer(self, message: bytes) -> None:
        """Put a message in the place of the one that was not fetched yet."""
        if self.paused or self.hidden:
            return
        self.lost += self._newest is not None
        self._newest = message
        self._arrived.set()

    async def next(self) -> bytes:
        """Return the newest message as soon as there is one."""
        await self._arrived.wait()
        self._arrived.clear()
        message, self._newest = self._newest, None
        assert message is not None
        return message

    def obey(self, text: str) -> bool:
        """Take what the page asks for, and return whether it was understood.

        Args:
            text: JSON object with `maps`, pairs of method and command, `paused` and `hidden`.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return False
        if not isinstance(content, dict):
            return False
        maps = content.get('maps', [])
        paused, hidden = content.get('paused', False), content.get('hidden', False)
        if not isinstance(maps, list) or len(maps) > _MAX_MAPS:
            return False
        if not isinstance(paused, bool) or not isinstance(hidden, bool):
            return False
        wanted = [_as_map(entry) for entry in maps]
        if not all(entry in self._known for entry in wanted):
            return False
        self.maps = tuple(entry for entry in wanted if entry)
        self.paused, self.hidden = paused, hidden
        return True


def _as_map(entry: Any) -> Map | None:
    """Return a pair of texts; None where it is something else."""
    if isinstance(entry, list) and len(entry) == 2 and all(isinstance(each, str) for each in entry):
        return entry[0], entry[1]
    return None


class Viewers:
    """All pages that are open.

    Args:
        limit: most pages.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: list[Viewer] = []
        self.count = 0
        """Number of pages; any thread may read it."""
        self.watching = 0
        """Number of pages that are seen; any thread may read it."""
        self.receiving = 0
        """Number of those that want new records; any thread may read it."""
        self.ever = False
        """Whether there has been any; any thread may read it."""
        self.expected = False
        """Whether one is about to be opened, for which pictures are kept; any thread may use it."""
        self.maps: frozenset[Map] = frozenset()
        """The maps that any of them asks for; any thread may read it."""

    @property
    def wanted(self) -> bool:
        """Whether there is, or will be, somebody to see pictures; any thread may ask."""
        return self.watching > 0 or self.expected

    @property
    def full(self) -> bool:
        """Whether no further page may be opened."""
        return len(self._open) >= self._limit

    def add(self, viewer: Viewer) -> None:
        """Add a page."""
        self._open.append(viewer)
        self.ever = True
        self.update()

    def remove(self, viewer: Viewer) -> None:
        """Remove a page."""
        self._open.remove(viewer)
        self.update()

    def update(self) -> None:
        """Take notice of what the pages ask for now."""
        self.count = len(self._open)
        seen = [viewer for viewer in self._open if not viewer.hidden]
        self.watching = len(seen)
        self.receiving = sum(not viewer.paused for viewer in seen)
        self.maps = frozenset(entry for viewer in seen for entry in viewer.maps)

    def offer(self, message: bytes) -> None:
        """Give every page a message."""
        for viewer in self._open:
            viewer.offer(message)
