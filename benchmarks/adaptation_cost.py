"""Measure what adaptation costs a control tick, in time and memory.

    python benchmarks/adaptation_cost.py [--pilot forest-ltc] [--rounds 150] [--quick]

A pilot as trained and one that adapts (photometric match, temporal filter, novelty gate, and the
time scales of the learner) take turns over the same 640 x 480 frames, 20 ticks a round, one thread
each, and so does one that estimates the gain of its temporal filter. `p50_growth` is the median
over the rounds of the ratio of the rounds' median ticks, less 1; `estimated_p50_growth` that of the
pilot that estimates.
`node_p50_us` is the time of the learner, which runs in another process. `memory_bytes` is how much
more an adapting engine and its state hold than a plain one, as numpy counts it. `world_clock` is
the learner of that name, with all copies that a pilot file may allow: the time of an update, that
of stepping and judging the copies, and the ratio of the latter to a step of the pilot's own core.
The last line printed is one JSON object.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')

import argparse
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import ImageBuffer, ImuSample, Observation
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import TimeScaleLearner
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import TimeScaleStore
from liquid_pilot.onboard.adaptation.world_clock.clock_bank import ClockBank
from liquid_pilot.onboard.adaptation.world_clock.learner import WorldClockLearner
from liquid_pilot.onboard.inference.engine import Engine, learner_input_of
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.pilot_file.specification import CAPACITANCE_SCALE_LIMITS

ESTIMATING = AdaptationSettings(FrontendSettings(filter_gain='estimated'))
WIDTH, HEIGHT, PERIOD_NS, ROUND = 640, 480, 50_000_000, 20


class TimedEngine:
    """An engine, and the learner of one that adapts, whose ticks are timed.

    Args:
        pilot: the pilot.
        adaptation: settings of a pilot that adapts; None: it flies as trained.
    """

    def __init__(self, pilot: PilotFile, adaptation: AdaptationSettings | None) -> None:
        self.engine = Engine(pilot, adaptation=adaptation)
        self.engine.warm_up()
        self.state, self.sequence = self.engine.initial_state(), 0
        self.learner: TimeScaleLearner | None = None
        self.learning_s: list[float] = []
        if adaptation is not None:
            statistics, neurons = pilot.require_statistics(), self.engine.scalable_neurons
            self.learner = TimeScaleLearner(statistics, neurons)
            self.store = TimeScaleStore(statistics.filter_tau_s.shape, neurons)

    def tick(self, observation: Observation) -> float:
        """Do one tick; returns its seconds, without those of the learner."""
        began = time.perf_counter()
        scales = self.store.scales(self.sequence, 0.05) if self.learner and self.sequence else None
        tick = self.engine.tick(self.state, observation, scales)
        took_s = time.perf_counter() - began
        self.state, self.sequence = tick.state, self.sequence + 1
        if self.learner:
            began = time.perf_counter()
            update = self.learner.update(learner_input_of(tick, self.sequence))
            self.store.accept(update, self.sequence)
            self.learning_s.append(time.perf_counter() - began)
        return took_s


def observations(count: int) -> list[Observation]:
    """Return ticks of a smooth moving picture with grain, so that every part has work to do."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (HEIGHT // 20, 2 * WIDTH // 20, 3), dtype=np.uint8)
    wide = coarse.repeat(20, axis=0).repeat(20, axis=1)
    frames = []
    for k in range(16):
        grain = rng.integers(0, 40, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        picture = wide[:, 8 * k : 8 * k + WIDTH] // 2 + grain
        frames.append(ImageBuffer(picture.tobytes(), WIDTH, HEIGHT, 3 * WIDTH, 'rgb8'))
    return [
        Observation(
            k * PERIOD_NS,
            frames[k % 16],
            (ImuSample(k * PERIOD_NS, (0.1, 0.0, 0.2), (0.0, 0.3, 9.8)),) * 5,
        )
        for k in range(1, count + 1)
    ]


def held_bytes(
    pilot: PilotFile, adaptation: AdaptationSettings | None, seen: list[Observation]
) -> int:
    """Return the memory that an engine and its state hold after some ticks.

    Args:
        pilot: the pilot.
        adaptation: settings of a pilot that adapts; None: it flies as trained.
        seen: the observations to tick on.
    """
    tracemalloc.start()
    side = TimedEngine(pilot, adaptation)
    for observation in seen:
        side.tick(observation)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held


def measure(pilot: PilotFile, rounds: int) -> dict:
    """Return all figures."""
    seen = observations(ROUND * rounds)
    sides = {
        'trained': TimedEngine(pilot, None),
        'adapting': TimedEngine(pilot, AdaptationSettings()),
        'estimated': TimedEngine(pilot, ESTIMATING),
    }
    medians = {name: np.empty(rounds) for name in sides}
    for turn in range(rounds):
        for name, side in sides.items():
            part = seen[ROUND * turn : ROUND * (turn + 1)]
            medians[name][turn] = np.median([side.tick(one) for one in part])
        print(f'\rround {turn + 1}/{rounds} ', end='', file=sys.stderr, flush=True)
    print(file=sys.stderr)
    few = seen[:ROUND]
    plain, adapting, estimated = (
        held_bytes(pilot, one, few) for one in (None, AdaptationSettings(), ESTIMATING)
    )
    return {
        'p50_growth': growth(medians['adapting'], medians['trained']),
        'estimated_p50_growth': growth(medians['estimated'], medians['trained']),
        **{
            f'{name}_p50_us': round(1e6 * float(np.median(times)), 1)
            for name, times in medians.items()
        },
        'node_p50_us': round(1e6 * float(np.median(sides['adapting'].learning_s)), 1),
        'memory_bytes': adapting - plain,
        'world_clock': measure_world_clock(pilot, seen[: 5 * ROUND], rounds),
        'estimated_memory_bytes': estimated - plain,
        'ticks': ROUND * rounds,
        'pilot': pilot.digest[:12],
    }


def measure_world_clock(pilot: PilotFile, seen: list[Observation], rounds: int) -> dict[str, float]:
    """Return what the learner `world_clock` takes for a tick.

    Args:
        pilot: the pilot.
        seen: the observations to tick on.
        rounds: number of times that each part is timed over all of them.
    """
    engine = Engine(pilot, adaptation=AdaptationSettings())
    specification = replace(pilot.specification, capacitance_scale_range=CAPACITANCE_SCALE_LIMITS)
    wide = replace(pilot, specification=specification)
    learner, bank, core = WorldClockLearner(wide), ClockBank(wide), engine.core
    state, ticks = engine.initial_state(), []
    for observation in seen:
        ticks.append(engine.tick(state, observation))
        state = ticks[-1].state
    learned = [learner_input_of(tick, number) for number, tick in enumerate(ticks, 1)]

    def judge(tick: Any) -> None:
        bank.errors(tick.core_inputs)
        bank.step(tick.core_inputs, tick.dt_s)

    parts: dict[str, tuple[Callable[[Any], Any], list[Any]]] = {
        'update': (learner.update, learned),
        'copies': (judge, ticks),
        'core': (lambda tick: core.step(tick.state.core, tick.core_inputs, tick.dt_s), ticks),
    }
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, (call, rows) in parts.items():
            began = time.perf_counter()
            for row in rows:
                call(row)
            times[name].append((time.perf_counter() - began) / len(rows))
    ratio = np.median(np.array(times['copies']) / np.array(times['core']))
    return {
        **{f'{name}_p50_us': round(1e6 * float(np.median(t)), 1) for name, t in times.items()},
        'copies': len(bank.factors),
        'copies_over_core': round(float(ratio), 2),
    }


def growth(slow: np.ndarray, fast: np.ndarray) -> float:
    """Return the median over the rounds of slow/fast, less 1."""
    return round(float(np.median(slow / fast)) - 1.0, 3)


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--pilot', default='forest-ltc', help='a pilot that can adapt')
    parser.add_argument('--rounds', type=int, default=150, help='rounds of 20 ticks of each side')
    parser.add_argument('--quick', action='store_true', help='few rounds, for a test')
    parsed = parser.parse_args(arguments)
    pilot = pilot_file.load(pilot_file.resolve(parsed.pilot))
    print(json.dumps(measure(pilot, 25 if parsed.quick else parsed.rounds)))


if __name__ == '__main__':
    main()
