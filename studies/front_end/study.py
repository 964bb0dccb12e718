"""The plan of the front-end study as an object."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file import PilotFile
from studies.common import ROOT
from studies.front_end import arms
from studies.study_plan import StudyPlan

HERE = Path(__file__).resolve().parent
SHIPPED = 'shipped'
PILOTS_OF = 'adaptation'
"""The study whose pilots are flown beside the shipped one."""


class PlannedMission(NamedTuple):
    """One mission of the list, which every arm flies."""

    part: str
    """Part of the mixture."""
    pilot: str
    """Name of the pilot."""
    forest: int
    """Seed of the forest."""


@dataclass(frozen=True)
class Study(StudyPlan):
    """The plan of the study, and where its parts are kept."""

    @property
    def arms(self) -> list[str]:
        """Names of the arms."""
        return list(self.plan['arms'])

    @property
    def parts(self) -> list[str]:
        """Names of the parts of the mixture."""
        return list(self.plan['mixture'])

    @property
    def flights(self) -> Path:
        """The folder of the missions."""
        return self.files.work / 'flights'

    @cached_property
    def missions(self) -> list[PlannedMission]:
        """The list of missions, in the order in which they are flown."""
        cells = list(itertools.product(self.parts, self.plan['pilots'], range(self.plan['rounds'])))
        order = np.random.default_rng(self.plan['order_seed']).permutation(len(cells))
        first = self.plan['first_forest']
        return [
            PlannedMission(*cells[cell][:2], first + number)
            for number, cell in enumerate(order.tolist())
        ]

    def conditions(self, part: str) -> str:
        """Return the conditions of a part of the mixture, as one label."""
        return self.plan['mixture'][part]['conditions']

    def mode(self, arm: str, part: str) -> str:
        """Return the mode of an arm in a part of the mixture."""
        mode = self.plan['arms'][arm]
        return arms.turned(mode, **self.plan['turns']) if self._has_turns(part) else mode

    def _has_turns(self, part: str) -> bool:
        return bool(self.plan['mixture'][part].get('turns', False))

    def pilot(self, name: str) -> PilotFile:
        """Return a pilot.

        Raises:
            LiquidPilotError: it is missing; the message says where it comes from.
        """
        if name == SHIPPED:
            return pilot_file.load(ROOT / 'pilots' / 'forest-ltc')
        folder = self.files.runs / PILOTS_OF / 'pilots' / name
        if not folder.is_dir():
            raise LiquidPilotError(
                f'{folder} does not exist; it is a pilot of the adaptation study, whose page says '
                'how to bring it back (studies/adaptation/README.md)'
            )
        return pilot_file.load(folder)
