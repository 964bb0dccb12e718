"""The topics that this package publishes, in a recording of any robot, and what they carry.

A recording may hold several robots, each in a namespace of its own. So a topic is known by the end
of its name; what is before it is the namespace.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    Command,
    ImageBuffer,
    VehicleState,
)
from liquid_pilot.onboard.perception.compressed_image import decode_compressed


class TopicEndings(Collection[str]):
    """The topics whose names end in one of some endings, such as '/pilot/trace'."""

    def __init__(self, endings: Collection[str]) -> None:
        self._endings = tuple(endings)

    def __contains__(self, topic: object) -> bool:
        return isinstance(topic, str) and topic.endswith(self._endings)

    def __iter__(self) -> Iterator[str]:
        return iter(self._endings)

    def __len__(self) -> int:
        return len(self._endings)

    def ending(self, topic: str) -> str:
        """Return the longest ending of a topic's name; empty where it has none of them."""
        return max((each for each in self._endings if topic.endswith(each)), key=len, default='')

    def namespace(self, topic: str) -> str:
        """Return what is before the ending of a topic's name, without slashes at its ends."""
        return topic[: len(topic) - len(self.ending(topic))].strip('/')


def stamp_of(header: Any) -> int:
    """Return the stamp of a std_msgs/Header, ns."""
    stamp = header.stamp
    return int(stamp.sec) * NANOSECONDS_PER_SECOND + int(stamp.nanosec)


def image_of(message: Any) -> ImageBuffer:
    """Return the picture of a sensor_msgs/Image."""
    return ImageBuffer(
        message.data,
        int(message.width),
        int(message.height),
        int(message.step),
        message.encoding,
        bool(message.is_bigendian),
    )


def compressed_image_of(message: Any) -> ImageBuffer:
    """Return the picture of a sensor_msgs/CompressedImage.

    Raises:
        LiquidPilotError: it cannot be decoded.
    """
    return decode_compressed(bytes(message.data), message.format)


def velocity_of(message: Any) -> Command:
    """Return the command of a geometry_msgs/TwistStamped, body frame FLU."""
    twist = message.twist
    return Command(stamp_of(message.header), *_triple(twist.linear), float(twist.angular.z))


def state_of(message: Any) -> VehicleState:
    """Return the pose and the velocities of a nav_msgs/Odometry."""
    pose, twist = message.pose.pose, message.twist.twist
    turn = pose.orientation
    return VehicleState(
        stamp_of(message.header),
        _triple(pose.position),
        (turn.w, turn.x, turn.y, turn.z),
        _triple(twist.linear),
        _triple(twist.angular),
    )


def _triple(vector: Any) -> tuple[float, float, float]:
    return float(vector.x), float(vector.y), float(vector.z)
