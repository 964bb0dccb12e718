"""The records of the dashboard: what the page shows of one tick, and how it goes over the line.

A message is binary: the length of a header (4 bytes, little endian), the header (JSON), then the
blocks that the header lists by name, type, offset and length.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.dashboard.guard_output import OTHERS
from liquid_pilot.onboard.inference.trace import GATE_FIELDS

Float32Array = npt.NDArray[np.float32]
Block = bytes | npt.NDArray[Any]
"""A picture (JPEG), or an array."""


class Event(NamedTuple):
    """Something that happened, for the list of events and the timeline."""

    time_s: float
    """Time of the history, s."""
    kind: str
    """One of `events.KINDS`."""
    level: int
    """Severity: 0 information, 1 warning, 2 error."""
    text: str
    """What happened, as a sentence without a full stop."""


class RowLayout:
    """The numbers of a record by name, in one row.

    Args:
        features: number of features of the encoder, F.
        neurons: number of neurons, N.
    """

    def __init__(self, features: int, neurons: int) -> None:
        self.fields: dict[str, int] = {
            'wanted': 4,
            'sent': 4,
            'setpoint': len(OTHERS),
            'gate': len(GATE_FIELDS),
            'thresholds': 3,
            'friction': 1,
            'position': 3,
            'heading': 1,
            'speed': 1,
            'mission': 1,
            'flight_s': 1,
            'guard': 1,
            'flicker': 1,
            'filter_scale': 1,
            'core_scale': 1,
            'dt': 1,
            'sequence': 1,
            'imu': 6,
            'features': features,
            'state': neurons,
            'state_before': neurons,
            'tau': neurons,
            'tau_trained': neurons,
        }
        """Number of values by name, in their order."""
        self.size = sum(self.fields.values())
        """Number of values of a row."""
        self._slices: dict[str, slice] = {}
        start = 0
        for name, size in self.fields.items():
            self._slices[name] = slice(start, start + size)
            start += size

    def make(self, values: Mapping[str, npt.ArrayLike]) -> Float32Array:
        """Return a row; what is not given, or has another size, is NaN."""
        row = np.full(self.size, np.nan, np.float32)
        for name, value in values.items():
            given = np.ravel(np.asarray(value, np.float32))
            if given.size == self.fields[name]:
                row[self._slices[name]] = given
        return row

    def read(self, row: Float32Array, name: str) -> Float32Array:
        """Return the values of a name in a row."""
        return row[self._slices[name]]


class Record(NamedTuple):
    """What the page shows of one tick."""

    number: int
    """Number of the record, from 1."""
    time_s: float
    """Time of the history, s."""
    stamp_ns: int
    """Stamp of the frame; 0 where there is none."""
    row: Float32Array
    """The numbers, as `RowLayout` orders them."""
    filter_tau: Float32Array
    """(R*C,) time constants of the temporal filter, s; empty where there is none."""
    picture: bytes
    """What the pilot saw, as JPEG; empty where it was not kept."""
    status: bytes
    """The reports of the nodes as JSON, by name; shared by the records until they change."""

    @property
    def size(self) -> int:
        """Number of bytes that it needs, without what it shares."""
        return 400 + self.row.nbytes + self.filter_tau.nbytes + len(self.picture)


def pack(header: Mapping[str, Any], blocks: Mapping[str, Block]) -> bytes:
    """Return a message.

    Args:
        header: plain data.
        blocks: pictures and arrays by name; arrays go as float32, or float64 where they are that.
    """
    listed: list[list[Any]] = []
    parts: list[bytes] = []
    offset = 0
    for name, block in blocks.items():
        if isinstance(block, bytes):
            kind, data = 'jpeg', block
        else:
            array = np.ascontiguousarray(block)
            kind = 'f8' if array.dtype == np.float64 else 'f4'
            data = array.astype('<f8' if kind == 'f8' else '<f4', copy=False).tobytes()
        # A reader in a browser can look at numbers in place only where they are aligned.
        padding = -offset % 8
        parts += [bytes(padding), data]
        listed.append([name, kind, offset + padding, len(data)])
        offset += padding + len(data)
    text = json.dumps({**header, 'blocks': listed}, allow_nan=False).encode()
    text += b' ' * (-(len(text) + 4) % 8)
    return b''.join([struct.pack('<I', len(text)), text, *parts])


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, Block]]:
    """Return the header and the blocks of a message, as the page reads them."""
    (length,) = struct.unpack_from('<I', message)
    header = json.loads(message[4 : 4 + length])
    blocks: dict[str, Block] = {}
    for name, kind, offset, size in header.pop('blocks'):
        data = message[4 + length + offset : 4 + length + offset + size]
        blocks[name] = data if kind == 'jpeg' else np.frombuffer(data, f'<{kind}')
    return header, blocks


def pack_record(
    record: Record, version: int, events: Sequence[Event], blocks: Mapping[str, Block]
) -> bytes:
    """Return the message of one record.

    Args:
        record: the record.
        version: version of the description of the pilot that it belongs to.
        events: what has happened since the record before it.
        blocks: what was computed for it.
    """
    header = {
        'kind': 'record',
        'number': record.number,
        'time_s': record.time_s,
        # A number of JavaScript is exact up to 2^53 only.
        'stamp_ns': str(record.stamp_ns),
        'version': version,
        'events': [event._asdict() for event in events],
        'status': json.loads(record.status) if record.status else {},
    }
    own: dict[str, Block] = {'row': record.row, 'filter_tau': record.filter_tau}
    if record.picture:
        own['picture'] = record.picture
    return pack(header, {**own, **blocks})
