"""The plan of the transparency study as an object, and where its records are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.utils.atomic_write import write_atomically
from studies.study_plan import StudyPlan

HERE = Path(__file__).resolve().parent
ENCODER = 'encoder'
"""Name of the arm of the maps that the cores of a training seed have in common."""


class Group(NamedTuple):
    """Pilots that share one encoder, and the forests that they are scored in."""

    name: str
    """Such as 'plain-1', or the name of a shipped pilot."""
    pilots: dict[str, str]
    """Arm to the name of its pilot."""
    forests: list[int]
    """Seeds of the forests."""


@dataclass(frozen=True)
class Study(StudyPlan):
    """The plan of the study, and where its parts are kept."""

    @property
    def forests(self) -> range:
        """Seeds of the forests of all scores."""
        seeds = self.plan['seeds']
        return range(seeds['first_seed'], seeds['first_seed'] + seeds['forests'])

    @property
    def tuning_forests(self) -> range:
        """Seeds of the forests of means and orders."""
        seeds = self.plan['seeds']
        first = seeds['tuning_first_seed']
        return range(first, first + seeds['tuning_forests'])

    @property
    def cores(self) -> list[str]:
        """Names of the cores that share encoders; the others are compared with the first."""
        return self.plan['pilots']['cores']

    @property
    def shipped(self) -> list[str]:
        """Names of the pilots with an encoder of their own."""
        return self.plan['pilots']['shipped']

    @property
    def arms(self) -> list[str]:
        """All arms with neurons."""
        return [*self.cores, *self.shipped]

    @property
    def methods(self) -> list[str]:
        """The methods of the maps."""
        return self.plan['maps']['methods']

    @property
    def groups(self) -> list[Group]:
        """The groups of pilots: one for each training seed, one for each shipped pilot."""
        plan, forests = self.plan['pilots'], list(self.forests)
        training, seeds = plan['training'], plan['training_seeds']
        groups = [
            Group(
                f'{training}-{seed}',
                {core: f'{core}-{training}-{seed}' for core in self.cores},
                forests[number :: len(seeds)],
            )
            for number, seed in enumerate(seeds)
        ]
        return groups + [Group(name, {name: name}, forests) for name in self.shipped]

    def groups_of(self, forest: int) -> list[Group]:
        """Return the groups that are scored in a forest; all of them in one for tuning."""
        if forest in self.tuning_forests:
            return self.groups
        return [group for group in self.groups if forest in group.forests]

    def kept_forests(self, group: Group) -> list[int]:
        """Return the forests of the missions with clamped neurons."""
        kept = self.plan['kept']
        return group.forests[: kept['shipped_forests' if group.name in self.shipped else 'forests']]

    def pilot(self, name: str) -> PilotFile:
        """Load a pilot by its name.

        Raises:
            LiquidPilotError: it is not there.
        """
        folder = (
            pilot_file.resolve(name)
            if name in self.shipped
            else self.files.work_of('robustness') / 'pilots' / name
        )
        return _load(folder)

    # Where the records are

    def flight_file(self, forest: int) -> Path:
        """Return the file of a flight of the expert."""
        return self.files.work / 'flights' / f'{forest}.npz'

    def record_file(self, step: str, name: str) -> Path:
        """Return the file of a unit of work of a step."""
        return self.files.work / step / f'{name}.json'

    def record(self, step: str, name: str) -> dict[str, Any] | None:
        """Return a unit of work; None: it has not been done."""
        path = self.record_file(step, name)
        return json.loads(path.read_text()) if path.is_file() else None

    def write_record(self, step: str, name: str, content: dict[str, Any]) -> None:
        """Keep a unit of work."""
        path = self.record_file(step, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(content, allow_nan=False).encode())


@cache
def _load(folder: Path) -> PilotFile:
    if not folder.is_dir():
        raise LiquidPilotError(
            f'{folder} does not exist; the page of this study says how to bring back the pilots '
            'of the robustness study'
        )
    return pilot_file.load(folder)
