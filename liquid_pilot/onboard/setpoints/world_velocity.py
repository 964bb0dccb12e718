"""For autopilots that take a velocity of the world: MAVROS and PX4.

The pilot's velocity is of the heading frame; what turns it is the attitude of the autopilot's own
estimate. Told a body velocity as it is, such an autopilot flies east when the pilot wants forward.
"""

from __future__ import annotations

from typing import NamedTuple

from liquid_pilot.interfaces import Command, ObservationError, VehicleState
from liquid_pilot.onboard.geometry import Vector, enu_ned, heading_to_enu, unit_quaternion


class VelocityEnu(NamedTuple):
    """As MAVROS' setpoint_velocity has it with its default `mav_frame`."""

    stamp_ns: int
    velocity_enu_m_s: Vector
    yaw_rate_rad_s: float
    """About up."""


class VelocityNed(NamedTuple):
    """As px4_msgs/TrajectorySetpoint has it."""

    stamp_ns: int
    velocity_ned_m_s: Vector
    yaw_rate_rad_s: float
    """About down."""


class VelocityEnuAdapter:
    """Heading-frame velocity and odometry -> world velocity, ENU."""

    needs_odometry = True

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, command: Command, state: VehicleState | None) -> VelocityEnu:
        """m/s and rad/s; ObservationError without an attitude."""
        return VelocityEnu(
            command.stamp_ns, world_velocity(self.name, command, state), command.yaw_rate_rad_s
        )


class VelocityNedAdapter:
    """Heading-frame velocity and odometry -> world velocity, NED."""

    needs_odometry = True

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, command: Command, state: VehicleState | None) -> VelocityNed:
        """m/s and rad/s; ObservationError without an attitude."""
        return VelocityNed(
            command.stamp_ns,
            enu_ned(world_velocity(self.name, command, state)),
            -command.yaw_rate_rad_s,
        )


def world_velocity(name: str, command: Command, state: VehicleState | None) -> Vector:
    """Of a command, ENU; ObservationError, in the adapter's name, without an attitude."""
    if state is None:
        raise ObservationError(
            f'{name} needs the attitude, and no odometry has come: check the topic `odom`'
        )
    # Which refuses what is not finite, too.
    return heading_to_enu(command.values[:3], unit_quaternion(state.orientation_wxyz))
