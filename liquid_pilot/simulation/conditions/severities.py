"""How strong a condition is: reads severities.yaml, the one place where the numbers stand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.condition import FAMILIES, SEVERITIES, Condition

VERSION = 1
FILE = resources.files('liquid_pilot.simulation.conditions') / 'severities.yaml'


@dataclass(frozen=True)
class SeverityScale:
    """The strengths of one family, in `unit`; a larger one is worse."""

    unit: str
    low: float
    """Harmless."""
    high: float
    """The end of what is physical."""
    severities: tuple[float, ...]
    """Of the severities 1 to 5, not falling."""
    fixed: bool = False
    """Given, not calibrated."""


def read_scales(text: str) -> dict[str, SeverityScale]:
    """Family to scale, from YAML; LiquidPilotError names what does not fit."""
    content = yaml.safe_load(text)
    if content.get('version') != VERSION:
        raise LiquidPilotError(f'severities.yaml: version {content.get("version")}, not {VERSION}')
    entries = content['families']
    if set(entries) != set(FAMILIES):
        odd = ', '.join(sorted(set(entries) ^ set(FAMILIES)))
        raise LiquidPilotError(f'severities.yaml: families do not agree with the code: {odd}')
    scales = {}
    for family, entry in entries.items():
        low, high = map(float, entry['range'])
        values = tuple(map(float, entry['severities']))
        bounds = (low, *values, high)
        if len(values) != len(SEVERITIES) or list(bounds) != sorted(bounds):
            raise LiquidPilotError(
                f'severities.yaml: {family} needs five severities that rise within its range'
            )
        scales[family] = SeverityScale(
            entry['unit'], low, high, values, bool(entry.get('fixed', False))
        )
    return scales


@cache
def scales() -> dict[str, SeverityScale]:
    """Family to scale, read once."""
    return read_scales(FILE.read_text())


def strength(condition: Condition) -> float:
    """In the family's unit; LiquidPilotError when a given one is outside of what is physical."""
    scale = scales()[condition.family]
    if condition.strength is None:
        return scale.severities[condition.severity - 1]
    if not scale.low <= condition.strength <= scale.high:
        raise LiquidPilotError(
            f'{condition.family}: strength must lie in [{scale.low:g}, {scale.high:g}] '
            f'({scale.unit}), not {condition.strength:g}'
        )
    return condition.strength
