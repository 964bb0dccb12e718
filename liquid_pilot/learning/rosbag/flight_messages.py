"""The messages of a flight in a recording, as the plain values that they carry.

It knows the topics that this package publishes, in the namespace of any robot, and needs no ROS.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from liquid_pilot.interfaces import (
    CameraGeometry,
    Command,
    ImageBuffer,
    LiquidPilotError,
    VehicleState,
)
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.learning.rosbag.robot_topics import (
    TopicEndings,
    compressed_image_of,
    image_of,
    stamp_of,
    state_of,
    velocity_of,
)
from liquid_pilot.learning.rosbag.storage.messages import BagMessage, Decoder
from liquid_pilot.onboard.inference.trace import Trace, unpack_trace
from liquid_pilot.onboard.perception.camera_info import camera_from_info

_TRACE, _MISSION, _DIAGNOSTICS = '/pilot/trace', '/mission', '/diagnostics'
_IMAGES = ('/camera/image_raw', '/camera/image_raw/compressed')
_GUARD = 'guard'


class Frame(NamedTuple):
    """A frame of the camera."""

    stamp_ns: int
    image: ImageBuffer


class GuardReport(NamedTuple):
    """What the guard reports of itself."""

    state: str
    reason: str
    """Why it is in this state; empty while commands pass."""


Value = Trace | Frame | GuardReport | Command | VehicleState | CameraGeometry
"""What a message carries. A command is what the guard sends to the vehicle."""


class FlightMessages:
    """Reads the flight of one robot in a recording.

    Args:
        path: a rosbag2 folder, an .mcap or a .db3 file.
        namespace: namespace of the robot; None: the first one that has a trace.

    Raises:
        LiquidPilotError: there is no such recording.
    """

    def __init__(self, path: Path, namespace: str | None = None) -> None:
        self.bag, self._decode = Bag(path), Decoder()
        self.traces: list[Trace] = []
        """The traces of the pilot, in the order of the recording."""
        self.markers: list[tuple[int, str]] = []
        """Stamp (ns) and text of each beginning ('seed 7') and end ('end success') of a simulated
        mission."""
        self.problem = ''
        """Why the recording was not read to its end; empty: it was."""
        self.began_ns = 0
        """Time of the first message that was read, ns since 1970; 0: there is none."""
        self._namespace = None if namespace is None else namespace.strip('/')
        self._read_traces()

    @property
    def has_images(self) -> bool:
        """Whether the camera's images are there, perhaps for a part of the flight."""
        return any(self._is_read(topic) and topic.endswith(_IMAGES) for topic in self.bag.types)

    @property
    def size(self) -> int:
        """Number of bytes of the recording."""
        return sum(file.stat().st_size for file in self.bag.files)

    def values(self) -> Iterator[Value]:
        """Yield what the messages carry, in the order of the recording.

        A message that cannot be read is left out. Where the recording is damaged, `problem` says
        why, and nothing comes after it.
        """
        for message in self._messages(_READERS):
            ending = _TOPICS.ending(message.topic)
            try:
                content = self._decode(message)
                if ending == _DIAGNOSTICS:
                    yield from self._guard_reports(content)
                elif (value := _READERS[ending](content)) is not None:
                    yield value
            except LiquidPilotError:
                continue

    def _read_traces(self) -> None:
        if self._namespace is None:
            first = next(self._messages([_TRACE]), None)
            self._namespace = '' if first is None else _TOPICS.namespace(first.topic)
        for message in self._messages([_TRACE, _MISSION]):
            try:
                content = self._decode(message)
                if _TOPICS.ending(message.topic) == _TRACE:
                    self.traces.append(unpack_trace(content))
                else:
                    self.markers.append((stamp_of(content), str(content.frame_id)))
            except LiquidPilotError:
                continue

    def _messages(self, endings: Collection[str]) -> Iterator[BagMessage]:
        try:
            for message in self.bag.messages(TopicEndings(endings)):
                self.began_ns = self.began_ns or message.log_ns
                if _TOPICS.ending(message.topic) == _DIAGNOSTICS or self._is_read(message.topic):
                    yield message
        except LiquidPilotError as error:
            self.problem = str(error)

    def _is_read(self, topic: str) -> bool:
        return self._namespace is None or _TOPICS.namespace(topic) == self._namespace

    def _guard_reports(self, message: Any) -> Iterator[GuardReport]:
        name = '/'.join(filter(None, ('', self._namespace, _GUARD)))
        for entry in message.status:
            if '/' + entry.hardware_id.lstrip('/') == '/' + name.lstrip('/'):
                values = {item.key: item.value for item in entry.values}
                yield GuardReport(values.get('state', ''), values.get('reason', ''))


def _velocity(message: Any) -> Command | None:
    # With `stamped: false` it is a Twist, which does not say which frame it answers.
    return velocity_of(message) if hasattr(message, 'header') else None


_READERS: dict[str, Callable[[Any], Value | None]] = {
    _TRACE: unpack_trace,
    _IMAGES[0]: lambda message: Frame(stamp_of(message.header), image_of(message)),
    _IMAGES[1]: lambda message: Frame(stamp_of(message.header), compressed_image_of(message)),
    '/camera/camera_info': camera_from_info,
    '/cmd_vel': _velocity,
    '/odom': state_of,
    _MISSION: lambda message: None,
    _DIAGNOSTICS: lambda message: None,
}
"""What reads a topic, by the end of its name."""
_TOPICS = TopicEndings(_READERS)
