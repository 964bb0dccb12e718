"""The meaning of a bag's topics: the mapping file that `liquid-pilot dataset --config` reads.

config/dataset.yaml lists every key with its unit. This module reads YAML only: no bag, no numpy.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.learning.rosbag.yaml_file import load_yaml, short_repr
from liquid_pilot.onboard.perception.pixel_depth import PixelDepth
from liquid_pilot.onboard.vehicles.registry import VEHICLES
from liquid_pilot.utils.settings import check, declared_settings

COMMAND_TYPES = {
    'TwistStamped': 'geometry_msgs/msg/TwistStamped',
    'Twist': 'geometry_msgs/msg/Twist',
    'AckermannDriveStamped': 'ackermann_msgs/msg/AckermannDriveStamped',
}
"""ROS message type by the name that `command.type` gives."""
COMMAND_VALUES = ('forward', 'left', 'up', 'yaw_rate')
"""Values of a command, each of which is a key of `command`."""
AXIS = re.compile(r'[+-]?(linear|angular)\.[xyz]|0')
"""A field of a twist, with its sign, or 0."""

_MAX_NUMBER = 4e9
"""Largest magnitude of any number; stamps of so many seconds, and their sums, fit into 64 bits."""


def _one_of(*choices: str) -> dict[str, Any]:
    return {'choices': choices}


@dataclass(frozen=True)
class ImageMapping:
    """The section `image`: topic and type of the camera images."""

    topic: str = '/camera/image_raw'
    """Topic of the images."""
    type: str = field(default='raw', metadata=_one_of('raw', 'compressed'))
    mono16_bits: int = PixelDepth.mono16_bits
    """Number of lowest bits that count in pixels of 16 bits, as the pilot's parameter says it."""
    offset_s: float = 0.0
    """Time that is added to the stamps of the images, s."""


@dataclass(frozen=True)
class ImuMapping:
    """The section `imu`: topic, orientation and maximum age of the IMU samples."""

    topic: str = '/imu/data'
    """Topic of the IMU."""
    rotation: tuple[tuple[float, ...], ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    """Rows of the matrix that rotates a vector from the IMU's frame to the body's (FLU)."""
    max_age_s: float = 0.2
    """Age up to which the latest sample stands in for a frame that has no sample of its own, s."""
    offset_s: float = 0.0
    """Time that is added to the stamps of the samples, s."""


@dataclass(frozen=True)
class CommandMapping:
    """The section `command`: topic, type and units of the commands to learn."""

    topic: str = '/pilot/command'
    """Topic of the commands."""
    type: str = field(default='TwistStamped', metadata=_one_of(*COMMAND_TYPES))
    """Name of the message type."""
    forward: str = 'linear.x'
    """Field of the twist that is the forward velocity; '-' before it reverses its sign, and '0'
    makes the value zero."""
    left: str = 'linear.y'
    """Field that is the velocity to the left."""
    up: str = 'linear.z'
    """Field that is the upward velocity."""
    yaw_rate: str = 'angular.z'
    """Field that is the yaw rate."""
    scale: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    """Factors that convert the four values to m/s, m/s, m/s and rad/s."""
    wheelbase_m: float = 0.0
    """Wheelbase, m, for AckermannDriveStamped, whose yaw rate is
    tan(steering angle) / wheelbase * max(|speed|, min_speed_m_s)."""
    min_speed_m_s: float = 0.1
    """Speed below which the yaw rate of AckermannDriveStamped no longer falls, m/s."""
    steering_scale: float = 1.0
    """Factor that converts the steering angle of AckermannDriveStamped to rad: 0.0174533 for
    degrees."""
    latency_s: float = 0.0
    """Delay of the command that labels a frame, s: the reaction time of a human."""
    max_age_s: float = 0.5
    """Time for which a command is valid, s."""
    offset_s: float = 0.0
    """Time that is added to the stamps of the commands, s."""


@dataclass(frozen=True)
class CameraMapping:
    """The section `camera`: the intrinsics, from a topic or as given here."""

    topic: str = '/camera/camera_info'
    """Topic of the camera_info; '' when there is none, and the six numbers must be given."""
    width: int = 0
    """Columns of the recorded images."""
    height: int = 0
    """Rows of the recorded images."""
    fx: float = 0.0
    """Horizontal focal length, pixels."""
    fy: float = 0.0
    """Vertical focal length, pixels."""
    cx: float = 0.0
    """Column of the principal point, pixels."""
    cy: float = 0.0
    """Row of the principal point, pixels."""
    rectify: bool = True
    """Whether the distortion of camera_info is undone, here and when the pilot flies."""

    @property
    def geometry(self) -> CameraGeometry | None:
        """The intrinsics that are given; None when they are left out."""
        if not self.width:
            return None
        return CameraGeometry(self.width, self.height, self.fx, self.fy, self.cx, self.cy)


@dataclass(frozen=True)
class OdometryMapping:
    """The section `odometry`: optional and only reported, never learned from."""

    topic: str = ''
    """Topic of the odometry; '' for none."""


@dataclass(frozen=True)
class EpisodeMapping:
    """The section `episodes`: the division of a bag into episodes."""

    split_by: str = field(default='gaps', metadata=_one_of('gaps', 'topic', 'bag'))
    """Boundary of episodes: a gap between frames, a message on `topic`, or only the end of a
    bag."""
    topic: str = '/mission'
    """Topic of std_msgs/Header (its stamp and frame_id) or std_msgs/String (log time). Each message
    starts an episode of that name; an empty one, or one that starts with 'end', ends it."""
    max_gap_s: float = 0.5
    """Largest time between two frames of an episode, s, for every `split_by`."""
    min_duration_s: float = 2.0
    """Duration below which episodes are left out, s."""
    max_duration_s: float = 0.0
    """Duration above which episodes are cut, s; 0 for no limit."""


@dataclass(frozen=True)
class BagMapping:
    """The contents of a mapping file."""

    vehicle: str = field(default='quadrotor', metadata={'choices': VEHICLES})
    """Class of the vehicle."""
    image: ImageMapping = ImageMapping()
    imu: ImuMapping = ImuMapping()
    command: CommandMapping = CommandMapping()
    camera: CameraMapping = CameraMapping()
    odometry: OdometryMapping = OdometryMapping()
    episodes: EpisodeMapping = EpisodeMapping()
    clock: str = field(default='header', metadata=_one_of('header', 'log'))
    """Source of the stamps: 'header' for those in the messages, and log time where a message has
    none; 'log' for log time."""
    correct_clocks: bool = False
    """Whether estimated offsets between the clocks of images, IMU and commands are corrected."""
    rate_hz: float = 0.0
    """Rate to which the frames are reduced, Hz; 0 keeps all of them."""
    validation_share: float = 0.1
    """Share of the episodes that is held out, at least one episode."""
    seed: int = 1
    """Seed of the choice of the held-out episodes."""


def load(path: Path) -> BagMapping:
    """Read and check a mapping file.

    Raises:
        LiquidPilotError: the file cannot be read, or a value is wrong; the message names the key.
    """
    values = load_yaml(path)
    return from_mapping({} if values is None else values, str(path))


def from_mapping(values: Any, source: str) -> BagMapping:
    """Check plain values and return the mapping that they describe.

    Args:
        values: a dict of the file's keys, whose sections are dicts.
        source: name of the file, for error messages.

    Raises:
        LiquidPilotError: a key is unknown, or a value has the wrong type or is out of range.
    """
    mapping: BagMapping = _read(BagMapping, values, source, '')

    def must(holds: bool, requirement: str) -> None:
        if not holds:
            raise LiquidPilotError(f'{source}: {requirement}')

    command, imu = mapping.command, mapping.imu
    depth = declared_settings(PixelDepth)['mono16_bits']
    check(depth, mapping.image.mono16_bits, f'{source}: image.mono16_bits')
    for name in COMMAND_VALUES:
        axis = getattr(command, name)
        must(
            AXIS.fullmatch(axis) is not None,
            f"command.{name} must be a field such as 'linear.x' or '-angular.z', or '0', "
            f'not {short_repr(axis)}',
        )
    must(len(command.scale) == 4, 'command.scale must be four numbers')
    must(command.steering_scale != 0.0, 'command.steering_scale must not be 0')
    must(
        command.type != 'AckermannDriveStamped' or command.wheelbase_m > 0.0,
        'command.wheelbase_m must be given (metres) for AckermannDriveStamped',
    )
    must(
        len(imu.rotation) == 3 and all(len(row) == 3 for row in imu.rotation),
        'imu.rotation must be three rows of three numbers',
    )
    rows = imu.rotation
    products = [
        sum(a * b for a, b in zip(rows[i], rows[j], strict=True)) - (i == j)
        for i in range(3)
        for j in range(3)
    ]
    must(
        max(map(abs, products)) < 1e-3 and _determinant(rows) > 0.0,
        'imu.rotation is not a rotation (rows of length 1, at right angles, right-handed)',
    )
    camera = mapping.camera
    topics = [mapping.image.topic, imu.topic, command.topic]
    if not camera.width:
        topics.append(camera.topic)
    if mapping.episodes.split_by == 'topic':
        topics.append(mapping.episodes.topic)
    if mapping.odometry.topic:
        topics.append(mapping.odometry.topic)
    twice = sorted({topic for topic in topics if topics.count(topic) > 1})
    must(not twice, f'topic {"".join(twice[:1])} is named for two purposes; each has its own')
    if camera.width or not camera.topic:
        must(
            min(camera.width, camera.height) > 0 and min(camera.fx, camera.fy) > 0.0,
            'camera needs a topic, or width, height, fx, fy, cx and cy',
        )
    must(0.0 < mapping.validation_share < 1.0, 'validation_share must lie between 0 and 1')
    must(mapping.seed >= 0, 'seed must be at least 0')
    for section, name in (
        (imu, 'max_age_s'),
        (command, 'max_age_s'),
        (command, 'min_speed_m_s'),
        (mapping.episodes, 'max_gap_s'),
        (mapping.episodes, 'min_duration_s'),
        (mapping.episodes, 'max_duration_s'),
        (mapping, 'rate_hz'),
    ):
        must(getattr(section, name) >= 0.0, f'{name} must be at least 0')
    must(mapping.episodes.max_gap_s > 0.0, 'episodes.max_gap_s must be more than 0')
    return mapping


def _determinant(r: typing.Sequence[typing.Sequence[float]]) -> float:
    return (
        r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1])
        - r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0])
        + r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0])
    )


def _read(cls: Any, values: Any, source: str, prefix: str) -> Any:
    """Return a dataclass of a section, whose dotted name is `prefix`, from its values."""
    if not isinstance(values, dict):
        where = prefix.rstrip('.') or 'the file'
        raise LiquidPilotError(f'{source}: {where} must be `key: value` lines')
    fields = {entry.name: entry for entry in dataclasses.fields(cls)}
    kinds = typing.get_type_hints(cls)
    read: dict[str, Any] = {}
    for key, value in values.items():
        name = f'{prefix}{key if isinstance(key, str) else short_repr(key)}'
        if key not in fields:
            raise LiquidPilotError(
                f'{source}: unknown key {short_repr(name)}; known: {", ".join(sorted(fields))}'
            )
        if dataclasses.is_dataclass(kinds[key]):
            read[key] = _read(kinds[key], value, source, f'{name}.')
            continue
        read[key] = _value(kinds[key], value, f'{source}: {name}')
        if key == 'topic' and read[key]:
            # All names in a bag are absolute.
            read[key] = '/' + read[key].lstrip('/')
        choices = fields[key].metadata.get('choices')
        if choices and read[key] not in choices:
            raise LiquidPilotError(
                f'{source}: {name} must be one of {", ".join(choices)}, not {short_repr(value)}'
            )
    return cls(**read)


def _value(kind: Any, value: Any, where: str) -> Any:
    """Return a value of the type of its field; `where` is its name for error messages."""
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise LiquidPilotError(f'{where} must be a list, not {short_repr(value)}')
        return tuple(_value(typing.get_args(kind)[0], entry, where) for entry in value)
    finite = type(value) is int or (type(value) is float and math.isfinite(value))
    if finite and abs(value) > _MAX_NUMBER:
        raise LiquidPilotError(f'{where} must be within +-{_MAX_NUMBER:g}')
    if kind is float and type(value) is int:
        value = float(value)
    if kind is str and type(value) is int and value == 0:
        value = '0'
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        names = {float: 'a number', int: 'a whole number', str: 'a text', bool: 'true or false'}
        raise LiquidPilotError(f'{where} must be {names[kind]}, not {short_repr(value)}')
    return value
