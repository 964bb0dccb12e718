"""The plan of the robustness study as an object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liquid_pilot import pilot_file
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.tasks.registry import expand_conditions
from studies.common import StudyFiles

HERE = Path(__file__).resolve().parent


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
        """Names such as 'gru-plain'; the others are compared with the first one of a training."""
        return [
            f'{core}-{training}'
            for training in self.plan['trainings']
            for core in self.plan['cores']
        ]

    @property
    def conditions(self) -> list[str]:
        """Labels of the conditions."""
        return expand_conditions(self.plan['flights']['conditions'])

    def forests(self, seed: int) -> range:
        """Return the forests that the pilots of a training seed fly through."""
        flights = self.plan['flights']
        first = flights['first_forest'] + 1000 * (seed - 1)
        return range(first, first + flights['forests'])

    def pilot(self, arm: str, seed: int) -> Path:
        """Return the folder of a pilot."""
        return self.files.work / 'pilots' / f'{arm}-{seed}'

    def training(self, arm: str, seed: int) -> Path:
        """Return the folder of a pilot's training."""
        return self.files.work / 'training' / f'{arm}-{seed}'

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
