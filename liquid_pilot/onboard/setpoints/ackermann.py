"""For vehicles that steer like a car: speed and steering angle."""

from __future__ import annotations

import math
from typing import NamedTuple

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.onboard.vehicles.action_scaling import yaw_rate_to_curvature


class AckermannSetpoint(NamedTuple):
    """As ackermann_msgs/AckermannDrive has them."""

    stamp_ns: int
    speed_m_s: float
    steering_rad: float
    """Of a virtual wheel in the middle of the front axle; positive to the left."""


class AckermannAdapter:
    """Forward speed and yaw rate -> speed and steering angle, by the kinematic bicycle.

    A command of a car carries its curvature k in the yaw rate, k max(|v|, v_min), so that steering
    survives standing still; the angle is atan(wheelbase k), in reverse too. Left and up are
    dropped: a car cannot.
    """

    name = 'ackermann'
    needs_odometry = False

    def __init__(self, settings: AdapterSettings | None = None) -> None:
        self._settings = settings or AdapterSettings()

    def convert(self, command: Command, state: VehicleState | None = None) -> AckermannSetpoint:
        """Speed in m/s, angle in rad within `max_steering_angle_rad`."""
        s = self._settings
        curvature = yaw_rate_to_curvature(
            command.yaw_rate_rad_s, command.forward_m_s, s.min_speed_m_s
        )
        angle = math.atan(s.wheelbase_m * curvature)
        angle = min(max(angle, -s.max_steering_angle_rad), s.max_steering_angle_rad)
        return AckermannSetpoint(command.stamp_ns, command.forward_m_s, angle)
