"""What makes a flight harder than fair weather: named conditions of severity 1 to 5, with an onset.

A list of them is written 'snow:4@3s+wind:2': snow of severity 4 that begins 3 s into the flight,
and wind of severity 2 from the start. 'clear' is none at all. 'snow=0.03' gives the strength
itself, in the unit of the family (severities.yaml), instead of one of the five severities.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from liquid_pilot.interfaces import LiquidPilotError

CLEAR = 'clear'
SEVERITIES = range(1, 6)
FAMILIES: dict[str, str] = {
    'noise': 'sensor noise: grain on every pixel of every frame',
    'bright': 'overexposed: highlights burn out',
    'night': 'little light: a dark picture, and the grain of high gain',
    'contrast': 'a flat picture: haze in the lens, low contrast',
    'fog': 'fog that thickens with distance',
    'rain': 'streaks of rain, and the veil of what falls far away',
    'snow': 'falling flakes, and the veil of what falls far away',
    'blur': 'motion blur: long exposure on a vibrating mount, and of turning',
    'jpeg': 'JPEG artefacts of a narrow link',
    'season': 'autumn: the greens turn orange and red',
    'dirt': 'dirt on the lens',
    'occlusion': 'bursts in which something hangs before the lens',
    'blink': 'blank frames now and then',
    'dropped': 'frames that are lost at random',
    'rate': 'a slow camera: 10, 5, 3, 2 and 1 Hz',
    'latency': 'frames that come late, with the stamp of their capture',
    'wind': 'a steady wind with gusts, its direction drawn for each flight',
    'mass': 'a payload that the autopilot does not know of',
    'motor': 'one rotor, drawn for each flight, that has lost thrust',
    'friction': 'a wet road: the grip of all tyres falls',
    'patches': 'a road with slippery patches',
    'range': 'a target further away',
    'target': 'another target than the red chair: other colours, then other shapes',
    'forest': 'another forest: other colours, thicker trunks, closer to each other',
    'two_legs': 'a course to remember: which chair is the target is shown only at the start, and '
    'a gate is flown through first',
    'glimpse': 'a course to remember: the target is shown, the vehicle turned away and handed over',
    'hidden': 'a course to remember: the target is seen through a gap, and hedges hide it then',
}
"""What there is: family to one line about it."""
MEMORY_COURSES = ('two_legs', 'glimpse', 'hidden')
"""Courses that need memory (`simulation.forest.memory_courses`); a flight has one of them at most."""
FRICTION_FAMILIES = ('friction', 'patches')
"""What acts between tyres and ground."""
WORLD_FAMILIES = frozenset({'range', 'target', 'forest', *MEMORY_COURSES})
"""Part of the world: these cannot begin in mid-flight."""

_CONDITION_PATTERN = re.compile(
    r'(?P<family>[a-z_]+)(:(?P<severity>\d+)|=(?P<strength>\d+(\.\d+)?(e-?\d+)?))'
    r'(@(?P<onset>\d+(\.\d+)?)s?)?'
)


@dataclass(frozen=True)
class Condition:
    """One condition; the same for every flight, its random details from the flight's seed."""

    family: str
    severity: int = 0
    """1 to 5; 0 exactly when `strength` is given."""
    onset_s: float = 0.0
    """Seconds of flight before it begins."""
    strength: float | None = None
    """In the family's unit, instead of a severity."""

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        if self.family not in FAMILIES:
            raise LiquidPilotError(
                f'no condition named {self.family!r}; there is: {", ".join(sorted(FAMILIES))}'
            )
        if self.strength is None:
            if self.severity not in SEVERITIES:
                raise LiquidPilotError(f'{self.family}: severity is 1 to 5, not {self.severity}')
        elif self.severity:
            raise LiquidPilotError(f'{self.family}: give a severity or a strength, not both')
        elif not 0.0 <= self.strength < 1e6:
            raise LiquidPilotError(f'{self.family}: strength must be >= 0, not {self.strength}')
        if not 0.0 <= self.onset_s < 1e6:
            raise LiquidPilotError(f'{self.family}: onset must be seconds, not {self.onset_s}')
        if self.onset_s and self.family in WORLD_FAMILIES:
            raise LiquidPilotError(
                f'{self.family}: it is part of the world and cannot begin in mid-flight; leave '
                f'@{self.onset_s:g}s out'
            )

    def __str__(self) -> str:
        onset = f'@{self.onset_s:g}s' if self.onset_s else ''
        if self.strength is not None:
            return f'{self.family}={self.strength:g}{onset}'
        return f'{self.family}:{self.severity}{onset}'


def parse(text: str) -> tuple[Condition, ...]:
    """From 'snow:4@3s+wind:2' or 'clear'; LiquidPilotError says what is wrong."""
    if text.strip() in (CLEAR, ''):
        return ()
    found: list[Condition] = []
    for part in text.split('+'):
        match = _CONDITION_PATTERN.fullmatch(part.strip())
        if match is None:
            raise LiquidPilotError(
                f'{part.strip()!r} is not a condition: expected FAMILY:SEVERITY or '
                "FAMILY:SEVERITY@ONSETs, such as 'snow:4@3s'"
            )
        strength = None if match['strength'] is None else float(match['strength'])
        found.append(
            Condition(
                match['family'], int(match['severity'] or 0), float(match['onset'] or 0.0), strength
            )
        )
    check_combination(tuple(found))
    return tuple(found)


def check_combination(conditions: tuple[Condition, ...]) -> None:
    """LiquidPilotError when a family comes twice: it has one strength and one random stream."""
    families = [condition.family for condition in conditions]
    for family in families:
        if families.count(family) > 1:
            raise LiquidPilotError(f'{family} is named twice; a flight has each condition once')
    courses = [family for family in families if family in MEMORY_COURSES]
    if len(courses) > 1:
        raise LiquidPilotError(f'{" and ".join(courses)} are two courses; a flight has one')


def label(conditions: tuple[Condition, ...]) -> str:
    """What `parse` reads."""
    return '+'.join(map(str, conditions)) or CLEAR
