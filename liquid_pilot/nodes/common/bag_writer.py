"""A rosbag2 folder with one MCAP file, as `ros2 bag`, Foxglove and the rosbags library open it.

The file is written by whole records and chunks, one a second at least, so a kill loses the last
second at most, and a full disk what did not fit. metadata.yaml is of version 5, which every ROS
from Humble on reads.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mcap.writer import CompressionType, Writer

from liquid_pilot.interfaces import LiquidPilotError

_METADATA = 'metadata.yaml'


@dataclass(frozen=True)
class OfferedQos:
    """The quality of service that a publisher offers, in rmw's names and numbers."""

    reliable: bool
    latched: bool
    depth: int

    def profile(self, words: bool) -> dict[str, Any]:
        """As rosbag2 writes it: by words since Jazzy, by numbers before."""
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
    topic: str
    kind: str
    offer: OfferedQos
    count: int = 0


class _WholeWriteFile:
    """A file that holds whole writes only: one that does not fit is taken back."""

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
        """Nothing is held back."""

    def close(self) -> None:
        self._file.close()


class BagWriter:
    """See the module. OSError, as of a full disk, comes as LiquidPilotError; then only close."""

    def __init__(self, folder: Path, chunk_size: int) -> None:
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
        self._writer = Writer(self._file, chunk_size, CompressionType.LZ4)
        self._guarded(self._writer.start, 'ros2', 'liquid_pilot')

    def open_channel(self, topic: str, kind: str, definition: str, offer: OfferedQos) -> int:
        """A topic of a type ('package/msg/Name') and its ros2msg text; returns its number."""
        if kind not in self._schemas:
            self._schemas[kind] = self._writer.register_schema(kind, 'ros2msg', definition.encode())
        quality = yaml.safe_dump([offer.profile(words=True)], sort_keys=False)
        number = self._writer.register_channel(
            topic, 'cdr', self._schemas[kind], {'offered_qos_profiles': quality}
        )
        self._channels[number] = _Channel(topic, kind, offer)
        return number

    def add(self, channel: int, now_ns: int, data: bytes) -> None:
        """One serialised message."""
        entry = self._channels[channel]
        self._guarded(self._writer.add_message, channel, now_ns, data, now_ns, entry.count)
        entry.count += 1
        self._first_ns = now_ns if self._first_ns is None else min(self._first_ns, now_ns)
        self._last_ns = max(self._last_ns, now_ns)

    def flush(self) -> None:
        """Put what has come into the file, and what is in it into metadata.yaml."""
        if not self.failed:
            self._guarded(self._writer.flush)
            self._guarded(self._write_metadata)

    def close(self) -> None:
        """Write the index; after a failure the file stays as it is, without one."""
        try:
            if not self.failed:
                self._guarded(self._writer.finish)
                self._guarded(self._write_metadata)
        finally:
            self._file.close()

    def _guarded(self, do: Any, *arguments: Any) -> None:
        try:
            do(*arguments)
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
        beside = self.folder / f'.{_METADATA}.{os.getpid()}'
        try:
            beside.write_text(
                yaml.safe_dump({'rosbag2_bagfile_information': content}, sort_keys=False)
            )
            beside.replace(self.folder / _METADATA)
        finally:
            beside.unlink(missing_ok=True)
