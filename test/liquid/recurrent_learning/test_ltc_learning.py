"""Real-time recurrent learning against back-propagation in float64, and by its own promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_parameters import random_parameters

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.recurrent_learning.columns import Columns
from liquid_pilot.liquid.recurrent_learning.groups import GROUPS
from liquid_pilot.liquid.recurrent_learning.ltc_learning import LtcLearning

NETS = {
    'one': wiring.dense(3, 1, 1, seed=5),
    'ncp': wiring.ncp(9, 7, 5, 3, 3, 3, 4, 2, seed=5),
    'dense': wiring.dense(9, 11, 3, seed=5),
    'ncp34': wiring.ncp(38, 18, 12, 4, 10, 8, 12, 8, seed=5),
}
TICKS = 200


def flight(net, ticks=TICKS, seed=0):
    """Inputs (T, I) and irregular elapsed times (T,) s, from 2 to 500 ms."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(ticks, net.inputs)).astype(np.float32)
    dt_s = np.exp(generator.uniform(np.log(0.002), np.log(0.5), ticks))
    return x, dt_s.astype(np.float32)


def outputs(parameters, columns, change, unfolds, x, dt_s):
    """The outputs of every tick (T, M), in float64, of parameters with a change."""
    p = {name: torch.tensor(value).double() for name, value in parameters.to_tensors().items()}
    for piece in columns.pieces:
        by = change[torch.tensor(piece.columns)]
        index = tuple(map(torch.tensor, piece.indices))
        before = p[piece.tensor][index]
        p[piece.tensor] = p[piece.tensor].index_put(
            index, before * by.exp() if piece.is_positive else before + by
        )

    def opened(prefix, values):
        return p[prefix + 'w'] * torch.sigmoid(
            p[prefix + 'sigma'] * (values[:, None] - p[prefix + 'mu'])
        )

    v, found = torch.zeros(parameters.neurons, dtype=torch.float64), []
    for inputs, elapsed_s in zip(
        torch.tensor(x).double(), torch.tensor(dt_s).double(), strict=True
    ):
        sensory = opened('sensory_', inputs * p['input_w'] + p['input_b'])
        above = (sensory * p['sensory_erev']).sum(0) + p['gleak'] * p['vleak']
        below = sensory.sum(0) + p['gleak']
        c = p['cm'] * unfolds / elapsed_s
        for _ in range(unfolds):
            recurrent = opened('', v)
            v = (c * v + above + (recurrent * p['erev']).sum(0)) / (
                c + below + recurrent.sum(0) + 1e-8
            )
        found.append(v[: parameters.motors] * p['output_w'] + p['output_b'])
    return torch.stack(found)


def back_propagated(parameters, columns, unfolds, x, dt_s):
    """Gradients of each output after the last tick, (M, K), in float64."""
    change = torch.zeros(columns.count, dtype=torch.float64, requires_grad=True)
    last = outputs(parameters, columns, change, unfolds, x, dt_s)[-1]
    return np.stack(
        [torch.autograd.grad(one, change, retain_graph=True)[0].numpy() for one in last]
    )


def learned(core, x, dt_s):
    """The same by real-time recurrent learning, and the last state."""
    v = np.zeros(core.neurons, np.float32)
    for inputs, elapsed_s in zip(x, dt_s, strict=True):
        v = core.advance(v, inputs, float(elapsed_s))
    return np.stack([core.gradient(v, one) for one in np.eye(core.motors)]), v


@pytest.mark.parametrize('name', NETS)
@pytest.mark.parametrize('unfolds', [1, 6])
def test_over_200_irregular_ticks_gradients_are_those_of_back_propagation(name, unfolds):
    net = NETS[name]
    parameters = random_parameters(net, 1)
    x, dt_s = flight(net)
    core = LtcLearning(parameters, unfolds)
    ours, _ = learned(core, x, dt_s)
    exact = back_propagated(parameters, core.columns, unfolds, x, dt_s)
    for group in GROUPS:
        chosen = core.columns.mask(group)
        largest = np.abs(exact[:, chosen]).max()
        assert largest > 1e-4
        assert np.abs(ours - exact)[:, chosen].max() < 1e-4 * largest, group


@pytest.mark.parametrize(
    'groups', [['time_constants'], ['leak', 'output_map'], ['input_map'], ['output_map']]
)
def test_a_subset_has_the_gradients_that_it_has_among_all(groups):
    net = NETS['ncp34']
    parameters = random_parameters(net, 1)
    x, dt_s = flight(net, 40)
    whole, part = LtcLearning(parameters, 6), LtcLearning(parameters, 6, groups)
    (all_of_them, v), (ours, again) = learned(whole, x, dt_s), learned(part, x, dt_s)
    assert np.array_equal(v, again)
    chosen = whole.columns.mask(*groups)
    assert part.columns.count == chosen.sum()
    np.testing.assert_allclose(ours, all_of_them[:, chosen], rtol=1e-5, atol=1e-7)


def test_slow_neurons_do_not_lose_digits():
    # v and v' differ in the sixth digit here: their difference would be wrong by a percent.
    net = NETS['dense']
    parameters = random_parameters(net, 1)
    parameters = Columns.of(parameters, ['time_constants']).changed(
        parameters, np.full(net.neurons, np.log(1e4))
    )
    x, dt_s = flight(net, 100)
    core = LtcLearning(parameters, 6, ['time_constants'])
    ours, _ = learned(core, x, dt_s)
    exact = back_propagated(parameters, core.columns, 6, x, dt_s)
    assert np.abs(ours - exact).max() < 1e-4 * np.abs(exact).max()


def test_the_state_is_that_of_a_step_to_the_bit():
    net = NETS['ncp34']
    parameters = random_parameters(net, 1)
    x, dt_s = flight(net, 50)
    scales = np.random.default_rng(2).normal(0.0, 0.5, (2, net.neurons)).astype(np.float32)
    plain, core = LtcDynamics(parameters, 6), LtcLearning(parameters, 6)
    v = again = np.linspace(-1, 1, net.neurons, dtype=np.float32)
    for t in range(50):
        chosen = scales if t % 2 else (None, None)
        v = plain.step(v, x[t], float(dt_s[t]), *chosen)
        again = core.advance(again, x[t], float(dt_s[t]), *chosen)
        assert np.array_equal(v, again)


def test_other_parameters_are_gone_on_with_as_if_there_had_been_no_others():
    net = NETS['ncp']
    parameters = random_parameters(net, 1)
    core = LtcLearning(parameters, 6)
    change = np.random.default_rng(3).normal(0.0, 0.1, core.columns.count).astype(np.float32)
    moved = core.columns.changed(parameters, change)
    assert all((a == b).all() for a, b in zip(moved.present, parameters.present, strict=True))
    core.load(moved)
    fresh = LtcLearning(moved, 6)
    x, dt_s = flight(net, 20)
    (ours, v), (theirs, again) = learned(core, x, dt_s), learned(fresh, x, dt_s)
    assert np.array_equal(v, again) and np.array_equal(ours, theirs)
    assert np.array_equal(core.output(v), fresh.output(v))
    with pytest.raises(LiquidPilotError, match='another wiring'):
        core.load(random_parameters(NETS['dense'], 1))
    core.forget()
    assert not core.by_parameter.any()


def test_descending_the_gradient_teaches_an_offset_and_a_time_constant():
    # A teacher with other parameters commands; the core follows it in a few passes.
    net = NETS['ncp34']
    parameters = random_parameters(net, 1)
    core = LtcLearning(parameters, 6)
    rng = np.random.default_rng(4)
    teacher = LtcDynamics(
        core.columns.changed(parameters, rng.normal(0.0, 0.2, core.columns.count)), 6
    )
    x, dt_s = flight(net, 150)
    change, losses = np.zeros(core.columns.count, np.float32), []
    for _ in range(6):
        core.load(core.columns.changed(parameters, change))
        core.forget()
        v = wanted = np.zeros(net.neurons, np.float32)
        total, loss = np.zeros_like(change), 0.0
        for inputs, elapsed_s in zip(x, dt_s, strict=True):
            wanted = teacher.step(wanted, inputs, float(elapsed_s))
            v = core.advance(v, inputs, float(elapsed_s))
            error = core.output(v) - teacher.output(wanted)
            total += core.gradient(v, error)
            loss += float(error @ error)
        losses.append(loss)
        change -= 0.05 * total / np.linalg.norm(total)
    assert losses[-1] < 0.5 * losses[0]


def test_groups_that_are_none_are_refused():
    parameters = random_parameters(NETS['ncp'], 1)
    with pytest.raises(LiquidPilotError, match="no group of parameters 'weights'; there are time"):
        LtcLearning(parameters, 6, ['weights'])
    with pytest.raises(LiquidPilotError, match='no parameters are learned'):
        LtcLearning(parameters, 6, [])
