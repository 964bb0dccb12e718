"""A-B-A-C-A and an hour of A: one learner that is never reset, over many flights.

Every flight begins with a fresh network, as after a landing, but what the learner has learned goes
on. Each training seed flies its schedule, and its hour, in a process of its own; what is finished
is kept in `flights/SEED/schedule.json` and `hour.json`.
"""

from __future__ import annotations

import json
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress
from study import Study

from liquid_pilot import pilot_file
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.process_pool import spawned_pool

SCHEDULE_FILE, HOUR_FILE = 'schedule.json', 'hour.json'


class PersistentLearnerPilot(InProcessPilot):
    """An adapting pilot whose learner outlives the flights."""

    def reset(self) -> None:
        """The network anew; the learner and the scales that were accepted stay."""
        learner, self.learner = self.learner, None
        super().reset()
        self.learner = learner
        if learner is not None:
            # The sequence of ticks begins anew with the network.
            self._keeper.answered = -1


def fly_schedule(path: str, phases: list[tuple[str, range]]) -> dict[str, Any]:
    """One training seed: the phases one after another."""
    with Simulation() as simulation:
        pilot = _pilot(path, simulation)
        rows = [
            [_fly(pilot, simulation, seed, condition) for seed in forests]
            for condition, forests in phases
        ]
    return {
        'phases': [
            {'condition': condition, 'flights': own}
            for (condition, _), own in zip(phases, rows, strict=True)
        ]
    }


def fly_hour(path: str, condition: str, first: int, seconds: float) -> dict[str, Any]:
    """Of one training seed, flights of a new learner until so much time has been flown."""
    flown_s, rows = 0.0, []
    with Simulation() as simulation:
        pilot = _pilot(path, simulation)
        while flown_s < seconds:
            rows.append(_fly(pilot, simulation, first + len(rows), condition))
            flown_s += rows[-1]['duration_s']
    return {'condition': condition, 'flown_s': round(flown_s, 1), 'flights': rows}


def _pilot(path: str, simulation: Simulation) -> PersistentLearnerPilot:
    pilot = PersistentLearnerPilot(pilot_file.load(path), simulation, adapting=parse_mode('adapt'))
    pilot.engine.warm_up()
    return pilot


def _fly(
    pilot: PersistentLearnerPilot, simulation: Simulation, seed: int, condition: str
) -> dict[str, Any]:
    largest, total, ticks = 0.0, 0.0, 0

    def on_command(command: object) -> None:
        nonlocal largest, total, ticks
        scales = pilot.learner.proposal.receptors
        largest, total, ticks = (
            max(largest, float(np.abs(scales).max())),
            total + float(scales.mean()),
            ticks + 1,
        )

    result = fly_mission(
        seed, simulation, pilot, conditions=parse(condition), on_command=on_command
    )
    return {
        'forest': seed,
        'won': result.outcome == 'success',
        'duration_s': round(result.duration_s, 2),
        'largest': round(largest, 4),
        'mean': round(total / max(ticks, 1), 4),
        # What the flight leaves behind.
        'left': round(float(np.abs(pilot.learner.proposal.receptors).max()), 4),
        'calm': pilot.learner.calm,
    }


def fly(study: Study, workers: int, progress: Progress) -> None:
    """Fly the schedules and hours that are missing."""
    plan = study.content['schedule']
    waiting = [
        place
        for file in (SCHEDULE_FILE, HOUR_FILE)
        for seed in study.seeds
        if not (place := study.flights(seed) / file).is_file()
    ]
    if not waiting:
        return
    task = progress.add_task('schedules and hours', total=len(waiting))
    with spawned_pool(min(workers, len(waiting)), _start, (str(Path(__file__).parent),)) as pool:
        futures = {}
        for place in waiting:
            seed = int(place.parent.name)
            first = study.content['first_forest'] + 10_000 * (seed - 1) + 5000
            pilot = str(study.pilot('ltc', seed))
            if place.name == HOUR_FILE:
                future = pool.submit(fly_hour, pilot, plan['hour'], first + 2000, plan['hour_s'])
            else:
                phases = [
                    (condition, range(first + 200 * k, first + 200 * k + plan['flights']))
                    for k, condition in enumerate(plan['phases'])
                ]
                future = pool.submit(fly_schedule, pilot, phases)
            futures[future] = place
        for future in as_completed(futures):
            place = futures[future]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(future.result(), separators=(',', ':')) + '\n')
            progress.advance(task)


def _start(folder: str) -> None:
    import sys

    sys.path.insert(0, folder)


def fly_frozen_baseline(study: Study, workers: int, progress: Progress) -> None:
    """The same clear flights of the schedule, as trained, for the pairs."""
    plan = study.content['schedule']
    for seed in study.seeds:
        first = study.content['first_forest'] + 10_000 * (seed - 1) + 5000
        for k, condition in enumerate(plan['phases']):
            forests = range(first + 200 * k, first + 200 * k + plan['flights'])
            study.evaluate(
                seed,
                [('ltc', '')],
                [condition],
                forests,
                workers,
                progress,
                f'schedule as trained, seed {seed}',
            )
