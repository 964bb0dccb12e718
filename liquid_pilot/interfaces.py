"""Plain data that all parts of the package exchange, with unit and frame in each name.

Frames follow REP-103: the body is FLU (x forward, y left, z up), the world is ENU (x east,
y north, z up). The heading frame is the body frame turned to be level: forward and left are
horizontal, whatever the tilt. Quaternions are Hamilton, scalar first (w, x, y, z), and rotate body
vectors into the world. Stamps are integer nanoseconds of the clock that the camera is stamped
with, so that an elapsed time is exact, and the same in one process as across the network.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

NANOSECONDS_PER_SECOND = 1_000_000_000
"""Nanoseconds in a second."""
STANDARD_GRAVITY_M_S2 = 9.80665
"""Standard gravity, m/s^2."""
STEERING_MODES = ('yaw_rate', 'curvature')
"""Meanings of the last motor output of a pilot; see `onboard.vehicles.action_scaling`."""


CommandValues = tuple[float, float, float, float]
"""A command without its stamp: forward, left, up (m/s) and yaw rate (rad/s)."""


class LiquidPilotError(Exception):
    """An error whose message is for the user: it says what happened and what to do."""


class ObservationError(LiquidPilotError):
    """A frame, IMU sample or odometry that must not be used (wrong size, encoding, NaN, time)."""


class ImageBuffer(NamedTuple):
    """One camera image as it arrived, with the fields of sensor_msgs/Image."""

    data: bytes | bytearray | memoryview | np.ndarray
    """Rows of pixels, one after another."""
    width: int
    """Width in pixels."""
    height: int
    """Height in pixels."""
    step: int
    """Number of bytes from the start of one row to the start of the next."""
    encoding: str
    """Name of the pixel format in sensor_msgs' image_encodings, such as `rgb8`."""
    is_bigendian: bool = False
    """Whether values of more than one byte have their most significant byte first."""


class ImuSample(NamedTuple):
    """Readings of gyroscope and accelerometer at one instant, in the body frame (FLU)."""

    stamp_ns: int
    """Time of the reading, ns."""
    angular_velocity_flu_rad_s: tuple[float, float, float]
    """Reading of the gyroscope, rad/s."""
    specific_force_flu_m_s2: tuple[float, float, float]
    """Reading of the accelerometer, m/s^2: +9.81 on z when level and at rest."""


@dataclass(frozen=True)
class CameraGeometry:
    """Pinhole intrinsics in pixels, as in `k` of sensor_msgs/CameraInfo.

    >>> camera = CameraGeometry.from_vertical_fov(128, 72, fov_rad=math.radians(52.0))
    >>> round(math.degrees(camera.horizontal_fov_rad), 1)
    81.9
    """

    width: int
    """Width of the image, pixels."""
    height: int
    """Height of the image, pixels."""
    fx: float
    """Horizontal focal length, pixels."""
    fy: float
    """Vertical focal length, pixels."""
    cx: float
    """Horizontal position of the optical axis, pixels from the left edge."""
    cy: float
    """Vertical position of the optical axis, pixels from the upper edge."""

    @classmethod
    def from_vertical_fov(cls, width: int, height: int, fov_rad: float) -> CameraGeometry:
        """Return the geometry of a camera with square pixels and a centred optical axis.

        Args:
            width: width of the image, pixels.
            height: height of the image, pixels.
            fov_rad: vertical field of view, rad.
        """
        focal = 0.5 * height / math.tan(0.5 * fov_rad)
        return cls(width, height, focal, focal, 0.5 * width, 0.5 * height)

    @property
    def horizontal_fov_rad(self) -> float:
        """Horizontal field of view: the angle between the rays of the left and right edge, rad."""
        return math.atan2(self.cx, self.fx) + math.atan2(self.width - self.cx, self.fx)

    @property
    def vertical_fov_rad(self) -> float:
        """Vertical field of view: the angle between the rays of the upper and lower edge, rad."""
        return math.atan2(self.cy, self.fy) + math.atan2(self.height - self.cy, self.fy)


@dataclass(frozen=True)
class DistortedCamera(CameraGeometry):
    """A camera with lens distortion; its pinhole intrinsics are `k` of CameraInfo."""

    model: str = ''
    """Name of the model, `distortion_model` of sensor_msgs/CameraInfo."""
    coefficients: tuple[float, ...] = ()
    """Coefficients of the model, `d` of sensor_msgs/CameraInfo."""


@dataclass(frozen=True)
class Observation:
    """Input of one tick: the newest frame, and the IMU samples since the frame before it."""

    stamp_ns: int
    """Time of the frame, ns."""
    image: ImageBuffer
    """The camera frame."""
    imu: tuple[ImuSample, ...]
    """IMU samples after the previous frame, up to this one."""


class Command(NamedTuple):
    """A velocity in the heading frame and a yaw rate."""

    stamp_ns: int
    """Time of the frame that the command answers, ns."""
    forward_m_s: float
    """Horizontal velocity forward, m/s."""
    left_m_s: float
    """Horizontal velocity to the left, m/s."""
    up_m_s: float
    """Vertical velocity upward, m/s."""
    yaw_rate_rad_s: float
    """Yaw rate, counter-clockwise as seen from above, rad/s."""

    @property
    def values(self) -> tuple[float, float, float, float]:
        """The command without its stamp: forward, left, up (m/s) and yaw rate (rad/s)."""
        return self[1:]


class AttitudeThrust(NamedTuple):
    """An attitude, a yaw rate to feed forward and a mass-normalised collective thrust."""

    stamp_ns: int
    """Time of the frame that the command answers, ns."""
    orientation_wxyz: tuple[float, float, float, float]
    """Attitude, body FLU to world ENU."""
    yaw_rate_rad_s: float
    """Yaw rate, rad/s."""
    thrust_m_s2: float
    """Specific force along body z, m/s^2: 9.81 hovers when level."""


class VehicleState(NamedTuple):
    """Odometry: pose in the world (ENU), velocities in the body frame (FLU)."""

    stamp_ns: int
    """Time of the state, ns."""
    position_enu_m: tuple[float, float, float]
    """Position of the body in the world frame (ENU), m."""
    orientation_wxyz: tuple[float, float, float, float]
    """Attitude, body FLU to world ENU."""
    velocity_flu_m_s: tuple[float, float, float]
    """Linear velocity in the body frame, m/s."""
    angular_velocity_flu_rad_s: tuple[float, float, float]
    """Angular velocity in the body frame, rad/s."""


@dataclass(frozen=True)
class VehicleLimits:
    """Limits on the commands of one vehicle. Tuples are forward, left, up, yaw rate.

    >>> limits = VehicleLimits(maximum=(2.5, 1.5, 1.0, 1.5), slew=(8.0, 8.0, 8.0, 10.0))
    >>> limits.clamp((9.0, -0.5, 0.0, -2.0))
    (2.5, -0.5, 0.0, -1.5)
    >>> limits.limit_slew((2.5, 0.0, 0.0, 0.0), previous=(0.0, 0.0, 0.0, 0.0), step_s=0.05)
    (0.4, 0.0, 0.0, 0.0)
    """

    maximum: tuple[float, float, float, float]
    """Maximum magnitude, in m/s, m/s, m/s and rad/s."""
    slew: tuple[float, float, float, float]
    """Maximum change per second, in m/s^2, m/s^2, m/s^2 and rad/s^2."""
    command_timeout_s: float = 0.5
    """Time without an accepted command after which the safe command is given, s."""
    safe_command: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Command that is safe in any state: hover for a multicopter, standstill for a car. It is never
    'zero thrust' in the air."""

    def __post_init__(self) -> None:
        """Refuse limits that do not limit.

        Raises:
            LiquidPilotError: names the field that is wrong.
        """
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

    def clamp(self, values: Iterable[float]) -> CommandValues:
        """Return finite values, each clamped to its maximum.

        Args:
            values: forward, left, up (m/s) and yaw rate (rad/s).
        """
        forward, left, up, yaw_rate = (
            min(max(value, -maximum), maximum)
            for value, maximum in zip(values, self.maximum, strict=True)
        )
        return forward, left, up, yaw_rate

    def limit_slew(
        self, values: Iterable[float], previous: Iterable[float], step_s: float
    ) -> CommandValues:
        """Return the values that are nearest to the given ones within the slew limit.

        Args:
            values: clamped values: forward, left, up (m/s) and yaw rate (rad/s).
            previous: values of the previous command.
            step_s: time since the previous command, s.
        """
        forward, left, up, yaw_rate = (
            min(max(value, before - slew * step_s), before + slew * step_s)
            for value, before, slew in zip(values, previous, self.slew, strict=True)
        )
        return forward, left, up, yaw_rate


@dataclass(frozen=True)
class SensorPacket:
    """Everything that a simulated vehicle senses at the end of one control period."""

    stamp_ns: int
    """Time at the end of the period, ns."""
    observation: Observation | None
    """Input of the pilot: the frame that has arrived, which may be an earlier one, and the IMU
    samples that belong to it. None when no frame has arrived."""
    imu: tuple[ImuSample, ...]
    """All IMU samples of this period."""
    state: VehicleState
    """Ground truth, for odometry and for scoring; never for the pilot."""
    target_distance_m: float
    """Distance to the target, m."""
    contact_body: str | None = None
    """Name of the body that the vehicle has touched, or None."""
