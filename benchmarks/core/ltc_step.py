"""Time a step of the liquid cores, against ncps' layer and the cost of the sigmoids alone.

    python benchmarks/core/ltc_step.py [--rounds 200] [--quick]

For N = 19, 34 and 64 neurons, fully connected, I = 64 inputs, 6 unfolds, one sample, one thread:
`LtcDynamics.step` and `ncps.torch.LTC` (a sequence of one step, in inference mode) with the same
weights, state, input and elapsed time take turns, 10 and 100 calls a round. It is checked first
that they agree. `ratio_vs_ncps` is the median over the rounds of ncps' time by ours.

The floor is what the I*N + 6*N^2 sigmoids of a step cost when nothing else is done: their number
times the time per value of the same sigmoid over 4096 contiguous float32 in the first-level
cache. `floor_ratio` is the median of our step by that.

`LrcDynamics.step`, which takes one solver step, takes turns with them, on the same wiring.
`lrc_ratio` is the median over the rounds of its time by that of `LtcDynamics.step`.

`versions` has the same for code compiled for CPUs of smaller vector width (x86-64-v3: 256 bits with
fused multiply-add; x86-64-v2: 128 bits without), each in a process of its own. `sparse` has N = 34
with a neural-circuit-policy wiring; ncps' layer does not use its sparsity. --quick takes few rounds
and leaves the versions out. The last line printed is one JSON object.
"""

# ruff: noqa: E402 -- thread pools read the environment when their library is imported
from __future__ import annotations

import os

for _pool in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
    os.environ.setdefault(f'{_pool}_NUM_THREADS', '1')

import argparse
import json
import platform
import subprocess
import sys

import numba
import numpy as np
import torch
from side_by_side import (
    interleaved_timings,
    make_wiring,
    median_ratio,
    microseconds,
    ncps_layer,
)

from liquid_pilot.learning.models.lrc import TrainableLrc
from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.liquid._kernels import sigmoid_of
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.lrc.dynamics import LrcDynamics

INPUTS, UNFOLDS, DT_S = 64, 6, 0.05
SIZES = (19, 34, 64)
VERSIONS = ('x86-64-v3', 'x86-64-v2')


def measure(kind: str, neurons: int, rounds: int) -> dict[str, float]:
    """Return ratios and times for one size.

    Args:
        kind: 'dense' or 'ncp' wiring.
        neurons: number of neurons.
        rounds: number of rounds.
    """
    core = LiquidCore(make_wiring(kind, neurons, INPUTS), UNFOLDS, seed=0)
    ours, theirs = LtcDynamics(core.export(), UNFOLDS), ncps_layer(core)
    lrc = LrcDynamics(TrainableLrc(core.wiring, seed=0).export())
    generator = np.random.default_rng(0)
    v = generator.uniform(-0.5, 0.5, neurons).astype(np.float32)
    x = generator.normal(size=INPUTS).astype(np.float32)
    out = np.empty_like(v)
    torch_v, torch_x = torch.tensor(v)[None], torch.tensor(x)[None, None]
    torch_dt = torch.full((1, 1), DT_S)
    ours.step(v, x, DT_S, out=out)
    expected = theirs(torch_x, torch_v, torch_dt)[1][0].detach().numpy()
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-6)

    arguments = generator.normal(size=4096).astype(np.float32)
    results = np.empty_like(arguments)
    times = interleaved_timings(
        {
            'ncps': (lambda: theirs(torch_x, torch_v, torch_dt), 10),
            'step': (lambda: ours.step(v, x, DT_S, out=out), 100),
            'lrc': (lambda: lrc.step(v, x, DT_S, out=out), 100),
            'sigmoids': (lambda: sigmoid_of(arguments, results), 100),
        },
        rounds,
        f'{kind} {neurons}',
    )
    parameters = core.export()
    sigmoids = np.count_nonzero(parameters.sensory_w) + UNFOLDS * np.count_nonzero(parameters.w)
    floor = times['sigmoids'] / len(arguments) * sigmoids
    return {
        'ratio_vs_ncps': median_ratio(times['ncps'], times['step']),
        'floor_ratio': median_ratio(times['step'], floor),
        'lrc_ratio': median_ratio(times['lrc'], times['step']),
        'step_us': microseconds(times['step']),
        'lrc_us': microseconds(times['lrc']),
        'ncps_us': microseconds(times['ncps']),
        'floor_us': microseconds(floor),
    }


def by_figure(measured: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return {size: {figure: value}} as {figure: {size: value}}."""
    figures = next(iter(measured.values()))
    return {figure: {size: found[figure] for size, found in measured.items()} for figure in figures}


def measure_version(name: str, rounds: int) -> dict:
    """Return the figures of code that is compiled for the CPU that LLVM calls `name`."""
    print(f'for {name}:', file=sys.stderr, flush=True)
    command = [sys.executable, __file__, '--rounds', str(rounds), '--native-only']
    done = subprocess.run(
        command,
        env={**os.environ, 'NUMBA_CPU_NAME': name, 'NUMBA_CPU_FEATURES': ''},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return {key: found[key] for key in ('ratio_vs_ncps', 'floor_ratio', 'step_us')}


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--rounds', type=int, default=200)
    parser.add_argument(
        '--native-only',
        action='store_true',
        help='leave out the versions for CPUs of smaller vector width',
    )
    parser.add_argument('--quick', action='store_true', help='5 rounds, native only')
    arguments = parser.parse_args()
    rounds = 5 if arguments.quick else arguments.rounds
    torch.set_num_threads(1)
    with torch.inference_mode():
        measured = {str(neurons): measure('dense', neurons, rounds) for neurons in SIZES}
        figures = {**by_figure(measured), 'sparse': measure('ncp', 34, rounds)}
    figures['cpu'] = numba.config.CPU_NAME or 'native'
    if not arguments.quick and not arguments.native_only and platform.machine() == 'x86_64':
        figures['versions'] = {name: measure_version(name, rounds) for name in VERSIONS}
    print(json.dumps(figures))


if __name__ == '__main__':
    main()
