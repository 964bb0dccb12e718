"""Reads one MCAP file from front to back, in the order of writing.

A file that was never closed (a recorder that was killed, a full disk, a power cut that left zeros)
yields everything before the place where it breaks off. One that was closed and is damaged is
refused.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import IO, Any, cast

import zstandard
from mcap.exceptions import EndOfFile, McapError
from mcap.records import Channel, Chunk, Message, Schema
from mcap.stream_reader import CRCValidationError, StreamReader, breakup_chunk

from liquid_pilot.learning.rosbag.storage.compression import MAX_BYTES, decompress
from liquid_pilot.learning.rosbag.storage.messages import (
    BagMessage,
    absolute_name,
    full_type,
    unreadable_error,
)

_MAGIC = b'\x89MCAP0\r\n'
_MAX_RECORD_BYTES = 1 << 30
"""Size above which a record is taken for damage."""
_DAMAGE = (
    McapError,
    CRCValidationError,
    struct.error,
    zstandard.ZstdError,
    ValueError,
    RuntimeError,
    MemoryError,
    OverflowError,
)
"""What reading raises where a file is damaged."""


def mcap_messages(
    file: Path,
    topics: Collection[str],
    types: dict[str, str],
    on_position: Callable[[int], None],
) -> Generator[BagMessage, None, bool]:
    """Yield the messages of some topics in the order of the file.

    Args:
        file: the file; one whose name ends in '.zstd' is compressed as a whole.
        topics: the topics.
        types: message type by topic, which is filled in for all topics.
        on_position: callback, called with the number of bytes that have been read.

    Returns:
        Whether the file was never closed, and was read up to where it breaks off.

    Raises:
        LiquidPilotError: the file is damaged.
    """
    found = False
    compressed = file.suffix == '.zstd'
    try:
        with open(file, 'rb') as stream:
            closed = not compressed and _has_end_magic(stream)
            source: Any = zstandard.ZstdDecompressor().stream_reader(stream)
            reader = _ExactReader(source if compressed else stream)
            try:
                for message in _decoded(file, reader, topics, types):
                    found = True
                    on_position(stream.tell())
                    yield message
            except EndOfFile:
                if closed:
                    raise unreadable_error(file, 'a record is longer than the file') from None
                return True
            except _DAMAGE as error:
                if closed or not (found or _only_zeros_follow(stream)):
                    raise unreadable_error(file, str(error) or type(error).__name__) from None
                return True
            return False
    except OSError as error:
        raise unreadable_error(file, error.strerror or str(error)) from None


def _decoded(
    file: Path, source: _ExactReader, topics: Collection[str], types: dict[str, str]
) -> Generator[BagMessage, None, None]:
    """Yield the messages of some topics, and note the types of all."""
    schemas: dict[int, str] = {}
    channels: dict[int, tuple[str, str]] = {}
    # The reader calls nothing but `read`, which its annotation does not say.
    stream = cast(IO[bytes], source)
    records = StreamReader(
        stream, emit_chunks=True, validate_crcs=True, record_size_limit=_MAX_RECORD_BYTES
    ).records
    for outer in records:
        for record in _chunk_records(outer) if isinstance(outer, Chunk) else (outer,):
            if isinstance(record, Message):
                if record.channel_id in channels:
                    yield BagMessage(*channels[record.channel_id], record.log_time, record.data)
            elif isinstance(record, Schema):
                schemas[record.id] = record.name
            elif isinstance(record, Channel):
                topic = absolute_name(record.topic)
                types[topic] = full_type(schemas.get(record.schema_id, ''))
                if topic in topics:
                    if record.message_encoding != 'cdr':
                        raise unreadable_error(
                            file,
                            f'topic {topic} is encoded as {record.message_encoding!r}, not as cdr',
                        )
                    channels[record.id] = (topic, types[topic])


def _chunk_records(chunk: Chunk) -> list[Any]:
    """Return the records of a chunk, which does not grow beyond MAX_BYTES."""
    if chunk.compression not in ('', 'zstd', 'lz4'):
        raise ValueError(f'compression {chunk.compression!r} of its chunks is not known')
    if chunk.compression:
        if chunk.uncompressed_size > MAX_BYTES:
            raise ValueError(f'a chunk of {chunk.uncompressed_size} bytes is too large')
        content = decompress(chunk.data)
        chunk = dataclasses.replace(chunk, compression='', data=content)
    records: list[Any] = breakup_chunk(chunk, validate_crc=True)
    return records


class _ExactReader:
    """A stream whose `read` returns as many bytes as requested, or raises EndOfFile."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        if size > _MAX_RECORD_BYTES:
            raise EndOfFile
        data: bytes = self._stream.read(size)
        while len(data) < size:
            more = self._stream.read(size - len(data))
            if not more:
                raise EndOfFile
            data += more
        if size == 1 and data == b'\0':
            # Only the codes of records are read one by one, and none is 0. A power cut leaves
            # zeros where data had not reached the disk.
            raise ValueError('zeros stand in place of a record')
        return data


def _only_zeros_follow(stream: IO[bytes]) -> bool:
    """Return whether an MCAP file that cannot be read on from here has nothing but zeros left.

    A power cut leaves such a file where the next one of a recording had just begun.
    """
    rest = stream.read(1 << 20)
    stream.seek(0)
    return stream.read(len(_MAGIC)) == _MAGIC and bool(rest) and not rest.strip(b'\0')


def _has_end_magic(stream: IO[bytes]) -> bool:
    """Return whether the file ends as a closed MCAP file does."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - len(_MAGIC)))
    ends = size > 2 * len(_MAGIC) and stream.read() == _MAGIC
    stream.seek(0)
    return ends
