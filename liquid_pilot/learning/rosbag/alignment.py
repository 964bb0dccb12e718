"""Aligns the frames, IMU samples and commands of one bag by their stamps.

Works on plain arrays; stamps are integer nanoseconds and need not be sorted. A frame gets the
values that the network would get in flight: the mean of the IMU samples since the frame before
(onboard.perception.imu.mean_imu) and the real time since that frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, ImuSample, ObservationError
from liquid_pilot.learning.rosbag.stamps import MISSING_NS
from liquid_pilot.learning.rosbag.topic_mapping import BagMapping
from liquid_pilot.onboard.perception.imu import mean_imu

_EARLY_PERIODS = 0.25
"""Periods by which a frame may be early and is still kept, since jitter would halve the rate."""

_LARGEST = float(np.finfo(np.float32).max)
"""Largest value in the single precision of an episode."""


class EpisodeMarker(NamedTuple):
    """The start of an episode or, with an empty name, the end of one."""

    stamp_ns: int
    name: str


@dataclass
class BagStreams:
    """The messages of one bag: F frames, I IMU samples, C commands."""

    frames_ns: np.ndarray
    """(F,) int64 stamps of the frames, ns; MISSING_NS where a frame has none."""
    imu_ns: np.ndarray
    """(I,) int64 stamps of the IMU samples, ns."""
    imu: np.ndarray
    """(I, 6) float64 angular velocity in rad/s and specific force in m/s^2, body FLU."""
    commands_ns: np.ndarray
    """(C,) int64 stamps of the commands, ns."""
    commands: np.ndarray
    """(C, 4) float64 forward, left and up velocity in m/s and yaw rate in rad/s."""
    markers: list[EpisodeMarker] = field(default_factory=list)
    lags_s: dict[str, float] = field(default_factory=dict)
    """Median time from stamp to recording, s, by 'image', 'imu' and 'command'; NaN where it cannot
    be told."""
    notes: list[str] = field(default_factory=list)
    """What is missing in the stamps, for the user."""


@dataclass
class Segment:
    """One episode of a bag, of T frames."""

    name: str
    """Name of the recorded episode; empty where the bag does not name any."""
    frames: np.ndarray
    """(T,) int64 indices into `BagStreams.frames_ns`."""
    imu: np.ndarray
    """(T, 6) float32 mean IMU since the frame before."""
    dt_s: np.ndarray
    """(T,) float32 time since the frame before, s; the median period for the first frame."""
    commands: np.ndarray
    """(T, 4) float32 commands."""


def align(streams: BagStreams, mapping: BagMapping) -> tuple[list[Segment], Counter[str]]:
    """Divide a bag into episodes of aligned frames.

    Args:
        streams: messages of the bag.
        mapping: maximum ages, latency, rate and division into episodes.

    Returns:
        The episodes in their order, and the number of frames left out by reason.
    """
    dropped: Counter[str] = Counter()
    order = np.argsort(streams.frames_ns, kind='stable')
    order = order[streams.frames_ns[order] != MISSING_NS]
    _count(dropped, 'no stamp', len(streams.frames_ns) - len(order))
    stamps = streams.frames_ns[order]
    is_new = np.diff(stamps, prepend=stamps[:1] - 1) > 0
    _count(dropped, 'duplicate stamp', int(np.count_nonzero(~is_new)))
    order, stamps = order[is_new], stamps[is_new]
    kept = _decimated(stamps, mapping.rate_hz)
    _count(dropped, 'above rate_hz', len(stamps) - len(kept))
    order, stamps = order[kept], stamps[kept]
    if len(stamps) < 2:
        _count(dropped, 'only frame of the bag', len(stamps))
        return [], dropped
    period_ns = int(np.median(np.diff(stamps)))
    aligner = _FrameAligner(streams, mapping, period_ns)
    segments: list[Segment] = []
    in_episode = np.zeros(len(stamps), bool)
    for name, chosen in _episode_spans(stamps, streams.markers, mapping.episodes.split_by):
        in_episode[chosen] = True
        for frames in aligner.aligned_frames(stamps, chosen, dropped):
            segments += _split_by_duration(name, frames, order, period_ns, mapping, dropped)
    _count(dropped, 'between episodes', int(np.count_nonzero(~in_episode)))
    return segments, dropped


class _AlignedFrame(NamedTuple):
    frame: int
    """Index of the frame, by its stamp."""
    dt_ns: int
    """Time since the frame before, ns."""
    imu: np.ndarray
    """(6,) mean IMU since the frame before."""
    command: np.ndarray
    """(4,) command: forward, left and up in m/s, yaw rate in rad/s."""


class _FrameAligner:
    """Gives each frame its IMU reading and its command."""

    def __init__(self, streams: BagStreams, mapping: BagMapping, period_ns: int) -> None:
        by_time = np.argsort(streams.imu_ns, kind='stable')
        self._imu_ns, self._imu = streams.imu_ns[by_time], streams.imu[by_time]
        by_time = np.argsort(streams.commands_ns, kind='stable')
        self._commands_ns, self._commands = streams.commands_ns[by_time], streams.commands[by_time]
        self._period_ns = period_ns
        self._max_gap_ns = _nanoseconds(mapping.episodes.max_gap_s)
        self._max_imu_age_ns = _nanoseconds(mapping.imu.max_age_s)
        self._max_command_age_ns = _nanoseconds(mapping.command.max_age_s)
        self._latency_ns = _nanoseconds(mapping.command.latency_s)

    def aligned_frames(
        self, stamps: np.ndarray, chosen: np.ndarray, dropped: Counter[str]
    ) -> list[list[_AlignedFrame]]:
        """Align the frames of one episode, and split it at gaps.

        Args:
            stamps: stamps of all frames in their order, ns.
            chosen: indices of the frames of the episode.
            dropped: counts of frames left out by reason, which are raised.
        """
        parts: list[list[_AlignedFrame]] = [[]]
        last_ns: int | None = None
        imu_from_ns: int | None = None
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
                if not _fits(imu):
                    raise ObservationError('imu: a sample is too large')
            except ObservationError:
                _count(dropped, 'IMU not finite' if samples else 'no IMU', 1)
                # As in flight, samples that were refused are not used for the next frame either.
                imu_from_ns = stamp_ns if samples else imu_from_ns
                continue
            dt_ns = self._period_ns if last_ns is None else stamp_ns - last_ns
            parts[-1].append(_AlignedFrame(int(index), dt_ns, imu, command))
            last_ns = imu_from_ns = stamp_ns
        return [part for part in parts if part]

    def _command(self, at_ns: int, dropped: Counter[str]) -> np.ndarray | None:
        """Return the command that is valid at a time; None, and a count, when there is none."""
        latest = int(np.searchsorted(self._commands_ns, at_ns, 'right')) - 1
        if latest < 0 or at_ns - self._commands_ns[latest] > self._max_command_age_ns:
            _count(dropped, 'no command', 1)
            return None
        command: np.ndarray = self._commands[latest]
        if not _fits(command):
            _count(dropped, 'command not finite', 1)
            return None
        return command

    def _samples(self, after_ns: int, until_ns: int) -> tuple[ImuSample, ...]:
        """Return the samples in (after, until], or else the latest one, if it is not too old."""
        first, end = np.searchsorted(self._imu_ns, (after_ns, until_ns), 'right')
        if first == end and end and until_ns - self._imu_ns[end - 1] <= self._max_imu_age_ns:
            first = end - 1
        return tuple(
            ImuSample(int(self._imu_ns[i]), tuple(self._imu[i, :3]), tuple(self._imu[i, 3:]))
            for i in range(first, end)
        )


def _episode_spans(
    stamps: np.ndarray, markers: Sequence[EpisodeMarker], split_by: str
) -> list[tuple[str, np.ndarray]]:
    """Return name and frame indices of each episode, as the bag marks them."""
    every = np.arange(len(stamps))
    if split_by != 'topic':
        return [('', every)]
    ordered = sorted(markers, key=lambda marker: marker.stamp_ns)
    spans = []
    for number, marker in enumerate(ordered):
        if not marker.name:
            continue
        first = int(np.searchsorted(stamps, marker.stamp_ns))
        end = len(stamps)
        if number + 1 < len(ordered):
            following = ordered[number + 1]
            # The frame at an end marker is the last of its episode. The frame at the marker of
            # another episode belongs to that episode.
            end = int(
                np.searchsorted(stamps, following.stamp_ns, 'left' if following.name else 'right')
            )
        spans.append((marker.name, every[first:end]))
    return [span for span in spans if len(span[1])]


def _split_by_duration(
    name: str,
    frames: list[_AlignedFrame],
    order: np.ndarray,
    period_ns: int,
    mapping: BagMapping,
    dropped: Counter[str],
) -> list[Segment]:
    """Return the segments of an episode, within the durations that the mapping allows."""
    max_duration_ns = (
        _nanoseconds(mapping.episodes.max_duration_s) or sum(row.dt_ns for row in frames) + 1
    )
    parts: list[list[_AlignedFrame]] = [[]]
    duration_ns = 0
    for row in frames:
        if parts[-1] and duration_ns + row.dt_ns > max_duration_ns:
            parts.append([])
            row, duration_ns = row._replace(dt_ns=period_ns), 0
        parts[-1].append(row)
        duration_ns += row.dt_ns
    segments = []
    for part in parts:
        if sum(row.dt_ns for row in part) < _nanoseconds(mapping.episodes.min_duration_s):
            _count(dropped, 'episode too short', len(part))
            continue
        dt_ns = np.array([row.dt_ns for row in part])
        dt_ns[0] = period_ns
        segments.append(
            Segment(
                name,
                order[[row.frame for row in part]],
                np.array([row.imu for row in part], np.float32),
                (dt_ns / NANOSECONDS_PER_SECOND).astype(np.float32),
                np.array([row.command for row in part], np.float32),
            )
        )
    return segments


def _decimated(stamps: np.ndarray, rate_hz: float) -> np.ndarray:
    """Return the indices of the frames to keep for about `rate_hz`; all of them for 0."""
    if not rate_hz or not len(stamps):
        return np.arange(len(stamps))
    period_ns = NANOSECONDS_PER_SECOND / rate_hz
    kept, due_ns = [], float(stamps[0])
    for index, stamp_ns in enumerate(stamps):
        if stamp_ns >= due_ns - _EARLY_PERIODS * period_ns:
            kept.append(index)
            due_ns = max(due_ns, stamp_ns - 0.5 * period_ns) + period_ns
    return np.array(kept, np.int64)


def _fits(values: np.ndarray) -> bool:
    """Return whether values are finite, and stay so in the single precision of an episode."""
    return bool((np.abs(values) < _LARGEST).all())


def _nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS_PER_SECOND)


def _count(counter: Counter[str], reason: str, number: int) -> None:
    if number:
        counter[reason] += number
