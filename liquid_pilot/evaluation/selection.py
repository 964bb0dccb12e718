"""The pilots of an evaluation: their names in it, and the vehicle that all of them fly."""

from __future__ import annotations

from collections.abc import Sequence

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.settings import SimulationSettings


def unique_names(pilots: Sequence[PilotFile], modes: Sequence[str]) -> dict[str, int]:
    """Return a unique name of each pilot in its mode, and the pilot's index.

    Pilots of the same name get the beginning of their digest as a suffix.

    Raises:
        LiquidPilotError: when there is no pilot, or one is named twice in the same mode.
    """
    if not pilots:
        raise LiquidPilotError('name at least one pilot')
    short_names = [pilot.specification.name for pilot in pilots]
    digests: dict[str, set[str]] = {}
    for name, pilot in zip(short_names, pilots, strict=True):
        digests.setdefault(name, set()).add(pilot.digest)
    indices: dict[str, int] = {}
    for index, (name, pilot, mode) in enumerate(zip(short_names, pilots, modes, strict=True)):
        full_name = name if len(digests[name]) == 1 else f'{name}-{pilot.digest[:6]}'
        full_name += f'+{mode}' if mode else ''
        if full_name in indices:
            raise LiquidPilotError(f'{full_name} is named twice; name each pilot once in each mode')
        indices[full_name] = index
    return indices


def common_vehicle(pilots: Sequence[PilotFile]) -> str:
    """Return the vehicle of the pilots, which must be the same for all of them.

    Raises:
        LiquidPilotError: the pilots are of several vehicles.
    """
    found = sorted({pilot.specification.vehicle for pilot in pilots})
    if len(found) > 1:
        raise LiquidPilotError(
            f'these pilots are of several vehicles ({", ".join(found)}); '
            'evaluate those of one at a time'
        )
    return found[0] if found else SimulationSettings().vehicle
