"""Time a tick that carries the exact derivatives by every parameter of a core along.

    python benchmarks/core/recurrent_learning.py [--rounds 200] [--quick]

`LtcLearning.advance` and `gradient` for groups of parameters (time constants alone, the read-out
alone, ...), and for all of them, in turns with a plain step of the same core, in one thread. The
cores are that of the shipped pilot ('forest-ltc': 34 neurons, NCP-wired), and a dense one of 32
neurons with as many inputs. For each core and group: `us`, microseconds of a tick; `times_a_step`,
the median over the rounds of that by the plain step; and `parameters`, how many there are. `error`
is the largest difference of the gradients from float64 back-propagation over 200 ticks of irregular
elapsed times, relative to the largest gradient of the group. The last line printed is one JSON
object.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')

import argparse
import json
from functools import partial
from typing import Any

import numpy as np
import torch
from side_by_side import interleaved_timings, make_wiring, median_ratio, microseconds

from liquid_pilot import load_pilot
from liquid_pilot.learning.models.ltc import LiquidCore, sensory_sums, unfold
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.recurrent_learning.columns import Columns
from liquid_pilot.liquid.recurrent_learning.groups import GROUPS
from liquid_pilot.liquid.recurrent_learning.ltc_learning import LtcLearning

UNFOLDS, DT_S, CALLS = 6, 0.05, 20
CHOICES = {
    'time constants': ['time_constants'],
    'read-out': ['output_map'],
    'leak': ['leak'],
    'synapses': ['synapses'],
    'all': list(GROUPS),
}


def cores() -> dict[str, LtcParameters]:
    """Return the parameters of the cores by name."""
    pilot = load_pilot('forest-ltc')
    dense = LiquidCore(make_wiring('dense', 32, 38), UNFOLDS, seed=0).export()
    return {'forest-ltc': pilot.parameters, 'dense 32': dense}


def tick(core: LtcLearning, x: np.ndarray, by_output: np.ndarray) -> np.ndarray:
    """Advance a core by one tick and return the gradient."""
    v = core.advance(np.zeros(core.neurons, np.float32), x, DT_S)
    return core.gradient(v, by_output)


def measure(name: str, parameters: LtcParameters, rounds: int, ticks: int) -> dict[str, Any]:
    """Return the figures of one core, by group.

    Args:
        name: label of the progress.
        parameters: the core.
        rounds: number of rounds.
        ticks: number of ticks of the comparison with back-propagation.
    """
    learning = {
        choice: LtcLearning(parameters, UNFOLDS, groups) for choice, groups in CHOICES.items()
    }
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(ticks, parameters.inputs)).astype(np.float32)
    dt_s = np.exp(generator.uniform(np.log(0.005), np.log(0.5), ticks)).astype(np.float32)
    whole, v = learning['all'], np.zeros(parameters.neurons, np.float32)
    for x, elapsed_s in zip(inputs, dt_s, strict=True):
        v = whole.advance(v, x, float(elapsed_s))
    ours = np.stack([whole.gradient(v, one) for one in np.eye(whole.motors)])
    exact = exact_gradients(parameters, whole.columns, inputs, dt_s)
    x, by_output = inputs[0], np.ones(whole.motors)
    times = interleaved_timings(
        {
            'step': (partial(whole.step, v, x, DT_S), CALLS),
            **{
                choice: (partial(tick, core, x, by_output), CALLS)
                for choice, core in learning.items()
            },
        },
        rounds,
        name,
    )
    figures = {}
    for choice, groups in CHOICES.items():
        chosen = whole.columns.mask(*groups)
        error = np.abs(ours - exact)[:, chosen].max() / np.abs(exact)[:, chosen].max()
        figures[choice] = {
            'parameters': int(chosen.sum()),
            'us': microseconds(times[choice]),
            'times_a_step': median_ratio(times[choice], times['step']),
            'error': float(f'{error:.2g}'),
        }
    return figures


def exact_gradients(
    parameters: LtcParameters, columns: Columns, inputs: np.ndarray, dt_s: np.ndarray
) -> np.ndarray:
    """Return the gradients of each output after the last tick (M, K), by back-propagation.

    Args:
        parameters: the core.
        columns: the parameters that count.
        inputs: (T, I) inputs.
        dt_s: (T,) elapsed times, s.
    """
    change = torch.zeros(columns.count, dtype=torch.float64, requires_grad=True)
    p = {name: torch.tensor(value).double() for name, value in parameters.to_tensors().items()}
    for piece in columns.pieces:
        index = tuple(map(torch.tensor, piece.indices))
        before, by = p[piece.tensor][index], change[torch.tensor(piece.columns)]
        after = before * by.exp() if piece.is_positive else before + by
        p[piece.tensor] = p[piece.tensor].index_put(index, after)
    v = torch.zeros((1, parameters.neurons), dtype=torch.float64)
    ticks = zip(torch.tensor(inputs).double(), torch.tensor(dt_s).double(), strict=True)
    for x, elapsed_s in ticks:
        given = sensory_sums(p, (x * p['input_w'] + p['input_b'])[None])
        v = unfold(given, UNFOLDS, v, elapsed_s)
    outputs = v[0, : parameters.motors] * p['output_w'] + p['output_b']
    return np.stack(
        [torch.autograd.grad(one, change, retain_graph=True)[0].numpy() for one in outputs]
    )


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--rounds', type=int, default=200)
    parser.add_argument('--quick', action='store_true', help='5 rounds, and errors over 20 ticks')
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rounds, ticks = (5, 20) if arguments.quick else (arguments.rounds, 200)
    print(json.dumps({name: measure(name, core, rounds, ticks) for name, core in cores().items()}))


if __name__ == '__main__':
    main()
