"""The plan of the cores study as an object."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from liquid_pilot import pilot_file
from liquid_pilot.pilot_file import PilotFile
from studies.common import StudyFiles

HERE = Path(__file__).resolve().parent
FOREST_STRIDE = 10_000
"""Distance between the first forests of two training seeds."""


class Candidate(NamedTuple):
    """A rate and a size that the search tries for a core."""

    core: str
    """Name of the core in the plan."""
    number: int
    """Its number among the candidates of the core."""
    settings: dict[str, Any]
    """Settings of the training that it stands for."""


@dataclass(frozen=True)
class Study:
    """The plan of the study, and where its parts are kept."""

    files: StudyFiles

    @property
    def plan(self) -> dict[str, Any]:
        """The content of study.yaml."""
        return self.files.plan

    @property
    def seeds(self) -> list[int]:
        """Seeds of the trainings."""
        return self.plan['training_seeds']

    @property
    def arms(self) -> list[str]:
        """Names such as 'gru_dt-irregular': a core and the frames of its training."""
        return [f'{core}-{frames}' for core in self.plan['cores'] for frames in self.plan['frames']]

    @property
    def conditions(self) -> dict[tuple[str, str], str]:
        """(course, name of the frame rate) to the label of the condition."""
        flights = self.plan['flights']
        return {
            (course, rate): f'{course}{suffix}'
            for course in flights['courses']
            for rate, suffix in flights['rates'].items()
        }

    def kind(self, arm: str) -> str:
        """Return the kind of an arm that an aim speaks of; '' for another one."""
        core = arm.rpartition('-')[0]
        return next((kind for kind, cores in self.plan['kinds'].items() if core in cores), '')

    def candidates(self, core: str) -> list[Candidate]:
        """Return the rates and sizes that are tried for a core."""
        content = dict(self.plan['cores'][core])
        rates, sizes = content.pop('rates'), content.pop('sizes')
        return [
            Candidate(core, number, {**content, **size, 'core_rate': rate})
            for number, (rate, size) in enumerate(itertools.product(rates, sizes))
        ]

    @property
    def sequences(self) -> Path:
        """The folder of the features of all episodes."""
        return self.files.work / 'sequences'

    def search_file(self, candidate: Candidate) -> Path:
        """Return the file of what one candidate of the search reached."""
        return self.files.work / 'search' / f'{candidate.core}-{candidate.number}.json'

    def pilot(self, arm: str, seed: int) -> Path:
        """Return the folder of a pilot."""
        return self.files.work / 'pilots' / f'{arm}-{seed}'

    def training(self, name: str) -> Path:
        """Return the folder of a training."""
        return self.files.work / 'training' / name

    def forests(self, seed: int) -> range:
        """Return the forests that the pilots of a training seed fly through."""
        flights = self.plan['flights']
        first = flights['first_forest'] + FOREST_STRIDE * (seed - 1)
        return range(first, first + flights['forests'])

    def flights(self, seed: int) -> Path:
        """Return the folder of the missions of a training seed."""
        return self.files.work / 'flights' / str(seed)

    def trained(self, seed: int) -> dict[str, PilotFile]:
        """Return the pilots of a training seed that exist, by arm."""
        return {
            arm: pilot_file.load(self.pilot(arm, seed))
            for arm in self.arms
            if self.pilot(arm, seed).is_dir()
        }
