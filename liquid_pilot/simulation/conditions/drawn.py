"""Conditions that only change what is drawn, for vehicles whose physics are not simulated here."""

from __future__ import annotations

from collections.abc import Iterable

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.condition import (
    CONDITIONS,
    COURSE_FAMILIES,
    FAMILIES,
    FRICTION_FAMILIES,
    TRIM_FAMILIES,
    Condition,
)

_OF_THE_VEHICLE = frozenset({'wind', 'mass', 'motor', *FRICTION_FAMILIES, *TRIM_FAMILIES})
"""Conditions that act on the physics of the vehicle."""


def check_drawn(conditions: Iterable[Condition]) -> None:
    """Check that conditions act on what is drawn, and not on the vehicle or its commands.

    Raises:
        LiquidPilotError: one of them does not.
    """
    others = [c.family for c in conditions if not is_drawn(c.family)]
    if others:
        raise LiquidPilotError(
            f'condition {", ".join(others)}: the vehicle is elsewhere, so there are only '
            'conditions of the camera and of the world without memory courses; set wind and '
            'faults where the vehicle is simulated'
        )


def is_drawn(family: str) -> bool:
    """Return whether a family of conditions acts on the world and its pictures only."""
    if family in FAMILIES:
        # On a memory course the simulator has to command the vehicle at first.
        return family not in _OF_THE_VEHICLE and family not in COURSE_FAMILIES
    return CONDITIONS[family].wind is None
