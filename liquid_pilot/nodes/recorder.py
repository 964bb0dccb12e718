"""The recorder node: the topics of any running graph as a rosbag2 folder (MCAP).

A topic is recorded from the moment that somebody publishes it, as the type and with the quality of
service that it then has. Messages are stored as they arrive, serialised, without being unpacked.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import node_base, qos
from liquid_pilot.nodes.common.bag_writer import BagWriter, OfferedQos
from liquid_pilot.nodes.common.diagnostics import DiagnosticsReporter
from liquid_pilot.nodes.common.parameters import parameter
from liquid_pilot.nodes.common.topics import RECORDED_TOPICS

_PRIMITIVES = frozenset(
    (
        'bool',
        'byte',
        'char',
        'float32',
        'float64',
        'int8',
        'uint8',
        'int16',
        'uint16',
        'int32',
        'uint32',
        'int64',
        'uint64',
        'string',
        'wstring',
    )
)
_FIELD = re.compile(r'\s*([A-Za-z][\w/]*)(<=\d+)?(\[[^\]]*\])?\s+[A-Za-z]\w*')
_FLUSH_S = 1.0
_DISCOVERY_PERIOD_S = 0.1
_DISPLAY_PERIOD_S = 0.25
_DRAIN_IDLE_S = 0.1
"""A recording ends when nothing has come for so long after the signal,"""
_MAX_DRAIN_S = 1.0
"""or after this."""


@dataclass(frozen=True)
class RecorderParameters:
    """Parameters of the recorder node."""

    path: str = parameter('recording', 'rosbag2 folder to write; it must not hold anything')
    image_topic: str = parameter('camera/image_raw', 'image topic that the pilot flies on')
    image_transport: str = parameter(
        'raw',
        'raw: sensor_msgs/Image; compressed: sensor_msgs/CompressedImage',
        choices=('raw', 'compressed'),
    )
    topics: str = parameter('', 'further topics of any type, separated by spaces')
    chunk_size: int = parameter(
        1 << 20,
        'bytes of a chunk: what a kill may lose, if it is less than a second',
        'bytes',
        low=1024,
        high=1 << 28,
    )


def message_definition(kind: str, find: Callable[[str, str], str]) -> str:
    """The ros2msg text of 'package/msg/Name': its .msg file and those that it uses, once each.

    `find_gazebo(package, name)` returns the text of a .msg file.
    """
    package, _, name = kind.split('/')
    text = find(package, name)
    parts, seen, queue = [text], {(package, name)}, _uses(package, text)
    while queue:
        used = queue.pop(0)
        if used in seen:
            continue
        seen.add(used)
        text = find(*used)
        parts.append(f'{"=" * 80}\nMSG: {used[0]}/{used[1]}\n{text}')
        queue += _uses(used[0], text)
    return '\n'.join(parts)


def _uses(package: str, text: str) -> list[tuple[str, str]]:
    """(package, name) of every message that the fields of a .msg file have."""
    found = []
    for line in text.splitlines():
        match = _FIELD.match(line.partition('#')[0])
        if match is None or match[1] in _PRIMITIVES:
            continue
        parts = match[1].split('/')
        found.append((parts[0] if len(parts) > 1 else package, parts[-1]))
    return found


def find_message(package: str, name: str) -> str:
    """The text of an installed .msg file; LiquidPilotError when the package is not installed."""
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    for prefix in prefixes:
        path = Path(prefix) / 'share' / package / 'msg' / f'{name}.msg'
        if prefix and path.is_file():
            return path.read_text(encoding='utf-8')
    raise LiquidPilotError(
        f'{package}/msg/{name}.msg is not installed: install the ROS package '
        f'{package}, which the recording describes itself with'
    )


class RecorderNode(node_base.LiquidNode):
    """See the module."""

    parameters = RecorderParameters

    def __init__(self) -> None:
        super().__init__('recorder')
        settings = self.settings.now
        self.bag = BagWriter(Path(settings.path), settings.chunk_size)
        image = settings.image_topic
        if settings.image_transport == 'compressed':
            image += '/compressed'
        names = (image, *RECORDED_TOPICS, *settings.topics.split())
        self.counts: dict[str, int] = {self.resolve_topic_name(name): 0 for name in names}
        """Messages of each topic so far, by its full name."""
        self.recording_errors: dict[str, str] = {}
        """Why a topic that is published cannot be recorded."""
        self.failure: LiquidPilotError | None = None
        """Why nothing more can be written."""
        self._waiting = set(self.counts)
        self._reporter = DiagnosticsReporter(
            self,
            lambda: (
                'recording',
                {'path': str(self.bag.path), 'messages': str(sum(self.counts.values()))},
            ),
        )
        self._look()
        self.every(_DISCOVERY_PERIOD_S, self._look)
        self.every(_FLUSH_S, self._flush)

    def _look(self) -> None:
        """Begin to record what is published by now."""
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
                self._keeper(channel, topic),
                qos.recording(offer.reliable, offer.latched),
                raw=True,
            )

    def _keeper(self, channel: int, topic: str) -> Callable[[bytes], None]:
        def keep(serialised: bytes) -> None:
            if self.failure is not None:
                return
            try:
                self.bag.add(channel, self.get_clock().now().nanoseconds, serialised)
                self.counts[topic] += 1
            except LiquidPilotError as error:
                self.failure = error

        return keep

    def _flush(self) -> None:
        try:
            self.bag.flush()
        except LiquidPilotError as error:
            self.failure = error

    def close(self) -> None:
        """Write the index."""
        self.bag.close()


def import_message_type(name: str) -> type:
    """The class of 'package/msg/Name'; LiquidPilotError when the package is not installed."""
    package, _, short = name.split('/')
    try:
        return getattr(importlib.import_module(f'{package}.msg'), short)
    except (ImportError, AttributeError):
        raise LiquidPilotError(
            f'{name} is not installed here: install the ROS package {package}, '
            'or source the workspace that has it'
        ) from None


def type_name(kind: type) -> str:
    """'package/msg/Name' of a message class."""
    return '/'.join((kind.__module__.split('.')[0], 'msg', kind.__name__))


def record(
    node: RecorderNode,
    spinner: node_base.Spinner,
    show: Callable[[RecorderNode], None] | None = None,
) -> int:
    """Record until a signal comes; LiquidPilotError when nothing more can be written."""
    while not spinner.stopping:
        spinner.wait(_DISPLAY_PERIOD_S)
        if node.failure is not None:
            raise node.failure
        if show is not None:
            show(node)
    # What was published before the signal may still be on its way.
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
    sys.exit(main())
