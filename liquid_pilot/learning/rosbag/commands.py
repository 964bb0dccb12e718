"""The command of a message, in the units of the pilot."""

from __future__ import annotations

import math
from typing import Any

from liquid_pilot.interfaces import ObservationError
from liquid_pilot.learning.rosbag.topic_mapping import COMMAND_VALUES, CommandMapping

_RIGHT_ANGLE_RAD = math.pi / 2.0
RADIANS_PER_DEGREE = math.pi / 180.0
"""Radians in a degree."""


def command_values(content: Any, mapping: CommandMapping) -> tuple[float, ...]:
    """Return the command of a message: forward, left and up in m/s, yaw rate in rad/s.

    Args:
        content: a Twist, a TwistStamped or an AckermannDriveStamped, as the mapping says.
        mapping: type, fields and scales.

    Raises:
        ObservationError: a steering angle is a right angle or more, so that it is in other units.
    """
    values: tuple[float, ...]
    if mapping.type == 'AckermannDriveStamped':
        drive = content.drive
        speed = float(drive.speed)
        angle = float(drive.steering_angle) * mapping.steering_scale
        if math.isfinite(angle) and abs(angle) >= _RIGHT_ANGLE_RAD:
            raise ObservationError(
                f'a steering angle of {angle:.4g} rad is no such angle; if it is in degrees, set '
                f'command.steering_scale: {RADIANS_PER_DEGREE:.6f}'
            )
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
