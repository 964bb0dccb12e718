"""Setpoints in the body: for Gazebo's multicopter controller, and for ArduPilot's Rover."""

from __future__ import annotations

from typing import NamedTuple

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import heading_to_enu, into_body
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.onboard.setpoints.world_velocity import required_attitude
from liquid_pilot.onboard.vehicles.action_scaling import yaw_rate_to_curvature


class BodyVelocityAdapter:
    """Converts a command to a velocity along the axes of the tilted body.

    Given the velocity of the heading frame, a vehicle that pitches down to fly forward would sink.
    """

    name = 'gazebo'
    needs_odometry = True

    def convert(self, command: Command, state: VehicleState | None) -> Command:
        """Return the velocity (m/s) and yaw rate (rad/s).

        Raises:
            ObservationError: without an attitude.
        """
        attitude = required_attitude(self.name, state)
        body = into_body(attitude, heading_to_enu(command.values[:3], attitude))
        return Command(command.stamp_ns, *body, command.yaw_rate_rad_s)


class ForwardTurn(NamedTuple):
    """Velocity forward and yaw rate, as a ground vehicle takes them."""

    stamp_ns: int
    """Stamp of the command, ns."""
    forward_m_s: float
    """Velocity forward, m/s; negative in reverse."""
    yaw_rate_rad_s: float
    """Yaw rate about the axis up, rad/s."""


class ForwardTurnAdapter:
    """Converts a command to a velocity forward and the yaw rate of the same path.

    The yaw rate of a car's command stands for a curvature k: it is k max(|v|, v_min), as in
    `AckermannAdapter`. An autopilot controls the yaw rate itself, which is k v: it has the other
    sign in reverse, and is 0 at standstill. Left and up are dropped.
    """

    needs_odometry = False

    def __init__(self, name: str, settings: AdapterSettings | None = None) -> None:
        self.name = name
        self._settings = settings or AdapterSettings()

    def convert(self, command: Command, state: VehicleState | None = None) -> ForwardTurn:
        """Return the setpoint."""
        forward_m_s = command.forward_m_s
        curvature = yaw_rate_to_curvature(
            command.yaw_rate_rad_s, forward_m_s, self._settings.min_speed_m_s
        )
        return ForwardTurn(command.stamp_ns, forward_m_s, curvature * forward_m_s)
