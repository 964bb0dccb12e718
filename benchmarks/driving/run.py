"""The study of driving: networks on a road, dry, slippery and in noise, as study.yaml lists them.

    python benchmarks/driving/run.py [STEP ...] [--smoke] [--workers 2]

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

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from study import ROOT, Study

STEPS = ('train', 'search', 'drive', 'report')


def drive(study: Study, workers: int, progress: Progress) -> dict[str, float]:
    """Drive what is missing; how fast it went."""
    speed: dict[str, float] = {}
    for part in study.content['drives']:
        for condition in part['conditions']:
            results = study.evaluate(
                [study.arm(name) for name in part['arms']], condition, study.roads, 'drives',
                workers, progress)
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
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('steps', nargs='*', help=f'of {", ".join(STEPS)}; default: all')
    parser.add_argument('--workers', type=int, default=2, metavar='N', help='processes')
    parser.add_argument('--smoke', action='store_true', help='a tiny study, for a look')
    parsed = parser.parse_args(arguments)
    unknown = set(parsed.steps) - set(STEPS)
    if unknown:
        parser.error(f'no step named {", ".join(sorted(unknown))}; there is: {", ".join(STEPS)}')
    steps = parsed.steps or STEPS
    study = Study.read(parsed.smoke)
    closing: dict[str, Any] = {}
    try:
        with Progress(console=Console(stderr=True)) as progress:
            if 'train' in steps:
                import makers

                makers.train_all(study, parsed.workers, progress)
            if 'search' in steps:
                search(study, parsed.workers, progress)
            if 'drive' in steps:
                closing['throughput'] = drive(study, parsed.workers, progress)
    except KeyboardInterrupt:
        print('stopped; the same command goes on from here', file=sys.stderr)
        return 130
    if 'report' in steps:
        import record

        closing.update(record.write(study, ROOT / 'docs' if not parsed.smoke else study.work))
    print(json.dumps(closing))
    return 0


if __name__ == '__main__':
    sys.exit(main())
