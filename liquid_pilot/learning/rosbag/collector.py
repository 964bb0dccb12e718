"""Reads one bag into arrays, in the pilot's units and frames, and into images of its size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import IO, Any

import cv2
import numpy as np

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    CameraGeometry,
    ImageBuffer,
    LiquidPilotError,
    ObservationError,
)
from liquid_pilot.learning.rosbag.alignment import BagStreams, EpisodeMarker
from liquid_pilot.learning.rosbag.checks.findings import depth_findings
from liquid_pilot.learning.rosbag.commands import command_values
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.learning.rosbag.stamps import MISSING_NS, TopicStamps, believed, used_stamps
from liquid_pilot.learning.rosbag.storage.messages import BagMessage, Decoder
from liquid_pilot.learning.rosbag.topic_mapping import COMMAND_TYPES, BagMapping
from liquid_pilot.learning.rosbag.topic_report import TopicReport
from liquid_pilot.onboard.perception.camera_info import camera_from_info
from liquid_pilot.onboard.perception.compressed_image import decode_compressed
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.onboard.perception.pixel_depth import is_deep_png, largest_value

_IMAGE_TYPES = {'raw': 'sensor_msgs/msg/Image', 'compressed': 'sensor_msgs/msg/CompressedImage'}
_MARKER_TYPES = ('std_msgs/msg/Header', 'std_msgs/msg/String')
_CLOCKED = ('image', 'imu', 'command')
"""Purposes of topics whose stamps are compared. A camera_info or a marker may be latched, and its
stamp then says nothing about a clock."""
_MAX_CLOCK_OFFSET_S = 1.0
"""Largest median difference between stamps and the time of recording at which log times can stand
in for missing stamps, s."""
_MAX_IMPLAUSIBLE = 0.01
"""Share of the commands with an impossible steering angle above which all are in other units; one
or two in a short bag are not."""
_DEEP_PNGS = 20
"""Number of PNG images of 16 bits of which the largest value is looked at."""


class MessageCollector:
    """Collects the messages of one bag; `read` takes all of them.

    Args:
        bag: the bag.
        mapping: topics and types.
        decode: decoder of the messages.
        preprocess: preprocessing that the pilot applies to its images.
        images: file that the images are written to one after the other, (H, W, 3) uint8 RGB.
        on_frame: callback, called after each image.
    """

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
        self._camera: CameraGeometry | None = None
        self._header_ns: dict[str, list[int | None]] = {}
        self._log_ns: dict[str, list[int]] = {}
        self._imu: list[np.ndarray] = []
        self._commands: list[tuple[float, ...]] = []
        self._markers: list[EpisodeMarker] = []
        self._implausible = 0
        self._deep_pngs = 0
        self.reports: dict[str, TopicReport] = {}
        """Report of each topic."""
        self._largest_deep = 0
        """Largest value of a pixel of 16 bits."""

    def read(self) -> BagStreams:
        """Read the bag once, and return all that it holds; `reports` is complete then.

        Raises:
            LiquidPilotError: a topic is missing, is of another type, or holds nothing usable; the
                message names the bag and the topic.
        """
        topics = _topics_of(self._mapping)
        for message in self._bag.messages(set(topics)):
            self._add(topics[message.topic], message)
        streams, image = self._streams(topics), self._mapping.image
        streams.notes += depth_findings(image.topic, self._largest_deep, image.mono16_bits)
        return streams

    def _add(self, purpose: str, message: BagMessage) -> None:
        """Add one message of a topic with this purpose.

        Raises:
            LiquidPilotError: the topic cannot serve its purpose.
        """
        mapping = self._mapping
        types = {
            'image': (_IMAGE_TYPES[mapping.image.type],),
            'imu': ('sensor_msgs/msg/Imu',),
            'command': (COMMAND_TYPES[mapping.command.type],),
            'marker': _MARKER_TYPES,
            'camera': ('sensor_msgs/msg/CameraInfo',),
            'odometry': ('nav_msgs/msg/Odometry',),
        }[purpose]
        expect_type(self._bag, message, types)
        report = self.reports.setdefault(message.topic, TopicReport(message.type, mapping.clock))
        try:
            content = self._decode(message)
        except LiquidPilotError as error:
            report.refuse(str(error))
            return
        stamp = getattr(getattr(content, 'header', content), 'stamp', None)
        header_ns = None if stamp is None else stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec
        if mapping.clock == 'log' or header_ns is None:
            report.clock = 'log'
        stamp_ns = believed(message.log_ns if report.clock == 'log' else header_ns or 0)
        try:
            getattr(self, f'_add_{purpose}')(stamp_ns, content, message.topic)
        except ObservationError as error:
            self._implausible += purpose == 'command'
            report.refuse(str(error))
            return
        report.stamps_ns.append(stamp_ns)
        self._header_ns.setdefault(purpose, []).append(header_ns)
        self._log_ns.setdefault(purpose, []).append(message.log_ns)

    def _add_image(self, stamp_ns: int, content: Any, topic: str) -> None:
        """Write the encoder's input in flight, before scaling: (H, W, 3) uint8 RGB."""
        if self._mapping.image.type == 'compressed':
            bits = self._mapping.image.mono16_bits
            data = content.data.tobytes()
            image = decode_compressed(data, content.format, mono16_bits=bits)
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
        pixels = np.rint(planes.transpose(1, 2, 0) * 255.0).astype(np.uint8).tobytes()
        self._look_at_depth(content, image)
        self._images.write(pixels)
        self._on_frame()

    def _look_at_depth(self, content: Any, image: ImageBuffer) -> None:
        """Note the largest value of an image whose pixels have 16 bits."""
        if self._mapping.image.type == 'compressed':
            if not is_deep_png(content.data) or self._deep_pngs == _DEEP_PNGS:
                return
            self._deep_pngs += 1
            values = cv2.imdecode(content.data, cv2.IMREAD_UNCHANGED)
            largest = None if values is None else int(values.max())
        else:
            largest = largest_value(image)
        self._largest_deep = max(self._largest_deep, largest or 0)

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
        self._imu.append(np.concatenate(rotated))

    def _add_command(self, stamp_ns: int, content: Any, topic: str) -> None:
        self._commands.append(command_values(content, self._mapping.command))

    def _add_marker(self, stamp_ns: int, content: Any, topic: str) -> None:
        name = getattr(content, 'frame_id', None)
        name = content.data if name is None else name
        self._markers.append(EpisodeMarker(stamp_ns, '' if name.startswith('end') else name))

    def _add_camera(self, stamp_ns: int, content: Any, topic: str) -> None:
        try:
            camera = camera_from_info(content)
        except ObservationError as error:
            raise LiquidPilotError(f'{self._bag.path}: topic {topic}: {error}') from None
        if self._camera is not None and camera != self._camera:
            raise LiquidPilotError(
                f'{self._bag.path}: topic {topic}: the intrinsics change within '
                'the bag; split it, or give them under camera'
            )
        self._camera = camera

    def _add_odometry(self, stamp_ns: int, content: Any, topic: str) -> None:
        """Use nothing of the odometry, which is only reported."""

    def _streams(self, topics: dict[str, str]) -> BagStreams:
        """Return all that was collected.

        Args:
            topics: the purpose of each topic.

        Raises:
            LiquidPilotError: a required topic is missing, or the clocks differ so that stamps and
                times of recording cannot be used together.
        """
        self._check_present(topics)
        names = {purpose: topic for topic, purpose in topics.items()}
        stamps = {purpose: self._used_stamps(names[purpose], purpose) for purpose in _CLOCKED}
        self._check_clocks(names, stamps)
        imu_kept, commands_kept = (
            stamps[purpose].stamps_ns != MISSING_NS for purpose in ('imu', 'command')
        )
        return BagStreams(
            stamps['image'].stamps_ns,
            stamps['imu'].stamps_ns[imu_kept],
            np.array(self._imu, np.float64).reshape(-1, 6)[imu_kept],
            stamps['command'].stamps_ns[commands_kept],
            np.array(self._commands, np.float64).reshape(-1, 4)[commands_kept],
            self._markers,
            {purpose: stamps[purpose].lag_s for purpose in _CLOCKED},
            [
                f'topic {names[purpose]}: {stamps[purpose].note}'
                for purpose in _CLOCKED
                if stamps[purpose].note
            ],
        )

    def _check_present(self, topics: dict[str, str]) -> None:
        """Raise LiquidPilotError where a required topic holds nothing usable."""
        for topic, purpose in topics.items():
            report = self.reports.get(topic)
            if purpose not in (*_CLOCKED, 'marker'):
                continue
            if report is None or not report.stamps_ns:
                reason = f'. {topics_text(self._bag)}'
                if report is not None:
                    reason = f': {report.first_reason}'
                elif topic in self._bag.types:
                    reason = ', which is in the bag and empty; record it again'
                raise LiquidPilotError(
                    f'{self._bag.path}: no usable message on {topic} ({purpose}){reason}'
                )
            total = report.refused + len(report.stamps_ns)
            if purpose == 'command' and self._implausible > max(2, _MAX_IMPLAUSIBLE * total):
                raise LiquidPilotError(
                    f'{self._bag.path}: topic {topic}: {self._implausible} of {total} commands '
                    f'cannot be meant so: {report.first_reason}'
                )

    def _used_stamps(self, topic: str, purpose: str) -> TopicStamps:
        """Return the stamps of a topic, which the mapping may shift."""
        used = used_stamps(
            self._header_ns[purpose],
            self._log_ns[purpose],
            self._mapping.clock,
            self._mapping.episodes.max_gap_s,
        )
        if purpose == 'image' and self._mapping.clock == 'header' and used.clock == 'log':
            raise LiquidPilotError(
                f'{self._bag.path}: topic {topic}: all stamps are zero; set `clock: log`'
            )
        if (used.stamps_ns == MISSING_NS).all():
            raise LiquidPilotError(
                f'{self._bag.path}: topic {topic}: all times of recording are zero, as of '
                '`ros2 bag record --use-sim-time` without /clock; '
                + (
                    'set `clock: header`'
                    if self._mapping.clock == 'log'
                    else 'record it again, or in a type with a stamp'
                )
            )
        self.reports[topic].clock = used.clock
        offset_s: float = getattr(self._mapping, purpose).offset_s
        if not offset_s:
            return used
        shifted = used.stamps_ns + round(offset_s * NANOSECONDS_PER_SECOND)
        return used._replace(
            stamps_ns=np.where(used.stamps_ns == MISSING_NS, MISSING_NS, shifted),
            lag_s=used.lag_s - offset_s,
        )

    def _check_clocks(self, topics: dict[str, str], stamps: dict[str, TopicStamps]) -> None:
        """Raise LiquidPilotError where log times cannot be used together with stamps."""
        unstamped = [topic for topic, report in self.reports.items() if report.clock == 'log']
        lags_s = {
            purpose: used.lag_s for purpose, used in stamps.items() if math.isfinite(used.lag_s)
        }
        worst = max(lags_s, key=lambda purpose: abs(lags_s[purpose]), default='')
        if unstamped and worst and abs(lags_s[worst]) > _MAX_CLOCK_OFFSET_S:
            raise LiquidPilotError(
                f'{self._bag.path}: topic {unstamped[0]} has no stamps, and those of '
                f'{topics[worst]} are {lags_s[worst]:.1f} s before the time of recording; set '
                f'`clock: log`, or {worst}.offset_s: {lags_s[worst]:.2f}'
            )


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


def expect_type(bag: Bag, message: BagMessage, types: tuple[str, ...]) -> None:
    """Raise LiquidPilotError for a message of none of these types."""
    if message.type not in types:
        raise LiquidPilotError(
            f'{bag.path}: topic {message.topic} holds {message.type}, and the mapping says '
            f'{" or ".join(types)}'
        )


def topics_text(bag: Bag) -> str:
    """Return a sentence that lists the topics of a bag."""
    topics = ', '.join(f'{topic} ({kind})' for topic, kind in sorted(bag.types.items()))
    return f'It holds {topics}' if topics else 'It holds no topic'
