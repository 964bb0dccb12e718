"""The plan of the retention study as an object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from liquid_pilot.pilot_file import PilotFile
from studies import common, world_clock
from studies.retention.arms import mode_of
from studies.study_plan import SeededStudy, forests_of
from studies.world_clock.study import Study as WorldClockStudy

HERE = Path(__file__).resolve().parent


class StudyCell(NamedTuple):
    """Missions of one arm that are flown alike."""

    arm: str
    held: float
    """Factor on the time for which the vehicle is held."""
    course: str
    """The memory course, such as 'hidden:3'."""

    @property
    def condition(self) -> str:
        """The conditions as text."""
        return condition_of(self.course, self.held)


def condition_of(course: str, held: float) -> str:
    """Return a course with a hold as text.

    >>> condition_of('hidden:3', 8)
    'hidden:3+held=8'
    """
    return f'{course}+held={held:g}'


@dataclass(frozen=True)
class Study(SeededStudy):
    """The plan of the study, and where its parts are kept."""

    @property
    def held(self) -> list[float]:
        """Factors on the time for which the vehicle is held."""
        return self.plan['held']

    @property
    def cells(self) -> list[StudyCell]:
        """All cells of the plan; those of one course and factor stand together."""
        return [
            StudyCell(arm, held, course)
            for held in self.held
            for course in self.plan['courses']
            for arm in self.arms(held)
        ]

    def arms(self, held: float) -> list[str]:
        """Return the arms that fly at a factor on the hold."""
        return [arm for arm, of in self.plan['arms'].items() if held in of.get('held', self.held)]

    def kind(self, arm: str) -> str:
        """Return the kind of pilot of an arm."""
        return self.plan['arms'][arm]['pilot']

    def mode(self, arm: str) -> str:
        """Return the mode of an arm."""
        return mode_of(self.plan['arms'][arm]['arm'])

    @property
    def lender(self) -> WorldClockStudy:
        """The world clock study, whose pilots are flown."""
        folder = Path(world_clock.__file__).parent
        return WorldClockStudy(common.read_plan(folder, self.files.smoke, self.files.runs))

    def pilot(self, kind: str, seed: int) -> Path:
        """Return the folder of a pilot."""
        return self.lender.pilot(self.plan['pilots'][kind], seed)

    def trained(self, seed: int) -> dict[str, PilotFile]:
        """Return the pilots of a training seed that exist, by kind."""
        return self.existing(self.plan['pilots'], seed)

    def forests(self, seed: int) -> range:
        """Return the forests that the pilots of a training seed fly through."""
        return forests_of(self.plan, seed)

    @property
    def recorded_conditions(self) -> tuple[str, ...]:
        """The conditions of the recorded courses, in turn."""
        plan = self.plan['recordings']
        return tuple(
            condition_of(course, held) for held in plan['held'] for course in self.plan['courses']
        )

    @property
    def offline_path(self) -> Path:
        """The file of the offline scores."""
        return self.files.work / 'offline.json'
