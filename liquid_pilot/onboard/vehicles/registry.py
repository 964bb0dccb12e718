"""The vehicles by name: the package's own, and those that other packages bring.

Another package adds a vehicle by an entry point of the group `liquid_pilot.vehicles` that names a
`VehicleSpec`, and its task in simulation by one of the group `liquid_pilot.tasks`
(docs/vehicles.md).
"""

from __future__ import annotations

from liquid_pilot.interfaces import LiquidPilotError, VehicleLimits
from liquid_pilot.onboard.vehicles import quadrotor, rover
from liquid_pilot.onboard.vehicles.spec import VehicleSpec
from liquid_pilot.utils.entry_points import load_extensions

ENTRY_POINT_GROUP = 'liquid_pilot.vehicles'
"""Entry-point group by which another package brings a vehicle."""
_BUILT_IN = {'quadrotor': quadrotor.VEHICLE, 'rover': rover.VEHICLE}
VEHICLES: dict[str, VehicleSpec] = {
    **_BUILT_IN,
    **load_extensions(ENTRY_POINT_GROUP, 'vehicle', VehicleSpec, _BUILT_IN),
}
VEHICLE_LIMITS: dict[str, VehicleLimits] = {name: each.limits for name, each in VEHICLES.items()}


def get_vehicle(vehicle: str) -> VehicleSpec:
    """Return the spec of a vehicle; LiquidPilotError names the known ones otherwise."""
    if vehicle not in VEHICLES:
        raise LiquidPilotError(
            f'unknown vehicle class {vehicle!r}; known: {", ".join(sorted(VEHICLES))}'
        )
    return VEHICLES[vehicle]


def get_vehicle_limits(vehicle: str) -> VehicleLimits:
    """Return the limits of a vehicle; LiquidPilotError names the known ones otherwise."""
    return get_vehicle(vehicle).limits
