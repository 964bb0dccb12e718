"""What passes between the floors: plain data, with the unit and the frame in each name.

Frames follow REP-103: the body is FLU (x forward, y left, z up), the world is ENU (x east,
y north, z up). Quaternions are Hamilton, scalar first (w, x, y, z), and rotate body vectors into
the world. Stamps are integer nanoseconds of whatever clock the camera is stamped with, so that an
elapsed time is exact and the same in one process as across the network.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

NANOSECONDS_PER_SECOND = 1_000_000_000
STANDARD_GRAVITY_M_S2 = 9.80665
STEERING_MODES = ('yaw_rate', 'curvature')
"""What the last motor output of a pilot is (`onboard.vehicles.action_scaling`)."""


class LiquidPilotError(Exception):
    """An error whose message is meant for the user: it says what is wrong and what to do."""


class ObservationError(LiquidPilotError):
    """A frame or an IMU sample that must not be flown on (wrong size, encoding, NaN, time)."""


class ImageBuffer(NamedTuple):
    """One camera image as it arrived, not yet interpreted; the fields of sensor_msgs/Image."""

    data: bytes | bytearray | memoryview | np.ndarray
    width: int
    height: int
    step: int
    """Bytes from the start of one row to the start of the next."""
    encoding: str
    """A name of sensor_msgs' image_encodings, such as `rgb8`."""
    is_bigendian: bool = False


class ImuSample(NamedTuple):
    """What gyroscope and accelerometer read at one instant, in the body frame (FLU)."""

    stamp_ns: int
    angular_velocity_flu_rad_s: tuple[float, float, float]
    specific_force_flu_m_s2: tuple[float, float, float]
    """The accelerometer's reading: +9.81 on z when level and at rest."""


@dataclass(frozen=True)
class CameraGeometry:
    """Pinhole intrinsics in pixels, as in sensor_msgs/CameraInfo's `k`."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def from_vertical_fov(cls, width: int, height: int, fov_rad: float) -> CameraGeometry:
        """Square pixels and a centred axis, for a vertical field of view in radians."""
        focal = 0.5 * height / math.tan(0.5 * fov_rad)
        return cls(width, height, focal, focal, 0.5 * width, 0.5 * height)

    @property
    def horizontal_fov_rad(self) -> float:
        """Angle between the rays of the left and the right edge."""
        return math.atan2(self.cx, self.fx) + math.atan2(self.width - self.cx, self.fx)

    @property
    def vertical_fov_rad(self) -> float:
        """Angle between the rays of the upper and the lower edge."""
        return math.atan2(self.cy, self.fy) + math.atan2(self.height - self.cy, self.fy)


@dataclass(frozen=True)
class DistortedCamera(CameraGeometry):
    """A camera whose lens bends straight lines; the pinhole's numbers are CameraInfo's `k`."""

    model: str = ''
    """sensor_msgs/CameraInfo's `distortion_model`."""
    coefficients: tuple[float, ...] = ()
    """Its `d`."""


@dataclass(frozen=True)
class Observation:
    """One tick's input: the newest frame and the IMU samples since the frame before it."""

    stamp_ns: int
    image: ImageBuffer
    imu: tuple[ImuSample, ...]


class Command(NamedTuple):
    """A body velocity and a yaw rate; `stamp_ns` is that of the frame it answers."""

    stamp_ns: int
    forward_m_s: float
    left_m_s: float
    up_m_s: float
    yaw_rate_rad_s: float

    @property
    def values(self) -> tuple[float, float, float, float]:
        """(forward, left, up, yaw rate)."""
        return self[1:]


class AttitudeThrust(NamedTuple):
    """An attitude, a yaw rate to feed forward and a mass-normalised collective thrust."""

    stamp_ns: int
    orientation_wxyz: tuple[float, float, float, float]
    yaw_rate_rad_s: float
    thrust_m_s2: float
    """Specific force along body z: 9.81 hovers when level."""


class VehicleState(NamedTuple):
    """Odometry: pose in the world (ENU), velocities in the body frame (FLU)."""

    stamp_ns: int
    position_enu_m: tuple[float, float, float]
    orientation_wxyz: tuple[float, float, float, float]
    velocity_flu_m_s: tuple[float, float, float]
    angular_velocity_flu_rad_s: tuple[float, float, float]


@dataclass(frozen=True)
class VehicleLimits:
    """What may leave the guard for one vehicle. Four entries each: forward, left, up, yaw rate."""

    maximum: tuple[float, float, float, float]
    """Largest magnitude, in m/s, m/s, m/s and rad/s."""
    slew: tuple[float, float, float, float]
    """Largest change per second, in m/s^2, m/s^2, m/s^2 and rad/s^2."""
    command_timeout_s: float = 0.5
    """Without a fresh command for this long, the safe command is given."""
    safe_command: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Hover for a multicopter, standstill for a car; never 'zero thrust' in the air."""

    def __post_init__(self) -> None:
        """Refuse limits that bound nothing."""
        for name in ('maximum', 'slew', 'safe_command'):
            values = getattr(self, name)
            if len(values) != 4 or not all(math.isfinite(value) for value in values):
                raise LiquidPilotError(f'limits: {name} must be four finite numbers, not {values}')
        if min(self.maximum) < 0.0 or min(self.slew) <= 0.0:
            raise LiquidPilotError('limits: maximum must be >= 0 and slew > 0')
        if not 0.0 < self.command_timeout_s <= 10.0:
            raise LiquidPilotError('limits: command_timeout_s must lie in (0, 10] seconds')
        if any(abs(s) > m for s, m in zip(self.safe_command, self.maximum, strict=True)):
            raise LiquidPilotError('limits: safe_command exceeds maximum')

    def bounded(self, values: Iterable[float]) -> tuple[float, ...]:
        """Finite values, each cut to its maximum."""
        return tuple(
            min(max(value, -maximum), maximum)
            for value, maximum in zip(values, self.maximum, strict=True)
        )

    def slewed(
        self, values: Iterable[float], last: Iterable[float], step_s: float
    ) -> tuple[float, ...]:
        """The nearest to bounded values that can follow `last` after `step_s` seconds."""
        return tuple(
            min(max(value, before - slew * step_s), before + slew * step_s)
            for value, before, slew in zip(values, last, self.slew, strict=True)
        )


@dataclass(frozen=True)
class SensorPacket:
    """All that a simulator's vehicle senses at the end of one control period."""

    stamp_ns: int
    observation: Observation | None
    """What the pilot sees of it: the frame that has arrived, of now or of earlier, and the samples
    that belong to it. None when no frame has."""
    imu: tuple[ImuSample, ...]
    """All samples of this period."""
    state: VehicleState
    """Ground truth: for odometry and for scoring, never for the pilot."""
    target_distance_m: float
    contact: str | None = None
    """Name of what was hit, or None."""
