"""Finds the intrinsics of the camera that a bag was recorded with."""

from __future__ import annotations

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.learning.rosbag.collector import expect_type, topics_text
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.learning.rosbag.storage.messages import Decoder
from liquid_pilot.learning.rosbag.topic_mapping import BagMapping
from liquid_pilot.onboard.perception.camera_info import camera_from_info


def find_camera(bag: Bag, mapping: BagMapping, decode: Decoder) -> CameraGeometry:
    """Return the intrinsics of the mapping, or else those of the bag's first camera_info.

    Args:
        bag: the bag.
        mapping: the mapping.
        decode: decoder of the messages.

    Raises:
        LiquidPilotError: neither exists.
    """
    topic = mapping.camera.topic
    if mapping.camera.geometry is not None:
        return mapping.camera.geometry
    for message in bag.messages([topic]):
        expect_type(bag, message, ('sensor_msgs/msg/CameraInfo',))
        try:
            return camera_from_info(decode(message))
        except LiquidPilotError as error:
            raise LiquidPilotError(f'{bag.path}: {error}') from None
    raise LiquidPilotError(
        f'{bag.path}: no message on {topic} (camera.topic)'
        f'{", which is in the bag and empty" if topic in bag.types else ""}; give width, height, '
        f'fx, fy, cx and cy under camera instead. {topics_text(bag)}'
    )
