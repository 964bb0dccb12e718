"""Reads one bag into arrays, in the pilot's units and frames, and into images of its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.learning.rosbag.alignment import BagStreams
from liquid_pilot.learning.rosbag.checks.findings import depth_findings
from liquid_pilot.learning.rosbag.collector import MessageCollector, expect_type, topics_text
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.learning.rosbag.storage.messages import Decoder
from liquid_pilot.learning.rosbag.topic_mapping import BagMapping
from liquid_pilot.learning.rosbag.topic_report import TopicReport
from liquid_pilot.onboard.perception.camera_info import camera_from_info
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor


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


def read_streams(
    bag: Bag,
    mapping: BagMapping,
    decode: Decoder,
    preprocess: Preprocessor,
    images: IO[bytes],
    on_frame: Callable[[], None],
) -> tuple[BagStreams, dict[str, TopicReport]]:
    """Read a bag once.

    Args:
        bag: the bag.
        mapping: topics and types.
        decode: decoder of the messages.
        preprocess: preprocessing that the pilot applies to its images.
        images: file that the images are written to one after the other, (H, W, 3) uint8 RGB.
        on_frame: callback, called after each image.

    Returns:
        The messages, and the reports by topic.

    Raises:
        LiquidPilotError: a topic is missing, is of another type, or holds nothing usable; the
            message names the bag and the topic.
    """
    topics = _topics_of(mapping)
    collector = MessageCollector(bag, mapping, decode, preprocess, images, on_frame)
    for message in bag.messages(set(topics)):
        collector.add(topics[message.topic], message)
    streams = collector.streams(topics)
    streams.notes += depth_findings(mapping.image.topic, collector.deepest_value)
    return streams, collector.reports


def _topics_of(mapping: BagMapping) -> dict[str, str]:
    """Return the purpose of each topic that is read."""
    topics = {
        mapping.image.topic: 'image',
        mapping.imu.topic: 'imu',
        mapping.command.topic: 'command',
    }
    if mapping.odometry.topic:
        topics[mapping.odometry.topic] = 'odometry'
    if mapping.camera.geometry is None:
        topics[mapping.camera.topic] = 'camera'
    if mapping.episodes.split_by == 'topic':
        topics[mapping.episodes.topic] = 'marker'
    return topics
