"""Setpoints for vehicles that take a velocity: the embedded simulator and most ground bases."""

from __future__ import annotations

from liquid_pilot.interfaces import Command, VehicleState


class CmdVelAdapter:
    """Passes on the velocity (m/s, heading frame FLU) and yaw rate (rad/s) unchanged."""

    name = 'cmd_vel'
    needs_odometry = False

    def convert(self, command: Command, state: VehicleState | None = None) -> Command:
        """Return the command itself."""
        return command
