"""The plan of the teaching study as an object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from liquid_pilot import pilot_file
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import CLEAR
from studies.study_plan import SeededStudy, forests_of
from studies.teaching.lessons import LessonKey

HERE = Path(__file__).resolve().parent
OFFLINE = 'offline'
"""Name of the lesson that torch gives off the vehicle."""
EXPERT = 'expert'


class StudyCell(NamedTuple):
    """Missions of one arm that are flown alike."""

    arm: str
    lesson: LessonKey | None
    """What the pilot was taught before; None: nothing."""
    condition: str
    """The condition that it flies alone in."""
    forests: int
    """How many forests or roads each training seed flies."""


@dataclass(frozen=True)
class Study(SeededStudy):
    """The plan of the study, and where its parts are kept."""

    @property
    def blocks(self) -> dict[str, list[StudyCell]]:
        """The cells of each block; a cell may be in several, with other numbers of forests."""
        return {name: list(self._cells_of(block)) for name, block in self.plan['blocks'].items()}

    @property
    def cells(self) -> list[StudyCell]:
        """All cells, each once and with the largest number of forests of any block."""
        largest: dict[tuple[Any, ...], StudyCell] = {}
        for cells in self.blocks.values():
            for cell in cells:
                known = largest.get(cell[:3])
                if known is None or known.forests < cell.forests:
                    largest[cell[:3]] = cell
        return list(largest.values())

    @property
    def lessons(self) -> list[tuple[str, LessonKey]]:
        """Kind of pilot and lesson of all that is taught, each once."""
        taught = ((self.kind(cell.arm), cell.lesson) for cell in self.cells)
        kept = ((kind, key._replace(live=False)) for kind, key in taught if key is not None)
        return list(dict.fromkeys(kept))

    def _cells_of(self, block: dict[str, Any]) -> Iterator[StudyCell]:
        seconds = float(block.get('seconds', self.plan['lessons']['seconds']))
        forests = block['forests']
        for arm in block['arms']:
            of = self.plan['arms'][arm]
            lesson, taught_s = of.get('lesson'), float(of.get('seconds', seconds))
            for taught_in in block['taught_in']:
                flown_in = block.get('flown_in', taught_in)
                if lesson is None:
                    yield StudyCell(arm, None, flown_in, forests)
                    continue
                for teacher in block.get('teachers', [EXPERT]):
                    # What is not taught at all is the same everywhere.
                    where = taught_in if taught_s else CLEAR
                    key = LessonKey(lesson, where, taught_s, teacher, of.get('live', False))
                    yield StudyCell(arm, key, flown_in, forests)

    def kind(self, arm: str) -> str:
        """Return the kind of pilot of an arm."""
        return self.plan['arms'][arm]['pilot']

    def trained_arm(self, arm: str) -> str:
        """Return the arm in which the pilot of an arm flies as trained."""
        for name, of in self.plan['arms'].items():
            if of['pilot'] == self.kind(arm) and 'lesson' not in of:
                return name
        raise ValueError(f'no arm flies the pilot of {arm} as trained')

    def pilot(self, kind: str, seed: int) -> Path:
        """Return the folder of a pilot as trained: of the adaptation study, or a shipped one."""
        name = self.plan['pilots'][kind]
        folder = self.files.work_of('adaptation') / 'pilots' / f'{name}-{seed}'
        return folder if folder.is_dir() else Path(pilot_file.resolve(name))

    def trained(self, seed: int) -> dict[str, PilotFile]:
        """Return the pilots of a training seed as trained, by kind."""
        return {kind: pilot_file.load(self.pilot(kind, seed)) for kind in self.plan['pilots']}

    def lesson_forest(self, seed: int) -> int:
        """Return the first forest of the lessons of a training seed."""
        return forests_of({**self.plan['lessons'], 'forests': 1}, seed)[0]

    def lesson_folder(self, kind: str, seed: int) -> Path:
        """Return the folder of the lessons of a pilot."""
        return self.files.work / 'lessons' / f'{kind}-{seed}'

    def lesson_file(self, kind: str, seed: int, lesson: LessonKey) -> Path:
        """Return the file, or the pilot's folder, in which it is kept what a lesson taught."""
        folder = self.lesson_folder(kind, seed)
        if lesson.lesson == OFFLINE:
            return self.files.work / 'pilots' / f'{kind}-{seed},{lesson.name}'
        return folder / lesson.file_name

    def forests(self, seed: int, count: int) -> range:
        """Return the forests or roads that the pilots of a training seed fly alone in."""
        return forests_of({**self.plan['flights'], 'forests': count}, seed)
