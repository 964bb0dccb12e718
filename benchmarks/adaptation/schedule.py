"""A-B-A-C-A and an hour of A: one learner that is never reset, over many flights.

Every flight begins with a fresh network, as after a landing, but what the learner has learned goes
on. Each training seed flies its schedule in a process of its own; finished schedules are kept in
`flights/SEED/schedule.json`.
"""

from __future__ import annotations

import json
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress
from study import Study

from liquid_pilot.evaluation.missions import InProcessPilot, fly_one
from liquid_pilot.liquid import pilot_file
from liquid_pilot.onboard.adapting import parse_mode
from liquid_pilot.simulation.conditions import parse
from liquid_pilot.simulation.workers import spawned_pool
from liquid_pilot.simulation.world import Simulation

FILE = 'schedule.json'


class Keeping(InProcessPilot):
    """An adapting pilot whose learner outlives the flights."""

    def reset(self) -> None:
        """The network anew; the learner and the scales that were accepted stay."""
        learner, self.learner = self.learner, None
        super().reset()
        self.learner = learner
        if learner is not None:
            # The sequence of ticks begins anew with the network.
            self._keeper.answered = -1


def fly_schedule(path: str, phases: list[tuple[str, range]], hour: tuple[str, int, float]
                 ) -> dict[str, Any]:
    """One training seed: the phases one after another, then an hour of flights of a new learner."""
    file = pilot_file.load(path)
    with Simulation() as simulation:
        pilot = Keeping(file, simulation, adapting=parse_mode('adapt'))
        pilot.engine.warm_up()
        rows = [[_fly(pilot, simulation, seed, condition) for seed in forests]
                for condition, forests in phases]
        pilot = Keeping(file, simulation, adapting=parse_mode('adapt'))
        condition, first, seconds = hour
        flown_s, widest, long = 0.0, 0.0, []
        while flown_s < seconds:
            row = _fly(pilot, simulation, first + len(long), condition)
            long.append(row)
            flown_s += row['duration_s']
            widest = max(widest, row['largest'])
    return {'phases': [{'condition': condition, 'flights': own}
                       for (condition, _), own in zip(phases, rows, strict=True)],
            'hour': {'condition': condition, 'flown_s': round(flown_s, 1), 'flights': len(long),
                     'successes': sum(row['won'] for row in long),
                     'largest_log_scale': round(widest, 4)}}


def _fly(pilot: Keeping, simulation: Simulation, seed: int, condition: str) -> dict[str, Any]:
    largest, total, ticks = 0.0, 0.0, 0

    def on_command(command: object) -> None:
        nonlocal largest, total, ticks
        scales = pilot.learner.proposal.receptors
        largest, total, ticks = max(largest, float(np.abs(scales).max())), \
            total + float(scales.mean()), ticks + 1

    result = fly_one(seed, simulation, pilot, conditions=parse(condition), on_command=on_command)
    return {'forest': seed, 'won': result.outcome == 'success',
            'duration_s': round(result.duration_s, 2), 'largest': round(largest, 4),
            'mean': round(total / max(ticks, 1), 4)}


def fly(study: Study, workers: int, progress: Progress) -> None:
    """Fly the schedules that are missing."""
    plan = study.content['schedule']
    waiting = [seed for seed in study.seeds if not (study.flights(seed) / FILE).is_file()]
    if not waiting:
        return
    task = progress.add_task('schedules', total=len(waiting))
    with spawned_pool(min(workers, len(waiting)), _start, (str(Path(__file__).parent),)) as pool:
        futures = {}
        for seed in waiting:
            first = study.content['first_forest'] + 10_000 * (seed - 1) + 5000
            phases = [(condition, range(first + 200 * k, first + 200 * k + plan['flights']))
                      for k, condition in enumerate(plan['phases'])]
            hour = plan['hour'], first + 2000, plan['hour_s']
            futures[pool.submit(fly_schedule, str(study.pilot('ltc', seed)), phases, hour)] = seed
        for future in as_completed(futures):
            place = study.flights(futures[future]) / FILE
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(json.dumps(future.result(), separators=(',', ':')) + '\n')
            progress.advance(task)


def _start(folder: str) -> None:
    import sys

    sys.path.insert(0, folder)


def frozen(study: Study, workers: int, progress: Progress) -> None:
    """The same clear flights of the schedule, as trained, for the pairs."""
    plan = study.content['schedule']
    for seed in study.seeds:
        first = study.content['first_forest'] + 10_000 * (seed - 1) + 5000
        for k, condition in enumerate(plan['phases']):
            forests = range(first + 200 * k, first + 200 * k + plan['flights'])
            study.evaluate(seed, [('ltc', '')], [condition], forests, workers, progress,
                           f'schedule as trained, seed {seed}')
