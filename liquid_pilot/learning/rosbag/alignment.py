"""Frames, IMU samples and commands of one bag, brought together by their stamps.

Plain arrays in, plain arrays out; stamps are integer nanoseconds and need not be sorted. What the
network is shown for a frame is what it would be shown in flight: the mean of the IMU samples since
the frame before (onboard/imu.mean_imu) and the time since that frame, whatever it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, ImuSample, ObservationError
from liquid_pilot.learning.rosbag.topic_mapping import BagMapping
from liquid_pilot.onboard.perception.imu import mean_imu


class EpisodeMarker(NamedTuple):
    """Where an episode begins, or, with an empty name, where one ends."""

    stamp_ns: int
    name: str


@dataclass
class BagStreams:
    """What one bag holds."""

    frames_ns: np.ndarray
    """(F,) int64."""
    imu_ns: np.ndarray
    """(I,) int64."""
    imu: np.ndarray
    """(I, 6) float64: angular velocity and specific force, body FLU."""
    commands_ns: np.ndarray
    """(C,) int64."""
    commands: np.ndarray
    """(C, 4) float64: forward, left, up in m/s and yaw rate in rad/s."""
    marks: list[EpisodeMarker] = field(default_factory=list)


@dataclass
class Segment:
    """One episode of a bag, of T frames."""

    name: str
    frames: np.ndarray
    """(T,) int64: indices into `BagStreams.frames_ns`."""
    imu: np.ndarray
    """(T, 6) float32."""
    dt_s: np.ndarray
    """(T,) float32; the median period for the first."""
    commands: np.ndarray
    """(T, 4) float32."""


def align(streams: BagStreams, mapping: BagMapping) -> tuple[list[Segment], Counter[str]]:
    """The episodes of a bag in their order, and why how many frames are in none of them."""
    dropped: Counter[str] = Counter()
    order = np.argsort(streams.frames_ns, kind='stable')
    stamps = streams.frames_ns[order]
    fresh = np.diff(stamps, prepend=stamps[:1] - 1) > 0
    _count(dropped, 'sent twice', np.count_nonzero(~fresh))
    order, stamps = order[fresh], stamps[fresh]
    kept = _decimated(stamps, mapping.rate_hz)
    _count(dropped, 'beyond rate_hz', len(stamps) - len(kept))
    order, stamps = order[kept], stamps[kept]
    if len(stamps) < 2:
        _count(dropped, 'alone', len(stamps))
        return [], dropped
    period_ns = int(np.median(np.diff(stamps)))
    feed = _FrameAligner(streams, mapping, period_ns)
    pieces: list[Segment] = []
    inside = np.zeros(len(stamps), bool)
    for name, chosen in _episode_spans(stamps, streams.marks, mapping.episodes.by):
        inside[chosen] = True
        for rows in feed.rows(stamps, chosen, dropped):
            pieces += _split_by_duration(name, rows, order, period_ns, mapping, dropped)
    _count(dropped, 'between episodes', np.count_nonzero(~inside))
    return pieces, dropped


class _AlignedFrame(NamedTuple):
    index: int
    dt_ns: int
    imu: np.ndarray
    command: np.ndarray


class _FrameAligner:
    """Gives each frame its IMU reading and its command."""

    def __init__(self, streams: BagStreams, mapping: BagMapping, period_ns: int) -> None:
        by_time = np.argsort(streams.imu_ns, kind='stable')
        self._imu_ns, self._imu = streams.imu_ns[by_time], streams.imu[by_time]
        by_time = np.argsort(streams.commands_ns, kind='stable')
        self._commands_ns, self._commands = streams.commands_ns[by_time], streams.commands[by_time]
        self._period_ns = period_ns
        self._max_gap_ns = _ns(mapping.episodes.max_gap_s)
        self._max_imu_age_ns = _ns(mapping.imu.oldest_s)
        self._max_command_age_ns = _ns(mapping.command.oldest_s)
        self._latency_ns = _ns(mapping.command.latency_s)

    def rows(
        self, stamps: np.ndarray, chosen: np.ndarray, dropped: Counter[str]
    ) -> list[list[_AlignedFrame]]:
        """The frames `chosen` of one episode, split where they are too far apart."""
        parts: list[list[_AlignedFrame]] = [[]]
        last_ns = imu_from_ns = None
        for index in chosen:
            stamp_ns = int(stamps[index])
            if last_ns is not None and stamp_ns - last_ns > self._max_gap_ns:
                parts.append([])
                last_ns = imu_from_ns = None
            command = self._command(stamp_ns + self._latency_ns, dropped)
            if command is None:
                continue
            samples = self._samples(
                stamp_ns - self._period_ns if imu_from_ns is None else imu_from_ns, stamp_ns
            )
            try:
                imu = mean_imu(samples)
            except ObservationError:
                _count(dropped, 'IMU not finite' if samples else 'no IMU', 1)
                # As in flight: what was refused is not looked at again.
                imu_from_ns = stamp_ns if samples else imu_from_ns
                continue
            dt_ns = self._period_ns if last_ns is None else stamp_ns - last_ns
            parts[-1].append(_AlignedFrame(int(index), dt_ns, imu, command))
            last_ns = imu_from_ns = stamp_ns
        return [part for part in parts if part]

    def _command(self, at_ns: int, dropped: Counter[str]) -> np.ndarray | None:
        place = int(np.searchsorted(self._commands_ns, at_ns, 'right')) - 1
        if place < 0 or at_ns - self._commands_ns[place] > self._max_command_age_ns:
            _count(dropped, 'no command', 1)
            return None
        if not np.isfinite(self._commands[place]).all():
            _count(dropped, 'command not finite', 1)
            return None
        return self._commands[place]

    def _samples(self, after_ns: int, until_ns: int) -> tuple[ImuSample, ...]:
        """Those in (after, until], else the newest before, if it is young enough."""
        first, end = np.searchsorted(self._imu_ns, (after_ns, until_ns), 'right')
        if first == end and end and until_ns - self._imu_ns[end - 1] <= self._max_imu_age_ns:
            first = end - 1
        return tuple(
            ImuSample(int(self._imu_ns[i]), tuple(self._imu[i, :3]), tuple(self._imu[i, 3:]))
            for i in range(first, end)
        )


def _episode_spans(
    stamps: np.ndarray, marks: Sequence[EpisodeMarker], by: str
) -> list[tuple[str, np.ndarray]]:
    """(name, indices of its frames) of each episode as the bag has them."""
    everything = np.arange(len(stamps))
    if by != 'topic':
        return [('', everything)]
    ordered = sorted(marks, key=lambda mark: mark.stamp_ns)
    spans = []
    for place, mark in enumerate(ordered):
        if not mark.name:
            continue
        first = int(np.searchsorted(stamps, mark.stamp_ns))
        end = len(stamps)
        if place + 1 < len(ordered):
            following = ordered[place + 1]
            # The frame at which an episode ends is its last; a next one begins with its own.
            end = int(
                np.searchsorted(stamps, following.stamp_ns, 'left' if following.name else 'right')
            )
        spans.append((mark.name, everything[first:end]))
    return [span for span in spans if len(span[1])]


def _split_by_duration(
    name: str,
    rows: list[_AlignedFrame],
    order: np.ndarray,
    period_ns: int,
    mapping: BagMapping,
    dropped: Counter[str],
) -> list[Segment]:
    """One or more episodes of the lengths that are wanted."""
    longest_ns = _ns(mapping.episodes.longest_s) or sum(row.dt_ns for row in rows) + 1
    parts: list[list[_AlignedFrame]] = [[]]
    length_ns = 0
    for row in rows:
        if parts[-1] and length_ns + row.dt_ns > longest_ns:
            parts.append([])
            row, length_ns = row._replace(dt_ns=period_ns), 0
        parts[-1].append(row)
        length_ns += row.dt_ns
    pieces = []
    for part in parts:
        if sum(row.dt_ns for row in part) < _ns(mapping.episodes.shortest_s):
            _count(dropped, 'episode too short', len(part))
            continue
        dt_ns = np.array([row.dt_ns for row in part])
        dt_ns[0] = period_ns
        pieces.append(
            Segment(
                name,
                order[[row.index for row in part]],
                np.float32([row.imu for row in part]),
                np.float32(dt_ns / NANOSECONDS_PER_SECOND),
                np.float32([row.command for row in part]),
            )
        )
    return pieces


def _decimated(stamps: np.ndarray, rate_hz: float) -> np.ndarray:
    """Indices of the frames that are kept so that about `rate_hz` is left."""
    if not rate_hz or not len(stamps):
        return np.arange(len(stamps))
    period_ns = NANOSECONDS_PER_SECOND / rate_hz
    kept, due_ns = [], float(stamps[0])
    for index, stamp_ns in enumerate(stamps):
        # A quarter of a period early is still on time, or jitter would halve the rate.
        if stamp_ns >= due_ns - 0.25 * period_ns:
            kept.append(index)
            due_ns = max(due_ns, stamp_ns - 0.5 * period_ns) + period_ns
    return np.array(kept, np.int64)


def _ns(seconds: float) -> int:
    return round(seconds * NANOSECONDS_PER_SECOND)


def _count(counter: Counter[str], reason: str, number: int) -> None:
    if number:
        counter[reason] += int(number)
