"""The schedule A-B-A-C-A and an hour of A: one learner, never reset, over many missions.

Every mission begins with a network without a past, as after a landing, but the learner keeps what
it has learned. Each training seed flies its schedule, and its hour, in a process of its own.
Finished ones are kept in `flights/SEED/schedule.json` and `hour.json` of the working folder.
"""

from __future__ import annotations

import json
import math
import sys
from concurrent.futures import as_completed
from typing import Any

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.onboard.adaptation.learner import TimeScaleLearner
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.atomic_write import write_atomically
from liquid_pilot.utils.processes.process_pool import spawned_pool
from studies.adaptation.study import PHASE_STRIDE, SCHEDULE_OFFSET, Study
from studies.common import ROOT, Display, Missions

SCHEDULE_FILE, HOUR_FILE = 'schedule.json', 'hour.json'
_HOUR_OFFSET = 2000
"""First forest of the hour, counted from the first forest of the schedule."""


class PersistentPilot:
    """An adapting pilot whose learner is not reset between missions.

    Args:
        path: folder of the pilot.
        simulation: the simulation whose camera the pilot sees.
    """

    def __init__(self, path: str, simulation: Simulation) -> None:
        file = pilot_file.load(path)
        self.learner = TimeScaleLearner(file.require_statistics(), Engine(file).scalable_neurons)
        self._simulation = simulation
        self._pilot = InProcessPilot(
            file,
            simulation,
            adapting=AdaptationSettings(),
            learner=self.learner,
            keep_learned=True,
        )
        self._pilot.warm_up()

    def fly(self, forest: int, condition: str) -> dict[str, Any]:
        """Fly one mission and return its outcome and the figures of the learner."""
        largest, total, ticks = 0.0, 0.0, 0

        def on_command(command: object) -> None:
            nonlocal largest, total, ticks
            scales = self._filter_log_scales()
            largest = max(largest, float(np.abs(scales).max()))
            total += float(scales.mean())
            ticks += 1

        result = fly_mission(
            forest,
            self._simulation,
            self._pilot,
            conditions=parse(condition),
            on_command=on_command,
        )
        return {
            'forest': forest,
            'won': result.outcome == 'success',
            'duration_s': round(result.duration_s, 2),
            'largest': round(largest, 4),
            'mean': round(total / max(ticks, 1), 4),
            # What the mission leaves behind.
            'left': round(float(np.abs(self._filter_log_scales()).max()), 4),
            'calm': self.learner.within_training_range,
        }

    def _filter_log_scales(self) -> np.ndarray:
        return self.learner.time_scale_update.temporal_filter


def fly_schedule(path: str, phases: list[tuple[str, range]]) -> dict[str, Any]:
    """Fly the phases of one training seed, one after the other, with one learner.

    Args:
        path: folder of the pilot.
        phases: (condition, forests) of each phase.
    """
    with Simulation() as simulation:
        pilot = PersistentPilot(path, simulation)
        return {
            'phases': [
                {
                    'condition': condition,
                    'flights': [pilot.fly(forest, condition) for forest in forests],
                }
                for condition, forests in phases
            ]
        }


def fly_hour(path: str, condition: str, first_forest: int, seconds: float) -> dict[str, Any]:
    """Fly missions with one learner until they have lasted so many seconds.

    Args:
        path: folder of the pilot.
        condition: the condition of all missions.
        first_forest: forest of the first mission; the next ones follow it.
        seconds: duration of all missions together.
    """
    flown_s, rows = 0.0, []
    with Simulation() as simulation:
        pilot = PersistentPilot(path, simulation)
        while flown_s < seconds:
            rows.append(pilot.fly(first_forest + len(rows), condition))
            flown_s += rows[-1]['duration_s']
    return {'condition': condition, 'flown_s': round(flown_s, 1), 'flights': rows}


def fly(study: Study, workers: int, display: Display) -> None:
    """Fly the schedules and hours that are missing.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    plan = study.plan['schedule']
    waiting = [
        (path, seed)
        for file in (SCHEDULE_FILE, HOUR_FILE)
        for seed in study.seeds
        if not (path := study.flights(seed) / file).is_file()
    ]
    if not waiting:
        return
    with spawned_pool(min(workers, len(waiting)), _start_worker, (str(ROOT),)) as pool:
        futures = {}
        for path, seed in waiting:
            pilot = str(study.pilot('ltc', seed))
            if path.name == HOUR_FILE:
                first = study.first_forest(seed) + SCHEDULE_OFFSET + _HOUR_OFFSET
                future = pool.submit(fly_hour, pilot, plan['hour'], first, plan['hour_s'])
            else:
                phases = [
                    (condition, study.phase_forests(seed, k))
                    for k, condition in enumerate(plan['phases'])
                ]
                future = pool.submit(fly_schedule, pilot, phases)
            futures[future] = path
        for done, future in enumerate(as_completed(futures), start=1):
            path = futures[future]
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(future.result(), separators=(',', ':')) + '\n'
            write_atomically(path, text.encode())
            display.announce('schedules and hours', done, len(waiting), math.nan)


def _start_worker(root: str) -> None:
    sys.path.insert(0, root)


def fly_frozen_baseline(study: Study, workers: int, display: Display) -> None:
    """Fly the missions of the schedule with the pilots as trained, for the pairs.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    phases = study.plan['schedule']['phases']
    planned = len(study.seeds) * len(phases) * study.plan['schedule']['flights']
    missions = Missions(display, 'schedules as trained', planned)
    for seed in study.seeds:
        for k, condition in enumerate(phases):
            forests = study.phase_forests(seed, k)
            study.evaluate(missions, seed, [('ltc', '')], [condition], forests, workers)


def phase_of(study: Study, seed: int, forest: int) -> int:
    """Return the phase of the schedule that a forest belongs to, if it is one of its forests.

    Args:
        study: the study.
        seed: the training seed.
        forest: seed of the forest.
    """
    return (forest - study.first_forest(seed) - SCHEDULE_OFFSET) // PHASE_STRIDE
