"""Measure what a saliency map costs, for each method.

    python benchmarks/explanation/saliency_cost.py [--pilot forest-ltc] [--rounds 100] [--quick]

All methods take turns on the same pictures of noise, one thread. `cpu_ms` has the median of the
processor time of a map of one command, which a busy machine hardly changes, and `wall_ms` that of
the elapsed time; `features` is the time of the features alone. The last line printed is one JSON
object.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.explanation.pixels import METHODS, PixelExplainer
from liquid_pilot.pilot_file import PilotFile


def measure(pilot: PilotFile, rounds: int) -> dict[str, Any]:
    """Return all figures."""
    explainer, rng = PixelExplainer(pilot), np.random.default_rng(0)
    camera = pilot.specification.camera
    pictures = rng.random((8, 1, 3, camera.height, camera.width), np.float32)
    by_feature = rng.normal(size=pilot.specification.features)
    tasks: dict[str, Callable[[np.ndarray], object]] = {'features': explainer.features}
    for method in METHODS:
        tasks[method] = partial(explainer.explain, method=method, by_feature=by_feature)
    times_ms = np.empty((rounds, len(tasks), 2))
    for turn in range(rounds):
        for number, task in enumerate(tasks.values()):
            began = time.process_time(), time.perf_counter()
            task(pictures[turn % len(pictures)])
            times_ms[turn, number] = (
                1e3 * (time.process_time() - began[0]),
                1e3 * (time.perf_counter() - began[1]),
            )
    cpu, wall = np.median(times_ms, axis=0).T
    return {
        'cpu_ms': {name: round(float(each), 2) for name, each in zip(tasks, cpu, strict=True)},
        'wall_ms': {name: round(float(each), 2) for name, each in zip(tasks, wall, strict=True)},
        'rounds': rounds,
        'pilot': pilot.digest[:12],
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--pilot', default='forest-ltc', help='name or folder of a pilot')
    parser.add_argument('--rounds', type=int, default=100, help='number of maps of each method')
    parser.add_argument('--quick', action='store_true', help='few rounds, for a test')
    parsed = parser.parse_args(arguments)
    pilot = pilot_file.load(pilot_file.resolve(parsed.pilot))
    print(json.dumps(measure(pilot, 2 if parsed.quick else parsed.rounds)))


if __name__ == '__main__':
    main()
