"""Reads one bag into arrays, in the pilot's units and frames, and into images of its size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    CameraGeometry,
    ImageBuffer,
    LiquidPilotError,
    ObservationError,
)
from liquid_pilot.learning.rosbag.alignment import BagStreams, EpisodeMarker
from liquid_pilot.learning.rosbag.reader import Bag, BagMessage, Decoder
from liquid_pilot.learning.rosbag.topic_mapping import (
    COMMAND_TYPES,
    COMMAND_VALUES,
    BagMapping,
    CommandMapping,
)
from liquid_pilot.onboard.perception.field_of_view import camera_from_info
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor, decode_compressed

_IMAGE_TYPES = {'raw': 'sensor_msgs/msg/Image', 'compressed': 'sensor_msgs/msg/CompressedImage'}
_MARKER_TYPES = ('std_msgs/msg/Header', 'std_msgs/msg/String')
_MAX_CLOCK_OFFSET_S = 1.0
"""Largest median difference between stamps and the time of recording at which log times can stand
in for missing stamps, s."""


@dataclass
class TopicReport:
    """Counts and stamps of the messages on one topic of one bag."""

    type: str
    """Type of the messages, such as 'sensor_msgs/msg/Imu'."""
    clock: str
    """Source of the stamps: 'header' or 'log'."""
    stamps_ns: list[int] = field(default_factory=list)
    """Stamps of the usable messages in their order in the bag, ns."""
    refused: int = 0
    """Number of messages that could not be used."""
    first_reason: str = ''
    """Why the first of them could not be used."""

    def to_json(self, max_gap_s: float) -> dict[str, Any]:
        """Return counts, median rate and gaps as plain values.

        Args:
            max_gap_s: time between two messages above which it counts as a gap, s.
        """
        stamps = np.sort(np.array(self.stamps_ns, np.int64))
        gaps = np.diff(stamps) / NANOSECONDS_PER_SECOND
        positive = gaps[gaps > 0]
        period_s = float(np.median(positive)) if len(positive) else math.nan
        return {
            'type': self.type,
            'stamps': self.clock,
            'messages': len(stamps),
            'rate_hz': round(1.0 / period_s, 2) if len(positive) else None,
            'gaps': int(np.count_nonzero(gaps > max_gap_s)),
            'longest_gap_s': round(float(gaps.max()), 3) if len(gaps) else None,
            'out_of_order': int(np.count_nonzero(np.diff(self.stamps_ns) < 0)),
            'refused': self.refused,
            'why': self.first_reason,
        }


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
        _expect(bag, message, ('sensor_msgs/msg/CameraInfo',))
        return camera_from_info(_decode_or_name(bag, decode, message))
    raise LiquidPilotError(
        f'{bag.path}: no message on {topic} (camera.topic); give width, height, fx, fy, cx and cy '
        f'under camera instead. {_topics(bag)}'
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
    collector = _MessageCollector(bag, mapping, decode, preprocess, images, on_frame)
    for message in bag.messages(set(topics)):
        collector.add(topics[message.topic], message)
    collector.check(topics)
    streams = BagStreams(
        np.array(collector.frames_ns, np.int64),
        np.array(collector.imu_ns, np.int64),
        np.array(collector.imu, np.float64).reshape(-1, 6),
        np.array(collector.commands_ns, np.int64),
        np.array(collector.commands, np.float64).reshape(-1, 4),
        collector.markers,
    )
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


class _MessageCollector:
    """Collects the messages of one bag, one by one."""

    def __init__(
        self,
        bag: Bag,
        mapping: BagMapping,
        decode: Decoder,
        preprocess: Preprocessor,
        images: IO[bytes],
        on_frame: Callable[[], None],
    ) -> None:
        self._bag, self._mapping, self._decode = bag, mapping, decode
        self._preprocess, self._images, self._on_frame = preprocess, images, on_frame
        self._rotation = np.array(mapping.imu.rotation, np.float64)
        self._lags_s: dict[str, list[float]] = {}
        self._camera: CameraGeometry | None = None
        self.reports: dict[str, TopicReport] = {}
        self.frames_ns: list[int] = []
        self.imu_ns: list[int] = []
        self.imu: list[np.ndarray] = []
        self.commands_ns: list[int] = []
        self.commands: list[tuple[float, ...]] = []
        self.markers: list[EpisodeMarker] = []

    def add(self, purpose: str, message: BagMessage) -> None:
        """Add one message of a topic with this purpose."""
        mapping = self._mapping
        types = {
            'image': (_IMAGE_TYPES[mapping.image.type],),
            'imu': ('sensor_msgs/msg/Imu',),
            'command': (COMMAND_TYPES[mapping.command.type],),
            'marker': _MARKER_TYPES,
            'camera': ('sensor_msgs/msg/CameraInfo',),
            'odometry': ('nav_msgs/msg/Odometry',),
        }[purpose]
        _expect(self._bag, message, types)
        report = self.reports.setdefault(
            message.topic, TopicReport(message.type, self._mapping.clock)
        )
        try:
            content = self._decode(message)
        except LiquidPilotError as error:
            self._refuse(report, str(error))
            return
        stamp_ns = self._stamp(purpose, message, content, report)
        if purpose != 'image':
            getattr(self, f'_add_{purpose}')(stamp_ns, content, message.topic)
            report.stamps_ns.append(stamp_ns)
            return
        try:
            pixels = self._encoder_image(content)
        except ObservationError as error:
            self._refuse(report, str(error))
            return
        self._images.write(pixels)
        self.frames_ns.append(stamp_ns)
        report.stamps_ns.append(stamp_ns)
        self._on_frame()

    def _stamp(self, purpose: str, message: BagMessage, content: Any, report: TopicReport) -> int:
        """Return the stamp of a message, or its log time where it has no stamp or clock is log."""
        stamp = getattr(getattr(content, 'header', content), 'stamp', None)
        if self._mapping.clock == 'log' or stamp is None:
            report.clock = 'log'
            return message.log_ns
        stamp_ns = stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec
        self._lags_s.setdefault(purpose, []).append(
            (message.log_ns - stamp_ns) / NANOSECONDS_PER_SECOND
        )
        return stamp_ns

    def _refuse(self, report: TopicReport, reason: str) -> None:
        report.refused += 1
        report.first_reason = report.first_reason or reason

    def _encoder_image(self, content: Any) -> bytes:
        """Return the encoder's input in flight, before scaling: (H, W, 3) uint8 RGB."""
        if self._mapping.image.type == 'compressed':
            image = decode_compressed(content.data.tobytes(), content.format)
        else:
            image = ImageBuffer(
                content.data,
                content.width,
                content.height,
                content.step,
                content.encoding,
                bool(content.is_bigendian),
            )
        planes = self._preprocess(image)[0]
        return np.rint(planes.transpose(1, 2, 0) * 255.0).astype(np.uint8).tobytes()

    def _add_imu(self, stamp_ns: int, content: Any, topic: str) -> None:
        for name in ('angular_velocity', 'linear_acceleration'):
            if getattr(content, f'{name}_covariance')[0] == -1.0:
                raise LiquidPilotError(
                    f'{self._bag.path}: topic {topic}: the messages say that they hold no {name} '
                    '(covariance[0] is -1); name a topic that has gyroscope and accelerometer'
                )
        rates, force = content.angular_velocity, content.linear_acceleration
        with np.errstate(invalid='ignore', over='ignore'):
            rotated = [self._rotation @ (v.x, v.y, v.z) for v in (rates, force)]
        self.imu_ns.append(stamp_ns)
        self.imu.append(np.concatenate(rotated))

    def _add_command(self, stamp_ns: int, content: Any, topic: str) -> None:
        self.commands_ns.append(stamp_ns)
        self.commands.append(command_values(content, self._mapping.command))

    def _add_marker(self, stamp_ns: int, content: Any, topic: str) -> None:
        name = getattr(content, 'frame_id', None)
        name = content.data if name is None else name
        self.markers.append(EpisodeMarker(stamp_ns, '' if name.startswith('end') else name))

    def _add_camera(self, stamp_ns: int, content: Any, topic: str) -> None:
        camera = camera_from_info(content)
        if self._camera is not None and camera != self._camera:
            raise LiquidPilotError(
                f'{self._bag.path}: topic {topic}: the intrinsics change within '
                'the bag; split it, or give them under camera'
            )
        self._camera = camera

    def _add_odometry(self, stamp_ns: int, content: Any, topic: str) -> None:
        """Use nothing of the odometry, which is only reported."""

    def check(self, topics: dict[str, str]) -> None:
        """Raise LiquidPilotError where a required topic is missing or the clocks differ."""
        for topic, purpose in topics.items():
            report = self.reports.get(topic)
            if purpose in ('image', 'imu', 'command', 'marker') and (
                report is None or not report.stamps_ns
            ):
                reason = f': {report.first_reason}' if report else f'. {_topics(self._bag)}'
                raise LiquidPilotError(
                    f'{self._bag.path}: no usable message on {topic} ({purpose}){reason}'
                )
        unstamped = [topic for topic, report in self.reports.items() if report.clock == 'log']
        lags = [abs(float(np.median(lag))) for lag in self._lags_s.values()]
        if unstamped and lags and max(lags) > _MAX_CLOCK_OFFSET_S:
            raise LiquidPilotError(
                f'{self._bag.path}: topic {unstamped[0]} has no stamps, and those of the others '
                f'are {max(lags):.1f} s off the time of recording; set `clock: log`'
            )
        image = self._mapping.image.topic
        if self._mapping.clock == 'header' and not any(self.reports[image].stamps_ns):
            raise LiquidPilotError(
                f'{self._bag.path}: topic {image}: all stamps are zero; set `clock: log`'
            )


def command_values(content: Any, mapping: CommandMapping) -> tuple[float, ...]:
    """Return the command of a message: forward, left and up in m/s, yaw rate in rad/s.

    Args:
        content: a Twist, a TwistStamped or an AckermannDriveStamped, as the mapping says.
        mapping: type, fields and scales.
    """
    values: tuple[float, ...]
    if mapping.type == 'AckermannDriveStamped':
        drive = content.drive
        speed = float(drive.speed)
        angle = float(drive.steering_angle)
        tangent = math.tan(angle) if math.isfinite(angle) else math.nan
        curvature = tangent / mapping.wheelbase_m
        values = (speed, 0.0, 0.0, curvature * max(abs(speed), mapping.min_speed_m_s))
    else:
        twist = content.twist if mapping.type == 'TwistStamped' else content
        values = tuple(_axis(twist, getattr(mapping, name)) for name in COMMAND_VALUES)
    return tuple(value * factor for value, factor in zip(values, mapping.scale, strict=True))


def _axis(twist: Any, axis: str) -> float:
    """Return a field of a twist, such as '-angular.z'."""
    if axis == '0':
        return 0.0
    vector, _, component = axis.lstrip('+-').partition('.')
    value = float(getattr(getattr(twist, vector), component))
    return -value if axis.startswith('-') else value


def _decode_or_name(bag: Bag, decode: Decoder, message: BagMessage) -> Any:
    """Decode a message; errors name the bag."""
    try:
        return decode(message)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{bag.path}: {error}') from None


def _expect(bag: Bag, message: BagMessage, types: tuple[str, ...]) -> None:
    """Raise LiquidPilotError for a message of none of these types."""
    if message.type not in types:
        raise LiquidPilotError(
            f'{bag.path}: topic {message.topic} holds {message.type}, and the mapping says '
            f'{" or ".join(types)}'
        )


def _topics(bag: Bag) -> str:
    """Return a sentence that lists the topics of a bag."""
    topics = ', '.join(f'{topic} ({kind})' for topic, kind in sorted(bag.types.items()))
    return f'It holds {topics}' if topics else 'It holds no topic'
