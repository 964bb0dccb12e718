"""The recorder node: the topics of the graph as an MCAP file that rosbag2 and Foxglove read.

Messages are stored as they arrive, serialised, without being unpacked. The file is written in
chunks, so that a kill loses the last one at most (`mcap recover` then makes the index).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist, TwistStamped
from mcap.writer import CompressionType, Writer
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import MultiDOFJointTrajectory

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes import qos, runtime
from liquid_pilot.nodes.diagnostics import Reporter
from liquid_pilot.nodes.parameters import parameter

_PRIMITIVES = frozenset((
    'bool', 'byte', 'char', 'float32', 'float64', 'int8', 'uint8', 'int16', 'uint16', 'int32',
    'uint32', 'int64', 'uint64', 'string', 'wstring',
))
_FIELD = re.compile(r'\s*([A-Za-z][\w/]*)(<=\d+)?(\[[^\]]*\])?\s+[A-Za-z]\w*')
_FLUSH_S = 1.0


@dataclass(frozen=True)
class RecorderParameters:
    """Parameters of the recorder node."""

    path: str = parameter('recording.mcap', 'file to write; it must not exist')
    image_topic: str = parameter('camera/image_raw', 'image topic that the pilot flies on')
    image_transport: str = parameter(
        'raw', 'raw: sensor_msgs/Image; compressed: sensor_msgs/CompressedImage',
        choices=('raw', 'compressed'))
    stamped: bool = parameter(True, 'cmd_vel is a TwistStamped; false: a Twist')
    chunk_size: int = parameter(
        1 << 20, 'bytes of a chunk: what a kill may lose', 'bytes', low=1024, high=1 << 28)


def definition(kind: str, find: Callable[[str, str], str]) -> str:
    """The ros2msg text of 'package/msg/Name': its .msg file and those that it uses, once each.

    `find(package, name)` returns the text of a .msg file.
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
    raise LiquidPilotError(f'{package}/msg/{name}.msg is not installed: install the ROS package '
                           f'{package}, which the recording describes itself with')


class RecorderNode(runtime.LiquidNode):
    """See the module."""

    parameters = RecorderParameters

    def __init__(self) -> None:
        super().__init__('recorder')
        settings = self.settings.now
        path = Path(settings.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, 'xb')  # noqa: SIM115  closed by close()
        except FileExistsError:
            raise LiquidPilotError(f'{path} is there already; choose another path') from None
        except OSError as error:
            raise LiquidPilotError(f'{path} cannot be written: {error}') from None
        self._writer = Writer(
            self._file, chunk_size=settings.chunk_size, compression=CompressionType.LZ4)
        self._writer.start(profile='ros2', library='liquid_pilot')
        self._count = 0
        self._reporter = Reporter(
            self, lambda: ('recording', {'path': str(path), 'messages': str(self._count)}))
        image = (settings.image_topic, Image)
        if settings.image_transport == 'compressed':
            image = (f'{settings.image_topic}/compressed', CompressedImage)
        twist = TwistStamped if settings.stamped else Twist
        kinds: dict[str, type] = dict([
            image, ('camera/camera_info', CameraInfo), ('imu/data', Imu), ('odom', Odometry),
            ('pilot/command', TwistStamped), ('pilot/trace', Float64MultiArray),
            ('cmd_vel', twist), ('attitude_thrust', MultiDOFJointTrajectory),
            ('/diagnostics', DiagnosticArray), ('/clock', Clock),
        ])
        schemas: dict[type, int] = {}
        for topic, kind in kinds.items():
            if kind not in schemas:
                name = '/'.join((kind.__module__.split('.')[0], 'msg', kind.__name__))
                schemas[kind] = self._writer.register_schema(
                    name, 'ros2msg', definition(name, find_message).encode())
            channel = self._writer.register_channel(
                self.resolve_topic_name(topic), 'cdr', schemas[kind],
                {'offered_qos_profiles': ''})
            self.create_subscription(kind, topic, self._keeper(channel), qos.RECORDING, raw=True)
        self.every(_FLUSH_S, self._file.flush)

    def _keeper(self, channel: int) -> Callable[[bytes], None]:
        def keep(serialised: bytes) -> None:
            now_ns = self.get_clock().now().nanoseconds
            self._writer.add_message(channel, now_ns, serialised, now_ns, self._count)
            self._count += 1

        return keep

    def close(self) -> None:
        """Write the index."""
        self._writer.finish()
        self._file.close()


def main() -> int:
    """Entry point of the executable."""
    return runtime.run('recorder', RecorderNode)


if __name__ == '__main__':
    sys.exit(main())
