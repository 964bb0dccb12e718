"""For vehicles that take a body velocity: Gazebo, the embedded simulator, most ground bases."""

from __future__ import annotations

from liquid_pilot.interfaces import Command, VehicleState


class CmdVelAdapter:
    """Passes the body velocity (m/s, heading frame FLU) and yaw rate (rad/s) on unchanged."""

    name = 'cmd_vel'
    needs_odometry = False

    def convert(self, command: Command, state: VehicleState | None = None) -> Command:
        """The command itself."""
        return command
