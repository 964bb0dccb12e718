"""Keeps, during a mission, what the report shows of it: figures of each tick, and a few pictures.

The caller hands over each packet, and what left the guard. The traces of the pilot may come at any
later time, over ROS or from an engine in the same process.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.evaluation.flight_report import moments
from liquid_pilot.evaluation.flight_report.flight_record import (
    FlightMoment,
    FlightRecord,
    GuardEvent,
)
from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    Command,
    ImageBuffer,
    SensorPacket,
)
from liquid_pilot.onboard.geometry import heading_rad
from liquid_pilot.onboard.inference.trace import GATE_FIELDS, Trace
from liquid_pilot.onboard.safety.guard import ENGAGED, OVERRIDDEN, SAFE, STOPPED
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.task import Layout

_RECENT = 40
"""Number of frames within which the trace of a novel frame must arrive."""
_MAX_TICKS = 2400
"""Max number of ticks that are kept; of a longer flight every second one is, every fourth ..."""
_MAX_EVENTS = 200
_MAX_WIDTH = 320
"""Max width of a picture that is kept, pixels."""
_BEGINS_S = 1e-6
_TAKES_OVER = (SAFE, STOPPED, OVERRIDDEN)
"""States of the guard in which the pilot's commands no longer reach the vehicle."""
Array = npt.NDArray[np.floating]


class _Frame(NamedTuple):
    stamp_ns: int
    image: ImageBuffer


class FlightRecorder:
    """Keeps one mission.

    Args:
        seed: seed of the mission.
        layout: the scene; None: unknown, and with it the distance to obstacles.
        conditions: the conditions of the mission.
    """

    def __init__(
        self, seed: int, layout: Layout | None, conditions: Sequence[Condition] = ()
    ) -> None:
        self._seed = seed
        discs = None if layout is None else layout.obstacle_discs()
        self._discs = discs if discs is not None and len(discs) else None
        onsets_s = sorted({one.onset_s for one in conditions if one.onset_s > 0.0})
        self._onsets_s = onsets_s[: moments.MAX_ONSETS]
        self._first_ns: int | None = None
        self._heading_rad = math.nan
        self._last: _Frame | None = None
        self._recent: deque[_Frame] = deque(maxlen=_RECENT)
        self._kept: dict[str, _Frame] = {}
        self._closest_m, self._turn = math.inf, 0.0
        self._clearance_m: dict[int, float] = {}
        self._outputs: dict[int, tuple[float, ...]] = {}
        self._events: list[GuardEvent] = []
        self._guard = ('', '')
        self._now_s = 0.0

    def on_packet(self, packet: SensorPacket) -> None:
        """Take a packet, before the pilot answers it."""
        if self._first_ns is None:
            self._first_ns = packet.stamp_ns
        if math.isnan(self._heading_rad):
            self._heading_rad = heading_rad(packet.state.orientation_wxyz)
        self._now_s = (packet.stamp_ns - self._first_ns) / NANOSECONDS_PER_SECOND
        if packet.observation is None:
            return
        frame = _Frame(packet.observation.stamp_ns, packet.observation.image)
        # The frame may be older than the packet: latency.
        taken_s = (frame.stamp_ns - self._first_ns) / NANOSECONDS_PER_SECOND
        self._kept.setdefault(moments.START, frame)
        for number, onset_s in enumerate(self._onsets_s):
            name = moments.onset_name(number)
            if taken_s >= onset_s - _BEGINS_S and name not in self._kept:
                self._kept[name] = frame
                if number == 0 and self._last is not None:
                    self._kept[moments.BEFORE] = self._last
        gap_m = self._gap_m(packet)
        self._clearance_m[frame.stamp_ns] = gap_m
        if gap_m < self._closest_m:
            self._closest_m, self._kept[moments.CLOSEST] = gap_m, frame
        self._last = self._kept[moments.END] = frame
        self._recent.append(frame)

    def _gap_m(self, packet: SensorPacket) -> float:
        """Return the horizontal distance to the surface of the nearest obstacle, m; NaN: none."""
        if self._discs is None:
            return math.nan
        east, north = packet.state.position_enu_m[:2]
        x, y, radius = self._discs.T
        return float((np.hypot(x - east, y - north) - radius).min())

    def on_output(self, output: Any) -> None:
        """Take what the guard has sent in answer to the last packet; only velocities are kept."""
        if self._last is None or not isinstance(output, Command):
            return
        # It has the stamp of the frame that it answers: the last one in lock-step, and often the
        # one before it in real time.
        self._outputs[output.stamp_ns] = output.values
        if abs(output.yaw_rate_rad_s) > self._turn:
            for frame in reversed(self._recent):
                if frame.stamp_ns == output.stamp_ns:
                    self._turn, self._kept[moments.TURN] = abs(output.yaw_rate_rad_s), frame
                    break

    def on_guard(self, state: str, reason: str) -> None:
        """Take the state of the guard; what has not changed is not an event."""
        if state and (state, reason) != self._guard and len(self._events) < _MAX_EVENTS:
            if self._guard[0] == ENGAGED and state in _TAKES_OVER and self._last is not None:
                self._kept.setdefault(moments.GUARD, self._last)
            self._guard = state, reason
            self._events.append(GuardEvent(self._now_s, state, reason))

    def on_trace(self, trace: Trace) -> None:
        """Look for the first novel frame, while its picture is there."""
        if moments.NOVEL in self._kept or not trace.gate.size or not trace.gate[0]:
            return
        for frame in self._recent:
            if frame.stamp_ns == trace.stamp_ns:
                self._kept[moments.NOVEL] = frame

    def finish(
        self, traces: Iterable[Trace], digest: str = '', source: str = '', key: str = ''
    ) -> FlightRecord:
        """Return the record of the mission.

        Args:
            traces: what the pilot computed, in the order of time; ticks may be missing.
            digest: SHA-256 of the pilot file.
            source: how the mission was recorded, in words.
            key: what was flown; see `FlightRecord`.
        """
        record = FlightRecord(self._seed, digest, source, key, heading_rad=self._heading_rad)
        record.events = self._events
        if self._first_ns is None:
            return record
        ticks = {trace.stamp_ns: trace for trace in traces}
        stamps = sorted(self._clearance_m)
        kept = stamps[:: max(1, -(-len(stamps) // _MAX_TICKS))]
        record.time_s = np.array([self._time_s(stamp) for stamp in kept], np.float32)
        record.clearance_m = np.array([self._clearance_m[stamp] for stamp in kept], np.float32)
        if self._outputs:
            record.output = np.array(
                [self._outputs.get(stamp, (math.nan,) * 4) for stamp in kept], np.float32
            )
        if ticks:
            _fill(record, [ticks.get(stamp) for stamp in kept])
        before: dict[int, Trace | None] = dict(
            zip(stamps, [None, *(ticks.get(stamp) for stamp in stamps)], strict=False)
        )
        named = moments.merged({name: frame.stamp_ns for name, frame in self._kept.items()})
        images = {frame.stamp_ns: frame.image for frame in self._kept.values()}
        record.moments = [
            self._moment(one, images[one.stamp_ns], ticks.get(one.stamp_ns), before[one.stamp_ns])
            for one in named
        ]
        return record

    def _time_s(self, stamp_ns: int) -> float:
        return (stamp_ns - (self._first_ns or 0)) / NANOSECONDS_PER_SECOND

    def _moment(
        self,
        named: moments.Named,
        image: ImageBuffer,
        tick: Trace | None,
        before: Trace | None,
    ) -> FlightMoment:
        empty = np.empty(0, np.float32)
        time_s, rgb = self._time_s(named.stamp_ns), to_rgb(image)
        if tick is None:
            return FlightMoment(named.names, time_s, rgb, empty, empty, empty, empty, math.nan)
        is_first = moments.START in named.names
        start = np.zeros_like(tick.state) if is_first else empty
        return FlightMoment(
            named.names,
            time_s,
            rgb,
            np.concatenate([tick.features, tick.imu]),
            start if before is None else before.state,
            tick.state,
            tick.tau,
            tick.dt_s,
        )


def _fill(record: FlightRecord, traces: Sequence[Trace | None]) -> None:
    """Fill the arrays of a record with the traces of its ticks; None leaves a row of NaN."""

    def rows(values: Sequence[Array | None]) -> Array:
        sizes = [len(value) for value in values if value is not None and len(value)]
        if not sizes:
            return np.empty(0, np.float32)
        gap = np.full(sizes[0], np.nan)
        whole = [gap if value is None or len(value) != sizes[0] else value for value in values]
        return np.array(whole, np.float32)

    def of(name: str) -> list[Array | None]:
        return [None if one is None else np.ravel(getattr(one, name)) for one in traces]

    record.command, record.state, record.tau_s = (
        rows(of('command')),
        rows(of('state')),
        rows(of('tau')),
    )
    record.readings = rows(
        [None if one is None else np.concatenate([one.features, one.imu]) for one in traces]
    )
    record.filter_tau_s = rows(
        [
            None
            if tau is None or not tau.size
            else np.array([tau.min(), np.exp(np.log(tau).mean()), tau.max()])
            for tau in of('filter_tau')
        ]
    )
    gate = rows(of('gate'))
    record.gate = gate if gate.ndim == 2 and gate.shape[1] == len(GATE_FIELDS) else record.gate
    friction = rows(of('friction'))
    record.friction = friction[:, 0] if friction.ndim == 2 else friction


def to_rgb(image: ImageBuffer) -> npt.NDArray[np.uint8]:
    """Return a camera's picture as (H, W, 3) RGB, at most 320 pixels wide.

    It is grey where its encoding is not known, and (0, 0, 3) where there is no picture.
    """
    if not image.width:
        return np.empty((0, 0, 3), np.uint8)
    channels = {'rgb8': 3, 'bgr8': 3, 'mono8': 1}.get(image.encoding)
    if channels is None:
        return np.full((9, 16, 3), 128, np.uint8)
    rows = np.frombuffer(image.data, np.uint8)[: image.height * image.step]
    lines = rows.reshape(image.height, image.step)[:, : image.width * channels]
    pixels: npt.NDArray[Any] = lines.reshape(image.height, image.width, channels)
    if image.encoding == 'bgr8':
        pixels = pixels[:, :, ::-1]
    if channels == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    if image.width > _MAX_WIDTH:
        height = max(1, round(image.height * _MAX_WIDTH / image.width))
        pixels = cv2.resize(
            np.ascontiguousarray(pixels), (_MAX_WIDTH, height), interpolation=cv2.INTER_AREA
        )
    return np.array(pixels, np.uint8)
