"""Conditions that make a flight harder, each with a severity from 1 to 5 and an onset.

A combination is written 'snow:4@3s+wind:2': snow of severity 4 that begins 3 s into the flight,
and wind of severity 2 from the start. 'clear' is the absence of conditions. 'snow=0.03' gives the
strength itself, in the unit of the family (severities.yaml), instead of one of the five severities.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.condition_spec import ConditionSpec
from liquid_pilot.utils.entry_points import Choices, ExtensionRegistry, instance_of

CLEAR = 'clear'
SEVERITIES = range(1, 6)
FAMILIES: dict[str, str] = {
    'noise': 'sensor noise: grain on every pixel of every frame',
    'bright': 'overexposed: highlights burn out',
    'night': 'little light: a dark picture, and the grain of a high gain',
    'contrast': 'low contrast: haze in the lens',
    'fog': 'fog that thickens with distance',
    'rain': 'streaks of rain, and a veil of distant drops',
    'snow': 'falling flakes, and a veil of distant flakes',
    'blur': 'motion blur of a long exposure: a vibrating mount, and turning',
    'jpeg': 'JPEG artefacts of a link of low bandwidth',
    'season': 'autumn: the greens turn orange and red',
    'dirt': 'dirt on the lens',
    'occlusion': 'bursts in which an object covers most of the lens',
    'blink': 'blank frames at random',
    'dropped': 'frames lost at random',
    'rate': 'a slow camera: 10, 5, 3, 2 and 1 Hz',
    'latency': 'frames that arrive late, with the stamp of their capture',
    'wind': 'a steady wind with gusts, its direction drawn for each flight',
    'mass': 'a payload unknown to the autopilot',
    'motor': 'one rotor, drawn for each flight, that has lost thrust',
    'friction': 'a wet road: lower friction under all tyres',
    'patches': 'a road with slippery patches',
    'trim_left': 'a trim of the steering: the vehicle turns to the left by itself',
    'trim_right': 'a trim of the steering: the vehicle turns to the right by itself',
    'camera_left': 'a camera that is mounted turned to the left',
    'camera_right': 'a camera that is mounted turned to the right',
    'camera_up': 'a camera that is mounted turned upwards',
    'camera_down': 'a camera that is mounted turned downwards',
    'camera_roll': 'a camera that is mounted turned clockwise, as seen from behind it',
    'camera_high': 'a camera that is mounted higher',
    'range': 'a target further away',
    'target': 'a target unlike the red chair: other colours, then other shapes',
    'forest': 'another forest: other colours, thicker trunks, closer to each other',
    'two_legs': 'a memory course: the target is shown at the start only, and a gate comes first',
    'glimpse': 'a memory course: the target is shown, then the vehicle is turned away and handed '
    'over',
    'hidden': 'a memory course: the target is seen through a gap at the start, then hedges hide it',
    'held': 'a longer delay on a memory course: the simulator holds the vehicle on its way',
}
"""Each family of conditions of this package with one line of description."""
CONDITIONS: ExtensionRegistry[ConditionSpec] = ExtensionRegistry(
    'liquid_pilot.conditions',
    'condition',
    'docs/how_to/own_weather.md',
    {},
    instance_of(ConditionSpec),
    reserved=(CLEAR, 'all', *FAMILIES),
)
"""Conditions of other packages by family."""
ALL_FAMILIES = Choices(FAMILIES, CONDITIONS)
"""The names of all families, those of other packages last."""
MEMORY_COURSES = ('two_legs', 'glimpse', 'hidden')
"""Courses that need memory (`simulation.forest.memory_courses`). A flight has at most one."""
HELD = 'held'
"""Condition that prolongs the delay on a memory course. It needs one."""
COURSE_FAMILIES = (*MEMORY_COURSES, HELD)
"""Conditions in which the simulator commands the vehicle for a while, or decides what it sees."""
FRICTION_FAMILIES = ('friction', 'patches')
"""Conditions that act between tyres and ground."""
TRIM_FAMILIES = ('trim_left', 'trim_right')
"""Conditions that turn the vehicle without being told to."""
MOUNT_FAMILIES = (
    'camera_left',
    'camera_right',
    'camera_up',
    'camera_down',
    'camera_roll',
    'camera_high',
)
"""Conditions of how the camera is mounted."""
WORLD_FAMILIES = frozenset({'range', 'target', 'forest', *COURSE_FAMILIES})
"""Conditions that are part of the world."""
LASTING_FAMILIES = WORLD_FAMILIES.union(MOUNT_FAMILIES)
"""Conditions that cannot begin in mid-flight."""

_CONDITION_PATTERN = re.compile(
    r'(?P<family>[a-z_][a-z0-9_]*)(:(?P<severity>\d+)|=(?P<strength>\d+(\.\d+)?(e-?\d+)?))'
    r'(@(?P<onset>\d+(\.\d+)?)s?)?'
)


@dataclass(frozen=True)
class Condition:
    """One condition of a flight. Its random details come from the flight's seed.

    Raises:
        LiquidPilotError: if the family is unknown, that of another package is broken, or a number
            is out of its range.
    """

    family: str
    severity: int = 0
    """Severity from 1 to 5, or 0 if `strength` is given."""
    onset_s: float = 0.0
    """Time of flight at which the condition begins, s."""
    strength: float | None = None
    """Strength in the unit of the family, given instead of a severity."""

    def __post_init__(self) -> None:
        """Check the family, and the ranges of all numbers."""
        if self.family not in FAMILIES:
            if self.family not in CONDITIONS:
                known = ', '.join(sorted(ALL_FAMILIES))
                raise LiquidPilotError(f'no condition named {self.family!r}; there is: {known}')
            CONDITIONS[self.family]  # Loaded here, and so checked.
        if self.strength is None:
            if self.severity not in SEVERITIES:
                raise LiquidPilotError(f'{self.family}: severity is 1 to 5, not {self.severity}')
        elif self.severity:
            raise LiquidPilotError(f'{self.family}: give a severity or a strength, not both')
        elif not 0.0 <= self.strength < 1e6:
            raise LiquidPilotError(f'{self.family}: strength must be >= 0, not {self.strength}')
        if not 0.0 <= self.onset_s < 1e6:
            raise LiquidPilotError(f'{self.family}: onset must be seconds, not {self.onset_s}')
        if self.onset_s and self.family in LASTING_FAMILIES:
            what = 'world' if self.family in WORLD_FAMILIES else 'mounting'
            raise LiquidPilotError(
                f'{self.family}: it is part of the {what} and cannot begin in mid-flight; leave '
                f'@{self.onset_s:g}s out'
            )

    def __str__(self) -> str:
        onset = f'@{self.onset_s:g}s' if self.onset_s else ''
        if self.strength is not None:
            return f'{self.family}={self.strength:g}{onset}'
        return f'{self.family}:{self.severity}{onset}'


def parse(text: str) -> tuple[Condition, ...]:
    """Return the conditions that a text such as 'snow:4@3s+wind:2' or 'clear' names.

    Raises:
        LiquidPilotError: if the text names something else than known conditions.

    >>> parse('snow:4@3s+wind:2')[0]
    Condition(family='snow', severity=4, onset_s=3.0, strength=None)
    >>> label(parse('snow:4@3s+wind:2'))
    'snow:4@3s+wind:2'
    >>> parse('clear')
    ()
    """
    if text.strip() == CLEAR:
        return ()
    if not text.strip():
        raise LiquidPilotError(
            f"a condition is empty: write {CLEAR}, or FAMILY:SEVERITY such as 'snow:4'"
        )
    conditions: list[Condition] = []
    for part in text.split('+'):
        match = _CONDITION_PATTERN.fullmatch(part.strip())
        if match is None:
            raise LiquidPilotError(
                f'{part.strip()!r} is not a condition: expected FAMILY:SEVERITY or '
                "FAMILY:SEVERITY@ONSETs, such as 'snow:4@3s'"
            )
        strength = None if match['strength'] is None else float(match['strength'])
        conditions.append(
            Condition(
                match['family'], int(match['severity'] or 0), float(match['onset'] or 0.0), strength
            )
        )
    check_combination(tuple(conditions))
    return tuple(conditions)


def check_combination(conditions: tuple[Condition, ...]) -> None:
    """Check that conditions can act in one flight.

    Raises:
        LiquidPilotError: if a family is named twice, as it has one strength and one random stream,
            if there are two memory courses, or if a vehicle is held on none.
    """
    families = [condition.family for condition in conditions]
    for family in families:
        if families.count(family) > 1:
            raise LiquidPilotError(f'{family} is named twice; a flight has each condition once')
    courses = [family for family in families if family in MEMORY_COURSES]
    if len(courses) > 1:
        raise LiquidPilotError(f'{" and ".join(courses)} are two courses; a flight has one')
    if HELD in families and not courses:
        raise LiquidPilotError(
            f'{HELD}: it prolongs the delay on a memory course; add one, such as two_legs:3'
        )


def label(conditions: tuple[Condition, ...]) -> str:
    """Return the text that `parse` reads, such as 'snow:4@3s+wind:2'."""
    return '+'.join(map(str, conditions)) or CLEAR
