"""The classes of vehicles by name: those of `fleet`, and those that other packages bring."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from importlib.metadata import entry_points
from types import ModuleType

from liquid_pilot import fleet
from liquid_pilot.interfaces import LiquidPilotError, VehicleLimits
from liquid_pilot.onboard.vehicles.vehicle_class import VehicleClass

GROUP = 'liquid_pilot.vehicles'
"""Of the entry points by which a package brings a vehicle."""


def _modules() -> dict[str, ModuleType]:
    """By the name of the vehicle. One that cannot be loaded is left out, with a warning."""
    found = {each.name: importlib.import_module(f'{fleet.__name__}.{each.name}')
             for each in pkgutil.iter_modules(fleet.__path__)}
    for entry in entry_points(group=GROUP):
        try:
            if entry.name in found:
                raise LiquidPilotError('there is a vehicle of this name already')
            module = entry.load()
            if not isinstance(getattr(module, 'VEHICLE', None), VehicleClass):
                raise LiquidPilotError(f'{entry.value} has no VEHICLE of the type VehicleClass')
            found[entry.name] = module
        # Whatever is wrong with another vehicle, this one flies.
        except Exception as error:
            warnings.warn(f'the vehicle {entry.name!r} is left out: {error}', stacklevel=1)
    return found


MODULES = _modules()
"""The file of each vehicle."""
CLASSES: dict[str, VehicleClass] = {name: each.VEHICLE for name, each in MODULES.items()}
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
