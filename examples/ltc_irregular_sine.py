"""Train a liquid core to look ahead on a sine whose samples come at irregular times.

Shows: wiring, the trainable core, and what the real elapsed time is good for. The core sees the
newest sample only and predicts the sine 0.4 s later. With a constant mean gap in place of the real
ones, the same trained core does worse.
Run:   python examples/ltc_irregular_sine.py        (extra `train`; about ten seconds)
"""

import numpy as np
import torch

import liquid_pilot as lp


def irregular_sines(rng, count, ticks=48):
    """Return samples (B,T,1), elapsed times (B,T) in seconds and targets (B,T,1)."""
    dt_s = rng.exponential(0.15, (count, ticks)).clip(0.02, 1.0)
    time_s = dt_s.cumsum(1) + rng.uniform(0.0, 3.0, (count, 1))
    samples, targets = np.sin(2.0 * time_s), np.sin(2.0 * (time_s + 0.4))
    samples, dt_s, targets = map(torch.FloatTensor, (samples, dt_s, targets))
    return samples[..., None], dt_s, targets[..., None]


def error(core, samples, dt_s, targets):
    """Return the root mean square error, without the first ticks, in which the state settles."""
    predictions, _ = core(samples, dt_s)
    return (predictions - targets)[:, 8:].square().mean().sqrt()


rng = np.random.default_rng(1)
core = lp.LiquidCore(lp.dense(inputs=1, neurons=16, motors=1, seed=1), seed=1)
optimiser = torch.optim.Adam(core.parameters(), lr=0.02)
samples, dt_s, targets = irregular_sines(rng, 64)
print(f'before training: {error(core, *irregular_sines(rng, 64)):.3f}')
for _ in range(300):
    optimiser.zero_grad()
    error(core, *irregular_sines(rng, 16)).backward()
    optimiser.step()
print(f'with the real elapsed times: {error(core, samples, dt_s, targets):.3f}')
print(f'with their mean: {error(core, samples, dt_s.mean() + 0 * dt_s, targets):.3f}')
