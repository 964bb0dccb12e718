"""What a report shows of one mission: figures of each tick, and pictures of a few moments.

It is kept as one npz file of each mission in the folder `flights` of a run, about 10 kB for each
second of flight.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.trace import GATE_FIELDS

FOLDER = 'flights'
"""Folder of the records in a run folder."""
FORMAT = 1
"""Version of the file; raised when a field changes its name or meaning."""
_PICTURE_QUALITY = 88
_MAX_BYTES = 64 << 20
"""Largest size of the arrays of a file that is read."""
_MAX_PICTURE_PX = 4096
Float = npt.NDArray[np.floating]


class FlightMoment(NamedTuple):
    """One moment of a flight, with the picture that the pilot flew on."""

    names: tuple[str, ...]
    """Why it is shown: names that `moments.title` takes."""
    time_s: float
    """Time of flight."""
    rgb: npt.NDArray[np.uint8]
    """(H, W, 3) the camera's frame."""
    readings: Float
    """(F + 6,) features of the encoder, then the mean IMU (rad/s, m/s^2); empty if not known."""
    state: Float
    """(N,) state of the core before the tick; empty when it is not known."""
    state_after: Float
    """(N,) state of the core after the tick; empty when it is not known."""
    tau_s: Float
    """(N,) time constants of the core in the tick, s; empty when they are not known."""
    dt_s: float
    """Elapsed time that the core was stepped by, s; NaN when it is not known."""


class GuardEvent(NamedTuple):
    """A change of the state of the guard."""

    time_s: float
    """Time of flight."""
    state: str
    reason: str
    """Why the guard is in this state; empty while commands pass."""


def _empty() -> Float:
    return np.empty(0, np.float32)


@dataclass
class FlightRecord:
    """One mission, tick by tick. T ticks, N neurons, F features; NaN where a value is not known."""

    seed: int
    digest: str = ''
    """SHA-256 of the pilot file; empty when no trace of the pilot came."""
    source: str = ''
    """How it was recorded, in words."""
    key: str = ''
    """What was flown, for records that are used again; empty for a flight that is not."""
    time_s: Float = field(default_factory=_empty)
    """(T,) time of flight of each frame."""
    heading_rad: float = float('nan')
    """Heading at the start, counter-clockwise from east."""
    clearance_m: Float = field(default_factory=_empty)
    """(T,) horizontal distance from the vehicle's centre to the surface of the nearest obstacle."""
    command: Float = field(default_factory=_empty)
    """(T, 4) the pilot's commands: forward, left, up (m/s), yaw rate (rad/s)."""
    output: Float = field(default_factory=_empty)
    """(T, 4) the commands that the guard let through."""
    state: Float = field(default_factory=_empty)
    """(T, N) states of the core."""
    readings: Float = field(default_factory=_empty)
    """(T, F + 6) features of the encoder, then the mean IMU (rad/s, m/s^2)."""
    tau_s: Float = field(default_factory=_empty)
    """(T, N) time constants of the core, s."""
    filter_tau_s: Float = field(default_factory=_empty)
    """(T, 3) min, geometric mean and max of the temporal filter's time constants, s."""
    gate: Float = field(default_factory=_empty)
    """(T, 9) state of the novelty gate, whose entries GATE_FIELDS names."""
    friction: Float = field(default_factory=_empty)
    """(T,) estimated friction relative to a dry road."""
    events: list[GuardEvent] = field(default_factory=list)
    moments: list[FlightMoment] = field(default_factory=list)

    def gate_value(self, name: str) -> Float:
        """Return one entry of the novelty gate, (T,); NaN when it is not known."""
        if self.gate.ndim != 2 or self.gate.shape[1] != len(GATE_FIELDS):
            return np.full(len(self.time_s), np.nan)
        return self.gate[:, GATE_FIELDS.index(name)]

    @property
    def novel(self) -> npt.NDArray[np.bool_]:
        """Whether the novelty gate rejected a frame, (T,)."""
        return np.nan_to_num(self.gate_value('novel')) > 0.5


_ARRAYS = {
    'time_s': 'f4',
    'clearance_m': 'f4',
    'command': 'f4',
    'output': 'f4',
    'state': 'f2',
    'readings': 'f2',
    'tau_s': 'f2',
    'filter_tau_s': 'f4',
    'gate': 'f4',
    'friction': 'f4',
}
"""The arrays with one row a tick, and their type on disk."""
_OF_A_MOMENT = ('readings', 'state', 'state_after', 'tau_s')
_TEXTS = ('seed', 'digest', 'source', 'key', 'heading_rad')


def to_npz(record: FlightRecord) -> bytes:
    """Return a record as the bytes of a compressed npz file."""
    head = {name: getattr(record, name) for name in _TEXTS}
    head['format'] = FORMAT
    head['events'] = [list(event) for event in record.events]
    head['moments'] = [
        {'names': list(moment.names), 'time_s': moment.time_s, 'dt_s': moment.dt_s}
        for moment in record.moments
    ]
    arrays: dict[str, Any] = {'head': np.frombuffer(json.dumps(head).encode(), np.uint8)}
    with np.errstate(over='ignore'):
        arrays |= {
            name: np.asarray(getattr(record, name)).astype(kind) for name, kind in _ARRAYS.items()
        }
    for number, moment in enumerate(record.moments):
        arrays[f'picture_{number}'] = np.frombuffer(encode_webp(moment.rgb), np.uint8)
        for name in _OF_A_MOMENT:
            arrays[f'{name}_{number}'] = np.asarray(getattr(moment, name), np.float32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def read_record(path: Path) -> FlightRecord:
    """Read the record of a mission.

    Raises:
        LiquidPilotError: the file cannot be read, or is of another version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_BYTES:
                raise ValueError('it is too large')
        with np.load(path, allow_pickle=False) as content:
            return _unpack({name: content[name] for name in content.files})
    except (
        *(OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, OverflowError),
        *(zipfile.BadZipFile, zlib.error, RecursionError, cv2.error),
    ) as error:
        raise LiquidPilotError(
            f'{path} is not the record of a mission ({error}); delete it, and make the report again'
        ) from None


def _unpack(content: dict[str, Any]) -> FlightRecord:
    head = json.loads(content['head'].tobytes())
    if head['format'] != FORMAT:
        raise ValueError(f'its format is {head["format"]}, not {FORMAT}')
    record = FlightRecord(int(head['seed']))
    record.digest, record.source, record.key = (
        str(head[name]) for name in ('digest', 'source', 'key')
    )
    record.heading_rad = float(head['heading_rad'])
    record.events = [GuardEvent(float(time), str(s), str(why)) for time, s, why in head['events']]
    for name in _ARRAYS:
        setattr(record, name, np.asarray(content[name], np.float32))
    ticks = len(record.time_s)
    if any(len(getattr(record, name)) not in (0, ticks) for name in _ARRAYS):
        raise ValueError('its arrays differ in length')
    if any(len(getattr(record, name)) and getattr(record, name).shape != (ticks, 4)
           for name in ('command', 'output')):  # fmt: skip
        raise ValueError('its commands do not have four values')
    for number, moment in enumerate(head['moments']):
        arrays = [np.asarray(content[f'{name}_{number}'], np.float32) for name in _OF_A_MOMENT]
        record.moments.append(
            FlightMoment(
                tuple(str(name) for name in moment['names']),
                float(moment['time_s']),
                decode_webp(content[f'picture_{number}']),
                *(arrays[0], arrays[1], arrays[2], arrays[3]),
                float(moment['dt_s']),
            )
        )
    return record


def encode_webp(rgb: npt.NDArray[np.uint8], quality: int = _PICTURE_QUALITY) -> bytes:
    """Return a picture (H, W, 3) as the bytes of a WebP file.

    Args:
        rgb: the picture, RGB.
        quality: quality of the compression, 1 to 100.
    """
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])
    data: npt.NDArray[np.uint8] = cv2.imencode('.webp', bgr, [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return data.tobytes()


def decode_webp(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the picture (H, W, 3) of a WebP file, RGB.

    Raises:
        ValueError: it is no picture, or a very large one.
    """
    bgr = cv2.imdecode(np.asarray(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None or max(bgr.shape) > _MAX_PICTURE_PX:
        raise ValueError('a picture cannot be read')
    return np.ascontiguousarray(bgr[:, :, ::-1]).astype(np.uint8)
