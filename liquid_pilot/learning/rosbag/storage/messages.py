"""Messages of bags as they are stored, and their decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag.storage.compression import LZ4_MAGIC, ZSTD_MAGIC, decompress

_ACKERMANN = 'ackermann_msgs/msg/AckermannDrive'


class BagMessage(NamedTuple):
    """One message, not yet decoded."""

    topic: str
    """Absolute name of the topic."""
    type: str
    """Type of the message, such as 'sensor_msgs/msg/Image'."""
    log_ns: int
    """Time at which the recorder received it, ns."""
    data: bytes
    """Content as CDR, which may be compressed."""


def absolute_name(topic: str) -> str:
    """Return a topic with its leading slash, which some writers leave out."""
    return '/' + topic.lstrip('/')


def full_type(name: str) -> str:
    """Return the name of a message type as it is today; the first bags had no '/msg/' in it.

    >>> full_type('sensor_msgs/Image')
    'sensor_msgs/msg/Image'
    """
    package, _, rest = name.partition('/')
    return f'{package}/msg/{rest}' if rest and '/' not in rest else name


class Decoder:
    """Decodes CDR to message objects that have the fields of their ROS type.

    Message types are the standard ones, which are known beforehand: nothing in a bag is run as
    code.
    """

    def __init__(self) -> None:
        self._store = get_typestore(Stores.ROS2_JAZZY)
        # The only type that is not part of ROS 2 itself.
        self._store.register(
            get_types_from_msg(
                'float32 steering_angle\nfloat32 steering_angle_velocity\nfloat32 speed\n'
                'float32 acceleration\nfloat32 jerk',
                _ACKERMANN,
            )
        )
        self._store.register(
            get_types_from_msg(
                f'std_msgs/Header header\n{_ACKERMANN.replace("/msg", "")} drive',
                f'{_ACKERMANN}Stamped',
            )
        )

    def __call__(self, message: BagMessage) -> Any:
        """Return the decoded message.

        Raises:
            LiquidPilotError: the data is not of the message's type; the bag is not named.
        """
        try:
            return self._store.deserialize_cdr(_cdr(message), message.type)
        except (
            SerdeError,
            KeyError,
            IndexError,
            AssertionError,
            MemoryError,
            OverflowError,
        ) as error:
            raise LiquidPilotError(
                f'topic {message.topic}: a message is no {message.type} '
                f'({" ".join(str(error).split())})'
            ) from None


def _cdr(message: BagMessage) -> bytes:
    """Return the content of a message without compression."""
    data = message.data
    # CDR begins with a zero, which no compression does.
    if data[:1] == b'\0' or not data:
        return data
    try:
        return decompress(data)
    except ValueError as error:
        kind = {ZSTD_MAGIC: 'zstandard: ', LZ4_MAGIC: 'LZ4: '}.get(data[:4], '')
        raise LiquidPilotError(
            f'topic {message.topic}: its messages are compressed one by one, and cannot be '
            f'decompressed ({kind}{error}); `ros2 bag convert` writes them without compression'
        ) from None


def unreadable_error(path: Path, reason: str) -> LiquidPilotError:
    """Return the error of a bag that cannot be read.

    Args:
        path: the bag, or the file of it.
        reason: what is wrong with it.
    """
    return LiquidPilotError(f'{path}: cannot be read as a bag: {" ".join(reason.split())}')
