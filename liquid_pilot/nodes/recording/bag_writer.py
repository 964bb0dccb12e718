"""Writer of a rosbag2 folder of MCAP files.

`ros2 bag`, Foxglove and the rosbags library open it. A file is written in whole records and chunks,
at least one per second, so that a kill loses one second at most and a full disk only what did not
fit. A thread flushes the file to the disk periodically, so that a power cut loses little more. A
new file begins at a given size: the index of a file is kept in memory until the file is complete.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple, cast

from mcap.writer import CompressionType, Writer

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.recording.bag_metadata import (
    Extent,
    OfferedQos,
    RecordedTopic,
    metadata_text,
)
from liquid_pilot.nodes.recording.disk_sync import DiskSync
from liquid_pilot.utils.atomic_write import sync_folder

_METADATA = 'metadata.yaml'


class _WholeWriteFile:
    """A file that holds whole writes only: a write that does not fit is undone."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, 'xb', buffering=0)  # noqa: SIM115  closed by close()
        self._end = 0

    def write(self, data: bytes) -> int:
        view, done = memoryview(data), 0
        try:
            while done < len(view):
                done += self._file.write(view[done:])
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end += done
        return done

    def tell(self) -> int:
        return self._end

    def flush(self) -> None:
        """Do nothing, since there is no buffer."""

    def sync(self) -> None:
        """Return when all that was written so far is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class _Part(NamedTuple):
    """The file that is being written."""

    path: Path
    file: _WholeWriteFile
    writer: Writer
    extent: Extent


class BagWriter:
    """Writes one rosbag2 folder.

    An OSError, such as a full disk, is raised as LiquidPilotError; then only `close` may be called.
    """

    def __init__(
        self,
        folder: Path,
        chunk_size: int,
        max_file_size: int = 1 << 29,
        sync_period_s: float = 1.0,
    ) -> None:
        """Create the folder and begin the first file.

        Args:
            folder: the folder to write; it must be empty or missing.
            chunk_size: size of a chunk in bytes.
            max_file_size: size in bytes at which a new file begins.
            sync_period_s: time between two flushes to the disk, s; 0: only complete files are
                flushed.

        Raises:
            LiquidPilotError: the folder exists and is not empty, or cannot be written.
        """
        self.folder = folder
        self.failed = False
        self._chunk_size, self._max_file_size = chunk_size, max_file_size
        self._sync_period_s = sync_period_s
        self._synced_s = time.monotonic()
        self._topics: list[RecordedTopic] = []
        self._definitions: dict[str, str] = {}
        self._complete: list[tuple[str, Extent]] = []
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise LiquidPilotError(f'{folder} is there already; choose another path')
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._part = self._new_part()
        except OSError as error:
            raise LiquidPilotError(f'{folder} cannot be written: {error}') from None
        self._sync = DiskSync(folder / _METADATA)

    @property
    def path(self) -> Path:
        """The file that is being written."""
        return self._part.path

    def open_channel(self, topic: str, kind: str, definition: str, offer: OfferedQos) -> int:
        """Add a topic and return the number of its channel.

        Args:
            topic: full name of the topic.
            kind: message type, 'package/msg/Name'.
            definition: text of the type in the format ros2msg.
            offer: quality of service that its publishers offer.
        """
        self._topics.append(RecordedTopic(topic, kind, offer))
        self._definitions.setdefault(kind, definition)
        self._register(self._part.writer, len(self._topics) - 1)
        return len(self._topics)

    def _register(self, writer: Writer, index: int) -> None:
        """Describe a topic in a file, where its channel gets the number index + 1."""
        topic = self._topics[index]
        kinds = list(dict.fromkeys(entry.kind for entry in self._topics[:index]))
        if topic.kind in kinds:
            schema = kinds.index(topic.kind) + 1
        else:
            definition = self._definitions[topic.kind]
            schema = writer.register_schema(topic.kind, 'ros2msg', definition.encode())
        writer.register_channel(
            topic.name, 'cdr', schema, {'offered_qos_profiles': topic.offer.text(words=True)}
        )

    def add(self, channel: int, now_ns: int, data: bytes) -> None:
        """Write one serialised message.

        Args:
            channel: number that `open_channel` returned.
            now_ns: time of arrival in ns.
            data: the serialised message (CDR).

        Raises:
            LiquidPilotError: the file cannot be written.
        """
        entry = self._topics[channel - 1]
        self._checked_write(
            lambda: self._part.writer.add_message(channel, now_ns, data, now_ns, entry.count)
        )
        entry.count += 1
        self._part.extent.add(1, now_ns, now_ns)
        if self._part.file.tell() >= self._max_file_size:
            self._checked_write(self._begin_next_part)

    def flush(self) -> None:
        """Write the current chunk to the file and update metadata.yaml.

        Raises:
            LiquidPilotError: the file cannot be written.
        """
        if not self.failed:
            self._checked_write(self._flush)

    def close(self) -> None:
        """Write the index; after a failure the file stays as it is, without an index.

        Raises:
            LiquidPilotError: the file cannot be written.
        """
        try:
            if not self.failed:
                self._checked_write(self._finish)
        finally:
            if self.failed:
                with contextlib.suppress(OSError):
                    self._sync.request(self._metadata(), self._part.file)
            with contextlib.suppress(OSError):
                self._sync.stop()
            self._part.file.close()

    def _finish(self) -> None:
        self._part.writer.finish()
        self._sync.request(self._metadata(), self._part.file)
        self._sync.stop()

    def _new_part(self) -> _Part:
        """Begin a file, whose name is on the disk when this returns."""
        path = self.folder / f'{self.folder.name}_{len(self._complete)}.mcap'
        file = _WholeWriteFile(path)
        # The writer only calls write, tell and flush.
        writer = Writer(cast(IO[bytes], file), self._chunk_size, CompressionType.LZ4)
        writer.start('ros2', 'liquid_pilot')
        for index in range(len(self._topics)):
            self._register(writer, index)
        sync_folder(self.folder)
        return _Part(path, file, writer, Extent())

    def _begin_next_part(self) -> None:
        full = self._part
        full.writer.finish()
        self._complete.append((full.path.name, full.extent))
        self._part = self._new_part()
        self._sync.request(self._metadata(), self._part.file, full.file)

    def _flush(self) -> None:
        self._part.writer.flush()
        now_s = time.monotonic()
        due = self._sync_period_s > 0.0 and now_s - self._synced_s >= self._sync_period_s
        if due:
            self._synced_s = now_s
        self._sync.request(self._metadata(), self._part.file if due else None)

    def _metadata(self) -> str:
        files = [*self._complete, (self._part.path.name, self._part.extent)]
        return metadata_text(self._topics, files)

    def _checked_write(self, write: Callable[[], object]) -> None:
        """Call a writing function and turn an OSError into a LiquidPilotError."""
        try:
            write()
        except OSError as error:
            self.failed = True
            raise LiquidPilotError(
                f'{self.path}: recording ended: {error.strerror}; what was written until then is '
                'kept, and `liquid-pilot dataset` reads it'
            ) from None
