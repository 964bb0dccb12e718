"""study.yaml as an object: who drives what, and where it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.progress import Progress

import studies
from liquid_pilot import pilot_file
from liquid_pilot.evaluation import workers as crew
from liquid_pilot.evaluation.runner import Results, evaluate
from liquid_pilot.onboard.adaptation.frontend import FrontendSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.rollout import InProcessPilot
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import task_of

HERE = Path(__file__).resolve().parent
SHIPPED = studies.ROOT / 'pilots' / 'road-ltc'
VEHICLE = 'rover'
LIQUID, ORACLE, UNSCALED = 'ltc', 'oracle', 'as trained'
RECEPTORS = 'study:receptors:'
"""Mode of receptors whose time constants are the trained ones times what follows; no governor."""
ArmPilot = tuple[str, str, PilotFile]
"""Name of the arm, its mode, and the pilot."""


@dataclass(frozen=True)
class Study:
    """The plan, and where its parts are kept."""

    content: dict[str, Any]
    work: Path
    """Demonstrations and checkpoints: large, and cheap to make again."""
    record: Path
    """Pilots and drives."""
    shipped: Path
    """The liquid pilot: it is the one that the package ships."""

    @classmethod
    def read(cls, smoke: bool = False) -> Study:
        """The study, or its smoke version in a folder of its own."""
        content, work, record = studies.read(HERE, smoke)
        return cls(content, work, record, work / 'pilots' / LIQUID if smoke else SHIPPED)

    @property
    def roads(self) -> range:
        """That all arms drive."""
        first = self.content['first_road']
        return range(first, first + self.content['roads'])

    def pilot(self, network: str) -> Path:
        """Where a pilot is kept."""
        return self.shipped if network == LIQUID else self.record / 'pilots' / network

    def arm(self, name: str) -> ArmPilot:
        """Of study.yaml: 'NETWORK MODE'."""
        network, mode = name.split()
        return name, self.content['modes'][mode], pilot_file.load(self.pilot(network))

    def scaled(self) -> list[ArmPilot]:
        """The liquid pilot as it is, with other time constants, and the oracle once it is there."""
        plan, pilot = self.content['search'], pilot_file.load(self.pilot(LIQUID))
        found: list[ArmPilot] = [(UNSCALED, '', pilot)]
        for names, factors in (
            (('cm',), plan['capacitances']),
            (('gleak',), plan['leaks']),
            (('cm', 'gleak'), plan['both']),
        ):
            for factor in factors:
                found.append(
                    (f'{" and ".join(names)} x {factor:g}', '', self._with(pilot, names, factor))
                )
        found += [
            (f'receptors x {factor:g}', f'{RECEPTORS}{factor:g}', pilot)
            for factor in plan['receptors']
        ]
        if self.pilot(ORACLE).is_dir():
            found.append((ORACLE, '', pilot_file.load(self.pilot(ORACLE))))
        return found

    def _with(self, pilot: PilotFile, names: Sequence[str], factor: float) -> PilotFile:
        """The same with all values of these parameters scaled, kept among the checkpoints."""
        values = {name: np.float32(getattr(pilot.parameters, name) * factor) for name in names}
        folder = self.work / 'scaled' / f'{"-".join(names)}-{factor:g}'
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

    def evaluate(
        self,
        drivers: Sequence[ArmPilot],
        condition: str,
        roads: Sequence[int],
        folder: str,
        workers: int,
        progress: Progress,
    ) -> Results:
        """Drive what is missing; Ctrl-C goes through."""
        task = progress.add_task(f'{folder}: {condition}', total=None)

        def on_progress(done: int, total: int, *rest: Any) -> None:
            progress.update(task, completed=done, total=total, visible=done < total)

        rules = task_of(VEHICLE).rules
        if 'time_limit_s' in self.content:
            rules = replace(rules, time_limit_s=self.content['time_limit_s'])
        results = evaluate(
            [pilot for _, _, pilot in drivers],
            [condition],
            roads,
            self.record / folder,
            workers,
            on_progress,
            progress.console.print,
            rules=rules,
            modes=[mode for _, mode, _ in drivers],
            make_pilot=make_pilot,
        )
        progress.update(task, visible=False)
        if results.interrupted:
            raise KeyboardInterrupt
        return results

    @property
    def training(self) -> dict[str, Any]:
        """Settings that all networks are trained by."""
        plan = yaml.safe_load((studies.ROOT / 'config' / 'train_road.yaml').read_text())
        return {**plan, **self.content.get('training', {})}


def make_pilot(file: PilotFile, simulation: Simulation, adapter: str, mode: str) -> InProcessPilot:
    """As `crew.make_pilot`, and receptors of constant time constants."""
    if not mode.startswith(RECEPTORS):
        return crew.make_pilot(file, simulation, adapter, mode)
    front = FrontendSettings(
        photometric=False,
        reject_novel_frames=False,
        slow_core_on_novelty=False,
        slowdown_on_blindness=False,
        govern=False,
    )
    driver = InProcessPilot(file, simulation, adapter, adapting=AdaptationSettings(front))
    scale = np.log(float(mode.removeprefix(RECEPTORS)))
    driver.learner = studies.Constant(
        np.full(file.training_statistics.receptor_tau_s.shape, scale, np.float32),
        driver.engine.scalable_neurons,
    )
    return driver
