"""The plan of the world clock study as an object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from liquid_pilot.pilot_file import PilotFile
from studies.study_plan import SeededStudy, forests_of
from studies.world_clock.arms import mode_of

HERE = Path(__file__).resolve().parent
FIRST_ARM = 'trained'
"""The arm that all others are compared with."""
HINDSIGHT = 'hindsight'
"""Name of the best constant in hindsight, which is made of the missions of FIRST_ARM."""


class StudyCell(NamedTuple):
    """Missions of one arm that are flown alike."""

    arm: str
    told: float
    """Factor from the true elapsed time to the one that the pilot is told."""
    course: str


@dataclass(frozen=True)
class Study(SeededStudy):
    """The plan of the study, and where its parts are kept."""

    @property
    def told(self) -> list[float]:
        """Factors by which the stamps lie."""
        return self.plan['told']

    @property
    def cells(self) -> list[StudyCell]:
        """All cells of the plan, the most important ones first."""
        plan, extra = self.plan, self.plan['hindsight']['told']
        found = [
            StudyCell(arm, told, course)
            for arm in plan['arms']
            for told in self.told
            for course in plan['courses']
        ]
        found += [
            StudyCell(FIRST_ARM, told, course)
            for told in extra
            if told not in self.told
            for course in plan['courses']
        ]
        counted = plan['counted']
        found += [
            StudyCell(arm, counted['told'], course)
            for arm in counted['arms']
            for course in counted['courses']
        ]
        return found

    def kind(self, arm: str) -> str:
        """Return the kind of pilot of an arm."""
        return self.plan['arms'][arm]['pilot']

    def mode(self, cell: StudyCell) -> str:
        """Return the mode of a cell."""
        return mode_of(cell.told, self.plan['arms'][cell.arm]['arm'])

    def trained(self, seed: int) -> dict[str, PilotFile]:
        """Return the pilots of a training seed that exist, by kind."""
        return self.existing(self.plan['pilots'], seed)

    def forests(self, seed: int) -> range:
        """Return the forests that the pilots of a training seed fly through."""
        return forests_of(self.plan, seed)

    @property
    def offline_path(self) -> Path:
        """The file of the offline scores."""
        return self.files.work / 'offline.json'
