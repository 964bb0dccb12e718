"""The plan of the no-harm study as an object."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.runner import Results
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import CONDITIONS
from liquid_pilot.simulation.base.condition_spec import ConditionSpec
from studies.common import Missions
from studies.no_harm import arms
from studies.study_plan import StudyPlan

HERE = Path(__file__).resolve().parent
WEATHER = HERE / 'weather'
"""The folder of the package that adds the families."""
CALIBRATION_FILE = 'calibration.json'


def add_weather() -> None:
    """Put the families on the path of this process, and so of the workers that it starts."""
    if str(WEATHER) not in sys.path:
        sys.path.insert(0, str(WEATHER))


@dataclass(frozen=True)
class Study(StudyPlan):
    """The plan of the study, and where its parts are kept."""

    @property
    def pilot(self) -> PilotFile:
        """The pilot of all arms."""
        return pilot_file.load(pilot_file.resolve(self.plan['pilot']))

    @property
    def arms(self) -> dict[str, str]:
        """Name of each arm to its mode."""
        return {name: arm.get('mode', '') for name, arm in self.plan['arms'].items()}

    @property
    def families(self) -> dict[str, ConditionSpec]:
        """The families with their descriptions and strengths."""
        return {name: CONDITIONS[name] for name in self.plan['families']}

    @property
    def conditions(self) -> list[str]:
        """Labels of the conditions of the judged missions."""
        sealed = [f'{family}:{self.plan["severity"]}' for family in self.plan['families']]
        return self.plan['flights'].get('conditions', sealed)

    @property
    def forests(self) -> range:
        """Seeds of the judged missions."""
        return _range(self.plan['flights'])

    @property
    def calibration_forests(self) -> range:
        """Seeds of the missions that choose the strengths."""
        return _range(self.plan['calibration'])

    @property
    def calibration(self) -> dict[str, Any]:
        """How the strengths were found: in this working folder, else the published one.

        Raises:
            LiquidPilotError: when there is neither.
        """
        for folder in (self.files.out, self.files.folder):
            if (folder / CALIBRATION_FILE).is_file():
                return json.loads((folder / CALIBRATION_FILE).read_text())
        raise LiquidPilotError(f'{CALIBRATION_FILE} does not exist; do the step `calibrate` first')

    @property
    def flights(self) -> Path:
        """The folder of the judged missions."""
        return self.files.work / 'flights'

    def evaluate(
        self,
        missions: Missions,
        modes: Sequence[str],
        condition: str,
        forests: Sequence[int],
        out: Path,
        workers: int,
    ) -> Results:
        """Fly the missing missions of the pilot in some modes.

        Args:
            missions: the progress bar that counts them.
            modes: adaptation modes, of the package or of this study.
            condition: label of the conditions.
            forests: seeds of the forests.
            out: folder of the missions.
            workers: number of processes.
        """
        return missions.evaluate(
            [self.pilot] * len(modes),
            [condition],
            forests,
            out,
            workers,
            modes=modes,
            make_pilot=arms.make_pilot,
        )


def _range(plan: dict[str, Any]) -> range:
    return range(plan['first_forest'], plan['first_forest'] + plan['forests'])
