"""The plan of the driving study as an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from liquid_pilot import pilot_file
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.tasks.registry import task_of
from studies.common import ROOT
from studies.driving import arms
from studies.study_plan import StudyPlan

HERE = Path(__file__).resolve().parent
SHIPPED = ROOT / 'pilots' / 'road-ltc'
VEHICLE = 'rover'
LIQUID, ORACLE, UNSCALED = 'ltc', 'oracle', 'as trained'
ArmPilot = tuple[str, str, PilotFile]
"""Name of an arm, its mode, and its pilot."""


@dataclass(frozen=True)
class Study(StudyPlan):
    """The plan of the study, and where its parts are kept."""

    @property
    def roads(self) -> range:
        """Seeds of the roads, the same for all arms."""
        return range(self.plan['first_road'], self.plan['first_road'] + self.plan['roads'])

    @property
    def search_roads(self) -> range:
        """Seeds of the roads of the search."""
        search = self.plan['search']
        return range(search['first_road'], search['first_road'] + search['roads'])

    @property
    def rules(self) -> MissionRules:
        """Rules of the missions: those of the task, perhaps with a shorter time limit."""
        rules = task_of(VEHICLE).rules
        limit_s = self.plan.get('time_limit_s')
        return replace(rules, time_limit_s=limit_s) if limit_s else rules

    @property
    def training(self) -> dict[str, Any]:
        """Settings of the training of all networks."""
        settings = yaml.safe_load((ROOT / 'config' / 'train_road.yaml').read_text())
        return {**settings, **self.plan.get('training', {})}

    def pilot(self, network: str) -> Path:
        """Return the folder of a pilot. The liquid one is the pilot that the package ships."""
        if network == LIQUID and not self.files.smoke:
            return SHIPPED
        return self.files.work / 'pilots' / network

    def exists(self, arm: str) -> bool:
        """Return whether the pilot of an arm exists."""
        return self.pilot(arm.split()[0]).is_dir()

    def drives(self, folder: str) -> Path:
        """Return the folder of the missions: 'drives', or 'search'."""
        return self.files.work / folder

    def arm(self, name: str) -> ArmPilot:
        """Return an arm of study.yaml, 'NETWORK MODE'."""
        network, mode = name.split()
        return name, self.plan['modes'][mode], pilot_file.load(self.pilot(network))

    def scaled_pilots(self) -> list[ArmPilot]:
        """Return the liquid pilot, the same with scaled parameters, and the oracle if it exists."""
        search, pilot = self.plan['search'], pilot_file.load(self.pilot(LIQUID))
        found: list[ArmPilot] = [(UNSCALED, '', pilot)]
        for names, factors in (
            (('cm',), search['capacitances']),
            (('gleak',), search['leaks']),
            (('cm', 'gleak'), search['both']),
        ):
            for factor in factors:
                label = f'{" and ".join(names)} x {factor:g}'
                found.append((label, '', self._scaled_pilot(pilot, names, factor)))
        found += [
            (f'temporal filter x {factor:g}', f'{arms.SCALED_FILTER}{factor:g}', pilot)
            for factor in search['temporal_filters']
        ]
        if self.pilot(ORACLE).is_dir():
            found.append((ORACLE, '', pilot_file.load(self.pilot(ORACLE))))
        return found

    def _scaled_pilot(self, pilot: PilotFile, names: Sequence[str], factor: float) -> PilotFile:
        """Return the pilot with all values of these parameters multiplied by a factor."""
        values = {name: np.float32(getattr(pilot.parameters, name) * factor) for name in names}
        folder = self.files.work / 'scaled' / f'{"-".join(names)}-{factor:g}'
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            pilot_file.save(
                folder,
                replace(pilot.specification, name=folder.name),
                pilot.wiring,
                replace(pilot.parameters, **values),
                pilot.encoder,
            )
        return pilot_file.load(folder)
