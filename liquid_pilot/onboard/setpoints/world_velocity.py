"""Setpoints for autopilots that take a velocity in the world frame: MAVROS, ArduPilot and PX4.

The pilot's velocity is in the heading frame. It is rotated into the world by the autopilot's own
estimate of the attitude. Without that, the autopilot would fly east for a command forward.
"""

from __future__ import annotations

from typing import NamedTuple

from liquid_pilot.interfaces import Command, ObservationError, VehicleState
from liquid_pilot.onboard.geometry import (
    Quaternion,
    Vector,
    enu_ned,
    heading_to_enu,
    unit_quaternion,
)


class VelocityEnu(NamedTuple):
    """Velocity in ENU, as MAVROS' setpoint_velocity takes it with its default `mav_frame`."""

    stamp_ns: int
    """Stamp of the command, ns."""
    velocity_enu_m_s: Vector
    """Velocity east, north and up, m/s."""
    yaw_rate_rad_s: float
    """Yaw rate about the axis up, rad/s."""


class VelocityNed(NamedTuple):
    """Velocity in NED, as px4_msgs/TrajectorySetpoint takes it."""

    stamp_ns: int
    """Stamp of the command, ns."""
    velocity_ned_m_s: Vector
    """Velocity north, east and down, m/s."""
    yaw_rate_rad_s: float
    """Yaw rate about the axis down, rad/s."""


class VelocityEnuAdapter:
    """Converts a command to a velocity in the world, ENU."""

    needs_odometry = True

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, command: Command, state: VehicleState | None) -> VelocityEnu:
        """Return the setpoint; raises ObservationError where an attitude is needed and missing."""
        return VelocityEnu(
            command.stamp_ns, world_velocity(self.name, command, state), command.yaw_rate_rad_s
        )


class VelocityNedAdapter:
    """Converts a command to a velocity in the world, NED."""

    needs_odometry = True

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, command: Command, state: VehicleState | None) -> VelocityNed:
        """Return the setpoint; raises ObservationError where an attitude is needed and missing."""
        return VelocityNed(
            command.stamp_ns,
            enu_ned(world_velocity(self.name, command, state)),
            -command.yaw_rate_rad_s,
        )


def world_velocity(name: str, command: Command, state: VehicleState | None) -> Vector:
    """Return the velocity of a command in the world, ENU, m/s.

    A command that does not move the vehicle sideways, such as standstill, is the same in every
    heading. It needs no attitude, so that it can be sent when the odometry is lost.

    Args:
        name: name of the adapter, for the error.
        command: the command, in the heading frame.
        state: odometry; None when there is none.

    Raises:
        ObservationError: the attitude is needed, and is missing or not usable.
    """
    forward, left, up, _ = command.values
    if forward == 0.0 and left == 0.0:
        return 0.0, 0.0, up
    return heading_to_enu(command.values[:3], required_attitude(name, state))


def required_attitude(name: str, state: VehicleState | None) -> Quaternion:
    """Return the attitude of the odometry as a unit quaternion.

    Args:
        name: name of the adapter, for the error.
        state: odometry; None when there is none.

    Raises:
        ObservationError: without odometry, or when its orientation is not a rotation.
    """
    if state is None:
        raise ObservationError(
            f'{name} needs the attitude, and no odometry has come: check the topic `odom`'
        )
    return unit_quaternion(state.orientation_wxyz)
