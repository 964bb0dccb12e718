"""Score the saliency maps of pilots against what the pictures of their missions really show.

    python benchmarks/explanation/saliency_table.py forest-ltc [PILOT ...] [--missions 20]
        [--seed 10000] [--every 20] [--condition clear] [--methods visual_backprop ...]

Each pilot flies the missions as trained. Every `--every` ticks, each method makes the map of all
features and that of the yaw rate, and `explanation.flights.saliency_frames` scores them. A figure
is the mean over the missions of the mean over the frames of each, with its 95 % interval from 2000
resamples of the missions. The last line printed is one JSON object: pilot, then map ('METHOD' or
'METHOD, yaw rate'), then score, then [mean, low, high].
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')

import argparse
import json
import sys
import warnings
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.explanation.flights.saliency_frames import (
    RANDOM,
    StateRecorder,
    mission_frames,
    score_frame,
)
from liquid_pilot.explanation.pixels import METHODS, PixelExplainer
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings

RESAMPLES = 2000
SHOWN = (
    *('goal share', 'goal area', 'goal hit', 'goal chance'),
    *('near trunks share', 'near trunks area'),
    *('deletion', 'insertion', 'stability', 'last rank', 'all rank', 'all ssim'),
)
"""The scores of the printed table."""
Scores = dict[str, dict[str, list[float]]]


def score_pilot(
    pilot: PilotFile, seeds: Sequence[int], every: int, condition: str, methods: Sequence[str]
) -> Scores:
    """Return the mean, low and high of each score of each map."""
    explainer = PixelExplainer(pilot)
    missions: dict[tuple[str, str], list[float]] = defaultdict(list)
    settings = SimulationSettings(vehicle=pilot.specification.vehicle)
    with StateRecorder(settings) as simulation, warnings.catch_warnings():
        # A mission in which no frame shows an object has no score of it.
        warnings.simplefilter('ignore', RuntimeWarning)
        for number, seed in enumerate(seeds):
            frames: dict[tuple[str, str], list[float]] = defaultdict(list)
            for frame in mission_frames(pilot, simulation, seed, every, parse(condition)):
                for method in (RANDOM, *methods):
                    for suffix, weights in (('', None), (', yaw rate', frame.by_feature)):
                        for name, value in score_frame(explainer, frame, method, weights).items():
                            frames[method + suffix, name].append(value)
            for key, values in frames.items():
                missions[key].append(float(np.nanmean(values)))
            print(f'\r{pilot.path.name}: {number + 1}/{len(seeds)} ', end='', file=sys.stderr)
        found: Scores = defaultdict(dict)
        for (name, score), values in missions.items():
            found[name][score] = [round(each, 4) for each in interval(np.array(values))]
    print(file=sys.stderr)
    return found


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the mean of some missions, and its 95 % interval."""
    values = values[np.isfinite(values)]
    if not len(values):
        return (float('nan'),) * 3
    picks = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[picks].mean(axis=1), (2.5, 97.5))
    return float(values.mean()), float(low), float(high)


def table(found: Scores) -> str:
    """Return the means of the most important scores as text."""
    width = max(map(len, found))
    lines = [' ' * width + ''.join(f'  {name}' for name in SHOWN)]
    for name, row in found.items():
        cells = (f'{row.get(score, [np.nan])[0]:{len(score) + 2}.3f}' for score in SHOWN)
        lines.append(f'{name:{width}}' + ''.join(cells))
    return '\n'.join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Score all pilots, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('pilots', nargs='+', help='names or folders of pilots')
    parser.add_argument('--missions', type=int, default=20, help='number of missions of each')
    parser.add_argument('--seed', type=int, default=10000, help='seed of the first mission')
    parser.add_argument('--every', type=int, default=20, help='ticks between two frames')
    parser.add_argument('--condition', default='clear', help='condition of all missions')
    parser.add_argument(
        '--methods', nargs='+', choices=METHODS, default=METHODS[:-1], help='methods of the maps'
    )
    parsed = parser.parse_args(arguments)
    seeds = range(parsed.seed, parsed.seed + parsed.missions)
    results = {}
    for name in parsed.pilots:
        pilot = pilot_file.load(pilot_file.resolve(name))
        found = score_pilot(pilot, seeds, parsed.every, parsed.condition, parsed.methods)
        print(f'{name}, {parsed.condition}, seeds {seeds.start} to {seeds.stop - 1}')
        print(table(found))
        results[name] = found
    print(json.dumps(results))


if __name__ == '__main__':
    main()
