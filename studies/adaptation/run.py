"""The adaptation study: arms, conditions, forests and controls as study.yaml lists them.

    python studies/adaptation/run.py [STEP ...] [--only NAME] [--smoke] [--workers 2] [--publish]

Step `train` collects demonstrations, trains the pilots that are missing (those of the robustness
study too) and measures their training statistics. Step `fixed` chooses the best fixed low-pass
filter in forests of its own. Step `grid` scales the time constants of the memory pilots, offline.
Step `fly` flies the missing missions, in the order of the plan (--only NAME: one part). Step
`schedule` flies A-B-A-C-A and an hour of A without resets. Step `report` writes results.json,
README.md and the pictures from the missions flown so far. Without a step all of them are done. What
exists is not made again, so a study that was stopped goes on. Pilots, missions, demonstrations and
checkpoints are kept in runs/adaptation, and the report too unless --publish puts it in place of the
published one. Step `page` writes README.md and the pictures of results.json again. --smoke does a
tiny study in runs/adaptation-smoke. The last line printed is one JSON object.
"""

# ruff: noqa: I001 -- the path and the thread pools are set before anything else is imported
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from studies import thread_limits  # noqa: F401

import itertools
import json
from typing import Any

from liquid_pilot import pilot_file
from liquid_pilot.utils.atomic_write import write_atomically
from studies import common
from studies.adaptation import arms, page, report, schedule
from studies.adaptation.study import HERE, Study
from studies.study_plan import FOREST_STRIDE
from studies.common import Display, Missions

STEPS = ('train', 'fixed', 'grid', 'fly', 'schedule', 'report')


def choose_fixed_filter(study: Study, workers: int, display: Display) -> dict[str, Any]:
    """Choose the best fixed low-pass filter of the plan; the figures are kept in fixed.json.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    plan = study.plan['fixed']
    modes = [
        f'{arms.FIXED_FILTER}:{gain:g},{str(rotation).lower()}'
        for gain, rotation in itertools.product(plan['gains'], plan['rotation_compensation'])
    ]
    conditions = ['clear', *study.plan['families']['development']]
    planned = len(study.seeds) * len(modes) * len(conditions) * plan['forests']
    missions = Missions(display, 'low-pass filters', planned)
    rows = {mode: {'mode': mode, 'successes': 0, 'missions': 0} for mode in modes}
    for seed in study.seeds:
        first = plan['first_forest'] + FOREST_STRIDE * (seed - 1)
        forests = range(first, first + plan['forests'])
        chosen = [('ltc', mode) for mode in modes]
        results = study.evaluate(missions, seed, chosen, conditions, forests, workers)
        for key, flight in results.flights.items():
            rows[key.mode]['missions'] += 1
            rows[key.mode]['successes'] += flight.outcome == 'success'
    best = max(rows.values(), key=lambda row: row['successes'])
    content = {'best': best['mode'], 'tried': list(rows.values())}
    write_atomically(study.fixed_filter_path, (json.dumps(content, indent=1) + '\n').encode())
    return content


def score_memory_pilots(study: Study, workers: int, display: Display) -> None:
    """Score memory pilots of the first training seed on held-out courses; kept in grid.json.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
    """
    from studies.adaptation import grid, pilots

    paths, conditions = pilots.held_out_courses(study, workers, display)
    seed = study.seeds[0]
    found, scaled = {}, {}
    for kind in [kind for kind in study.plan['pilots'] if kind.startswith(pilots.MEMORY)]:
        pilot = pilot_file.load(study.pilot(kind, seed))
        courses = grid.HeldOutCourses(pilot, paths, conditions)
        found[kind] = courses.score()
        if kind == f'{pilots.MEMORY}ltc':
            scaled = courses.scale_capacitances()
    content = {'training_seed': seed, 'pilots': found, 'scaled': scaled}
    write_atomically(study.grid_path, (json.dumps(content, indent=1) + '\n').encode())


def fly(study: Study, workers: int, display: Display, only: str | None) -> dict[str, float]:
    """Fly the missing missions, part by part; returns the throughput.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.
        only: part of the missions to fly; None: all parts.
    """
    throughput: dict[str, float] = {}
    for part in study.plan['flights']:
        if only not in (None, part['name']):
            continue
        chosen = [study.arm(name) for name in part['arms']]
        conditions = study.conditions(part)
        planned = sum(len(study.forests(part, seed)) for seed in study.seeds)
        missions = Missions(display, part['name'], planned * len(chosen) * len(conditions))
        # Condition by condition: a row is complete before the next one begins.
        for condition, seed in itertools.product(conditions, study.seeds):
            forests = study.forests(part, seed)
            study.evaluate(missions, seed, chosen, [condition], forests, workers)
        throughput = missions.throughput or throughput
    return throughput


def part_names(smoke: bool) -> list[str]:
    """Return what --only may name: parts of the missions, and kinds of pilots."""
    plan = common.read_plan(HERE, smoke).plan
    return [part['name'] for part in plan['flights']] + plan['pilots']


def main(arguments: list[str] | None = None) -> int:
    """Do the steps of the command line; returns the exit code."""
    parsed = common.parse_arguments(__doc__, STEPS, arguments, part_names)
    files = common.read_plan(HERE, parsed.smoke, parsed.runs, parsed.publish)
    study, steps, workers = Study(files), parsed.steps, parsed.workers

    def do_steps(display: Display) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'train' in steps:
            from studies.adaptation import pilots

            pilots.train_missing(study, workers, display, parsed.only)
        if 'grid' in steps:
            score_memory_pilots(study, workers, display)
        if 'fixed' in steps:
            closing['fixed'] = choose_fixed_filter(study, workers, display)['best']
        if 'schedule' in steps:
            schedule.fly(study, workers, display)
            schedule.fly_frozen_baseline(study, workers, display)
        if 'fly' in steps:
            closing['throughput'] = fly(study, workers, display, parsed.only)
        return closing

    def write_report() -> dict[str, Any]:
        return common.publish(
            files,
            steps,
            lambda: report.summarise(study),
            lambda content: sum(cell['missing'] for cell in report.cells(content)),
            lambda content: (page.markdown(study, content), page.pictures(content)),
            lambda content: {
                'flown': sum(cell['missions'] for cell in report.cells(content)),
                'missing': sum(cell['missing'] for cell in report.cells(content)),
            },
        )

    return common.run(do_steps, write_report)


if __name__ == '__main__':
    sys.exit(main())
