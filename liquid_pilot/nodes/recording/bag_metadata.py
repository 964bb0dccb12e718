"""The metadata.yaml of a rosbag2 folder: its files, topics, message counts and times.

Its version is 5, which every ROS from Humble on reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml


@dataclass(frozen=True)
class OfferedQos:
    """The quality of service that a publisher offers."""

    reliable: bool
    """Whether delivery is guaranteed (else best effort)."""
    latched: bool
    """Whether messages are kept for late subscribers (transient local)."""
    depth: int
    """Depth of the publisher's queue."""

    def text(self, words: bool) -> str:
        """Return the list of this profile alone as rosbag2 writes it, in YAML.

        Args:
            words: policies as words, as since Jazzy (else as numbers of rmw, as before).
        """
        return yaml.safe_dump([self._profile(words)], sort_keys=False)

    def _profile(self, words: bool) -> dict[str, Any]:
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
            'deadline': {'sec': 0, 'nsec': 0},
            'lifespan': {'sec': 0, 'nsec': 0},
            'liveliness': 'automatic' if words else 1,
            'liveliness_lease_duration': {'sec': 0, 'nsec': 0},
            'avoid_ros_namespace_conventions': False,
        }


@dataclass
class Extent:
    """Number and times of the messages of a file, or of a whole recording."""

    count: int = 0
    first_ns: int | None = None
    """Earliest time of arrival, ns; None without a message."""
    last_ns: int = 0
    """Latest time of arrival, ns."""

    def add(self, count: int, first_ns: int | None, last_ns: int) -> None:
        """Add messages and their earliest and latest time."""
        if first_ns is not None:
            self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
            self.last_ns = max(self.last_ns, last_ns)
            self.count += count

    def entries(self) -> dict[str, Any]:
        """Return the entries of metadata.yaml."""
        first_ns = self.first_ns or 0
        return {
            'starting_time': {'nanoseconds_since_epoch': first_ns},
            'duration': {'nanoseconds': max(0, self.last_ns - first_ns)},
            'message_count': self.count,
        }


@dataclass
class RecordedTopic:
    """A recorded topic and the number of its messages."""

    name: str
    kind: str
    """Message type, 'package/msg/Name'."""
    offer: OfferedQos
    count: int = 0
    qos_text: str = field(init=False)
    """The profile with numbers, since it is written once a second."""

    def __post_init__(self) -> None:
        """Write the profile once."""
        self.qos_text = self.offer.text(words=False)


def metadata_text(topics: Sequence[RecordedTopic], files: Sequence[tuple[str, Extent]]) -> str:
    """Return the text of metadata.yaml.

    Args:
        topics: the topics of all files.
        files: name and messages of each file, in their order.
    """
    whole = Extent()
    for _, extent in files:
        whole.add(extent.count, extent.first_ns, extent.last_ns)
    content = {
        'version': 5,
        'storage_identifier': 'mcap',
        **whole.entries(),
        'topics_with_message_count': [
            {
                'topic_metadata': {
                    'name': topic.name,
                    'type': topic.kind,
                    'serialization_format': 'cdr',
                    'offered_qos_profiles': topic.qos_text,
                },
                'message_count': topic.count,
            }
            for topic in topics
        ],
        'compression_format': '',
        'compression_mode': '',
        'relative_file_paths': [name for name, _ in files],
        'files': [{'path': name, **extent.entries()} for name, extent in files],
    }
    return yaml.safe_dump({'rosbag2_bagfile_information': content}, sort_keys=False)
