"""Shared parts of the benchmarks of the core: interleaved timing, and ncps with the same weights.

The scripts import it after they have limited the thread pools.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import ncps.torch
import ncps.wirings
import numpy as np
import torch

from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.wiring import Wiring

MOTORS = 4


def interleaved_timings(
    sides: dict[str, tuple[Callable[[], object], int]], rounds: int, label: str
) -> dict[str, np.ndarray]:
    """Time several sides in turn.

    Other work on the machine then slows all sides of a round alike, so that ratios within a round
    are steadier than times.

    Args:
        sides: name to (function, number of calls per round).
        rounds: number of rounds.
        label: label of the progress on standard error.

    Returns:
        Name to (rounds,) seconds per call.
    """
    times = {name: np.empty(rounds) for name in sides}
    shown = time.monotonic()
    for call, _ in sides.values():
        call()
    for turn in range(rounds):
        for name, (call, count) in sides.items():
            started = time.perf_counter()
            for _ in range(count):
                call()
            times[name][turn] = (time.perf_counter() - started) / count
        if time.monotonic() - shown > 1.0:
            shown = time.monotonic()
            print(f'\r{label}: round {turn + 1} of {rounds} ', end='', file=sys.stderr, flush=True)
    print(f'\r{label}: {rounds} rounds' + 16 * ' ', file=sys.stderr, flush=True)
    return times


def median_ratio(slow: np.ndarray, fast: np.ndarray) -> float:
    """Return the median over the rounds of slow/fast, to three digits."""
    return float(f'{np.median(slow / fast):.3g}')


def microseconds(times: np.ndarray) -> float:
    """Return the median in microseconds, rounded."""
    return round(float(np.median(times)) * 1e6, 2)


def make_wiring(kind: str, neurons: int, inputs: int) -> Wiring:
    """Return a dense wiring, or a neural circuit policy of the usual proportions.

    Args:
        kind: 'dense' or 'ncp'.
        neurons: number of neurons.
        inputs: number of inputs.
    """
    if kind == 'dense':
        return wiring.dense(inputs, neurons, MOTORS, seed=1)
    command = (neurons - MOTORS) * 2 // 5
    inter = neurons - MOTORS - command
    return wiring.ncp(
        inputs,
        inter,
        command,
        MOTORS,
        max(inter // 3, 1),
        max(command // 3, 1),
        command,
        max(command // 3, 1),
        seed=1,
    )


def ncps_layer(core: LiquidCore) -> ncps.torch.LTC:
    """Return the LTC layer of ncps with the wiring and the parameters of `core`."""
    neurons, inputs = core.wiring.neurons, core.wiring.inputs
    layer = ncps.torch.LTC(
        inputs,
        ncps.wirings.FullyConnected(neurons, core.wiring.motors),
        ode_unfolds=core.unfolds,
        implicit_param_constraints=True,
    )
    parameters = layer.rnn_cell._params
    with torch.no_grad():
        for name, value in core.named_parameters():
            parameters[name].copy_(value)
        parameters['sparsity_mask'].copy_(core.mask)
        parameters['sensory_sparsity_mask'].copy_(core.sensory_mask)
    return layer
