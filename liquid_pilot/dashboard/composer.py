"""Makes the records of a flight that goes on, on a thread of its own.

While no page is open it keeps only numbers, a few times a second. It never works for more than half
of the time, so that a slow machine draws fewer pictures instead of flying late. It works between
two ticks of the pilot where it can: two programs at a time are slower than one after the other.
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
_POLL_S = 0.005
"""Period at which a new tick is looked for, s."""
_FRESH_S = 0.02
"""Time after a tick in which it is new: the pause until the next tick has just begun, s."""
_EARLY_SHARE = 0.3
"""Share of the period by which a record may be early, so that ticks at the same rate all fit."""
_PATIENCE_S = 0.5
"""Longest wait for a pause, s: a busy machine may give none that is long enough."""
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
        self._work_s = 0.0
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
        last_s = due_s = -1.0
        while not self._ended.is_set():
            now_s = self.time_s()
            watched = self._server.viewers.wanted
            fast = watched and self._state.is_complete(now_s)
            if not self._is_time(now_s, last_s + _IDLE_PERIOD_S, due_s if fast else None):
                # A tick may arrive before the record of an idle time is due.
                idle_s = last_s + _IDLE_PERIOD_S - now_s
                self._ended.wait(_POLL_S if watched else max(idle_s, _POLL_S))
                continue
            last_s = now_s
            due_s = max(due_s, now_s - self._period_s) + self._period_s
            self._compose(now_s, watched)
            self._work_s = self.time_s() - now_s
            self._ended.wait(self._work_s)
        # What happened last, such as the end of a mission.
        self._compose(self.time_s(), self._server.viewers.wanted)

    def _is_time(self, now_s: float, idle_s: float, due_s: float | None) -> bool:
        """Return whether to make a record now.

        Args:
            now_s: time of the history, s.
            idle_s: time at which a record is due though nothing has arrived, s.
            due_s: time at which a record of the tick that has arrived is due, s; None: none has.
        """
        if due_s is None or now_s < due_s - _EARLY_SHARE * self._period_s:
            return now_s >= idle_s
        since_s, left_s = self._state.pause_s(now_s)
        # A record that takes as long as the last one shall end before the next tick.
        return since_s < _FRESH_S or self._work_s <= left_s or now_s > due_s + _PATIENCE_S

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
