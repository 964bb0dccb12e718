"""The study of driving: networks on a road, dry, slippery and in noise, as study.yaml lists them.

    python studies/driving/run.py [STEP ...] [--smoke] [--workers 2]

Steps: `train` demonstrates and trains the pilots that are missing, an oracle among them that is
shown how to drive where the grip is halved; `search` scales the liquid pilot's time constants on a
slippery road; `drive` drives what is missing, in the order of study.yaml; `report` writes
docs/driving.json and docs/driving.md from what has been driven so far. Without words it does all of
them. Everything is resumable. Pilots and drives are kept in this folder, demonstrations and
checkpoints under runs/driving. The last line printed is one JSON object. --smoke does a tiny study
into runs/driving-smoke.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '2')
# Threads that spin while they wait cost a busy machine two thirds of its speed.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import sys
from pathlib import Path
from typing import Any

from rich.progress import Progress

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from study import Study

import studies

STEPS = ('train', 'search', 'drive', 'report')


def drive(study: Study, workers: int, progress: Progress) -> dict[str, float]:
    """Drive what is missing; how fast it went."""
    speed: dict[str, float] = {}
    for part in study.content['drives']:
        for condition in part['conditions']:
            results = study.evaluate(
                [study.arm(name) for name in part['arms']],
                condition,
                study.roads,
                'drives',
                workers,
                progress,
            )
            if results.flown:
                speed = results.throughput.to_json()
    return speed


def search(study: Study, workers: int, progress: Progress) -> None:
    """Drive with scaled time constants, on roads of the search."""
    plan = study.content['search']
    roads = range(plan['first_road'], plan['first_road'] + plan['roads'])
    study.evaluate(study.scaled(), plan['condition'], roads, 'search', workers, progress)


def main(arguments: list[str] | None = None) -> int:
    """See the module."""
    parsed = studies.parse(__doc__, STEPS, arguments)
    study = Study.read(parsed.smoke)

    def work(progress: Progress) -> dict[str, Any]:
        closing: dict[str, Any] = {}
        if 'train' in parsed.steps:
            import makers

            makers.train_all(study, parsed.workers, progress)
        if 'search' in parsed.steps:
            search(study, parsed.workers, progress)
        if 'drive' in parsed.steps:
            closing['throughput'] = drive(study, parsed.workers, progress)
        return closing

    def report() -> dict[str, Any]:
        import record

        return record.write(study, study.work if parsed.smoke else studies.ROOT / 'docs')

    return studies.run(work, report if 'report' in parsed.steps else None)


if __name__ == '__main__':
    sys.exit(main())
