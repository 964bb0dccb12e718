"""The plan of the cores study as an object."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from liquid_pilot.pilot_file import PilotFile
from studies.study_plan import SeededStudy, forests_of

HERE = Path(__file__).resolve().parent


class Candidate(NamedTuple):
    """A rate and a size that the search tries for a core."""

    core: str
    """Name of the core in the plan."""
    number: int
    """Its number among the candidates of the core."""
    settings: dict[str, Any]
    """Settings of the training that it stands for."""


@dataclass(frozen=True)
class Study(SeededStudy):
    """The plan of the study, and where its parts are kept."""

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

    def training(self, name: str) -> Path:
        """Return the folder of a training."""
        return self.files.work / 'training' / name

    def forests(self, seed: int) -> range:
        """Return the forests that the pilots of a training seed fly through."""
        return forests_of(self.plan['flights'], seed)

    def trained(self, seed: int) -> dict[str, PilotFile]:
        """Return the pilots of a training seed that exist, by arm."""
        return self.existing(self.arms, seed)
