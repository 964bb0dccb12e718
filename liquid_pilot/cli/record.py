"""`liquid-pilot record`: a recorder for any running graph, with live counts and rates."""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING

from liquid_pilot.cli.common import add_setting, path, require_ros
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.launch.option_checks import check_topic
from liquid_pilot.nodes.recording.settings import RecordingSettings
from liquid_pilot.utils.foreign_text import plain_text
from liquid_pilot.utils.path_checks import check_writable_folder
from liquid_pilot.utils.settings import declared_settings

if TYPE_CHECKING:
    from rich.table import Table

    from liquid_pilot.nodes.recorder import RecorderNode

DESCRIPTION = (
    'Records camera, IMU and commands of a running ROS 2 graph as a rosbag2 folder (MCAP) for '
    'training, and shows the messages as they arrive. Ctrl-C ends and closes the recording.'
)
_TOPICS = {
    'image': (topics.IMAGE, 'images: raw, or compressed with --compressed'),
    'camera-info': (topics.CAMERA_INFO, 'sensor_msgs/CameraInfo of the camera'),
    'imu': (topics.IMU, 'sensor_msgs/Imu'),
    'command': (
        topics.PILOT_COMMAND,
        'commands to the vehicle: Twist, TwistStamped, AckermannDriveStamped or any other type',
    ),
    'odom': (topics.ODOMETRY, 'nav_msgs/Odometry'),
}
"""Option to its default topic and its help."""
_SILENCE_TIMEOUT_S = 3.0
"""A topic is reported as silent after this long without a message."""
_PRINT_PERIOD_S = 5.0
"""Period of the printed lines where there is no terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    for name, (topic, description) in _TOPICS.items():
        parser.add_argument(f'--{name}', metavar='TOPIC', help=f'{description} (default: {topic})')
    parser.add_argument(
        '--compressed',
        action='store_true',
        help='record the compressed images, on the topic of --image followed by /compressed',
    )
    parser.add_argument(
        '--topic',
        action='append',
        default=[],
        metavar='TOPIC',
        help='further topic to record; may be given several times',
    )
    parser.add_argument(
        '--out',
        type=path('--out'),
        required=True,
        metavar='DIR',
        help='rosbag2 folder to write; it must be empty or missing',
    )
    for name in declared_settings(RecordingSettings):
        add_setting(parser, RecordingSettings, name)


def check(arguments: argparse.Namespace) -> None:
    """Refuse names that are no topics, and a folder that cannot be recorded into."""
    for name in _TOPICS:
        topic = getattr(arguments, name.replace('-', '_'))
        if topic is not None:
            check_topic(f'--{name}', topic)
    for topic in arguments.topic:
        check_topic('--topic', topic)
    out = arguments.out
    check_writable_folder(out, '--out')
    if out.is_dir() and any(out.iterdir()):
        raise LiquidPilotError(f'--out: {out} is not empty; choose another folder')
    require_ros()
    from liquid_pilot.nodes.common.process.ros_domain import domain_of

    domain_of(os.environ)


def run(arguments: argparse.Namespace) -> int:
    """Record until Ctrl-C and return the exit code."""
    from liquid_pilot.nodes import recorder
    from liquid_pilot.nodes.common import node_base

    ros_arguments = ['--ros-args', '-p', f'path:={arguments.out.resolve()}']
    for name, (topic, _) in _TOPICS.items():
        remapped = getattr(arguments, name.replace('-', '_'))
        if remapped and name == 'image':
            ros_arguments += ['-p', f'image_topic:={remapped}']
        elif remapped:
            ros_arguments += ['-r', f'{topic}:={remapped}']
    for name in declared_settings(RecordingSettings):
        ros_arguments += ['-p', f'{name}:={getattr(arguments, name)}']
    if arguments.compressed:
        ros_arguments += ['-p', 'image_transport:=compressed']
    if arguments.topic:
        ros_arguments += ['-p', f'topics:={" ".join(arguments.topic)}']
    requested = [
        getattr(arguments, name.replace('-', '_')) or topic
        for name, (topic, _) in _TOPICS.items()
        if name != 'odom' or arguments.odom
    ]
    if arguments.compressed:
        requested[0] += '/compressed'
    display = _Display(requested + arguments.topic)
    try:
        code = node_base.run(
            'record',
            recorder.RecorderNode,
            lambda node, spinner: recorder.record(node, spinner, display),
            ros_arguments,
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
    """The topics and their counts: a table that is redrawn on a terminal, else printed lines."""

    def __init__(self, requested: list[str]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._requested = requested
        # Brackets in the texts of others are no markup.
        self._console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self._live = (
            Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        )
        self._started_s = self._shown_s = time.monotonic()
        self._seen: dict[str, tuple[float, int]] = {}
        """Topic to the time at which its count last grew, and to that count."""
        self._rates: dict[str, float] = {}
        self._window_start: tuple[float, dict[str, int]] = (self._started_s, {})
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
        start_s, before = self._window_start
        if now_s - start_s >= 1.0:
            self._rates = {
                topic: (count - before.get(topic, 0)) / (now_s - start_s)
                for topic, count in node.counts.items()
            }
            self._window_start = (now_s, dict(node.counts))
        requested = [node.resolve_topic_name(topic) for topic in self._requested]
        states = {
            topic: self._state(node, topic, now_s)
            for topic in node.counts
            if topic in requested or node.counts[topic] or topic in node.recording_errors
        }
        for topic in requested:
            is_new = topic not in self._warned and now_s - self._started_s > _SILENCE_TIMEOUT_S
            if is_new and states.get(topic, 'recording') != 'recording':
                self._warned.add(topic)
                self._console.print(f'warning: {topic}: {states[topic]}')
        if self._live is not None:
            self._live.update(self._table(node, states), refresh=True)
        elif now_s - self._shown_s >= _PRINT_PERIOD_S:
            self._shown_s = now_s
            self._console.print(
                ', '.join(
                    f'{topic} {node.counts[topic]} ({self._rates.get(topic, 0.0):.1f} Hz)'
                    for topic in states
                )
            )

    def _state(self, node: RecorderNode, topic: str, now_s: float) -> str:
        if topic in node.recording_errors:
            return f'not recorded: {plain_text(node.recording_errors[topic])}'
        if topic not in self._seen:
            return (
                'silent: no message has arrived'
                if node.count_publishers(topic)
                else 'silent: it has no publisher'
            )
        silent_s = now_s - self._seen[topic][0]
        return 'recording' if silent_s < _SILENCE_TIMEOUT_S else f'silent for {silent_s:.0f} s'

    def _table(self, node: RecorderNode, states: dict[str, str]) -> Table:
        from rich.text import Text

        from liquid_pilot.utils.tables import terminal_table

        table = terminal_table(('topic', 'messages', 'Hz', ''), left=('topic', ''))
        for topic, state in states.items():
            table.add_row(
                topic,
                str(node.counts[topic]),
                f'{self._rates.get(topic, 0.0):.1f}',
                Text(state, style='green' if state == 'recording' else 'yellow'),
            )
        return table

    def close(self) -> None:
        """End the display and leave the last table on the screen."""
        if self._live is not None:
            self._live.stop()
