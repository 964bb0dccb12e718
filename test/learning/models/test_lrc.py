"""The trainable LRC core: gradients, initial values, and training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.models.lrc import TrainableLrc
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.lrc.dynamics import LrcDynamics

NETS = {
    'ncp': wiring.ncp(12, 8, 6, 4, 4, 3, 6, 3, seed=1),
    'dense': wiring.dense(12, 9, 3, seed=1),
}


def _batch(net, batch=5, ticks=12, seed=0):
    """Inputs, elapsed times from 5 ms to 2 s, first states, and weights of the outputs."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, ticks, net.inputs, generator=generator)
    dt_s = 0.005 * 400.0 ** torch.rand(batch, ticks, generator=generator)
    v0 = 0.3 * torch.randn(batch, net.neurons, generator=generator)
    weights = torch.randn(batch, ticks, net.motors, generator=generator)
    return x, dt_s, v0, weights


def _moved(net, backend, dtype):
    """A core whose parameters are all away from where they start."""
    core = TrainableLrc(net, seed=3, backend=backend)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for _, value in sorted(core.named_parameters()):
            value += 0.3 * torch.randn(value.shape, generator=generator)
    return core.to(dtype)


@pytest.mark.parametrize('kind', NETS)
@pytest.mark.parametrize('ticks', [12, 200])
def test_gradients_are_those_of_float64_autograd(kind, ticks):
    net = NETS[kind]
    x, dt_s, v0, weights = _batch(net, ticks=ticks)
    grads = []
    for backend, dtype in (('numba', torch.float32), ('torch', torch.float64)):
        core = _moved(net, backend, dtype)
        leaves = {
            name: leaf.clone().to(dtype).requires_grad_() for name, leaf in (('x', x), ('v0', v0))
        }
        outputs, v = core(leaves['x'], dt_s.to(dtype), leaves['v0'])
        ((outputs * weights.to(dtype)).sum() + v[:, ::2].square().sum()).backward()
        leaves.update(core.named_parameters())
        grads.append({name: leaf.grad.double() for name, leaf in leaves.items()})
    ours, exact = grads
    fields = {field.name for field in dataclasses.fields(core.parameters_type)}
    assert set(exact) == fields | {'x', 'v0'} and len(fields) == 19
    for name in exact:
        assert exact[name].abs().max() > 0, name
        error = (ours[name] - exact[name]).abs().max() / exact[name].abs().max()
        assert error < 1e-4, (name, error)


@pytest.mark.parametrize('kind', NETS)
def test_both_backends_give_the_same_numbers(kind):
    net = NETS[kind]
    x, dt_s, v0, _ = _batch(net)
    with torch.no_grad():
        ours = _moved(net, 'numba', torch.float32)(x, dt_s, v0)
        theirs = _moved(net, 'torch', torch.float32)(x, dt_s, v0)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=2e-6)


def test_the_export_flies_as_it_trained():
    net = NETS['ncp']
    core = _moved(net, 'numba', torch.float32)
    x, dt_s, _, _ = _batch(net, batch=1)
    with torch.no_grad():
        outputs, _ = core(x, dt_s)
    parameters = core.export()
    for name in ('w', 'elastance_w'):
        assert (getattr(parameters, name)[net.polarity == 0] == 0).all()
        assert (getattr(parameters, f'sensory_{name}')[net.sensory_polarity == 0] == 0).all()
    flown = LrcDynamics(parameters)
    v = np.zeros(net.neurons, np.float32)
    for t in range(x.shape[1]):
        v = flown.step(v, x[0, t].numpy(), float(dt_s[0, t]))
        np.testing.assert_allclose(flown.output(v), outputs[0, t], rtol=1e-5, atol=1e-6)


def test_what_is_exported_can_be_loaded_and_trained_further():
    net = NETS['ncp']
    exported = _moved(net, 'numba', torch.float32).export()
    # A shift of 0 is allowed in a file, and a softplus does not reach it.
    exported = dataclasses.replace(exported, elastance_shift=0 * exported.elastance_shift)
    core = TrainableLrc(net)
    core.load(exported, min_raw=-80.0)
    for name, tensor in core.export().to_tensors().items():
        np.testing.assert_allclose(
            tensor, exported.to_tensors()[name], rtol=2e-5, atol=1e-7, err_msg=name
        )


def test_an_export_after_divergence_names_the_tensor():
    core = TrainableLrc(NETS['dense'])
    with torch.no_grad():
        core.elastance_w[2, 3] = float('nan')
    with pytest.raises(LiquidPilotError, match="'elastance_w' holds values that are not finite"):
        core.export()


@pytest.mark.parametrize(
    'net',
    [wiring.ncp(38, 12, 8, 4, 6, 4, 6, 4, seed=2), wiring.dense(70, 34, 4, seed=2)],
    ids=['ncp', 'dense'],
)
@pytest.mark.parametrize('slowest_s', [0.5, 5.0])
def test_initial_time_constants_are_spread_evenly_in_their_logarithm(net, slowest_s):
    generator = np.random.default_rng(0)
    logs = []
    for seed in range(20):
        core = LrcDynamics(TrainableLrc(net, seed=seed, max_tau_s=slowest_s).export())
        rest = np.zeros(net.neurons, np.float32)
        x = generator.normal(size=net.inputs).astype(np.float32)
        logs.append(np.log(core.time_constants(rest, x) / 0.02) / np.log(slowest_s / 0.02))
    quantiles = np.quantile(np.concatenate(logs), [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(quantiles, [0.05, 0.25, 0.5, 0.75, 0.95], atol=0.07)


def test_a_seed_gives_one_core():
    net = NETS['ncp']
    one, same, other = (TrainableLrc(net, seed=seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one['elastance_w'], other['elastance_w'])
    generator = torch.Generator().manual_seed(4)
    assert torch.equal(TrainableLrc(net, seed=generator).state_dict()['w'], one['w'])


def _fitted(student, wanted, x, dt_s, learned, steps):
    """Train some parameters towards the states of a teacher; return first and last loss."""
    optimiser = torch.optim.Adam([getattr(student, name) for name in learned], lr=0.05)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        # Potentials are small; their squares would vanish beside Adam's epsilon.
        loss = 1e4 * (student(x, dt_s)[1] - wanted).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


@pytest.mark.parametrize(
    'learned',
    [
        ('cm',),
        ('elastance_b', 'elastance_w', 'sensory_elastance_w'),
        ('vleak', 'cm', 'elastance_shift'),
    ],
    ids=['capacitance', 'elastance', 'neuron'],
)
def test_training_recovers_the_parameters_of_another_core(learned):
    net = wiring.ncp(4, 4, 3, 2, 2, 2, 2, 2, seed=1)
    teacher, student = TrainableLrc(net, seed=1), TrainableLrc(net, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name in learned:
            value = getattr(student, name)
            value.add_(0.4 * torch.randn(value.shape, generator=generator))
    x = torch.randn(16, 24, 4, generator=torch.Generator().manual_seed(0))
    dt_s = torch.full((16, 24), 0.05)
    with torch.no_grad():
        wanted = teacher(x, dt_s)[1]
    first, last = _fitted(student, wanted, x, dt_s, learned, 300)
    assert last < 1e-3 * first
    if learned == ('cm',):
        ours, theirs = (core.export().cm for core in (student, teacher))
        np.testing.assert_allclose(ours, theirs, rtol=0.01)


def test_the_numba_backend_refuses_what_it_cannot_compute():
    net = NETS['dense']
    x, dt_s, _, _ = _batch(net)
    with pytest.raises(ValueError, match="backend='torch'"):
        TrainableLrc(net)(x.double(), dt_s)
    with pytest.raises(ValueError, match='backend must be'):
        TrainableLrc(net, backend='jax')
