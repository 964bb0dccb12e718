"""`liquid-pilot record`: a recorder beside any running graph, with counts and rates live."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from liquid_pilot.interfaces import LiquidPilotError

if TYPE_CHECKING:
    from rich.table import Table

    from liquid_pilot.nodes.recorder import RecorderNode

_OPTIONS = {
    'image': ('camera/image_raw', 'images, raw; or compressed, with --compressed'),
    'camera-info': ('camera/camera_info', 'sensor_msgs/CameraInfo of the camera'),
    'imu': ('imu/data', 'sensor_msgs/Imu'),
    'command': (
        'pilot/command',
        'commands of whoever steers: Twist, TwistStamped, AckermannDriveStamped or any other type',
    ),
    'odom': ('odom', 'nav_msgs/Odometry'),
}
_SILENCE_TIMEOUT_S = 3.0
_PLAIN_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; imports no ROS, so that --help is quick."""
    for name, (topic, what) in _OPTIONS.items():
        parser.add_argument(f'--{name}', metavar='TOPIC', help=f'{what} (default: {topic})')
    parser.add_argument(
        '--compressed',
        action='store_true',
        help='record the topic of --image with /compressed behind its name',
    )
    parser.add_argument(
        '--topic',
        action='append',
        default=[],
        metavar='TOPIC',
        help='a further topic; may be given several times',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        metavar='DIR',
        help='rosbag2 folder to write; it must not hold anything',
    )


def run(arguments: argparse.Namespace) -> int:
    """Record until Ctrl-C; the exit code."""
    from importlib.util import find_spec

    if find_spec('rclpy') is None:
        raise LiquidPilotError(
            'rclpy is not installed: source ROS 2 (/opt/ros/<distro>/setup.bash), or '
            'pip install "liquid_pilot[ros]"'
        )

    from liquid_pilot.nodes import recorder
    from liquid_pilot.nodes.common import node_base

    line = ['--ros-args', '-p', f'path:={arguments.out.expanduser().resolve()}']
    for name, (topic, _) in _OPTIONS.items():
        given = getattr(arguments, name.replace('-', '_'))
        if given and name == 'image':
            line += ['-p', f'image_topic:={given}']
        elif given:
            line += ['-r', f'{topic}:={given}']
    if arguments.compressed:
        line += ['-p', 'image_transport:=compressed']
    if arguments.topic:
        line += ['-p', f'topics:={" ".join(arguments.topic)}']
    asked = [
        getattr(arguments, name.replace('-', '_')) or topic
        for name, (topic, _) in _OPTIONS.items()
        if name != 'odom' or arguments.odom
    ]
    if arguments.compressed:
        asked[0] += '/compressed'
    display = _Display(asked + arguments.topic)
    try:
        code = node_base.run(
            'record',
            recorder.RecorderNode,
            lambda node, spinner: recorder.record(node, spinner, display),
            line,
        )
    finally:
        display.close()
    if display.total:
        print(
            f'{arguments.out}: {display.total} messages; next: liquid-pilot dataset '
            f'{arguments.out} --config FILE --out DIR'
        )
    return code


class _Display:
    """A table that is redrawn on a terminal; elsewhere a line now and then."""

    def __init__(self, asked: list[str]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._asked = asked
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._live = (
            Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        )
        self._started_s = self._shown_s = time.monotonic()
        self._seen: dict[str, tuple[float, int]] = {}
        """Topic to when its count last grew, and to what."""
        self._rates: dict[str, float] = {}
        self._mark: tuple[float, dict[str, int]] = (self._started_s, {})
        self._warned: set[str] = set()
        self.total = 0
        if self._live is not None:
            self._live.start()

    def __call__(self, node: RecorderNode) -> None:
        now_s = time.monotonic()
        self.total = sum(node.counts.values())
        for topic, count in node.counts.items():
            if count > self._seen.get(topic, (0.0, 0))[1]:
                self._seen[topic] = (now_s, count)
                self._warned.discard(topic)
        marked_s, before = self._mark
        if now_s - marked_s >= 1.0:
            self._rates = {
                topic: (count - before.get(topic, 0)) / (now_s - marked_s)
                for topic, count in node.counts.items()
            }
            self._mark = (now_s, dict(node.counts))
        asked = [node.resolve_topic_name(topic) for topic in self._asked]
        states = {
            topic: self._state(node, topic, now_s)
            for topic in node.counts
            if topic in asked or node.counts[topic] or topic in node.recording_errors
        }
        for topic in asked:
            fresh = topic not in self._warned and now_s - self._started_s > _SILENCE_TIMEOUT_S
            if fresh and states.get(topic, 'recording') != 'recording':
                self._warned.add(topic)
                self._console.print(f'warning: {topic}: {states[topic]}')
        if self._live is not None:
            self._live.update(self._table(node, states), refresh=True)
        elif now_s - self._shown_s >= _PLAIN_S:
            self._shown_s = now_s
            self._console.print(
                ', '.join(
                    f'{topic} {node.counts[topic]} ({self._rates.get(topic, 0.0):.1f} Hz)'
                    for topic in states
                )
            )

    def _state(self, node: RecorderNode, topic: str, now_s: float) -> str:
        if topic in node.recording_errors:
            return f'not recorded: {node.recording_errors[topic]}'
        if topic not in self._seen:
            return (
                'silent: nothing has come'
                if node.count_publishers(topic)
                else 'silent: nobody publishes it'
            )
        silent_s = now_s - self._seen[topic][0]
        return 'recording' if silent_s < _SILENCE_TIMEOUT_S else f'silent for {silent_s:.0f} s'

    def _table(self, node: RecorderNode, states: dict[str, str]) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style='bold')
        for name in ('topic', 'messages', 'Hz', ''):
            table.add_column(name, justify='right' if name in ('messages', 'Hz') else 'left')
        for topic, state in states.items():
            table.add_row(
                topic,
                str(node.counts[topic]),
                f'{self._rates.get(topic, 0.0):.1f}',
                Text(state, style='green' if state == 'recording' else 'yellow'),
            )
        return table

    def close(self) -> None:
        """Leave the last table on the screen."""
        if self._live is not None:
            self._live.stop()
