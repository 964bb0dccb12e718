"""The plan of the robustness study as an object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.tasks.registry import expand_conditions
from studies.study_plan import SeededStudy, forests_of

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Study(SeededStudy):
    """The plan of the study, and where its parts are kept."""

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
        return forests_of(self.plan['flights'], seed, 1000)

    def training(self, arm: str, seed: int) -> Path:
        """Return the folder of a pilot's training."""
        return self.files.work / 'training' / f'{arm}-{seed}'

    def trained(self, seed: int) -> dict[str, PilotFile]:
        """Return the pilots of a training seed that exist, by arm."""
        return self.existing(self.arms, seed)
