"""The plans of all studies as objects: what they have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liquid_pilot import pilot_file
from liquid_pilot.pilot_file import PilotFile
from studies.common import StudyFiles

FOREST_STRIDE = 10_000
"""Distance between the first forests of two training seeds."""


@dataclass(frozen=True)
class StudyPlan:
    """The plan of a study, and where its parts are kept."""

    files: StudyFiles

    @property
    def plan(self) -> dict[str, Any]:
        """The content of study.yaml."""
        return self.files.plan


@dataclass(frozen=True)
class SeededStudy(StudyPlan):
    """A study whose pilots are trained with several seeds, each with forests of its own."""

    @property
    def seeds(self) -> list[int]:
        """Seeds of the trainings."""
        return self.plan['training_seeds']

    def pilot(self, name: str, seed: int) -> Path:
        """Return the folder of a pilot."""
        return self.files.work / 'pilots' / f'{name}-{seed}'

    def existing(self, names: Iterable[str], seed: int) -> dict[str, PilotFile]:
        """Return those pilots of a training seed that exist, by name."""
        return {
            name: pilot_file.load(self.pilot(name, seed))
            for name in names
            if self.pilot(name, seed).is_dir()
        }

    def flights(self, seed: int) -> Path:
        """Return the folder of the missions of a training seed."""
        return self.files.work / 'flights' / str(seed)


def forests_of(part: dict[str, Any], seed: int, stride: int = FOREST_STRIDE) -> range:
    """Return the forests that the pilots of a training seed fly through.

    Args:
        part: the part of the plan with `first_forest`, and `forests` for each training seed.
        seed: the training seed, from 1.
        stride: distance between the first forests of two training seeds.
    """
    first = part['first_forest'] + stride * (seed - 1)
    return range(first, first + part['forests'])
