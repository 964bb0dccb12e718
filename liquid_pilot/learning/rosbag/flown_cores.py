"""Flights of a recording, as they have to be known to be explained: traces and what was seen.

A recording of this package has `pilot/trace`, which says with which inputs the core was stepped,
and the images of the camera. Each reset of the network begins a flight.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.core_paths import (
    CorePaths,
    CoreTick,
    TimeConstants,
    core_inputs,
    trace_tick,
)
from liquid_pilot.explanation.flights.core_record import CoreRecord
from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    ImageBuffer,
    LiquidPilotError,
    ObservationError,
)
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.learning.rosbag.storage.messages import BagMessage, Decoder
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.onboard.inference.trace import Trace, unpack_trace
from liquid_pilot.onboard.perception.camera_info import camera_from_info
from liquid_pilot.onboard.perception.compressed_image import decode_compressed
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.pilot_file import PilotFile

_TRACE = '/pilot/trace'
_IMAGES = {
    'sensor_msgs/msg/Image': '/camera/image_raw',
    'sensor_msgs/msg/CompressedImage': '/camera/image_raw/compressed',
}
_CAMERA_INFO = '/camera/camera_info'
_MIN_TICKS = 5
"""Number of ticks below which a flight is left out: there is nothing to explain."""


class RecordedFlights:
    """The traces of a bag, and its pictures on demand.

    Args:
        path: the bag: a rosbag2 folder, an .mcap or a .db3 file.

    Raises:
        LiquidPilotError: it cannot be read, or has no trace of a pilot.
    """

    def __init__(self, path: Path) -> None:
        self._bag, self._decode = Bag(path), Decoder()
        for _ in self._bag.messages(()):
            pass
        types = self._bag.types
        self._trace_topic = self._find(_TRACE, 'std_msgs/msg/Float64MultiArray')
        if not self._trace_topic:
            found = ', '.join(sorted(types)) or 'none'
            raise LiquidPilotError(
                f'{path} has no topic pilot/trace, without which nothing of the network is known '
                f'(topics: {found}); record with `liquid-pilot record` or `fly --record`'
            )
        self.traces: list[list[Trace]] = self._read_traces()
        """The traces of each flight, in their order."""
        if not self.traces:
            raise LiquidPilotError(
                f'{path}: no flight has {_MIN_TICKS} ticks of {self._trace_topic} or more; was the '
                'pilot engaged while it was recorded?'
            )

    @property
    def unclosed(self) -> bool:
        """Whether the recording has no end: it was cut off while it was recorded."""
        return self._bag.unclosed

    @property
    def digest(self) -> str:
        """SHA-256 of the pilot file that flew."""
        return self.traces[0][0].digest

    def records(self, pilot: PilotFile) -> list[CoreRecord]:
        """Return the flights, without their pictures.

        Args:
            pilot: the pilot file that flew.

        Raises:
            LiquidPilotError: the traces are of another pilot.
        """
        if pilot.digest != self.digest:
            raise LiquidPilotError(
                f'{self._bag.path} was recorded with the pilot {self.digest[:12]}, and '
                f'{pilot.path} is {pilot.digest[:12]}; name the one that flew by --pilot'
            )
        core: TimeConstants | None = None
        if pilot.ltc_parameters is not None:
            core = CorePaths(pilot).tick
        elif pilot.parameters is not None:
            core = make_core(pilot)
        return [
            _record(pilot, core, _known(traces), f'flight {number}', _start(traces))
            for number, traces in enumerate(self.traces, start=1)
        ]

    def add_pictures(
        self,
        pilot: PilotFile,
        flights: Sequence[CoreRecord],
        number: int,
        span_s: tuple[float, float],
        on_progress: Callable[[int, int], None] | None = None,
    ) -> int:
        """Read what was seen in a part of one flight, and return the number of pictures.

        Args:
            pilot: the pilot file that flew.
            flights: the flights, as `records` returned them; the pictures are added to one.
            number: number of the flight, from 0.
            span_s: first and last time since its first frame, s.
            on_progress: callback, called with the number of pictures read and of those wanted.
        """
        flight, traces = flights[number], _known(self.traces[number])
        first, last = np.searchsorted(flight.time_s, (span_s[0] - 1e-9, span_s[1] + 1e-9))
        wanted = {traces[tick].stamp_ns: tick for tick in range(first, last)}
        count = 0
        for stamp_ns, picture in self._pictures(pilot, wanted):
            flight.pictures[wanted[stamp_ns]] = picture
            count += 1
            if on_progress is not None:
                on_progress(count, len(wanted))
        return count

    def _find(self, ending: str, kind: str) -> str:
        """Return the topic of a type whose name ends so; empty if there is none."""
        found = [
            name
            for name, its_kind in sorted(self._bag.types.items())
            if name.endswith(ending) and its_kind == kind
        ]
        if len(found) > 1:
            raise LiquidPilotError(
                f'{self._bag.path} has several pilots ({", ".join(found)}); record one of them'
            )
        return found[0] if found else ''

    def _read_traces(self) -> list[list[Trace]]:
        flights: list[list[Trace]] = []
        for message in self._bag.messages([self._trace_topic]):
            trace = unpack_trace(self._decode(message))
            follows = flights and (
                flights[-1][-1].flight == trace.flight
                and flights[-1][-1].sequence + 1 == trace.sequence
            )
            if follows:
                flights[-1].append(trace)
            else:
                flights.append([trace])
        return [flight for flight in flights if len(flight) >= _MIN_TICKS]

    def _pictures(
        self, pilot: PilotFile, wanted: Collection[int]
    ) -> Iterator[tuple[int, npt.NDArray[np.float16]]]:
        """Yield the stamps and preprocessed pictures of the frames with some stamps."""
        specification = pilot.specification
        topics = [topic for kind, ending in _IMAGES.items() if (topic := self._find(ending, kind))]
        preprocess = Preprocessor(specification.camera, None, specification.rectify)
        info = self._find(_CAMERA_INFO, 'sensor_msgs/msg/CameraInfo')
        for message in self._bag.messages([info]) if info else ():
            preprocess.set_source(camera_from_info(self._decode(message)))
            break
        for message in self._bag.messages(topics) if topics else ():
            content = self._decode(message)
            stamp = content.header.stamp
            stamp_ns = stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec
            if stamp_ns not in wanted:
                continue
            try:
                yield stamp_ns, preprocess(_image(message, content))[0].astype(np.float16)
            except ObservationError:
                continue  # the pilot refused it as well


def _image(message: BagMessage, content: Any) -> ImageBuffer:
    if message.type == 'sensor_msgs/msg/CompressedImage':
        return decode_compressed(bytes(content.data), content.format)
    return ImageBuffer(
        content.data,
        content.width,
        content.height,
        content.step,
        content.encoding,
        bool(content.is_bigendian),
    )


def _known(traces: list[Trace]) -> list[Trace]:
    """Return the ticks whose state before is known: it is not, of a first one that came late."""
    return traces if traces[0].sequence == 1 else traces[1:]


def _start(traces: Sequence[Trace]) -> npt.NDArray[np.floating]:
    """Return the state before the first known tick: a core starts at zero."""
    first = traces[0]
    return np.zeros(len(first.state)) if first.sequence == 1 else np.asarray(first.state)


def _record(
    pilot: PilotFile, core: TimeConstants | None, traces: Sequence[Trace], name: str, start: Any
) -> CoreRecord:
    after = np.array([trace.state for trace in traces], np.float32)
    before = np.concatenate([[start], after[:-1]]).astype(np.float32)
    stamps = np.array([trace.stamp_ns for trace in traces], np.int64)
    return CoreRecord(
        name,
        (stamps - stamps[0]) / NANOSECONDS_PER_SECOND,
        [
            CoreTick(core_inputs(pilot, trace), trace.dt_s)
            if core is None
            else trace_tick(core, pilot, trace)
            for trace in traces
        ],
        before,
        after,
        np.array([trace.command for trace in traces], np.float64),
        np.array([trace.tau for trace in traces], np.float32),
        [None] * len(traces),
    )
