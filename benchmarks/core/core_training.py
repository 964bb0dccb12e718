"""Time the training of the liquid cores, forward and backward, against ncps at equal numerics.

    python benchmarks/core/core_training.py [--rounds 15] [--quick]

B = 32 sequences of T = 32 steps, N = 34 neurons, I = 64 inputs, 6 unfolds, one thread: outputs, a
weighted sum of them as the loss, and its gradients by every parameter and the inputs.
`learning.models.ltc.LiquidCore` and `ncps.torch.LTC` (implicit parameter constraints) have the same
weights and elapsed time 1, as ncps' layer takes no batches of elapsed times. `output_difference`
and `gradient_difference` are the largest between the two, relative to the largest value of each
tensor; both sides are float32. `ratio_vs_ncps` is the median over the rounds of ncps' time by ours,
fully connected, and `ratio_vs_ncps_sparse` with a neural-circuit-policy wiring. `lrc_ratio` is the
same ratio of `learning.models.lrc.TrainableLrc`, with the same wiring, to `LiquidCore`. The last
line printed is one JSON object.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')

import argparse
import json
from collections.abc import Callable

import numpy as np
import torch
from side_by_side import interleaved_timings, make_wiring, median_ratio, ncps_layer

from liquid_pilot.learning.models.lrc import TrainableLrc
from liquid_pilot.learning.models.ltc import LiquidCore

BATCH, TICKS, NEURONS, INPUTS, UNFOLDS = 32, 32, 34, 64, 6


def measure(kind: str, rounds: int) -> dict[str, float]:
    """Return ratio, times and differences for one wiring."""
    core = LiquidCore(make_wiring(kind, NEURONS, INPUTS), UNFOLDS, seed=0)
    # The capacitances are for steps of a fraction of a second: adapt them to one second.
    with torch.no_grad():
        core.cm += 1.0
    layer, lrc = ncps_layer(core), TrainableLrc(core.wiring, seed=0)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, TICKS, INPUTS, generator=generator, requires_grad=True)
    weights = torch.randn(BATCH, TICKS, core.wiring.motors, generator=generator)
    dt_s = torch.ones(BATCH, TICKS)

    def train(forward: Callable[[], torch.Tensor], module: torch.nn.Module) -> torch.Tensor:
        module.zero_grad()
        x.grad = None
        outputs = forward()
        (outputs * weights).sum().backward()
        return outputs.detach()

    sides = {
        'ours': lambda: train(lambda: core(x, dt_s)[0], core),
        'ncps': lambda: train(lambda: layer(x)[0], layer),
        'lrc': lambda: train(lambda: lrc(x, dt_s)[0], lrc),
    }
    outputs = [sides['ours']()]
    grads = {'x': x.grad, **{name: value.grad for name, value in core.named_parameters()}}
    outputs.append(sides['ncps']())
    theirs = {**layer.rnn_cell._params, 'x': x}
    gradient_difference = max(difference(grad, theirs[name].grad) for name, grad in grads.items())
    times = interleaved_timings({name: (side, 1) for name, side in sides.items()}, rounds, kind)
    return {
        'ratio': median_ratio(times['ncps'], times['ours']),
        'lrc_ratio': median_ratio(times['lrc'], times['ours']),
        'ours_ms': round(float(np.median(times['ours'])) * 1e3, 1),
        'lrc_ms': round(float(np.median(times['lrc'])) * 1e3, 1),
        'ncps_ms': round(float(np.median(times['ncps'])) * 1e3, 1),
        'output_difference': difference(*outputs),
        'gradient_difference': gradient_difference,
    }


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Return the largest difference, relative to the largest value."""
    return float(f'{((ours - theirs).abs().max() / theirs.abs().max()).item():.2g}')


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--quick', action='store_true', help='one round')
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rounds = 1 if arguments.quick else arguments.rounds
    dense, sparse = (measure(kind, rounds) for kind in ('dense', 'ncp'))
    print(
        json.dumps(
            {
                'ratio_vs_ncps': dense.pop('ratio'),
                'ratio_vs_ncps_sparse': sparse.pop('ratio'),
                'dense': dense,
                'sparse': sparse,
            }
        )
    )


if __name__ == '__main__':
    main()
