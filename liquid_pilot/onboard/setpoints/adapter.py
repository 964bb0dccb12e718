"""The one protocol of a vehicle adapter: a pure conversion of a guarded command."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from liquid_pilot.interfaces import Command, VehicleState


class Adapter(Protocol):
    """Converts what the guard let through to what an autopilot takes; keeps no state."""

    name: str
    """As in the registry."""
    needs_odometry: bool
    """True when `convert` must be given odometry."""

    def convert(self, command: Command, state: VehicleState | None) -> NamedTuple:
        """The same order in the autopilot's terms, with the command's stamp.

        Raises ObservationError when odometry is needed and missing or not usable: then nothing
        may be sent, and the autopilot's own failsafe acts.
        """
        ...
