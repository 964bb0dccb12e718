"""The study of adaptation: arms, weather, forests and controls as study.yaml lists them.

    python studies/adaptation/run.py [STEP ...] [--smoke] [--workers 2]

Steps: `prepare` demonstrates, trains the pilots that are missing and measures what is familiar to
each; `fixed` chooses the best fixed low-pass on forests of its own; `schedule` flies A-B-A-C-A and
an hour of A without resets; `fly` flies what is missing, in the order of study.yaml (--only NAME
for one part); `grid` scales the time constants of the memory pilots, offline; `report` writes
docs/adaptation.json and the tables and figures of docs/evidence.md from what has been flown so far.
Without words it does all of them. Everything is resumable. Pilots and flights are kept in this
folder, demonstrations and checkpoints under runs/adaptation. The last line printed is one JSON
object. --smoke does a tiny study into runs/adaptation-smoke.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '2')
# Threads that spin while they wait cost a busy machine two thirds of its speed.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import itertools
import json
import sys
from pathlib import Path
from typing import Any

from rich.progress import Progress

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import arms
from study import Study

import studies
from liquid_pilot import pilot_file

STEPS = ('prepare', 'fixed', 'grid', 'fly', 'schedule', 'report')


def choose_fixed(study: Study, workers: int, progress: Progress) -> dict[str, Any]:
    """The best fixed low-pass of those of study.yaml, on forests of its own; kept in fixed.json."""
    plan = study.content['fixed']
    modes = [
        f'{arms.PREFIX}fixed:{gain:g},{str(follow).lower()}'
        for gain, follow in itertools.product(plan['gains'], plan['follow_rotation'])
    ]
    conditions = ['clear', *study.content['families']['development']]
    rows = {mode: {'mode': mode, 'successes': 0, 'missions': 0} for mode in modes}
    for seed in study.seeds:
        first = plan['first_forest'] + 10_000 * (seed - 1)
        results = study.evaluate(
            seed,
            [('ltc', mode) for mode in modes],
            conditions,
            range(first, first + plan['forests']),
            workers,
            progress,
            f'low-pass, seed {seed}',
        )
        for cell, flight in results.flights.items():
            rows[cell.mode]['missions'] += 1
            rows[cell.mode]['successes'] += flight.outcome == 'success'
    best = max(rows.values(), key=lambda row: row['successes'])
    found = {'best': best['mode'], 'tried': list(rows.values())}
    (study.record / 'fixed.json').write_text(json.dumps(found, indent=1) + '\n')
    return found


def score_grid(study: Study, workers: int, progress: Progress) -> None:
    """Memory pilots of the first training seed on held-out courses; kept in grid.json."""
    import grid
    import makers

    paths, conditions = makers.judged_courses(study, workers, progress)
    seed, found = study.seeds[0], {}
    for kind in [kind for kind in study.content['pilots'] if kind.startswith(makers.MEMORY)]:
        courses = grid.Courses(pilot_file.load(study.pilot(kind, seed)), paths, conditions)
        found[kind] = courses.judge()
        if kind == f'{makers.MEMORY}ltc':
            scaled = courses.grid()
    (study.record / 'grid.json').write_text(
        json.dumps({'training_seed': seed, 'pilots': found, 'scaled': scaled}, indent=1) + '\n'
    )


def fly(study: Study, workers: int, progress: Progress, only: str | None) -> dict[str, float]:
    """Fly what is missing, part by part; how fast it went."""
    speed: dict[str, float] = {}
    for part in study.content['flights']:
        if only not in (None, part['name']):
            continue
        chosen = [study.arm(name) for name in part['arms']]
        # Condition by condition: a row is complete before the next begins.
        for condition, seed in itertools.product(study.conditions(part), study.seeds):
            results = study.evaluate(
                seed,
                chosen,
                [condition],
                study.forests(part, seed),
                workers,
                progress,
                f'{part["name"]}: {condition}, training seed {seed}',
            )
            if results.flown:
                speed = results.throughput.to_json()
    return speed


def parts(smoke: bool) -> list[str]:
    """What --only may name."""
    content, _, _ = studies.read(HERE, smoke)
    return [part['name'] for part in content['flights']] + content['pilots']


def main(arguments: list[str] | None = None) -> int:
    """See the module."""
    parsed = studies.parse(__doc__, STEPS, arguments, parts)
    study, steps = Study.read(parsed.smoke), parsed.steps

    def work(progress: Progress) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'prepare' in steps:
            import makers

            makers.prepare(study, parsed.workers, progress, parsed.only)
        if 'grid' in steps:
            score_grid(study, parsed.workers, progress)
        if 'fixed' in steps:
            closing['fixed'] = choose_fixed(study, parsed.workers, progress)['best']
        if 'schedule' in steps:
            import schedule

            schedule.fly(study, parsed.workers, progress)
            schedule.frozen(study, parsed.workers, progress)
        if 'fly' in steps:
            closing['throughput'] = fly(study, parsed.workers, progress, parsed.only)
        return closing

    def report() -> dict[str, Any]:
        import record

        return record.write(study, study.work if parsed.smoke else studies.ROOT / 'docs')

    return studies.run(work, report if 'report' in steps else None)


if __name__ == '__main__':
    sys.exit(main())
