"""Setpoints for vehicles that steer like a car: speed and steering angle."""

from __future__ import annotations

import math
from typing import NamedTuple

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.onboard.vehicles.action_scaling import yaw_rate_to_curvature


class AckermannSetpoint(NamedTuple):
    """Speed and steering angle, as in ackermann_msgs/AckermannDrive."""

    stamp_ns: int
    """Stamp of the command, ns."""
    speed_m_s: float
    """Speed forward, m/s."""
    steering_rad: float
    """Angle of a virtual wheel in the middle of the front axle, rad; positive to the left."""


class AckermannAdapter:
    """Converts forward speed and yaw rate to speed and steering angle, by the kinematic bicycle.

    The yaw rate of a car's command stands for a curvature k: it is k max(|v|, v_min), so that a
    standing car can be steered. The angle is atan(wheelbase k), in reverse too. Left and up are
    dropped, as a car cannot follow them.
    """

    name = 'ackermann'
    needs_odometry = False

    def __init__(self, settings: AdapterSettings | None = None) -> None:
        self._settings = settings or AdapterSettings()

    def convert(self, command: Command, state: VehicleState | None = None) -> AckermannSetpoint:
        """Return the setpoint, with the angle within `max_steering_angle_rad`."""
        s = self._settings
        curvature = yaw_rate_to_curvature(
            command.yaw_rate_rad_s, command.forward_m_s, s.min_speed_m_s
        )
        angle = math.atan(s.wheelbase_m * curvature)
        angle = min(max(angle, -s.max_steering_angle_rad), s.max_steering_angle_rad)
        return AckermannSetpoint(command.stamp_ns, command.forward_m_s, angle)
