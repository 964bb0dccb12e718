"""What each class of vehicle is: limits, time-out, safe command, and what its outputs mean."""

from __future__ import annotations

from typing import NamedTuple

from liquid_pilot.interfaces import LiquidPilotError, VehicleLimits
from liquid_pilot.onboard.vehicles.coding import CURVATURE, Coding
from liquid_pilot.onboard.vehicles.handling import BUGGY, Handling


class VehicleClass(NamedTuple):
    """One class; a vehicle is added here, and in `simulation.tasks` where it is simulated."""

    limits: VehicleLimits
    """Forward, left, up in m/s and yaw rate in rad/s."""
    coding: Coding
    """Of the pilots that are trained for it."""
    pilot: str
    """The shipped one; empty: there is none yet."""
    adapters: tuple[str, ...]
    """What its embedded simulation takes; the first unless another is asked for."""
    gazebo: str = ''
    """What it takes in Gazebo; empty: it has no world there."""
    handling: Handling | None = None
    """Of a car, by which its grip is judged."""


CLASSES: dict[str, VehicleClass] = {
    'quadrotor': VehicleClass(
        VehicleLimits(
            maximum=(2.5, 1.5, 1.0, 1.5),
            slew=(8.0, 8.0, 8.0, 10.0),
            command_timeout_s=0.5,
            safe_command=(0.0, 0.0, 0.0, 0.0),  # hover
        ),
        Coding(scale=(2.0, 1.0, 0.6, 1.0)),
        pilot='forest-ltc', adapters=('cmd_vel', 'attitude_thrust'), gazebo='gazebo'),
    'rover': VehicleClass(
        VehicleLimits(
            maximum=(9.0, 0.0, 0.0, 3.0),
            slew=(6.0, 1.0, 1.0, 20.0),
            command_timeout_s=0.5,
            safe_command=(0.0, 0.0, 0.0, 0.0),  # brake, and stand
        ),
        Coding(scale=(8.0, 1.0, 1.0, 0.12), steering=CURVATURE),
        pilot='', adapters=('cmd_vel',), handling=BUGGY),
}
"""By name."""
LIMITS: dict[str, VehicleLimits] = {name: each.limits for name, each in CLASSES.items()}


def class_of(vehicle: str) -> VehicleClass:
    """A vehicle class; LiquidPilotError naming the known ones otherwise."""
    if vehicle not in CLASSES:
        raise LiquidPilotError(
            f'unknown vehicle class {vehicle!r}; known: {", ".join(sorted(CLASSES))}'
        )
    return CLASSES[vehicle]


def limits_of(vehicle: str) -> VehicleLimits:
    """The limits of a vehicle class; LiquidPilotError naming the known ones otherwise."""
    return class_of(vehicle).limits
