"""The plan of the generalist study as an object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from liquid_pilot import pilot_file
from liquid_pilot.pilot_file import PilotFile
from studies.study_plan import StudyPlan

HERE = Path(__file__).resolve().parent
SHIPPED = 'shipped'
"""Name of the arm of the pilot that ships."""


@dataclass(frozen=True)
class Study(StudyPlan):
    """The plan of the study, and where its parts are kept."""

    @property
    def candidates(self) -> list[str]:
        """Names of the candidates; the first one steers in DAgger."""
        return list(self.plan['candidates'])

    def pilot(self, name: str) -> Path:
        """Return the folder of a candidate."""
        return self.files.work / 'pilots' / name

    def training(self, name: str) -> Path:
        """Return the folder of a training."""
        return self.files.work / 'training' / name

    def arms(self) -> dict[str, PilotFile]:
        """Return the pilots that exist by name: that which ships, and the candidates."""
        found = {SHIPPED: pilot_file.load(pilot_file.resolve(self.plan['shipped']))}
        for name in self.candidates:
            if self.pilot(name).is_dir():
                found[name] = pilot_file.load(self.pilot(name))
        return found

    def forests(self, step: str) -> range:
        """Return the forests of 'development' or 'flights'."""
        part = self.plan[step]
        return range(part['first_forest'], part['first_forest'] + part['forests'])

    def conditions(self, step: str) -> list[str]:
        """Return the labels of the conditions of 'development' or 'flights', in their order."""
        part = self.plan[step]
        if 'parts' not in part:
            return list(part['conditions'])
        return [label for labels in part['parts'].values() for label in labels]

    def missions(self, step: str) -> Path:
        """Return the folder of the missions of 'development' or 'flights'."""
        return self.files.work / step
