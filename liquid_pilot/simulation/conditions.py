"""What makes a flight harder than fair weather: named conditions of severity 1 to 5, with an onset.

A list of them is written 'snow:4@3s+wind:2': snow of severity 4 that begins 3 s into the flight,
and wind of severity 2 from the start. 'clear' is none at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from liquid_pilot.interfaces import LiquidPilotError

CLEAR = 'clear'
SEVERITIES = range(1, 6)
FAMILIES: dict[str, str] = {}
"""What there is: family to one line about it."""

_FORM = re.compile(r'(?P<family>[a-z_]+):(?P<severity>\d+)(@(?P<onset>\d+(\.\d+)?)s?)?')


@dataclass(frozen=True)
class Condition:
    """One condition; the same for every flight, its random details from the flight's seed."""

    family: str
    severity: int
    onset_s: float = 0.0
    """Seconds of flight before it begins."""

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        if self.family not in FAMILIES:
            raise LiquidPilotError(
                f'no condition named {self.family!r}; there is: {", ".join(sorted(FAMILIES))}')
        if self.severity not in SEVERITIES:
            raise LiquidPilotError(f'{self.family}: severity is 1 to 5, not {self.severity}')
        if not 0.0 <= self.onset_s < 1e6:
            raise LiquidPilotError(f'{self.family}: onset must be seconds, not {self.onset_s}')

    def __str__(self) -> str:
        onset = f'@{self.onset_s:g}s' if self.onset_s else ''
        return f'{self.family}:{self.severity}{onset}'


def parse(text: str) -> tuple[Condition, ...]:
    """From 'snow:4@3s+wind:2' or 'clear'; LiquidPilotError says what is wrong."""
    if text.strip() in (CLEAR, ''):
        return ()
    found = []
    for part in text.split('+'):
        match = _FORM.fullmatch(part.strip())
        if match is None:
            raise LiquidPilotError(
                f'{part.strip()!r} is not a condition: expected FAMILY:SEVERITY or '
                "FAMILY:SEVERITY@ONSETs, such as 'snow:4@3s'")
        found.append(Condition(
            match['family'], int(match['severity']), float(match['onset'] or 0.0)))
    return tuple(found)


def label(conditions: tuple[Condition, ...]) -> str:
    """What `parse` reads."""
    return '+'.join(map(str, conditions)) or CLEAR
