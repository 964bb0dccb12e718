"""For Gazebo's multicopter velocity controller, whose twist is along the tilted body's own axes."""

from __future__ import annotations

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import into_body, unit_quaternion
from liquid_pilot.onboard.setpoints.world_velocity import world_velocity


class BodyVelocityAdapter:
    """Heading-frame velocity and odometry -> velocity along body axes, tilt included.

    Told the heading frame's velocity as it is, a vehicle that pitches down to fly forward sinks.
    """

    name = 'gazebo'
    needs_odometry = True

    def convert(self, command: Command, state: VehicleState | None) -> Command:
        """m/s and rad/s; ObservationError without an attitude."""
        velocity = world_velocity(self.name, command, state)
        body = into_body(unit_quaternion(state.orientation_wxyz), velocity)
        return Command(command.stamp_ns, *body, command.yaw_rate_rad_s)
