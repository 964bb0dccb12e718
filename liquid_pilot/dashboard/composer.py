"""Makes the records of a flight that goes on, on a thread of its own.

While no page is open it keeps only numbers, a few times a second. It never works for more than half
of the time, so that a slow machine draws fewer pictures instead of flying late.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

from liquid_pilot.dashboard.flight_state import FlightState

if TYPE_CHECKING:
    from liquid_pilot.dashboard.server import DashboardServer

_IDLE_PERIOD_S = 0.25
"""Period of the records while nothing arrives, and while no page is open, s."""
_POLL_S = 0.01
"""Period at which a new tick is looked for, s."""
_PAUSE_S = 1.0
"""Time after a failure, s."""


class Composer:
    """The thread that makes records.

    Args:
        state: the flight.
        server: the server that the messages are for.
        rate_hz: highest rate of the records, Hz.
    """

    def __init__(self, state: FlightState, server: DashboardServer, rate_hz: float) -> None:
        self._state, self._server = state, server
        self._period_s = 1.0 / rate_hz
        self._began_s = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name='composer', daemon=True)

    def time_s(self) -> float:
        """Return the time of the history, s; it begins with this object and never jumps."""
        return time.monotonic() - self._began_s

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, and wait until the thread has ended."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        last_s = -1.0
        while not self._ended.is_set():
            now_s = self.time_s()
            watched = self._server.viewers.wanted
            fast = watched and self._state.is_complete(now_s)
            due_s = last_s + (self._period_s if fast else _IDLE_PERIOD_S)
            if now_s < due_s:
                # A tick may arrive before the record of an idle time is due.
                self._ended.wait(min(due_s - now_s, _POLL_S) if watched else due_s - now_s)
                continue
            last_s = now_s
            self._compose(now_s, watched)
            self._ended.wait(self.time_s() - now_s)
        # What happened last, such as the end of a mission.
        self._compose(self.time_s(), self._server.viewers.wanted)

    def _compose(self, now_s: float, watched: bool) -> None:
        """Make a record and give it to the pages, or say why that failed."""
        try:
            self._make(now_s, watched)
        except Exception:
            # What another node has sent must not end the page.
            print('dashboard: a record could not be made:', file=sys.stderr)
            traceback.print_exc()
            self._ended.wait(_PAUSE_S)

    def _make(self, now_s: float, watched: bool) -> None:
        record, events = self._state.record(now_s, with_picture=watched)
        if self._server.viewers.receiving:
            maps = self._server.viewers.maps
            self._server.offer(self._state.encoded(record, events, maps))
