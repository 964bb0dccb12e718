"""The plan of the adaptation study as an object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.runner import Results
from liquid_pilot.interfaces import LiquidPilotError
from studies.adaptation import arms
from studies.common import RESULTS_FILE, ROOT, Missions
from studies.study_plan import FOREST_STRIDE, SeededStudy

HERE = Path(__file__).resolve().parent
SHIPPED = ROOT / 'pilots' / 'forest-ltc'
SCHEDULE_OFFSET = 5000
"""First forest of the schedule, counted from the first forest of a training seed."""
PHASE_STRIDE = 200
"""Distance between the first forests of two phases of the schedule."""


@dataclass(frozen=True)
class Study(SeededStudy):
    """The plan of the study, and where its parts are kept."""

    def pilot(self, kind: str, seed: int) -> Path:
        """Return the folder of a pilot."""
        if kind == 'shipped':
            return SHIPPED
        return self.files.work / 'pilots' / f'{kind}-{seed}'

    def arm(self, name: str) -> tuple[str, str]:
        """Return the kind of pilot and the mode of an arm."""
        arm = self.plan['arms'][name]
        mode = arm.get('mode', '')
        return arm['pilot'], self._best_fixed_filter if mode == arms.FIXED_FILTER else mode

    @property
    def fixed_filter_path(self) -> Path:
        """The file of the fixed low-pass filters that were tried."""
        return self.files.work / 'fixed.json'

    @property
    def grid_path(self) -> Path:
        """The file of the offline grid over time constants."""
        return self.files.work / 'grid.json'

    @cached_property
    def _best_fixed_filter(self) -> str:
        """Mode of the best fixed filter: of this working folder, else of the published results."""
        if self.fixed_filter_path.is_file():
            return json.loads(self.fixed_filter_path.read_text())['best']
        published = self.files.folder / RESULTS_FILE
        if self.files.smoke or not published.is_file():
            raise LiquidPilotError(
                'the fixed low-pass filter is not chosen yet; do the step `fixed` first'
            )
        return json.loads(published.read_text())['fixed']['best']

    def conditions(self, part: dict[str, Any]) -> list[str]:
        """Return the labels of the conditions of a part of the missions."""
        if 'conditions' in part:
            return part['conditions']
        onset = f'@{self.plan["onset_s"]}s' if part.get('onset') else ''
        return [label + onset for label in self.plan['families'][part['families']]]

    def first_forest(self, seed: int) -> int:
        """Return the first forest of a training seed."""
        return self.plan['first_forest'] + FOREST_STRIDE * (seed - 1)

    def forests(self, part: dict[str, Any], seed: int) -> range:
        """Return the forests that the pilots of a training seed fly through."""
        first = self.first_forest(seed)
        return range(first, first + self.plan[part.get('forests', 'forests')])

    def phase_forests(self, seed: int, phase: int) -> range:
        """Return the forests of one phase of the schedule."""
        first = self.first_forest(seed) + SCHEDULE_OFFSET + PHASE_STRIDE * phase
        return range(first, first + self.plan['schedule']['flights'])

    def evaluate(
        self,
        missions: Missions,
        seed: int,
        chosen: Sequence[tuple[str, str]],
        conditions: Sequence[str],
        forests: Sequence[int],
        workers: int,
    ) -> Results:
        """Fly the missing missions of some arms of one training seed.

        Args:
            missions: the progress bar that counts them.
            seed: the training seed.
            chosen: (kind of pilot, mode) of each arm.
            conditions: labels of the conditions.
            forests: seeds of the forests.
            workers: number of processes.
        """
        return missions.evaluate(
            [pilot_file.load(self.pilot(kind, seed)) for kind, _ in chosen],
            conditions,
            forests,
            self.flights(seed),
            workers,
            modes=[mode for _, mode in chosen],
            make_pilot=arms.make_pilot,
        )
