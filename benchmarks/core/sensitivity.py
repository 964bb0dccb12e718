"""Time a step with the exact derivatives by every time constant, against a plain step of ncps.

    python benchmarks/core/sensitivity.py [--rounds 200] [--quick]

`LtcSensitivity.step_sensitivity` propagates d(state)/d(log cm) and d(state)/d(log gleak), N^2
numbers each, through 6 unfolds; `ncps.torch.LTC` only steps, in inference mode. Same weights,
I = 64 inputs, one sample, one thread; the sides take turns, 10 calls of ncps and 50 of ours a
round, and `ratio_vs_ncps_forward` is the median over the rounds of ncps' time by ours, for N = 19,
34 and 64 fully connected and for N = 34 with a neural-circuit-policy wiring ('34_ncp').
`times_a_step` is our time by that of our own plain step. `error` is the largest difference from
float64 back-propagation over 100 steps of irregular elapsed times, relative to the largest
derivative. The last line printed is one JSON object.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')

import argparse
import json

import numpy as np
import torch
from side_by_side import (
    interleaved_timings,
    make_wiring,
    median_ratio,
    microseconds,
    ncps_layer,
)

from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.liquid.sensitivity import LtcSensitivity

INPUTS, UNFOLDS, DT_S = 64, 6, 0.05
CASES = {'19': ('dense', 19), '34': ('dense', 34), '64': ('dense', 64), '34_ncp': ('ncp', 34)}


def measure(kind: str, neurons: int, rounds: int, ticks: int) -> dict[str, float]:
    """Return ratios, times and error for one size.

    Args:
        kind: 'dense' or 'ncp' wiring.
        neurons: number of neurons.
        rounds: number of rounds.
        ticks: number of ticks of the comparison with back-propagation.
    """
    core = LiquidCore(make_wiring(kind, neurons, INPUTS), UNFOLDS, seed=0)
    ours, theirs = LtcSensitivity(core.export(), UNFOLDS), ncps_layer(core)
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(ticks, INPUTS)).astype(np.float32)
    dt_s = np.exp(generator.uniform(np.log(0.005), np.log(0.5), ticks)).astype(np.float32)
    state = ours.initial_state()
    for x, dt in zip(inputs, dt_s, strict=True):
        state = ours.step_sensitivity(state, x, float(dt), out=state)
    error = max(
        float(np.abs(found - exact).max() / np.abs(exact).max())
        for found, exact in zip(state[1:], exact_derivatives(core, inputs, dt_s), strict=True)
    )

    x, v = inputs[0], state.v.copy()
    torch_v, torch_x = torch.tensor(v)[None], torch.tensor(x)[None, None]
    torch_dt = torch.full((1, 1), DT_S)
    with torch.inference_mode():
        times = interleaved_timings(
            {
                'ncps': (lambda: theirs(torch_x, torch_v, torch_dt), 10),
                'sensitivity': (lambda: ours.step_sensitivity(state, x, DT_S, out=state), 50),
                'step': (lambda: ours.step(v, x, DT_S, out=v), 50),
            },
            rounds,
            f'{kind} {neurons}',
        )
    return {
        'ratio_vs_ncps_forward': median_ratio(times['ncps'], times['sensitivity']),
        'times_a_step': median_ratio(times['sensitivity'], times['step']),
        'sensitivity_us': microseconds(times['sensitivity']),
        'ncps_us': microseconds(times['ncps']),
        'error': float(f'{error:.2g}'),
    }


def exact_derivatives(core: LiquidCore, inputs: np.ndarray, dt_s: np.ndarray) -> list[np.ndarray]:
    """Return d v / d log cm and d v / d log gleak (N, N) after all ticks, by back-propagation.

    Args:
        core: the torch core.
        inputs: inputs of all ticks.
        dt_s: elapsed times of all ticks, s.
    """
    reference = LiquidCore(core.wiring, core.unfolds, backend='torch').double()
    reference.load_state_dict(core.state_dict())
    effective = reference.effective()
    values = [effective[name] for name in ('cm', 'gleak')]
    # The derivative by the logarithm is that by the value, times the value.
    reference.effective = lambda: effective
    _, v = reference(torch.tensor(inputs)[None].double(), torch.tensor(dt_s)[None].double())
    rows = [torch.autograd.grad(entry, values, retain_graph=True) for entry in v[0, -1]]
    return [(torch.stack([row[k] for row in rows]) * values[k]).detach().numpy() for k in (0, 1)]


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--rounds', type=int, default=200)
    parser.add_argument('--quick', action='store_true', help='5 rounds, and errors over 10 steps')
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rounds, ticks = (5, 10) if arguments.quick else (arguments.rounds, 100)
    measured = {name: measure(*case, rounds, ticks) for name, case in CASES.items()}
    print(
        json.dumps(
            {
                figure: {name: found[figure] for name, found in measured.items()}
                for figure in measured['34']
            }
        )
    )


if __name__ == '__main__':
    main()
