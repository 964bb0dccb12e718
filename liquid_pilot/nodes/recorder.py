"""The recorder node: writes topics of a running graph to a rosbag2 folder (MCAP).

A topic is recorded as soon as it is published, with its type and its quality of service at that
time. Messages are stored as they arrive, serialised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import node_base, qos
from liquid_pilot.nodes.common.diagnostics import DiagnosticsReporter
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.common.message_types import (
    find_message,
    import_message_type,
    message_definition,
    type_name,
)
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.nodes.common.topics import RECORDED_TOPICS
from liquid_pilot.nodes.recording.bag_metadata import OfferedQos
from liquid_pilot.nodes.recording.bag_writer import BagWriter
from liquid_pilot.nodes.recording.settings import RecordingSettings
from liquid_pilot.utils.settings import setting, setting_from

_FLUSH_S = 1.0
_DISCOVERY_PERIOD_S = 0.1
_DISPLAY_PERIOD_S = 0.25
_DRAIN_IDLE_S = 0.1
"""After the signal, a recording ends when no message has arrived for this time."""
_MAX_DRAIN_S = 1.0
"""After the signal, a recording ends at the latest after this time."""


@dataclass(frozen=True)
class RecorderParameters:
    """Parameters of the recorder node."""

    path: str = setting('recording', 'rosbag2 folder to write; it must be empty or missing')
    image_topic: str = setting_from(FlightSettings, 'image_topic')
    image_transport: str = setting_from(FlightSettings, 'image_transport')
    topics: str = setting('', 'further topics of any type, separated by spaces')
    chunk_size: int = setting(
        1 << 20,
        'size of a chunk; a recorder that is killed loses at most one chunk or one second',
        'bytes',
        low=1024,
        high=1 << 28,
    )
    max_file_size: int = setting_from(RecordingSettings, 'max_file_size')
    sync_period_s: float = setting_from(RecordingSettings, 'sync_period_s')


class RecorderNode(node_base.LiquidNode):
    """Subscribes to the topics that are published and writes their messages."""

    parameters = RecorderParameters
    settings: Settings[RecorderParameters]

    def __init__(self) -> None:
        """Create the folder and begin to record.

        Raises:
            LiquidPilotError: the folder cannot be written.
        """
        super().__init__('recorder')
        settings = self.settings.current
        self.bag = BagWriter(
            Path(settings.path),
            settings.chunk_size,
            settings.max_file_size,
            settings.sync_period_s,
        )
        image = settings.image_topic
        if settings.image_transport == 'compressed':
            image += '/compressed'
        names = (image, *RECORDED_TOPICS, *settings.topics.split())
        self.counts: dict[str, int] = {self.resolve_topic_name(name): 0 for name in names}
        """Number of recorded messages of each topic, by its full name."""
        self.recording_errors: dict[str, str] = {}
        """Why a topic that is published cannot be recorded."""
        self.failure: LiquidPilotError | None = None
        """Why no further message can be written; None while it can."""
        self._waiting = set(self.counts)
        self._reporter = DiagnosticsReporter(
            self,
            lambda: (
                'recording',
                {'path': str(self.bag.path), 'messages': str(sum(self.counts.values()))},
            ),
        )
        self._discover_topics()
        self.create_steady_timer(_DISCOVERY_PERIOD_S, self._discover_topics)
        self.create_steady_timer(_FLUSH_S, self._flush)

    def _discover_topics(self) -> None:
        """Subscribe to the topics that have been published since the last call."""
        for topic in sorted(self._waiting):
            publishers = self.get_publishers_info_by_topic(topic)
            if not publishers:
                continue
            self._waiting.discard(topic)
            kinds = {publisher.topic_type for publisher in publishers}
            try:
                if len(kinds) > 1:
                    raise LiquidPilotError(f'is published as {" and as ".join(sorted(kinds))}')
                kind = import_message_type(kinds.pop())
            except LiquidPilotError as error:
                self.recording_errors[topic] = str(error)
                self.get_logger().warning(f'{topic} is not recorded: {error}')
                continue
            profiles = [publisher.qos_profile for publisher in publishers]
            offer = OfferedQos(
                all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles),
                all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles),
                max(p.depth for p in profiles),
            )
            name = type_name(kind)
            channel = self.bag.open_channel(
                topic, name, message_definition(name, find_message), offer
            )
            self.create_subscription(
                kind,
                topic,
                self._writer_callback(channel, topic),
                qos.recording(offer.reliable, offer.latched),
                raw=True,
            )

    def _writer_callback(self, channel: int, topic: str) -> Callable[[Any], None]:
        """Return the callback that writes the serialised messages of a topic."""

        def write(serialised: bytes) -> None:
            if self.failure is not None:
                return
            try:
                self.bag.add(channel, self.get_clock().now().nanoseconds, serialised)
                self.counts[topic] += 1
            except LiquidPilotError as error:
                self.failure = error

        return write

    def _flush(self) -> None:
        try:
            self.bag.flush()
        except LiquidPilotError as error:
            self.failure = error

    def close(self) -> None:
        """Write the index."""
        self.bag.close()


def record(
    node: RecorderNode,
    spinner: node_base.Spinner,
    show: Callable[[RecorderNode], None] | None = None,
) -> int:
    """Record until a signal arrives.

    Args:
        node: the node.
        spinner: its spinner.
        show: callback, called periodically, to display the progress.

    Returns:
        The exit code.

    Raises:
        LiquidPilotError: no further message can be written.
    """
    while not spinner.stopping:
        spinner.wait(_DISPLAY_PERIOD_S)
        if node.failure is not None:
            raise node.failure
        if show is not None:
            show(node)
    # Messages that were published before the signal may still be under way.
    count, before, until_s = sum(node.counts.values()), -1, node.steady_s() + _MAX_DRAIN_S
    while count != before and node.failure is None and node.steady_s() < until_s:
        spinner.drain(_DRAIN_IDLE_S)
        count, before = sum(node.counts.values()), count
    if node.failure is not None:
        raise node.failure
    return 0


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('recorder', RecorderNode, record)


if __name__ == '__main__':
    node_base.exit_process(main())
