"""The core and ncps, the oracle, on random parameters: states, outputs and every gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ncps.torch import LTC
from ncps.wirings import AutoNCP, FullyConnected

from liquid_pilot.learning.models.import_ncps import convert
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.sequences import backward_sequence, forward_sequence

INPUTS, MOTORS, UNFOLDS = 24, 4, 6
SETS = 20
CASES = [
    pytest.param(
        neurons, kind, id=f'{kind}{neurons}', marks=[pytest.mark.slow] if neurons > 19 else []
    )
    for neurons in (19, 34, 64)
    for kind in ('dense', 'ncp')
]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _layer(neurons: int, kind: str, seed: int) -> LTC:
    """ncps' layer, every parameter moved at random, in float32 values held as float64."""
    torch.manual_seed(seed)
    wiring = (
        FullyConnected(neurons, MOTORS, erev_init_seed=seed)
        if kind == 'dense'
        else AutoNCP(neurons, MOTORS, seed=seed)
    )
    layer = LTC(INPUTS, wiring, ode_unfolds=UNFOLDS)
    with torch.no_grad():
        for name, value in layer.named_parameters():
            if 'mask' not in name:
                value += 0.3 * torch.randn_like(value)
    return layer.double()


def _flight(ticks: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """x (1,T,I), and dt_s (1,T) from 5 ms to 2 s; float32 values held as float64."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, ticks, INPUTS, generator=generator)
    dt_s = torch.exp(np.log(0.005) + np.log(400.0) * torch.rand(1, ticks, generator=generator))
    return x.double(), dt_s.double()


def _converted(layer: LTC):
    return convert({name: value.float().numpy() for name, value in layer.state_dict().items()})[0]


@pytest.mark.parametrize(('neurons', 'kind'), CASES)
def test_outputs_over_200_irregular_steps(neurons, kind):
    # All sets in one batch of the oracle would need batched elapsed times, which it has not.
    for seed in range(SETS):
        layer = _layer(neurons, kind, seed)
        x, dt_s = _flight(200, seed)
        with torch.no_grad():
            expected = layer(x, timespans=dt_s)[0][0].numpy()
        core = LtcDynamics(_converted(layer), UNFOLDS)
        v, outputs = np.zeros(neurons, np.float32), np.empty_like(expected)
        for t in range(200):
            v = core.step(v, x[0, t].float().numpy(), float(dt_s[0, t]))
            outputs[t] = core.output(v)
        error = np.abs(outputs - expected).max() / np.abs(expected).max()
        assert error < 1e-5, (seed, error)


def _check_gradients(layer: LTC, ticks: int, seed: int) -> None:
    x, dt_s = _flight(ticks, seed)
    x.requires_grad_()
    weights = torch.randn(1, ticks, MOTORS, generator=torch.Generator().manual_seed(seed)).double()
    (layer(x, timespans=dt_s)[0] * weights).sum().backward()
    theirs = layer.rnn_cell._params

    parameters = _converted(layer)
    v0 = np.zeros((1, parameters.neurons), np.float32)
    v, cache = forward_sequence(parameters, UNFOLDS, v0, x.detach().numpy(), dt_s.numpy())
    grad_v = np.zeros_like(v)
    grad_v[..., :MOTORS] = weights.numpy() * parameters.output_w
    grads, _, grads['x'] = backward_sequence(parameters, UNFOLDS, cache, grad_v)
    grads['output_w'] = (weights.numpy() * v[..., :MOTORS]).sum((0, 1))
    grads['output_b'] = weights.numpy().sum((0, 1))
    for name, gradient in grads.items():
        exact = x.grad if name == 'x' else theirs[name].grad
        if name in ('gleak', 'cm', 'w', 'sensory_w'):
            # By the effective value, not by what softplus makes it of.
            gradient = gradient * torch.sigmoid(theirs[name].detach()).numpy()
        exact = exact.numpy()
        assert np.abs(exact).max() > 0.0, name
        error = np.abs(gradient - exact).max() / np.abs(exact).max()
        assert error < 1e-4, (seed, name, error)


@pytest.mark.parametrize(('neurons', 'kind'), CASES)
def test_gradients_of_every_parameter(neurons, kind):
    for seed in range(SETS):
        _check_gradients(_layer(neurons, kind, seed), 12, seed)


@pytest.mark.parametrize('kind', ['dense', 'ncp'])
def test_gradients_over_200_irregular_steps(kind):
    _check_gradients(_layer(34, kind, 0), 200, 0)
