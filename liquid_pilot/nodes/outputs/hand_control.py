"""The commands of a human's hand, on their way to the vehicle while the human has it.

A human who has a remote control of the vehicle's own needs none of this: the guard is silent then.
Where there is none, as in simulation, the guard forwards `hand/command` (parameter `forward_hand`).
These commands pass a guard of their own, with the same limits, time-outs and geofence. So a hand
that falls silent leaves the vehicle with the safe command.
"""

from __future__ import annotations

from liquid_pilot.interfaces import Command, VehicleLimits, VehicleState
from liquid_pilot.onboard.safety.geofence import Geofence
from liquid_pilot.onboard.safety.guard import SAFE, Decision, Guard


class HandControl:
    """Decides on commands of a hand; without a human who has the vehicle there are none.

    Args:
        limits: limits on the vehicle's commands.
        fence: the geofence.
    """

    def __init__(self, limits: VehicleLimits, fence: Geofence) -> None:
        self._guard = Guard(limits, fence)
        self._active = False

    def follow(self, overridden: bool, now_s: float) -> None:
        """Take notice of whether a human has the vehicle.

        Args:
            overridden: whether a human has it.
            now_s: steady time, s.
        """
        if overridden and not self._active:
            self._guard.engage(now_s)
        elif self._active and not overridden:
            self._guard.disengage(now_s)
        self._active = overridden

    def accept(
        self, command: Command, now_s: float, clock_ns: int | None, vehicle: VehicleState | None
    ) -> Decision | None:
        """Return what to send in answer to a command of the hand; None: nothing.

        Args:
            command: the command.
            now_s: steady time, s.
            clock_ns: see `Guard.accept`.
            vehicle: see `Guard.accept`.
        """
        if not self._active:
            return None
        decision = self._guard.accept(command, now_s, clock_ns, vehicle)
        return decision if decision.accepted or decision.state == SAFE else None

    def check(self, now_s: float) -> Decision | None:
        """Return the safe command where the hand is silent; None: nothing is to be sent.

        Args:
            now_s: steady time, s.
        """
        if not self._active:
            return None
        decision = self._guard.check(now_s)
        return decision if decision.state == SAFE else None

    @property
    def reason(self) -> str:
        """Why the commands of the hand are not sent; empty where they are, or nobody has it."""
        return self._guard.reason if self._active else ''
