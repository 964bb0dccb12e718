"""The vehicles by name: those of this package, and those of other packages.

Another package adds a vehicle by an entry point of the group `liquid_pilot.vehicles` that names a
`VehicleSpec`, and its task in simulation by an entry point of the group `liquid_pilot.tasks`
(docs/how_to/own_vehicle.md).
"""

from __future__ import annotations

from liquid_pilot.interfaces import LiquidPilotError, VehicleLimits
from liquid_pilot.onboard.vehicles import quadrotor, rover
from liquid_pilot.onboard.vehicles.spec import VehicleSpec
from liquid_pilot.utils.entry_points import ExtensionRegistry, instance_of

VEHICLES: ExtensionRegistry[VehicleSpec] = ExtensionRegistry(
    'liquid_pilot.vehicles',
    'vehicle',
    'docs/how_to/own_vehicle.md',
    {'quadrotor': quadrotor.VEHICLE, 'rover': rover.VEHICLE},
    instance_of(VehicleSpec),
)
"""All vehicles by name."""


def get_vehicle(vehicle: str) -> VehicleSpec:
    """Return the specification of a vehicle.

    >>> get_vehicle('quadrotor').default_pilot
    'forest-ltc'

    Raises:
        LiquidPilotError: names the known vehicles when there is no such one, and the package when
            that of another package is broken.
    """
    if vehicle not in VEHICLES:
        raise LiquidPilotError(
            f'unknown vehicle class {vehicle!r}; known: {", ".join(sorted(VEHICLES))}'
        )
    return VEHICLES[vehicle]


def get_vehicle_limits(vehicle: str) -> VehicleLimits:
    """Return the limits of a vehicle; see `get_vehicle`."""
    return get_vehicle(vehicle).limits
