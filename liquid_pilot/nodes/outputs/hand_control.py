"""The commands of a human's hand, on their way to the vehicle while the human has it.

A human who has a remote control of the vehicle's own needs none of this: the guard is silent then.
Where there is none, as in simulation, the guard forwards `hand/command` (parameter `forward_hand`).
These commands pass a guard of their own, with the same limits, time-outs and geofence. So a hand
that falls silent leaves the vehicle with the safe command.
"""

from __future__ import annotations

from collections.abc import Callable

from geometry_msgs.msg import TwistStamped

from liquid_pilot.interfaces import Command, VehicleLimits, VehicleState
from liquid_pilot.nodes.common import node_base, qos, topics
from liquid_pilot.nodes.common.publishers import single_publisher
from liquid_pilot.nodes.outputs.guard_parameters import GuardParameters
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

    def follow(
        self, overridden: bool, now_s: float, home_enu_m: tuple[float, float, float] | None
    ) -> None:
        """Take notice of whether a human has the vehicle.

        Args:
            overridden: whether a human has it.
            now_s: steady time, s.
            home_enu_m: axis of the geofence, where the pilot was engaged, ENU, m; None: it was not.
        """
        if overridden and not self._active:
            self._guard.engage(now_s, home_enu_m=home_enu_m)
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


def make_hand_control(
    node: node_base.LiquidNode,
    settings: GuardParameters,
    on_command: Callable[[TwistStamped], None],
    report: Callable[[str], None],
) -> HandControl | None:
    """Subscribe to the commands of a hand; None: the guard does not forward any.

    While two publishers command, nothing of either counts.

    Args:
        node: the guard node.
        settings: its parameters.
        on_command: callback, called with each command.
        report: callback, called with what is wrong with its publishers, and with an empty text once
            it is right again.
    """
    if settings.lockstep or not settings.forward_hand:
        return None
    single_publisher.create_subscription(
        TwistStamped,
        topics.HAND_COMMAND,
        on_command,
        qos.COMMAND,
        node=node,
        report=report,
        source='hand',
        lockstep=False,
    )
    return HandControl(settings.limits(), settings.fence())
