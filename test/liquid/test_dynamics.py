from __future__ import annotations

import dataclasses
import tracemalloc

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ncps.torch import LTCCell
from ncps.wirings import NCP, FullyConnected

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.sequences import backward_sequence, forward_sequence

NCP_WIRING = wiring.ncp(9, 7, 5, 3, 3, 3, 4, 2, seed=5)
DENSE_WIRING = wiring.dense(9, 11, 3, seed=5)


def _of_ncps(cell: LTCCell) -> LtcParameters:
    tensors = {name: value.detach().numpy().copy() for name, value in cell._params.items()}
    tensors['w'] *= tensors.pop('sparsity_mask')
    tensors['sensory_w'] *= tensors.pop('sensory_sparsity_mask')
    return LtcParameters.from_tensors(tensors)


@pytest.mark.parametrize(
    'theirs', [FullyConnected(34, 4), NCP(18, 12, 4, 8, 6, 8, 6)], ids=['dense', 'ncp']
)
@pytest.mark.parametrize('dt_s', [0.001, 1.0 / 30.0, 1.0, 10.0])
def test_weights_of_ncps_give_the_outputs_of_ncps(theirs, dt_s):
    torch.manual_seed(1)
    cell = LTCCell(theirs, 64, ode_unfolds=6)
    with torch.no_grad():
        for name in ('input_w', 'input_b', 'output_w', 'output_b'):
            cell._params[name] += 0.3 * torch.randn_like(cell._params[name])
    core = LtcDynamics(_of_ncps(cell), unfolds=6)
    state, v = torch.randn(1, 34) * 0.5, None
    # The oracle in float64, so that the difference is ours alone.
    cell.double()
    state = state.double()
    for _ in range(20):
        x = torch.randn(1, 64)
        v = core.step(state.numpy()[0].astype(np.float32) if v is None else v, x.numpy()[0], dt_s)
        with torch.no_grad():
            output, state = cell(x.double(), state, dt_s)
        np.testing.assert_allclose(v, state.numpy()[0], rtol=1e-5, atol=2e-6)
        np.testing.assert_allclose(core.output(v), output.numpy()[0], rtol=1e-5, atol=2e-6)


@st.composite
def _cases(draw):
    neurons = draw(st.integers(1, 40))
    return {
        'inputs': draw(st.integers(1, 70)),
        'neurons': neurons,
        'motors': draw(st.integers(1, neurons)),
        'unfolds': draw(st.integers(1, 8)),
        'dt_s': draw(st.floats(1e-3, 10.0)),
        'size': draw(st.sampled_from([1.0, 1e3, 1e30, 3e38])),
        'scale': draw(st.floats(-3.0, 3.0)),
        'seed': draw(st.integers(0, 1000)),
    }


@settings(max_examples=60, deadline=None)
@given(case=_cases())
def test_the_state_stays_between_the_potentials_that_pull_on_it(parameters_for, case):
    net = wiring.dense(case['inputs'], case['neurons'], case['motors'], case['seed'])
    parameters = parameters_for(net, case['seed'])
    core = LtcDynamics(parameters, case['unfolds'])
    generator = np.random.default_rng(case['seed'])
    v = generator.uniform(-1, 1, net.neurons).astype(np.float32)
    log = np.full(net.neurons, case['scale'], np.float32)
    for _ in range(3):
        x = (case['size'] * generator.uniform(-1, 1, net.inputs)).astype(np.float32)
        v = core.step(v, x, case['dt_s'], log_cm=log, log_gleak=-log)
        # Every unfold is a mean of v, vleak and erev with positive weights.
        assert np.isfinite(v).all() and np.abs(v).max() <= 1.0 + 1e-5
        assert np.isfinite(core.output(v)).all()
        tau_s = core.time_constants(v, x, log_cm=log, log_gleak=-log)
        assert np.isfinite(tau_s).all() and (tau_s > 0).all()


def test_a_step_is_the_equation(parameters_for):
    p = parameters_for(NCP_WIRING)
    generator = np.random.default_rng(3)
    v = generator.uniform(-1, 1, 15).astype(np.float32)
    x = generator.normal(size=9).astype(np.float32)
    dt_s, unfolds = 0.07, 3

    def opened(prefix, values):
        sigma, mu, w = (getattr(p, prefix + name).astype(float) for name in ('sigma', 'mu', 'w'))
        return w / (1.0 + np.exp(-sigma * (values[:, None] - mu)))

    expected = v.astype(float)
    for _ in range(unfolds):
        sensory = opened('sensory_', x * p.input_w + p.input_b)
        recurrent = opened('', expected)
        current = (sensory * p.sensory_erev).sum(0) + (recurrent * p.erev).sum(0)
        conductance = sensory.sum(0) + recurrent.sum(0) + p.gleak
        c = p.cm * unfolds / dt_s
        expected = (c * expected + p.gleak * p.vleak + current) / (c + conductance)
    core = LtcDynamics(p, unfolds)
    np.testing.assert_allclose(core.step(v, x, dt_s), expected, rtol=1e-5, atol=1e-6)
    at_start = opened('sensory_', x * p.input_w + p.input_b).sum(0) + opened('', v).sum(0)
    np.testing.assert_allclose(core.time_constants(v, x), p.cm / (p.gleak + at_start), rtol=1e-5)


def test_the_time_constant_is_that_of_the_decay(parameters_for):
    p = parameters_for(wiring.dense(1, 1, 1, 0))
    p = dataclasses.replace(p, w=0 * p.w, vleak=0 * p.vleak, sensory_w=0 * p.sensory_w)
    core = LtcDynamics(p, unfolds=6)
    v, x = np.ones(1, np.float32), np.zeros(1, np.float32)
    tau_s = core.time_constants(v, x)[0]
    for _ in range(1000):
        v = core.step(v, x, tau_s / 1000)
    assert v[0] == pytest.approx(np.exp(-1.0), rel=1e-3)


def test_capacitance_changes_how_fast_a_neuron_settles_never_where(parameters_for):
    core = LtcDynamics(parameters_for(NCP_WIRING), 6)
    x = np.linspace(-1, 1, 9, dtype=np.float32)
    slow = np.full(15, 1.0, np.float32)
    ends, early = [], []
    for log_cm in (None, slow):
        v = np.zeros(15, np.float32)
        early.append(core.step(v, x, 0.1, log_cm=log_cm))
        for _ in range(1000):
            v = core.step(v, x, 10.0, log_cm=log_cm)
        ends.append(v)
    np.testing.assert_allclose(*ends, rtol=1e-5, atol=1e-5)
    assert np.abs(early[0]).sum() > 1.5 * np.abs(early[1]).sum()


def test_scales_multiply_the_conductances_by_their_exponentials(parameters_for):
    p = parameters_for(DENSE_WIRING)
    generator = np.random.default_rng(2)
    log_cm, log_gleak = generator.normal(size=(2, 11)).astype(np.float32)
    v = generator.uniform(-1, 1, 11).astype(np.float32)
    x = generator.normal(size=9).astype(np.float32)
    by_scale = LtcDynamics(p, 4)
    changed = dataclasses.replace(p, cm=p.cm * np.exp(log_cm), gleak=p.gleak * np.exp(log_gleak))
    by_parameter = LtcDynamics(changed, 4)
    np.testing.assert_allclose(
        by_scale.step(v, x, 0.05, log_cm, log_gleak),
        by_parameter.step(v, x, 0.05),
        rtol=1e-5,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        by_scale.time_constants(v, x, log_cm, log_gleak),
        by_parameter.time_constants(v, x),
        rtol=1e-5,
    )


def test_no_scales_and_scales_of_zero_give_the_same_bits(parameters_for):
    core = LtcDynamics(parameters_for(DENSE_WIRING), 6)
    generator = np.random.default_rng(4)
    zeros = np.zeros(11, np.float32)
    for _ in range(50):
        v = generator.uniform(-1, 1, 11).astype(np.float32)
        x = generator.normal(size=9).astype(np.float32)
        plain = core.step(v, x, 0.05)
        assert np.array_equal(plain, core.step(v, x, 0.05, zeros, zeros))
        assert np.array_equal(plain, core.step(v, x, 0.05, log_gleak=zeros))


def test_nan_in_is_nan_out(parameters_for):
    core = LtcDynamics(parameters_for(DENSE_WIRING), 6)
    v, x = np.zeros(11, np.float32), np.zeros(9, np.float32)
    bad_x, bad_v = x.copy(), v.copy()
    bad_x[3] = bad_v[7] = np.nan
    assert np.isnan(core.step(v, bad_x, 0.05)).all()
    assert np.isnan(core.step(bad_v, x, 0.05)).all()
    assert np.isfinite(core.step(v, x, 0.05)).all()


def test_a_step_into_out_allocates_nothing(parameters_for):
    core = LtcDynamics(parameters_for(DENSE_WIRING), 6)
    v, x = np.zeros(11, np.float32), np.ones(9, np.float32)
    log = np.zeros(11, np.float32)
    expected = core.step(core.step(v, x, 0.05), x, 0.05)
    assert core.step(v, x, 0.05, log, log, out=v) is v
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        core.step(v, x, 0.05, log, log, out=v)
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(v, expected)
    # Python's own floats and frames; an array of the state would be 44 bytes plus 112 of header.
    assert grown < 600


def test_read_only_and_float64_arguments_step_as_well(parameters_for):
    core = LtcDynamics(parameters_for(DENSE_WIRING), 6)
    v = np.linspace(-1, 1, 11, dtype=np.float32)
    x = np.frombuffer(np.linspace(-1, 1, 9, dtype=np.float32).tobytes(), np.float32)
    expected = core.step(v, x.copy(), 0.05)
    np.testing.assert_array_equal(core.step(v.astype(float), x, np.float64(0.05)), expected)


@pytest.mark.parametrize('dt_s', [0.0, -0.1, float('nan'), float('inf')])
def test_an_elapsed_time_that_is_none_is_refused(parameters_for, dt_s):
    core = LtcDynamics(parameters_for(DENSE_WIRING), 6)
    with pytest.raises(ValueError, match='dt_s'):
        core.step(np.zeros(11, np.float32), np.zeros(9, np.float32), dt_s)


@pytest.mark.parametrize('shapes', [(1, 9, 11), (11, 1, 11), (11, 9, 1)])
def test_wrong_shapes_are_refused_not_broadcast(parameters_for, shapes):
    core = LtcDynamics(parameters_for(DENSE_WIRING), 6)
    v, x, log = (np.zeros(size, np.float32) for size in shapes)
    with pytest.raises(ValueError, match='shape'):
        core.step(v, x, 0.05, log_cm=log)


@pytest.mark.parametrize('net', [NCP_WIRING, DENSE_WIRING], ids=['ncp', 'dense'])
def test_a_sequence_is_its_steps(parameters_for, net):
    p = parameters_for(net)
    core = LtcDynamics(p, 6)
    generator = np.random.default_rng(5)
    x = generator.normal(size=(19, 6, 9)).astype(np.float32)
    dt_s = generator.uniform(0.01, 0.2, (19, 6)).astype(np.float32)
    v0 = generator.uniform(-1, 1, (19, net.neurons)).astype(np.float32)
    v, _ = forward_sequence(p, 6, v0, x, dt_s)
    for sample in (0, 7, 18):
        state = v0[sample]
        for t in range(6):
            state = core.step(state, x[sample, t], dt_s[sample, t])
            np.testing.assert_allclose(v[sample, t], state, rtol=1e-6, atol=1e-7)


def test_gradients_do_not_depend_on_the_number_of_threads(parameters_for, monkeypatch):
    p = parameters_for(NCP_WIRING)
    generator = np.random.default_rng(6)
    x = generator.normal(size=(21, 5, 9)).astype(np.float32)
    dt_s = np.full((21, 5), 0.05, np.float32)
    grad_v = generator.normal(size=(21, 5, 15)).astype(np.float32)
    results = []
    for threads in (1, 4):
        monkeypatch.setattr(numba.config, 'NUMBA_NUM_THREADS', threads)
        _, cache = forward_sequence(p, 6, np.zeros((21, 15), np.float32), x, dt_s)
        grads, grad_v0, grad_x = backward_sequence(p, 6, cache, grad_v)
        results.append({**grads, 'v0': grad_v0, 'x': grad_x})
    for name in results[0]:
        assert np.array_equal(results[0][name], results[1][name]), name


def test_absent_synapses_have_no_gradient(parameters_for):
    p = parameters_for(NCP_WIRING)
    x = np.ones((2, 3, 9), np.float32)
    _, cache = forward_sequence(
        p, 6, np.zeros((2, 15), np.float32), x, np.full((2, 3), 0.05, np.float32)
    )
    grads, _, _ = backward_sequence(p, 6, cache, np.ones((2, 3, 15), np.float32))
    for name in ('w', 'sigma', 'mu', 'erev'):
        assert (grads[name][NCP_WIRING.polarity == 0] == 0.0).all()
        assert (grads['sensory_' + name][NCP_WIRING.sensory_polarity == 0] == 0.0).all()
        assert (grads[name] != 0.0).any() and (grads['sensory_' + name] != 0.0).any()


def test_sequences_of_other_shapes_are_refused(parameters_for):
    p = parameters_for(DENSE_WIRING)
    v0, x = np.zeros((2, 11), np.float32), np.zeros((2, 3, 9), np.float32)
    dt_s = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match='do not fit a core of 11 neurons and 9 inputs'):
        forward_sequence(p, 6, v0, x[..., :8], dt_s)
    _, cache = forward_sequence(p, 6, v0, x, dt_s)
    with pytest.raises(ValueError, match='do not fit a forward pass'):
        backward_sequence(p, 6, cache, np.zeros((2, 3, 10), np.float32))


def _spoil(name, change):
    def spoil(tensors):
        tensors[name] = change(tensors[name])

    return spoil


def _set(index, value):
    def change(tensor):
        tensor = tensor.copy()
        tensor[index] = value
        return tensor

    return change


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda tensors: tensors.pop('mu'), "'mu' is missing"),
        (lambda tensors: tensors.update(other=tensors['mu']), "'other' is not a parameter"),
        (_spoil('w', lambda w: w[:, :-1]), "'w' must have the shape"),
        (_spoil('sensory_mu', lambda mu: mu.T), "'sensory_mu' must have the shape"),
        (_spoil('input_w', lambda w: w[:, None]), "'input_w' must be a vector"),
        (_spoil('output_w', lambda w: np.ones(12, np.float32)), "'output_w' has 12 entries"),
        (_spoil('sigma', lambda s: s.astype(np.float64)), "'sigma' must be float32, not float64"),
        (_spoil('erev', lambda e: e.tolist()), "'erev' must be float32, not list"),
        (_spoil('vleak', _set(2, np.nan)), "'vleak' holds values that are not finite"),
        (_spoil('output_b', _set(0, np.inf)), "'output_b' holds values that are not finite"),
        (_spoil('cm', _set(0, 0.0)), "'cm' must be positive"),
        (_spoil('gleak', _set(0, -0.1)), "'gleak' must not be negative"),
        (_spoil('w', _set((1, 2), -0.1)), "'w' must not be negative"),
        (_spoil('sensory_w', _set((1, 2), -0.1)), "'sensory_w' must not be negative"),
    ],
)
def test_bad_tensors_are_refused_by_name(parameters_for, spoil, message):
    tensors = parameters_for(DENSE_WIRING).to_tensors()
    LtcParameters.from_tensors(tensors)
    spoil(tensors)
    with pytest.raises(LiquidPilotError, match=message):
        LtcParameters.from_tensors(tensors)


def test_a_core_without_unfolds_is_refused(parameters_for):
    with pytest.raises(LiquidPilotError, match='unfolds'):
        LtcDynamics(parameters_for(DENSE_WIRING), 0)
