"""The protocol of a vehicle adapter: a pure conversion of a guarded command."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from liquid_pilot.interfaces import Command, VehicleState


class Adapter(Protocol):
    """Converts a command of the guard to a setpoint of an autopilot. It has no state."""

    name: str
    """Name of the adapter in the registry."""
    needs_odometry: bool
    """Whether `convert` needs odometry."""

    def convert(self, command: Command, state: VehicleState | None) -> NamedTuple:
        """Return the command as a setpoint, with the command's stamp.

        Args:
            command: the command, in the heading frame.
            state: odometry; None when there is none.

        Raises:
            ObservationError: when odometry is needed and is missing or not usable. Nothing may be
                sent then, so that the autopilot's own failsafe acts.
        """
        ...
