"""Reads messages from rosbag2 bags (MCAP or SQLite), without ROS.

An MCAP file is read from front to back, in the order of writing. A file that was never closed (a
recorder that was killed, a full disk) therefore yields everything that it holds, while a damaged
one is refused. Message types are the standard ones, which are known beforehand: nothing in a bag is
run as code.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

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
"""Size above which a record of an MCAP file is taken for damage."""
_ACKERMANN = 'ackermann_msgs/msg/AckermannDrive'


class BagMessage(NamedTuple):
    """One message, not yet decoded."""

    topic: str
    """Absolute name of the topic."""
    type: str
    """Type of the message, such as 'sensor_msgs/msg/Image'."""
    log_ns: int
    """Time at which the recorder received it, ns."""
    data: bytes
    """Content as CDR."""


@dataclass
class Bag:
    """One bag: a rosbag2 folder, an .mcap or a .db3 file."""

    path: Path
    """The folder or file."""
    unclosed: bool = False
    """Whether reading has shown that the bag has no end: its recorder never closed it."""
    position: int = 0
    """Number of bytes of an MCAP bag that have been read, for a display of progress."""
    types: dict[str, str] = field(default_factory=dict)
    """Message type by topic, of the topics that were found while reading."""

    def __post_init__(self) -> None:
        """Find the files; LiquidPilotError when there are none."""
        self._files = _mcap_files(self.path)

    @property
    def files(self) -> list[Path]:
        """All files of the bag. A change of any of them makes it another bag."""
        if self.path.is_dir():
            return sorted(file for file in self.path.iterdir() if file.is_file())
        return [self.path]

    def messages(self, topics: Collection[str]) -> Iterator[BagMessage]:
        """Yield the messages of some topics in the order of the file.

        Raises:
            LiquidPilotError: the bag is damaged.
        """
        if self._files is None:
            yield from self._messages_via_rosbags(topics)
            return
        self.position = before = 0
        for file in self._files:
            yield from self._mcap(file, topics)
            self.position = before = before + file.stat().st_size

    def _mcap(self, file: Path, topics: Collection[str]) -> Iterator[BagMessage]:
        schemas: dict[int, str] = {}
        channels: dict[int, tuple[str, str]] = {}
        before = self.position
        try:
            with open(file, 'rb') as stream:
                closed = _has_end_magic(stream)
                try:
                    for record in StreamReader(
                        # The reader calls nothing but `read`, which its annotation does not say.
                        cast(IO[bytes], _ExactReader(stream)),
                        validate_crcs=True,
                        record_size_limit=_MAX_RECORD_BYTES,
                    ).records:
                        if isinstance(record, Message):
                            self.position = before + stream.tell()
                            if record.channel_id in channels:
                                yield BagMessage(
                                    *channels[record.channel_id], record.log_time, record.data
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
                                channels[record.id] = (record.topic, self.types[record.topic])
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
            # The errors of zstandard and lz4 are subclasses of none of these.
            if type(error).__module__.partition('.')[0] in ('zstandard', 'lz4'):
                raise _unreadable_error(file, str(error)) from None
            raise

    def _messages_via_rosbags(self, topics: Collection[str]) -> Iterator[BagMessage]:
        try:
            with Reader(self.path) as reader:
                self.types = {entry.topic: entry.msgtype for entry in reader.connections}
                connections = [entry for entry in reader.connections if entry.topic in topics]
                if connections:
                    for entry, log_ns, data in reader.messages(connections):
                        yield BagMessage(entry.topic, entry.msgtype, log_ns, bytes(data))
        except LiquidPilotError:
            raise
        except Exception as error:  # SQLite, zstandard and the library raise errors of their own.
            raise _unreadable_error(self.path, str(error) or type(error).__name__) from None


class _ExactReader:
    """A stream whose `read` returns as many bytes as requested, or raises EndOfFile."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise EndOfFile
        return data


def _has_end_magic(stream: IO[bytes]) -> bool:
    """Return whether the file ends as a closed MCAP file does."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - len(_MAGIC)))
    ends = size > 2 * len(_MAGIC) and stream.read() == _MAGIC
    stream.seek(0)
    return ends


def _unreadable_error(path: Path, reason: str) -> LiquidPilotError:
    return LiquidPilotError(f'{path}: cannot be read as a bag: {" ".join(reason.split())}')


def _mcap_files(path: Path) -> list[Path] | None:
    """Return the MCAP files of a bag in their order; None for a bag that rosbags has to read."""
    if not path.exists():
        raise LiquidPilotError(f'{path}: there is no such bag')
    if path.is_file():
        if path.suffix not in ('.mcap', '.db3'):
            raise LiquidPilotError(
                f'{path}: a bag is a folder with metadata.yaml, or an .mcap or .db3 file'
            )
        return [path] if path.suffix == '.mcap' else None
    metadata = path / 'metadata.yaml'
    files = sorted(path.glob('*.mcap'))
    if metadata.is_file():
        try:
            content = yaml.safe_load(metadata.read_text(encoding='utf-8'))
            bag = content['rosbag2_bagfile_information']
            if bag['storage_identifier'] != 'mcap' or bag.get('compression_mode'):
                return None
            # Only the file names are used: a path must not lead out of the folder.
            files = [path / Path(name).name for name in bag['relative_file_paths']] or files
        except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
            raise _unreadable_error(metadata, str(error)) from None
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
    """Decodes CDR to message objects that have the fields of their ROS type."""

    def __init__(self) -> None:
        self._store = get_typestore(Stores.ROS2_JAZZY)
        # The only type that is not part of ROS 2 itself.
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
        """Return the decoded message.

        Raises:
            LiquidPilotError: the data is not of the message's type; the bag is not named.
        """
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
