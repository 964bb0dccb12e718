"""Messages out of rosbag2 bags (MCAP or SQLite), without ROS.

An MCAP file is read from front to back, as it was written, so one that was never closed (a
recorder that was killed, a full disk) gives all that it holds; one that is damaged is refused.
Message types are the standard ones, known beforehand: nothing in a bag is run as code.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import yaml
from mcap.exceptions import EndOfFile, McapError
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import CRCValidationError, StreamReader
from rosbags.rosbag2 import Reader
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from liquid_pilot.interfaces import LiquidPilotError

_MAGIC = b'\x89MCAP0\r\n'
_MAX_RECORD_BYTES = 1 << 30
_ACKERMANN = 'ackermann_msgs/msg/AckermannDrive'


class BagMessage(NamedTuple):
    """One message, not yet decoded."""

    topic: str
    type: str
    """Such as 'sensor_msgs/msg/Image'."""
    log_ns: int
    """When the recorder got it."""
    data: bytes
    """CDR."""


@dataclass
class Bag:
    """One bag: a rosbag2 folder, an .mcap or a .db3 file."""

    path: Path
    unclosed: bool = False
    """True once it was read and found to have no end: nothing was missed but what never came."""
    position: int = 0
    """How many bytes of an MCAP bag have been read, for a display of progress."""
    types: dict[str, str] = field(default_factory=dict)
    """Topic to message type, of what was met while reading."""

    def __post_init__(self) -> None:
        """Find the files."""
        self._files = _mcap_files(self.path)

    @property
    def files(self) -> list[Path]:
        """All that the bag is made of; a change of any makes it another bag."""
        if self.path.is_dir():
            return sorted(file for file in self.path.iterdir() if file.is_file())
        return [self.path]

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """Those of some topics, in the order of the file; LiquidPilotError for a damaged bag."""
        if self._files is None:
            yield from self._messages_via_rosbags(topics)
            return
        self.position = before = 0
        for file in self._files:
            yield from self._mcap(file, topics)
            self.position = before = before + file.stat().st_size

    def _mcap(self, file: Path, topics: Collection[str]) -> Iterator[BagMessage]:
        schemas: dict[int, str] = {}
        wanted: dict[int, tuple[str, str]] = {}
        before = self.position
        try:
            with open(file, 'rb') as stream:
                closed = _has_end_magic(stream)
                try:
                    for record in StreamReader(
                        _ExactReader(stream),
                        validate_crcs=True,
                        record_size_limit=_MAX_RECORD_BYTES,
                    ).records:
                        if isinstance(record, Message):
                            self.position = before + stream.tell()
                            if record.channel_id in wanted:
                                yield BagMessage(
                                    *wanted[record.channel_id], record.log_time, record.data
                                )
                        elif isinstance(record, Schema):
                            schemas[record.id] = record.name
                        elif isinstance(record, Channel):
                            self.types[record.topic] = schemas.get(record.schema_id, '')
                            if record.topic in topics:
                                if record.message_encoding != 'cdr':
                                    raise _unreadable_error(
                                        file,
                                        f'topic {record.topic} is encoded as '
                                        f'{record.message_encoding!r}, not as cdr',
                                    )
                                wanted[record.id] = (record.topic, self.types[record.topic])
                except EndOfFile:
                    if closed:
                        raise _unreadable_error(file, 'a record is longer than the file') from None
                    self.unclosed = True
        except OSError as error:
            raise _unreadable_error(file, error.strerror or str(error)) from None
        except (
            McapError,
            CRCValidationError,
            struct.error,
            ValueError,
            RuntimeError,
            MemoryError,
            OverflowError,
        ) as error:
            raise _unreadable_error(file, str(error) or type(error).__name__) from None
        except Exception as error:
            # zstandard's own error is no subclass of any of these.
            if type(error).__module__.partition('.')[0] in ('zstandard', 'lz4'):
                raise _unreadable_error(file, str(error)) from None
            raise

    def _messages_via_rosbags(self, topics: Collection[str]) -> Iterator[BagMessage]:
        try:
            with Reader(self.path) as reader:
                self.types = {entry.topic: entry.msgtype for entry in reader.connections}
                wanted = [entry for entry in reader.connections if entry.topic in topics]
                if wanted:
                    for entry, log_ns, data in reader.messages(wanted):
                        yield BagMessage(entry.topic, entry.msgtype, log_ns, bytes(data))
        except LiquidPilotError:
            raise
        except Exception as error:  # SQLite, zstd and the library have errors of their own
            raise _unreadable_error(self.path, str(error) or type(error).__name__) from None


class _ExactReader:
    """A stream that gives all that is asked for, or says that it has ended."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise EndOfFile
        return data


def _has_end_magic(stream: IO[bytes]) -> bool:
    """Whether the file ends as a closed MCAP file does."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - len(_MAGIC)))
    ends = size > 2 * len(_MAGIC) and stream.read() == _MAGIC
    stream.seek(0)
    return ends


def _unreadable_error(path: Path, why: str) -> LiquidPilotError:
    return LiquidPilotError(f'{path}: cannot be read as a bag: {" ".join(why.split())}')


def _mcap_files(path: Path) -> list[Path] | None:
    """The MCAP files of a bag in their order; None for a bag that the library has to read."""
    if not path.exists():
        raise LiquidPilotError(f'{path}: there is no such bag')
    if path.is_file():
        if path.suffix not in ('.mcap', '.db3'):
            raise LiquidPilotError(
                f'{path}: a bag is a folder with metadata.yaml, or an .mcap or .db3 file'
            )
        return [path] if path.suffix == '.mcap' else None
    note = path / 'metadata.yaml'
    files = sorted(path.glob('*.mcap'))
    if note.is_file():
        try:
            found = yaml.safe_load(note.read_text(encoding='utf-8'))['rosbag2_bagfile_information']
            if found['storage_identifier'] != 'mcap' or found.get('compression_mode'):
                return None
            # The names as the folder has them: a file in it, not wherever a path may lead.
            files = [path / Path(name).name for name in found['relative_file_paths']] or files
        except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
            raise _unreadable_error(note, str(error)) from None
    elif not files:
        raise LiquidPilotError(
            f'{path}: holds neither metadata.yaml nor an .mcap file; '
            '`ros2 bag reindex` makes the former for a .db3 bag'
        )
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise LiquidPilotError(f'{missing[0]}: is missing, metadata.yaml names it')
    return files


class Decoder:
    """CDR to message objects with the fields of the ROS type."""

    def __init__(self) -> None:
        self._store = get_typestore(Stores.ROS2_JAZZY)
        # The one type that is not among ROS's own.
        self._store.register(
            get_types_from_msg(
                'float32 steering_angle\nfloat32 steering_angle_velocity\nfloat32 speed\n'
                'float32 acceleration\nfloat32 jerk',
                _ACKERMANN,
            )
        )
        self._store.register(
            get_types_from_msg(
                f'std_msgs/Header header\n{_ACKERMANN.replace("/msg", "")} drive',
                f'{_ACKERMANN}Stamped',
            )
        )

    def __call__(self, message: BagMessage) -> Any:
        """The message; LiquidPilotError (without the bag's name) when it is not of its type."""
        try:
            return self._store.deserialize_cdr(message.data, message.type)
        except (
            SerdeError,
            KeyError,
            IndexError,
            AssertionError,
            MemoryError,
            OverflowError,
        ) as error:
            raise LiquidPilotError(
                f'topic {message.topic}: a message is no {message.type} '
                f'({" ".join(str(error).split())})'
            ) from None
