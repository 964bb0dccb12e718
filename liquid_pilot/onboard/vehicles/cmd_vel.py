"""For vehicles that take a body velocity: Gazebo, the simulator, most ground bases, ArduPilot."""

from __future__ import annotations

from liquid_pilot.interfaces import Command, VehicleState


class CmdVelAdapter:
    """Passes the body velocity (m/s, heading frame FLU) and yaw rate (rad/s) on unchanged."""

    needs_state = False

    def __init__(self, name: str = 'cmd_vel') -> None:
        self.name = name

    def convert(self, command: Command, state: VehicleState | None = None) -> Command:
        """The command itself."""
        return command
