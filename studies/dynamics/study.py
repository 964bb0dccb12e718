"""The plan of the dynamics study as an object."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liquid_pilot.utils.atomic_write import write_atomically
from studies.dynamics.flights import Flight, draw_flight
from studies.study_plan import SeededStudy

HERE = Path(__file__).resolve().parent
FORGETS = ' forgets'
"""What the name of an arm ends with whose network forgets."""
PROPORTIONAL, INTEGRAL, PRIVILEGED = 'proportional', 'integral', 'privileged'
FOUNDATION = 'foundation policy'
CONTROLLERS = (PROPORTIONAL, INTEGRAL, PRIVILEGED, FOUNDATION)
"""The arms that are trained by nobody here."""


@dataclass(frozen=True)
class Study(SeededStudy):
    """The plan of the study, and where its parts are kept."""

    @property
    def cores(self) -> dict[str, int]:
        """Kind of each core to its number of neurons."""
        return self.plan['cores']

    @property
    def arms(self) -> list[str]:
        """Names of the arms: each core, each core that forgets, and what is no network of ours."""
        return [*self.cores, *(f'{kind}{FORGETS}' for kind in self.cores), *CONTROLLERS]

    def trained_file(self, kind: str, seed: int) -> Path:
        """Return the file of a core."""
        return self.files.work / 'cores' / f'{kind}-{seed}.npz'

    def flown_file(self, arm: str, ranges: str, seed: int) -> Path:
        """Return the file of the errors of an arm."""
        return self.files.work / 'flights' / f'{arm}, {ranges}, {seed}.npz'

    def flights(self, ranges: str, seed: int) -> list[Flight]:
        """Return the flights of a training seed; they are the same for all arms."""
        plan = self.plan['flights']
        return [
            draw_flight(
                (seed, plan['first_seed'] + k), self.plan['ranges'][ranges], plan['seconds']
            )
            for k in range(plan['count'])
        ]

    def read(self, name: str) -> dict[str, Any]:
        """Return what `write` has kept; nothing where there is none."""
        path = self.files.work / f'{name}.json'
        return json.loads(path.read_text()) if path.is_file() else {}

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Keep what was found."""
        path = self.files.work / f'{name}.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(content, indent=1) + '\n').encode())
