"""Small good bags for `fuzz.py`, and how one is read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import IO, Any

import numpy as np
from mcap.writer import CompressionType, Writer
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Rosbag2Writer
from rosbags.typesys import Stores, get_typestore

from liquid_pilot.learning.rosbag.bag_cameras import find_camera
from liquid_pilot.learning.rosbag.collector import MessageCollector
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.learning.rosbag.storage.messages import Decoder
from liquid_pilot.learning.rosbag.topic_mapping import from_mapping
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor

_STORE = get_typestore(Stores.ROS2_JAZZY)
_MAPPING = from_mapping({}, 'fuzz')
_DECODE = Decoder()
_FRAMES, _WIDTH, _HEIGHT = 6, 16, 12
_START_NS = 1_700_000_000_000_000_000


def _messages() -> list[tuple[str, str, int, bytes]]:
    """Return topic, type, stamp and content of every message of a short recording."""
    types = _STORE.types
    made = []
    for frame in range(_FRAMES):
        stamp_ns = _START_NS + frame * 50_000_000
        stamp = types['builtin_interfaces/msg/Time'](stamp_ns // 10**9, stamp_ns % 10**9)
        header = types['std_msgs/msg/Header'](stamp, '')
        vector = types['geometry_msgs/msg/Vector3'](0.1, 0.0, 9.8)
        twist = types['geometry_msgs/msg/Twist'](vector, vector)
        nine = np.zeros(9)
        roi = types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
        k = np.array([14.0, 0, 8, 0, 14, 6, 0, 0, 1])
        pixels = np.full(3 * _WIDTH * _HEIGHT, 40 * frame, np.uint8)
        fields: dict[tuple[str, str], tuple[Any, ...]] = {
            ('/camera/camera_info', 'CameraInfo'): (
                *(header, _HEIGHT, _WIDTH, 'plumb_bob', np.zeros(0), k, nine, np.zeros(12)),
                *(0, 0, roi),
            ),
            ('/camera/image_raw', 'Image'): (
                *(header, _HEIGHT, _WIDTH, 'rgb8', 0, 3 * _WIDTH, pixels),
            ),
            ('/imu/data', 'Imu'): (
                *(header, types['geometry_msgs/msg/Quaternion'](0.0, 0.0, 0.0, 1.0), nine),
                *(vector, nine, vector, nine),
            ),
        }
        for (topic, name), values in fields.items():
            kind = f'sensor_msgs/msg/{name}'
            data = bytes(_STORE.serialize_cdr(types[kind](*values), kind))
            made.append((topic, kind, stamp_ns, data))
        kind = 'geometry_msgs/msg/TwistStamped'
        data = bytes(_STORE.serialize_cdr(types[kind](header, twist), kind))
        made.append(('/pilot/command', kind, stamp_ns, data))
    return made


def _mcap(file: Path, compression: CompressionType, closed: bool = True) -> bytes:
    with open(file, 'wb') as stream:
        writer = Writer(stream, 2000, compression)
        writer.start('ros2', 'fuzz')
        channels: dict[str, int] = {}
        for topic, kind, stamp_ns, data in _messages():
            if topic not in channels:
                text, _ = _STORE.generate_msgdef(kind, ros_version=2)
                schema = writer.register_schema(kind, 'ros2msg', text.encode())
                channels[topic] = writer.register_channel(topic, 'cdr', schema)
            writer.add_message(channels[topic], stamp_ns, data, stamp_ns)
        if closed:
            writer.finish()
    return file.read_bytes()


def _sqlite(folder: Path) -> dict[str, bytes]:
    shutil.rmtree(folder, ignore_errors=True)
    with Rosbag2Writer(folder, version=8, storage_plugin=StoragePlugin.SQLITE3) as bag:
        connections: dict[str, Any] = {}
        for topic, kind, stamp_ns, data in _messages():
            if topic not in connections:
                connections[topic] = bag.add_connection(topic, kind, typestore=_STORE)
            bag.write(connections[topic], stamp_ns, data)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def good_bags(folder: Path) -> list[tuple[str, dict[str, bytes]]]:
    """Return bags: the name of a file or folder, and the content of its files.

    Args:
        folder: an empty folder to make them in.
    """
    made = [
        ('bag.mcap', {'bag.mcap': _mcap(folder / 'made.mcap', compression, closed)})
        for compression, closed in (
            (CompressionType.NONE, True),
            (CompressionType.ZSTD, True),
            (CompressionType.LZ4, True),
            (CompressionType.ZSTD, False),
        )
    ]
    made.append(('', _sqlite(folder / 'made')))
    return made


def read(folder: Path, name: str, files: dict[str, bytes], images: IO[bytes]) -> None:
    """Write a bag into a folder, and read camera and streams of it.

    Args:
        folder: the folder, which is emptied.
        name: name of the bag in it; empty: the folder itself.
        files: content of its files.
        images: file that the frames are written to.

    Raises:
        LiquidPilotError: the bag is damaged.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file, data in files.items():
        (folder / file).write_bytes(data)
    bag = Bag(folder / name)
    camera = find_camera(bag, _MAPPING, _DECODE)
    preprocess = Preprocessor(camera, camera)
    MessageCollector(bag, _MAPPING, _DECODE, preprocess, images, lambda: None).read()
