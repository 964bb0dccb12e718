"""Measure what the photometric match does to a pilot's commands, in open loop.

    python benchmarks/conditions/photometric_match.py [--conditions LIST] [--forests 4] [--quick]

An expert flies 7.5 s through each forest. In each condition the camera sees the same flight, and
the pilot is given the pictures without steering: as trained, and with the photometric match alone.
The error of a command is its difference from the one that the pilot as trained gives to the clear
pictures, as a share of the command's scale: root mean square over the four components and all
frames. `growth` is the error with the match over that without it, less 1, with a 95 % bootstrap
interval over the forests. `gain` is the median gain, and its 5 and 95 % quantiles. An open loop
tells what a stage does to the commands, not how flights end. The last line printed is one JSON
object.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')

import argparse
import json
import sys
from collections.abc import Sequence

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import Observation
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import CLEAR, parse
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import expand_conditions

MATCH_ALONE = (
    'adapt:temporal_filter=false,reject_novel_frames=false,slow_core_on_novelty=false,'
    'slowdown_on_blindness=false'
)
CONDITIONS = 'blur:1,blur:3,blur:5,dirt:4,contrast:4,night:4,snow:4,fog:4,bright:4,rain:4'
FIRST_FOREST, FORESTS = 13_200_000, 4
TICKS, QUICK_TICKS = 150, 10
RESAMPLES = 2000


def observe(simulation: Simulation, seed: int, condition: str, max_ticks: int) -> list[Observation]:
    """Return what the camera sees while the expert flies; conditions on the picture change no path.

    Args:
        simulation: the simulation.
        seed: seed of the forest.
        condition: label of the conditions.
        max_ticks: largest number of frames.
    """
    packet = simulation.reset(seed, conditions=parse(condition))
    expert = simulation.task.expert(simulation.layout)
    mission = Mission(seed, simulation.layout, simulation.task.rules)
    seen: list[Observation] = []
    while mission.update(packet) is None and len(seen) < max_ticks:
        if packet.observation is not None:
            seen.append(packet.observation)
        packet = simulation.advance(expert.command(packet.state))
    return seen


def fly_open_loop(engine: Engine, seen: Sequence[Observation]) -> tuple[np.ndarray, np.ndarray]:
    """Return the commands (T, 4), as shares of their scales, and the gains (T,) of T frames."""
    state, commands, gains = engine.initial_state(), [], []
    for observation in seen:
        tick = engine.tick(state, observation)
        state = tick.state
        commands.append(tick.command.values)
        gains.append(tick.frontend_output.gain)
    scale = np.asarray(engine.pilot.specification.command_scale)
    return np.array(commands) / scale, np.array(gains)


def measure(pilot: PilotFile, conditions: Sequence[str], seeds: Sequence[int], ticks: int) -> dict:
    """Return the figures of each condition.

    Args:
        pilot: a pilot of a quadrotor that can adapt.
        conditions: labels of conditions on the picture.
        seeds: seeds of the forests.
        ticks: largest number of frames of a forest.
    """
    with Simulation() as simulation:
        plain = Engine(pilot, simulation.camera)
        matched = Engine(pilot, simulation.camera, adaptation=parse_mode(MATCH_ALONE))
        squares: dict[str, list[tuple[float, float, int]]] = {name: [] for name in conditions}
        gains: dict[str, list[np.ndarray]] = {name: [] for name in conditions}
        for number, seed in enumerate(seeds):
            clear, _ = fly_open_loop(plain, observe(simulation, seed, CLEAR, ticks))
            for name in conditions:
                seen = observe(simulation, seed, name, ticks)
                without, _ = fly_open_loop(plain, seen)
                with_match, gain = fly_open_loop(matched, seen)
                sums = [float(((each - clear) ** 2).sum()) for each in (without, with_match)]
                squares[name].append((sums[0], sums[1], clear.size))
                gains[name].append(gain)
                print(f'\rforest {number + 1}/{len(seeds)}, {name}    ', end='', file=sys.stderr)
    print(file=sys.stderr)
    return {name: _figures(np.array(squares[name]), gains[name]) for name in conditions}


def _figures(squares: np.ndarray, gains: list[np.ndarray]) -> dict:
    """Return the figures of one condition.

    Args:
        squares: (forests, 3) sums of squares without and with the match, and their numbers.
        gains: the gains of the frames of each forest.
    """
    drawn = np.random.default_rng(0).integers(len(squares), size=(RESAMPLES, len(squares)))
    ratios = [np.sqrt(rows[:, 1].sum() / rows[:, 0].sum()) - 1.0 for rows in squares[drawn]]
    without, with_match, count = squares.sum(axis=0)
    return {
        'error_without': round(float(np.sqrt(without / count)), 4),
        'error_with': round(float(np.sqrt(with_match / count)), 4),
        'growth': round(float(np.sqrt(with_match / without)) - 1.0, 3),
        'growth_95': [round(float(end), 3) for end in np.quantile(ratios, (0.025, 0.975))],
        'gain': [round(float(q), 2) for q in np.quantile(np.concatenate(gains), (0.5, 0.05, 0.95))],
        'frames': int(count) // 4,
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--pilot', default='forest-ltc', help='a pilot that can adapt')
    parser.add_argument('--conditions', default=CONDITIONS, help='labels, separated by commas')
    parser.add_argument('--forests', type=int, default=FORESTS, help='number of forests')
    parser.add_argument('--seed', type=int, default=FIRST_FOREST, help='first forest')
    parser.add_argument('--quick', action='store_true', help='half a second of one forest')
    parsed = parser.parse_args(arguments)
    pilot = pilot_file.load(pilot_file.resolve(parsed.pilot))
    seeds = range(parsed.seed, parsed.seed + (1 if parsed.quick else parsed.forests))
    conditions = expand_conditions(parsed.conditions)
    figures = measure(pilot, conditions, seeds, QUICK_TICKS if parsed.quick else TICKS)
    for name, row in figures.items():
        low, high = (100.0 * end for end in row['growth_95'])
        print(
            f'{name:12} error {row["error_without"]:.3f} -> {row["error_with"]:.3f} '
            f'({100 * row["growth"]:+.0f} %, {low:+.0f} to {high:+.0f}), gain {row["gain"][0]:.2f}'
        )
    print(json.dumps({'pilot': pilot.digest[:12], 'forests': len(seeds), 'conditions': figures}))


if __name__ == '__main__':
    main()
