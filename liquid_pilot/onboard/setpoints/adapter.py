"""The protocol of a vehicle adapter, a pure conversion of a guarded command, and its entry.

Another package adds an adapter by an entry point of the group `liquid_pilot.adapters` that names an
`AdapterSpec` (docs/how_to/own_autopilot.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.setpoints.settings import AdapterSettings


class Adapter(Protocol):
    """Converts a command of the guard to a setpoint of an autopilot.

    It has no state, unless it is a `StatefulAdapter`.
    """

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


@runtime_checkable
class StatefulAdapter(Adapter, Protocol):
    """An adapter that integrates something from setpoint to setpoint."""

    def reset(self) -> None:
        """Begin anew. The guard calls it while the autopilot does not follow the setpoints."""
        ...


class AdapterSpec(NamedTuple):
    """An adapter with its name's description, and with its output over ROS."""

    description: str
    """Description for users, in one line."""
    make: Callable[[AdapterSettings], Adapter]
    """Function that makes the adapter."""
    requires_offboard_mode: bool = False
    """Whether the autopilot must be in its offboard mode before setpoints are sent. Others (PX4)
    need the setpoints first."""
    make_output: Callable[[Any, Any], Any] | None = None
    """Function that makes the output (`nodes.outputs.base.Output`) of the guard node and its
    parameters (`nodes.outputs.base.OutputParameters`). It imports what needs ROS itself, since
    adapters are also used where there is no ROS. None for the adapters of this package, whose
    outputs are in `nodes.outputs.registry`."""
    requires_airborne: bool = False
    """Whether the guard may only engage in the air, as a setpoint on the ground is a take-off. Then
    the output has to report `VehicleStatus.airborne`."""
