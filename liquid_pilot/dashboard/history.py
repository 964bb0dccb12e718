"""The history of the dashboard: the records of the last minutes, in bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.dashboard.records import Block, Event, Record, pack

_MAX_EVENTS = 1000
_MB = 1_000_000


class Extract(NamedTuple):
    """The numbers of all records from one on."""

    numbers: npt.NDArray[np.float64]
    """(n,) numbers of the records."""
    times_s: npt.NDArray[np.float64]
    """(n,) times of the history, s."""
    rows: npt.NDArray[np.float32]
    """(n, k) rows."""
    events: list[Event]
    """Events since then."""

    def message(self, version: int, last: int) -> bytes:
        """Return these numbers and events as a message to the pages.

        Args:
            version: version of the description of the pilot.
            last: number of the newest record of the history.
        """
        blocks: dict[str, Block] = {
            'numbers': self.numbers,
            'times': self.times_s,
            'rows': self.rows.ravel(),
        }
        header = {
            'kind': 'history',
            'version': version,
            'columns': self.rows.shape[1],
            'last': last,
            'events': [event._asdict() for event in self.events],
        }
        return pack(header, blocks)


class History:
    """A ring of records, from which the oldest fall out. It may be used from several threads.

    Args:
        max_age_s: age, against the newest record, at which a record falls out, s.
        max_mb: number of megabytes above which the oldest records fall out.
    """

    def __init__(self, max_age_s: float, max_mb: float) -> None:
        self._max_age_s, self._max_bytes = max_age_s, max_mb * _MB
        self._records: deque[Record] = deque()
        self._events: deque[Event] = deque(maxlen=_MAX_EVENTS)
        self._lock = threading.Lock()
        self.bytes = 0
        """Number of bytes of all records."""
        self.last_number = 0
        """Number of the newest record."""

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Record, events: Sequence[Event] = ()) -> None:
        """Append a record, whose number is the one after `last_number`, and its events."""
        with self._lock:
            self._records.append(record)
            self._events.extend(events)
            self.bytes += record.size
            self.last_number = record.number
            dropped = False
            while len(self._records) > 1 and (
                self.bytes > self._max_bytes
                or record.time_s - self._records[0].time_s > self._max_age_s
            ):
                self.bytes -= self._records.popleft().size
                dropped = True
            while dropped and self._events and self._events[0].time_s < self._records[0].time_s:
                self._events.popleft()

    def clear(self) -> None:
        """Forget all records, but not the events; the numbers go on."""
        with self._lock:
            self._records.clear()
            self.bytes = 0

    def thin(self) -> None:
        """Leave out every second record, and number the others anew from 1."""
        with self._lock:
            kept = list(islice(self._records, 0, None, 2))
            self._records = deque(
                record._replace(number=number) for number, record in enumerate(kept, 1)
            )
            self.bytes = sum(record.size for record in kept)
            self.last_number = len(kept)

    def get(self, number: int) -> Record | None:
        """Return the record of a number; None where it is not, or not any more, there."""
        with self._lock:
            if not self._records:
                return None
            index = number - self._records[0].number
            return self._records[index] if 0 <= index < len(self._records) else None

    def extract(self, after: int, columns: int, limit: int = 20_000) -> Extract:
        """Return the numbers of the records after one.

        Args:
            after: number of the last record that is known already.
            columns: number of values of a row.
            limit: most records that are returned, the oldest first.
        """
        with self._lock:
            first = self._records[0].number if self._records else 0
            start = max(after + 1 - first, 0)
            chosen = list(islice(self._records, start, start + limit))
            since_s = chosen[0].time_s if chosen and after >= first else -np.inf
            events = [event for event in self._events if event.time_s >= since_s]
        rows = np.empty((len(chosen), columns), np.float32)
        for row, record in zip(rows, chosen, strict=True):
            row[:] = record.row
        return Extract(
            np.array([record.number for record in chosen], np.float64),
            np.array([record.time_s for record in chosen], np.float64),
            rows,
            events if chosen else [],
        )
