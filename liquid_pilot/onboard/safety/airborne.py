"""Whether setpoints may go to a vehicle that reports whether it flies.

On the ground, and while the autopilot takes off or lands by itself, a setpoint does harm: a
velocity replaces the take-off, and a positive thrust is one.
"""

from __future__ import annotations

from liquid_pilot.onboard.safety.preflight import VehicleStatus

NOT_AIRBORNE = (
    'the vehicle is on the ground, or takes off or lands by itself; take off first, and engage '
    'once it hovers'
)
"""Why nothing is sent to a vehicle that does not fly."""
AIRBORNE_UNKNOWN = (
    'whether the vehicle flies is not known, and on the ground a positive thrust is a take-off; '
    'see why the autopilot does not report its landed state, or send velocities'
)
"""Why nothing is sent where the vehicle has to report that it flies, and does not."""
AIRBORNE_AWAITED = 'the autopilot has not reported yet whether the vehicle flies; wait'
"""Why nothing is sent to a vehicle that has just connected."""
AWAIT_S = 5.0
"""Time in which a vehicle that reports whether it flies does so, s."""


class AirborneWatch:
    """Remembers the newest report, which holds when the reports end, as the vehicle does not.

    >>> watch = AirborneWatch(required=False)
    >>> watch.problem(VehicleStatus(airborne=None), False, 0.0) == AIRBORNE_AWAITED
    True
    >>> watch.problem(VehicleStatus(airborne=True), False, 0.1)
    ''
    """

    def __init__(self, required: bool) -> None:
        """Begin without a report.

        Args:
            required: whether nothing may be sent before the vehicle has reported that it flies.
        """
        self._required = required
        self._newest: bool | None = None
        self._awaited_since_s: float | None = None

    def problem(self, vehicle: VehicleStatus | None, commanding: bool, now_s: float) -> str:
        """Return why nothing may be sent now and what to do; empty where setpoints may be sent.

        Args:
            vehicle: the autopilot's report; None: this vehicle does not report.
            commanding: whether the guard commands the vehicle. A vehicle that it does not command
                may land unnoticed, so that an old report that it flies does not count then.
            now_s: a steady time, s.
        """
        reported = None if vehicle is None else vehicle.airborne
        if reported is not None:
            self._newest = reported
        elif self._newest and not commanding:
            self._newest = self._awaited_since_s = None
        if self._newest is not None:
            return '' if self._newest else NOT_AIRBORNE
        if vehicle is not None and vehicle.connected is not False:
            if self._awaited_since_s is None:
                self._awaited_since_s = now_s
            if now_s - self._awaited_since_s < AWAIT_S:
                return AIRBORNE_AWAITED
        return AIRBORNE_UNKNOWN if self._required else ''
