"""Makes of a recording what the report shows of each flight in it.

The caller hands over what the messages carry, in the order of the recording. What a simulated
mission knows and a vehicle does not, such as the trees, stays empty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from liquid_pilot.evaluation.flight_report.flight_record import FlightRecord
from liquid_pilot.evaluation.flight_report.recorder import FlightRecorder
from liquid_pilot.evaluation.flight_report.run_folder import Mission
from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    CameraGeometry,
    Command,
    ImageBuffer,
    LiquidPilotError,
    Observation,
    SensorPacket,
    VehicleState,
)
from liquid_pilot.onboard.inference.trace import Trace
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.task import Layout

RECORDED = 'recorded'
"""Outcome of a flight of which the recording does not say how it ended."""
SOURCE = 'read from a recording'
NO_IMAGE = ImageBuffer(b'', 0, 0, 0, '')
_MIN_TICKS = 5
"""Number of frames below which a flight is left out: the pilot was only started."""
_MARKER_NS = 500_000_000
"""Time after its first frame within which a mission is announced: frames may be late."""
_UNKNOWN_STATE = VehicleState(0, (math.nan,) * 3, (math.nan,) * 4, (math.nan,) * 3, (math.nan,) * 3)


@dataclass
class Flight:
    """One flight of a recording."""

    mission: Mission
    record: FlightRecord
    path: npt.NDArray[np.float64]
    """(n, 4) seconds, x, y and z (ENU, m); without rows where the odometry was not recorded."""
    is_simulated: bool
    """Whether the number of the mission is the seed of its scene."""


@dataclass
class _Open:
    """A flight that is being read."""

    recorder: FlightRecorder
    traces: Sequence[Trace]
    first_ns: int
    frames: int = 0
    last_ns: int = 0
    path: list[tuple[float, ...]] = field(default_factory=list)


class FlightCollector:
    """Collects the flights of a recording.

    Args:
        traces: all traces of the recording; without any the whole recording is one flight.
        markers: stamp (ns) and text of each beginning ('seed 7') and each end ('end success') of a
            simulated mission.
        pilot: the pilot file that flew, so that the pictures are those that it saw; None: not
            known, and the pictures are those of the camera.
        conditions: conditions of the flights; None: not known.
        layouts: scenes of the missions by seed, where they are known.
    """

    def __init__(
        self,
        traces: Sequence[Trace],
        markers: Sequence[tuple[int, str]] = (),
        pilot: PilotFile | None = None,
        conditions: Sequence[Condition] | None = None,
        layouts: Mapping[int, Layout | None] | None = None,
    ) -> None:
        self._conditions, self._layouts = conditions or (), layouts or {}
        self._has_traces = bool(traces)
        grouped: dict[str, list[Trace]] = {}
        for trace in traces:
            grouped.setdefault(trace.flight, []).append(trace)
        self._traces = [flight for flight in grouped.values() if len(flight) >= _MIN_TICKS]
        self._ticks = {
            trace.stamp_ns: (number, trace)
            for number, flight in enumerate(self._traces)
            for trace in flight
        }
        self._preprocess: Preprocessor | None = None
        if pilot is not None:
            specification = pilot.specification
            self._preprocess = Preprocessor(specification.camera, None, specification.rectify)
        self._open: dict[int, _Open] = {}
        self._number = 0
        self._state = _UNKNOWN_STATE
        self._markers = markers

    def on_camera(self, camera: CameraGeometry) -> None:
        """Take the intrinsics of the camera."""
        if self._preprocess is not None and self._preprocess.source != camera:
            self._preprocess.set_source(camera)

    def on_frame(self, stamp_ns: int, image: ImageBuffer) -> None:
        """Take a frame of the camera; `NO_IMAGE` stands for one that was not recorded."""
        number, trace = self._ticks.get(stamp_ns, (self._number, None))
        if trace is None and self._has_traces:
            # The pilot did not answer it, or was not flying.
            return
        self._number = number
        flight = self._open.get(number)
        if flight is None:
            flight = self._open[number] = self._begin(number, stamp_ns)
        packet = SensorPacket(
            stamp_ns, Observation(stamp_ns, self._seen(image), ()), (), self._state, math.nan
        )
        flight.recorder.on_packet(packet)
        if trace is not None:
            flight.recorder.on_trace(trace)
        flight.frames, flight.last_ns = flight.frames + 1, max(stamp_ns, flight.last_ns)
        if all(map(math.isfinite, self._state.position_enu_m)):
            time_s = (stamp_ns - flight.first_ns) / NANOSECONDS_PER_SECOND
            flight.path.append((time_s, *self._state.position_enu_m))

    def on_output(self, command: Command) -> None:
        """Take what the guard sent to the vehicle."""
        number = self._ticks.get(command.stamp_ns, (self._number, None))[0]
        if number in self._open:
            self._open[number].recorder.on_output(command)

    def on_guard(self, state: str, reason: str) -> None:
        """Take the state of the guard."""
        if self._number in self._open:
            self._open[self._number].recorder.on_guard(state, reason)

    def on_odometry(self, state: VehicleState) -> None:
        """Take the pose of the vehicle."""
        self._state = state

    def finish(self) -> list[Flight]:
        """Return the flights in their order."""
        kept = [one for _, one in sorted(self._open.items()) if one.frames >= _MIN_TICKS]
        seeds = [self._seed(one) for one in kept]
        numbered = None in seeds or len(set(seeds)) < len(seeds)
        return [
            self._close(one, index if numbered or seed is None else seed, not numbered)
            for index, (one, seed) in enumerate(zip(kept, seeds, strict=True), start=1)
        ]

    def _begin(self, number: int, stamp_ns: int) -> _Open:
        traces = self._traces[number] if self._traces else ()
        opened = _Open(FlightRecorder(0, None), traces, stamp_ns)
        seed = self._seed(opened)
        layout = None if seed is None else self._layouts.get(seed)
        opened.recorder = FlightRecorder(0, layout, self._conditions)
        return opened

    def _seen(self, image: ImageBuffer) -> ImageBuffer:
        """Return a frame as the pilot sees it: in its own size and field of view."""
        if self._preprocess is None or not image.width:
            return image
        try:
            planes = self._preprocess(image)[0]
        except LiquidPilotError:
            return image
        rgb = (255.0 * planes.transpose(1, 2, 0) + 0.5).astype(np.uint8)
        height, width = rgb.shape[:2]
        return ImageBuffer(rgb.tobytes(), width, height, 3 * width, 'rgb8')

    def _seed(self, flight: _Open) -> int | None:
        """Return the seed that was announced when a flight began; None: there is none."""
        began = [
            int(rest)
            for stamp_ns, text in self._markers
            for verb, _, rest in [text.partition(' ')]
            if verb == 'seed' and rest.isdecimal()
            if stamp_ns <= flight.first_ns + _MARKER_NS
        ]
        return began[-1] if began else None

    def _close(self, flight: _Open, number: int, is_simulated: bool) -> Flight:
        digest = flight.traces[0].digest if flight.traces else ''
        record = flight.recorder.finish(flight.traces, digest, SOURCE)
        record.seed = number
        path = np.array(flight.path, np.float64).reshape(-1, 4)
        duration_s = (flight.last_ns - flight.first_ns) / NANOSECONDS_PER_SECOND
        flown_m = float(np.linalg.norm(np.diff(path[:, 1:], axis=0), axis=1).sum())
        mission = Mission(
            number,
            self._outcome(flight),
            '',
            duration_s,
            flown_m if len(path) else math.nan,
            math.nan,
        )
        return Flight(mission, record, path, is_simulated)

    def _outcome(self, flight: _Open) -> str:
        """Return how a mission ended, as the recording says it."""
        for stamp_ns, text in self._markers:
            verb, _, rest = text.partition(' ')
            if verb == 'seed' and stamp_ns > flight.last_ns:
                break
            if verb == 'end' and stamp_ns >= flight.first_ns:
                return rest
        return RECORDED
