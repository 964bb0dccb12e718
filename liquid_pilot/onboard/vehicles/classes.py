"""What each class of vehicle may be commanded: limits, time-out and safe command."""

from __future__ import annotations

from liquid_pilot.interfaces import LiquidPilotError, VehicleLimits

LIMITS: dict[str, VehicleLimits] = {
    'quadrotor': VehicleLimits(
        maximum=(2.5, 1.5, 1.0, 1.5),
        slew=(8.0, 8.0, 8.0, 10.0),
        command_timeout_s=0.5,
        safe_command=(0.0, 0.0, 0.0, 0.0),  # hover
    ),
}
"""By class: forward, left, up in m/s and yaw rate in rad/s, as in VehicleLimits."""


def limits_of(vehicle: str) -> VehicleLimits:
    """The limits of a vehicle class; LiquidPilotError naming the known ones otherwise."""
    if vehicle not in LIMITS:
        raise LiquidPilotError(
            f'unknown vehicle class {vehicle!r}; known: {", ".join(sorted(LIMITS))}'
        )
    return LIMITS[vehicle]
