"""Strengths of conditions by severity, read from severities.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.condition import (
    CONDITIONS,
    FAMILIES,
    SEVERITIES,
    Condition,
)

VERSION = 1
FILE = resources.files('liquid_pilot.simulation.conditions') / 'severities.yaml'


@dataclass(frozen=True)
class SeverityScale:
    """The strengths of one family. A larger strength is worse."""

    unit: str
    """Unit of the strengths, as text."""
    low: float
    """Harmless strength: the lower end of the range."""
    high: float
    """Physical limit: the upper end of the range."""
    severities: tuple[float, ...]
    """Strengths of the severities 1 to 5, in ascending order."""
    fixed: bool = False
    """Whether the strengths were set by hand, not calibrated."""


def read_scales(text: str) -> dict[str, SeverityScale]:
    """Return the scale of each family.

    Args:
        text: content of severities.yaml.

    Raises:
        LiquidPilotError: if the version, the families or the numbers are not valid.
    """
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
    """Return the scale of each family of this package. The file is read once."""
    return read_scales(FILE.read_text())


def scale_of(family: str) -> SeverityScale:
    """Return the scale of a family, which may be of another package.

    Raises:
        LiquidPilotError: if the condition of another package is broken.
    """
    if family in FAMILIES:
        return scales()[family]
    spec = CONDITIONS[family]
    return SeverityScale(spec.unit, *spec.strength_range, spec.severities, fixed=True)


def strength(condition: Condition) -> float:
    """Return the strength of a condition, in the unit of its family.

    Raises:
        LiquidPilotError: if a strength that was given explicitly is out of range.
    """
    scale = scale_of(condition.family)
    if condition.strength is None:
        return scale.severities[condition.severity - 1]
    if not scale.low <= condition.strength <= scale.high:
        raise LiquidPilotError(
            f'{condition.family}: strength must lie in [{scale.low:g}, {scale.high:g}] '
            f'({scale.unit}), not {condition.strength:g}'
        )
    return condition.strength
