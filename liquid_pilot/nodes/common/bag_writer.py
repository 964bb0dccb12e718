"""Writer of a rosbag2 folder with one MCAP file.

`ros2 bag`, Foxglove and the rosbags library open it. The file is written in whole records and
chunks, at least one per second, so that a kill loses one second at most and a full disk only what
did not fit. The version of metadata.yaml is 5, which every ROS from Humble on reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import yaml
from mcap.writer import CompressionType, Writer

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.atomic_write import write_atomically

_METADATA = 'metadata.yaml'


@dataclass(frozen=True)
class OfferedQos:
    """The quality of service that a publisher offers."""

    reliable: bool
    """Whether delivery is guaranteed (else best effort)."""
    latched: bool
    """Whether messages are kept for late subscribers (transient local)."""
    depth: int
    """Depth of the publisher's queue."""

    def profile(self, words: bool) -> dict[str, Any]:
        """Return the profile as rosbag2 writes it.

        Args:
            words: policies as words, as since Jazzy (else as numbers of rmw, as before).
        """
        unset = {'sec': 0, 'nsec': 0}
        return {
            'history': 'keep_last' if words else 1,
            'depth': max(1, self.depth),
            'reliability': (
                ('reliable' if self.reliable else 'best_effort')
                if words
                else (1 if self.reliable else 2)
            ),
            'durability': (
                ('transient_local' if self.latched else 'volatile')
                if words
                else (1 if self.latched else 2)
            ),
            'deadline': unset,
            'lifespan': unset,
            'liveliness': 'automatic' if words else 1,
            'liveliness_lease_duration': unset,
            'avoid_ros_namespace_conventions': False,
        }


@dataclass
class _Channel:
    """A recorded topic and the number of its messages."""

    topic: str
    kind: str
    offer: OfferedQos
    count: int = 0


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

    def close(self) -> None:
        self._file.close()


class BagWriter:
    """Writes one rosbag2 folder.

    An OSError, such as a full disk, is raised as LiquidPilotError; then only `close` may be called.
    """

    def __init__(self, folder: Path, chunk_size: int) -> None:
        """Create the folder and begin the file.

        Args:
            folder: the folder to write; it must be empty or missing.
            chunk_size: size of a chunk in bytes.

        Raises:
            LiquidPilotError: the folder exists and is not empty, or cannot be written.
        """
        self.folder = folder
        self.path = folder / f'{folder.name}_0.mcap'
        self.failed = False
        self._channels: dict[int, _Channel] = {}
        self._schemas: dict[str, int] = {}
        self._first_ns: int | None = None
        self._last_ns = 0
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise LiquidPilotError(f'{folder} is there already; choose another path')
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _WholeWriteFile(self.path)
        except OSError as error:
            raise LiquidPilotError(f'{folder} cannot be written: {error}') from None
        # The writer only calls write, tell and flush.
        output = cast(IO[bytes], self._file)
        self._writer = Writer(output, chunk_size, CompressionType.LZ4)
        self._checked_write(self._writer.start, 'ros2', 'liquid_pilot')

    def open_channel(self, topic: str, kind: str, definition: str, offer: OfferedQos) -> int:
        """Add a topic and return the number of its channel.

        Args:
            topic: full name of the topic.
            kind: message type, 'package/msg/Name'.
            definition: text of the type in the format ros2msg.
            offer: quality of service that its publishers offer.
        """
        if kind not in self._schemas:
            self._schemas[kind] = self._writer.register_schema(kind, 'ros2msg', definition.encode())
        quality = yaml.safe_dump([offer.profile(words=True)], sort_keys=False)
        number = self._writer.register_channel(
            topic, 'cdr', self._schemas[kind], {'offered_qos_profiles': quality}
        )
        self._channels[number] = _Channel(topic, kind, offer)
        return number

    def add(self, channel: int, now_ns: int, data: bytes) -> None:
        """Write one serialised message.

        Args:
            channel: number that `open_channel` returned.
            now_ns: time of arrival in ns.
            data: the serialised message (CDR).

        Raises:
            LiquidPilotError: the file cannot be written.
        """
        entry = self._channels[channel]
        self._checked_write(self._writer.add_message, channel, now_ns, data, now_ns, entry.count)
        entry.count += 1
        self._first_ns = now_ns if self._first_ns is None else min(self._first_ns, now_ns)
        self._last_ns = max(self._last_ns, now_ns)

    def flush(self) -> None:
        """Write the current chunk to the file and update metadata.yaml."""
        if not self.failed:
            self._checked_write(self._writer.flush)
            self._checked_write(self._write_metadata)

    def close(self) -> None:
        """Write the index; after a failure the file stays as it is, without an index."""
        try:
            if not self.failed:
                self._checked_write(self._writer.finish)
                self._checked_write(self._write_metadata)
        finally:
            self._file.close()

    def _checked_write(self, write: Callable[..., object], *arguments: object) -> None:
        """Call a writing function and turn an OSError into a LiquidPilotError."""
        try:
            write(*arguments)
        except OSError as error:
            self.failed = True
            raise LiquidPilotError(
                f'{self.path}: recording ended: {error.strerror}; what was written until then is '
                'kept, and `liquid-pilot dataset` reads it'
            ) from None

    def _write_metadata(self) -> None:
        start_ns = self._first_ns or 0
        times = {
            'starting_time': {'nanoseconds_since_epoch': start_ns},
            'duration': {'nanoseconds': max(0, self._last_ns - start_ns)},
            'message_count': sum(channel.count for channel in self._channels.values()),
        }
        content = {
            'version': 5,
            'storage_identifier': 'mcap',
            **times,
            'topics_with_message_count': [
                {
                    'topic_metadata': {
                        'name': channel.topic,
                        'type': channel.kind,
                        'serialization_format': 'cdr',
                        'offered_qos_profiles': yaml.safe_dump(
                            [channel.offer.profile(words=False)], sort_keys=False
                        ),
                    },
                    'message_count': channel.count,
                }
                for channel in self._channels.values()
            ],
            'compression_format': '',
            'compression_mode': '',
            'relative_file_paths': [self.path.name],
            'files': [{'path': self.path.name, **times}],
        }
        write_atomically(
            self.folder / _METADATA,
            yaml.safe_dump({'rosbag2_bagfile_information': content}, sort_keys=False),
        )
