"""Which topic of a bag is what: the mapping that `liquid-pilot dataset --config` reads.

Every field stands in config/dataset.yaml with its unit. Only YAML is read here: no bag, no numpy.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.onboard.vehicles.registry import VEHICLE_LIMITS

T = TypeVar('T')
COMMAND_TYPES = {
    'TwistStamped': 'geometry_msgs/msg/TwistStamped',
    'Twist': 'geometry_msgs/msg/Twist',
    'AckermannDriveStamped': 'ackermann_msgs/msg/AckermannDriveStamped',
}
COMMAND_VALUES = ('forward', 'left', 'up', 'yaw_rate')
AXIS = re.compile(r'[+-]?(linear|angular)\.[xyz]|0')


def _one_of(*choices: str) -> dict[str, Any]:
    return {'choices': choices}


@dataclass(frozen=True)
class ImageMapping:
    """The camera's topic."""

    topic: str = '/camera/image_raw'
    type: str = field(default='raw', metadata=_one_of('raw', 'compressed'))


@dataclass(frozen=True)
class ImuMapping:
    """The IMU's topic."""

    topic: str = '/imu/data'
    rotation: tuple[tuple[float, ...], ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    """Rows of the matrix that takes a vector of the IMU's frame into the body's (FLU)."""
    oldest_s: float = 0.2
    """With no sample since the frame before, the last one holds for this long, as in flight."""


@dataclass(frozen=True)
class CommandMapping:
    """The topic of the commands to learn."""

    topic: str = '/pilot/command'
    type: str = field(default='TwistStamped', metadata=_one_of(*COMMAND_TYPES))
    forward: str = 'linear.x'
    left: str = 'linear.y'
    up: str = 'linear.z'
    yaw_rate: str = 'angular.z'
    """Field of the twist, '-' before it turns its sign, '0' leaves the value at zero."""
    scale: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    """Factors that make the four m/s, m/s, m/s and rad/s."""
    wheelbase_m: float = 0.0
    """AckermannDriveStamped: yaw rate = tan(steering angle)/wheelbase * max(|speed|, slowest)."""
    slowest_m_s: float = 0.1
    latency_s: float = 0.0
    """A frame's command is the one valid this much later: what the human needs to react."""
    oldest_s: float = 0.5
    """A command is valid for this long."""


@dataclass(frozen=True)
class CameraMapping:
    """Intrinsics: from a topic, else as given here."""

    topic: str = '/camera/camera_info'
    """'' when there is none; then the six numbers must be given."""
    width: int = 0
    height: int = 0
    fx: float = 0.0
    fy: float = 0.0
    cx: float = 0.0
    cy: float = 0.0
    rectify: bool = True
    """Undo the distortion that camera_info tells, here and when the pilot flies."""

    @property
    def geometry(self) -> CameraGeometry | None:
        """The intrinsics as given; None when they are left out."""
        if not self.width:
            return None
        return CameraGeometry(self.width, self.height, self.fx, self.fy, self.cx, self.cy)


@dataclass(frozen=True)
class OdometryMapping:
    """Optional: only reported, never learnt from."""

    topic: str = ''


@dataclass(frozen=True)
class EpisodeMapping:
    """Where one episode ends and the next begins."""

    by: str = field(default='gaps', metadata=_one_of('gaps', 'topic', 'bag'))
    topic: str = '/mission'
    """std_msgs/Header (its stamp and frame_id) or std_msgs/String (log time): each message begins
    an episode of that name; one that is empty or begins with 'end' ends it."""
    max_gap_s: float = 0.5
    """Frames further apart are not of one episode, whatever `by` says."""
    shortest_s: float = 2.0
    """Shorter episodes are left out."""
    longest_s: float = 0.0
    """Longer ones are cut; 0: never."""


@dataclass(frozen=True)
class BagMapping:
    """All of a mapping file."""

    vehicle: str = field(default='quadrotor', metadata=_one_of(*VEHICLE_LIMITS))
    image: ImageMapping = ImageMapping()
    imu: ImuMapping = ImuMapping()
    command: CommandMapping = CommandMapping()
    camera: CameraMapping = CameraMapping()
    odometry: OdometryMapping = OdometryMapping()
    episodes: EpisodeMapping = EpisodeMapping()
    clock: str = field(default='header', metadata=_one_of('header', 'log'))
    """header: the stamps in the messages, and log time where a message has none."""
    rate_hz: float = 0.0
    """Frames are left out until this rate is left; 0: all are kept."""
    validation_share: float = 0.1
    """Share of the episodes that is held out, at least one."""
    seed: int = 1
    """Of the choice which are held out."""


def load(path: Path) -> BagMapping:
    """Read and check a mapping file; LiquidPilotError names the file and the key."""
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        words = ' '.join(str(error).split())
        raise LiquidPilotError(f'{path}: cannot be read as YAML ({words})') from None
    return from_mapping({} if values is None else values, str(path))


def from_mapping(values: Any, source: str) -> BagMapping:
    """A mapping from plain values; `source` stands before what is wrong."""
    mapping = _read(BagMapping, values, source, '')

    def must(true: bool, words: str) -> None:
        if not true:
            raise LiquidPilotError(f'{source}: {words}')

    command, imu = mapping.command, mapping.imu
    for name in COMMAND_VALUES:
        axis = getattr(command, name)
        must(
            AXIS.fullmatch(axis) is not None,
            f"command.{name} must be a field such as 'linear.x' or '-angular.z', or '0', "
            f'not {axis!r}',
        )
    must(len(command.scale) == 4, 'command.scale must be four numbers')
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
    if camera.width or not camera.topic:
        must(
            min(camera.width, camera.height) > 0 and min(camera.fx, camera.fy) > 0.0,
            'camera needs a topic, or width, height, fx, fy, cx and cy',
        )
    must(0.0 < mapping.validation_share < 1.0, 'validation_share must lie between 0 and 1')
    must(mapping.seed >= 0, 'seed must be at least 0')
    for section, name in (
        (imu, 'oldest_s'),
        (command, 'oldest_s'),
        (command, 'slowest_m_s'),
        (mapping.episodes, 'max_gap_s'),
        (mapping.episodes, 'shortest_s'),
        (mapping.episodes, 'longest_s'),
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


def _read(cls: type[T], values: Any, source: str, prefix: str) -> T:
    if not isinstance(values, dict):
        where = prefix.rstrip('.') or 'the file'
        raise LiquidPilotError(f'{source}: {where} must be `key: value` lines')
    fields = {entry.name: entry for entry in dataclasses.fields(cls)}
    kinds = typing.get_type_hints(cls)
    read: dict[str, Any] = {}
    for key, value in values.items():
        name = f'{prefix}{key}'
        if key not in fields:
            raise LiquidPilotError(
                f'{source}: unknown key {name!r}; known: {", ".join(sorted(fields))}'
            )
        if dataclasses.is_dataclass(kinds[key]):
            read[key] = _read(kinds[key], value, source, f'{name}.')
            continue
        read[key] = _value(kinds[key], value, f'{source}: {name}')
        if key == 'topic' and read[key]:
            # In a bag all names are absolute.
            read[key] = '/' + read[key].lstrip('/')
        choices = fields[key].metadata.get('choices')
        if choices and read[key] not in choices:
            raise LiquidPilotError(
                f'{source}: {name} must be one of {", ".join(choices)}, not {value!r}'
            )
    return cls(**read)


def _value(kind: Any, value: Any, where: str) -> Any:
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise LiquidPilotError(f'{where} must be a list, not {value!r}')
        return tuple(_value(typing.get_args(kind)[0], entry, where) for entry in value)
    if kind is float and type(value) is int:
        value = float(value)
    if kind is str and type(value) is int and value == 0:
        value = '0'
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        words = {float: 'a number', int: 'a whole number', str: 'a text'}
        raise LiquidPilotError(f'{where} must be {words[kind]}, not {value!r}')
    return value
