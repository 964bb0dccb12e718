"""The stamps of the messages of one topic, some of which may be missing.

A stamp of zero is none: a driver does not stamp, or a recorder with simulated time
(`ros2 bag record --use-sim-time`) has received nothing on /clock yet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND

MISSING_NS = int(np.iinfo(np.int64).min)
"""Stands for the stamp of a message that has none."""
_MAX_NS = 4_000_000_000_000_000_000
"""Largest stamp that is believed, ns: the year 2096."""


class TopicStamps(NamedTuple):
    """The stamps of one topic that are used."""

    stamps_ns: np.ndarray
    """(n,) int64, ns; MISSING_NS where a message has none."""
    lag_s: float
    """Median time from the stamp to the recording, s; NaN where that cannot be told."""
    clock: str
    """Source of the stamps: 'header' or 'log'."""
    note: str
    """What is missing, for the user; empty: nothing."""


def used_stamps(
    header_ns: Sequence[int | None], log_ns: Sequence[int], clock: str, max_gap_s: float
) -> TopicStamps:
    """Return the stamps of a topic: those of the headers, or else log times.

    >>> found = used_stamps([0, 0, 9_000_000_000, 9_100_000_000], [1, 2, 3, 4], 'header', 0.5)
    >>> (found.stamps_ns == MISSING_NS).tolist(), found.note
    ([True, True, False, False], '2 of 4 messages have no stamp (zero) and are left out')

    Args:
        header_ns: (n,) stamps in the headers, ns; None where the type of the messages has none.
        log_ns: (n,) times of recording, ns.
        clock: 'header', or 'log' for log times in any case.
        max_gap_s: time to the next stamp above which a single stamp of zero is none, s.
    """
    logs, note = _array(log_ns), ''
    use_log = clock == 'log' or any(stamp is None for stamp in header_ns)
    if not use_log:
        headers = _array([stamp or 0 for stamp in header_ns])
        if headers.any():
            missing = _missing(headers, max_gap_s)
            recorded = ~missing & (logs != 0)
            lags = (logs[recorded] - headers[recorded]) / NANOSECONDS_PER_SECOND
            lag_s = float(np.median(lags)) if len(lags) else math.nan
            return TopicStamps(
                np.where(missing, MISSING_NS, headers), lag_s, 'header', _note(missing, 'stamp')
            )
        note = 'all stamps are zero, and the times of recording stand in'
    missing = _missing(logs, max_gap_s)
    note = '; '.join(filter(None, (note, _note(missing, 'time of recording'))))
    return TopicStamps(np.where(missing, MISSING_NS, logs), math.nan, 'log', note)


def believed(stamp_ns: int) -> int:
    """Return a stamp, or zero for one that no clock gives."""
    return stamp_ns if abs(stamp_ns) <= _MAX_NS else 0


def _array(stamps: Sequence[int]) -> np.ndarray:
    return np.array([believed(stamp) for stamp in stamps], np.int64)


def _missing(stamps_ns: np.ndarray, max_gap_s: float) -> np.ndarray:
    """Return which of the stamps are none: a clock that begins at zero gives a single zero."""
    zero = stamps_ns == 0
    if np.count_nonzero(zero) == 1 and not zero.all():
        following = stamps_ns[stamps_ns > 0]
        if len(following) and following.min() <= max_gap_s * NANOSECONDS_PER_SECOND:
            return np.zeros(len(zero), bool)
    return zero


def _note(missing: np.ndarray, what: str) -> str:
    count = int(np.count_nonzero(missing))
    if not count:
        return ''
    return f'{count} of {len(missing)} messages have no {what} (zero) and are left out'
