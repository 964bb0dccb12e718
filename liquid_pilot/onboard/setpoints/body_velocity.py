"""Setpoints for Gazebo's multicopter controller, whose velocity is along the tilted body axes."""

from __future__ import annotations

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import heading_to_enu, into_body
from liquid_pilot.onboard.setpoints.world_velocity import required_attitude


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
