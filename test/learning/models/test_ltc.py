from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from ncps.torch import LTC
from ncps.wirings import NCP

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.dynamics import LtcDynamics

NETS = {
    'ncp': wiring.ncp(12, 8, 6, 4, 4, 3, 6, 3, seed=1),
    'dense': wiring.dense(12, 9, 3, seed=1),
}


def _batch(net, batch=5, ticks=9, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, ticks, net.inputs, generator=generator)
    dt_s = 0.01 + 0.1 * torch.rand(batch, ticks, generator=generator)
    v0 = 0.3 * torch.randn(batch, net.neurons, generator=generator)
    weights = torch.randn(batch, ticks, net.motors, generator=generator)
    return x, dt_s, v0, weights


@pytest.mark.parametrize('kind', NETS)
@pytest.mark.parametrize('unfolds', [1, 6])
def test_gradients_are_those_of_float64_autograd(kind, unfolds):
    net = NETS[kind]
    x, dt_s, v0, weights = _batch(net)
    grads = []
    for backend, dtype in (('numba', torch.float32), ('torch', torch.float64)):
        core = LiquidCore(net, unfolds, seed=3, backend=backend)
        with torch.no_grad():
            core.input_w += 0.3
            core.input_b -= 0.2
        core = core.to(dtype)
        leaves = {
            name: leaf.clone().to(dtype).requires_grad_() for name, leaf in (('x', x), ('v0', v0))
        }
        outputs, v = core(leaves['x'], dt_s.to(dtype), leaves['v0'])
        ((outputs * weights.to(dtype)).sum() + v[:, ::2].square().sum()).backward()
        leaves.update(core.named_parameters())
        grads.append({name: leaf.grad.double() for name, leaf in leaves.items()})
    ours, exact = grads
    assert set(exact) == {
        'x',
        'v0',
        'gleak',
        'vleak',
        'cm',
        'w',
        'sigma',
        'mu',
        'erev',
        'sensory_w',
        'sensory_sigma',
        'sensory_mu',
        'sensory_erev',
        'input_w',
        'input_b',
        'output_w',
        'output_b',
    }
    for name in exact:
        assert exact[name].abs().max() > 0, name
        error = (ours[name] - exact[name]).abs().max() / exact[name].abs().max()
        assert error < 1e-4, (name, error)


def test_the_capacitance_gradient_of_slow_neurons_does_not_cancel():
    # 200 ticks far below tau, all pulling one way: summing q*v and q*v' apart, and subtracting
    # then, is wrong by 4e-3 here.
    net = NETS['ncp']
    x = _batch(net, batch=2, ticks=1)[0].expand(2, 200, net.inputs).contiguous()
    grads = []
    for backend, dtype in (('numba', torch.float32), ('torch', torch.float64)):
        core = LiquidCore(net, 6, seed=3, backend=backend).to(dtype)
        outputs, _ = core(x.to(dtype), torch.full((2, 200), 1e-3, dtype=dtype))
        outputs[:, -1].sum().backward()
        grads.append(core.cm.grad.double())
    assert (grads[0] - grads[1]).abs().max() < 1e-4 * grads[1].abs().max()


@pytest.mark.parametrize('kind', NETS)
def test_both_backends_give_the_same_numbers(kind):
    net = NETS[kind]
    x, dt_s, v0, _ = _batch(net)
    with torch.no_grad():
        ours = LiquidCore(net, 6, seed=3)(x, dt_s, v0)
        theirs = LiquidCore(net, 6, seed=3, backend='torch')(x, dt_s, v0)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=2e-6)


def test_the_weights_of_ncps_ltc_give_its_outputs():
    # Elapsed time 1 for all, because ncps crashes on batched times.
    theirs = LTC(12, NCP(8, 6, 4, 4, 3, 6, 3), implicit_param_constraints=True)
    core = LiquidCore(NETS['ncp'], 6)
    cell = theirs.rnn_cell._params
    with torch.no_grad():
        for name, parameter in core.named_parameters():
            parameter.copy_(cell[name])
        core.mask.copy_(cell['sparsity_mask'])
        core.sensory_mask.copy_(cell['sensory_sparsity_mask'])
        x = torch.randn(3, 7, 12)
        expected, last = theirs(x)
        outputs, v = core(x, torch.ones(3, 7))
    torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(v[:, -1], last, rtol=1e-5, atol=2e-6)


def test_the_export_flies_as_it_trained():
    net = NETS['ncp']
    core = LiquidCore(net, 6, seed=3)
    x, dt_s, _, _ = _batch(net, batch=1)
    with torch.no_grad():
        outputs, _ = core(x, dt_s)
    parameters = core.export()
    assert (parameters.w[net.polarity == 0] == 0).all()
    assert (parameters.sensory_w[net.sensory_polarity == 0] == 0).all()
    flown = LtcDynamics(parameters, 6)
    v = np.zeros(net.neurons, np.float32)
    for t in range(x.shape[1]):
        v = flown.step(v, x[0, t].numpy(), float(dt_s[0, t]))
        np.testing.assert_allclose(flown.output(v), outputs[0, t], rtol=1e-5, atol=1e-6)


def test_an_export_after_divergence_names_the_tensor():
    core = LiquidCore(NETS['dense'], 6)
    with torch.no_grad():
        core.sigma[2, 3] = float('nan')
    with pytest.raises(LiquidPilotError, match="'sigma' holds values that are not finite"):
        core.export()


@pytest.mark.parametrize(
    'net',
    [wiring.ncp(38, 12, 8, 4, 6, 4, 6, 4, seed=2), wiring.dense(70, 34, 4, seed=2)],
    ids=['ncp', 'dense'],
)
def test_initial_time_constants_span_tens_to_hundreds_of_milliseconds(net):
    generator = np.random.default_rng(0)
    tau_s = []
    for seed in range(20):
        core = LtcDynamics(LiquidCore(net, 6, seed=seed).export(), 6)
        rest = np.zeros(net.neurons, np.float32)
        tau_s.append(
            core.time_constants(rest, generator.normal(size=net.inputs).astype(np.float32))
        )
    low, middle, high = np.quantile(np.concatenate(tau_s), [0.05, 0.5, 0.95])
    assert 0.015 < low < 0.04 and 0.06 < middle < 0.17 and 0.25 < high < 0.8


def test_a_seed_gives_one_core():
    net = NETS['ncp']
    one, same, other = (LiquidCore(net, seed=seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one['w'], other['w'])
    generator = torch.Generator().manual_seed(4)
    assert torch.equal(LiquidCore(net, seed=generator).state_dict()['w'], one['w'])


def test_reversal_potentials_start_at_the_polarity():
    net = NETS['ncp']
    core = LiquidCore(net)
    np.testing.assert_array_equal(core.erev.detach(), net.polarity)
    np.testing.assert_array_equal(core.sensory_erev.detach(), net.sensory_polarity)


def test_training_recovers_the_time_constants_of_another_core():
    # A teacher that differs in its capacitances only: they are what the gradient must find.
    net = wiring.ncp(4, 4, 3, 2, 2, 2, 2, 2, seed=1)
    teacher, student = LiquidCore(net, 4, seed=1), LiquidCore(net, 4, seed=1)
    with torch.no_grad():
        student.cm += 0.7
    x = torch.randn(16, 24, 4, generator=torch.Generator().manual_seed(0))
    dt_s = torch.full((16, 24), 0.05)
    with torch.no_grad():
        wanted = teacher(x, dt_s)[1]
    optimiser = torch.optim.Adam([student.cm], lr=0.05)
    losses = []
    for _ in range(80):
        optimiser.zero_grad()
        loss = (student(x, dt_s)[1] - wanted).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-3 * losses[0]


def test_the_numba_backend_refuses_what_it_cannot_compute():
    net = NETS['dense']
    x, dt_s, _, _ = _batch(net)
    with pytest.raises(ValueError, match="backend='torch'"):
        LiquidCore(net)(x.double(), dt_s)
    with pytest.raises(ValueError, match='backend must be'):
        LiquidCore(net, backend='jax')
    with pytest.raises(ValueError, match='unfolds'):
        LiquidCore(net, unfolds=0)


def test_parameters_match_those_that_are_exported():
    core = LiquidCore(NETS['ncp'])
    exported = {field.name for field in dataclasses.fields(core.export())}
    assert {name for name, _ in core.named_parameters()} == exported
