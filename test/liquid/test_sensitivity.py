from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.sensitivity import LtcSensitivity, StateWithSensitivities

NCP = wiring.ncp(9, 7, 5, 3, 3, 3, 4, 2, seed=5)
DENSE = wiring.dense(9, 11, 3, seed=5)
# Sizes on both sides of the kernel's blocks of columns, and more than it takes in one pass.
NETS = {
    'one': wiring.dense(3, 1, 1, seed=5),
    'eight': wiring.dense(3, 8, 2, seed=5),
    'ncp': NCP,
    'dense': DENSE,
    'ncp34': wiring.ncp(64, 18, 12, 4, 6, 6, 6, 4, seed=5),
    'dense34': wiring.dense(64, 34, 4, seed=5),
    'dense50': wiring.dense(5, 50, 4, seed=5),
}


def _flight(net, ticks, seed=0):
    """Inputs (T, I), irregular elapsed times (T,) s, and scales log_cm, log_gleak (N,)."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(ticks, net.inputs)).astype(np.float32)
    dt_s = np.exp(generator.uniform(np.log(0.002), np.log(0.5), ticks)).astype(np.float32)
    return x, dt_s, *(0.5 * generator.normal(size=(2, net.neurons))).astype(np.float32)


def _by_back_propagation(parameters: LtcParameters, unfolds, x, dt_s, log_cm, log_gleak):
    """d v_T / d log cm and d v_T / d log gleak, (N, N) each, by float64 autograd."""
    p = {name: torch.tensor(value).double() for name, value in parameters.to_tensors().items()}
    x, dt_s = torch.tensor(x).double(), torch.tensor(dt_s).double()
    scales = [torch.tensor(scale).double().requires_grad_() for scale in (log_cm, log_gleak)]
    cm, gleak = p['cm'] * scales[0].exp(), p['gleak'] * scales[1].exp()

    def opened(prefix, values):
        return p[prefix + 'w'] * torch.sigmoid(
            p[prefix + 'sigma'] * (values[:, None] - p[prefix + 'mu'])
        )

    v = torch.zeros(parameters.neurons, dtype=torch.float64)
    for t in range(len(x)):
        sensory = opened('sensory_', x[t] * p['input_w'] + p['input_b'])
        above = (sensory * p['sensory_erev']).sum(0) + gleak * p['vleak']
        below = sensory.sum(0) + gleak
        c = cm * unfolds / dt_s[t]
        for _ in range(unfolds):
            recurrent = opened('', v)
            v = (c * v + above + (recurrent * p['erev']).sum(0)) / (
                c + below + recurrent.sum(0) + 1e-8
            )
    rows = [torch.autograd.grad(entry, scales, retain_graph=True) for entry in v]
    return [torch.stack([row[k] for row in rows]).numpy() for k in (0, 1)]


@pytest.mark.parametrize('name', NETS)
@pytest.mark.parametrize('unfolds', [1, 6])
def test_after_a_hundred_steps_they_are_those_of_back_propagation(parameters_for, name, unfolds):
    net = NETS[name]
    parameters = parameters_for(net, 1)
    x, dt_s, log_cm, log_gleak = _flight(net, 100)
    core = LtcSensitivity(parameters, unfolds)
    state = core.initial_state()
    for t in range(100):
        state = core.step_sensitivity(state, x[t], float(dt_s[t]), log_cm, log_gleak)
    exact = _by_back_propagation(parameters, unfolds, x, dt_s, log_cm, log_gleak)
    for ours, theirs in zip(state[1:], exact, strict=True):
        assert np.abs(theirs).max() > 1e-4
        assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max()


def test_slow_neurons_do_not_lose_digits(parameters_for):
    # v and v' differ in the sixth digit here: their difference would be wrong by a percent.
    parameters = parameters_for(DENSE, 1)
    parameters = dataclasses.replace(parameters, cm=parameters.cm * 1e4)
    x, dt_s, log_cm, log_gleak = _flight(DENSE, 100)
    core = LtcSensitivity(parameters, 6)
    state = core.initial_state()
    for t in range(100):
        state = core.step_sensitivity(state, x[t], float(dt_s[t]), log_cm, log_gleak)
    exact = _by_back_propagation(parameters, 6, x, dt_s, log_cm, log_gleak)
    for ours, theirs in zip(state[1:], exact, strict=True):
        assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


@pytest.mark.parametrize('name', ['ncp', 'dense34'])
def test_the_potentials_are_those_of_a_step_to_the_bit(parameters_for, name):
    net = NETS[name]
    parameters = parameters_for(net, 1)
    x, dt_s, log_cm, log_gleak = _flight(net, 50)
    plain, core = LtcDynamics(parameters, 6), LtcSensitivity(parameters, 6)
    v = np.linspace(-1, 1, net.neurons, dtype=np.float32)
    state = core.initial_state(v)
    for t in range(50):
        scales = (log_cm, log_gleak) if t % 2 else (None, None)
        v = plain.step(v, x[t], float(dt_s[t]), *scales)
        state = core.step_sensitivity(state, x[t], float(dt_s[t]), *scales)
        assert np.array_equal(state.v, v)


def test_at_rest_in_the_same_input_only_the_leak_matters(parameters_for):
    # cm cancels where the state has settled; gleak moves where it settles.
    core = LtcSensitivity(parameters_for(NCP), 6)
    x, state = np.ones(9, np.float32), core.initial_state()
    for _ in range(200):
        state = core.step_sensitivity(state, x, 10.0)
    assert np.abs(state.by_log_cm).max() < 1e-5
    assert np.abs(state.by_log_gleak).max() > 1e-3


def test_what_no_path_leads_from_does_not_matter(parameters_for):
    # Inter neurons are fed by inputs alone, motor neurons feed none, in ncp wirings.
    net = NETS['ncp34']
    core = LtcSensitivity(parameters_for(net), 6)
    x, dt_s, _, _ = _flight(net, 20)
    state = core.initial_state()
    for t in range(20):
        state = core.step_sensitivity(state, x[t], float(dt_s[t]))
    roles = np.array([net.role(i) for i in range(net.neurons)])
    inter, motor = roles == 'inter', roles == 'motor'
    for derivative in state[1:]:
        among = derivative[np.ix_(inter, inter)]
        assert np.count_nonzero(among - np.diag(np.diag(among))) == 0
        assert np.all(np.diag(among) != 0.0)
        assert not derivative[np.ix_(~motor, motor)].any()
        assert np.count_nonzero(derivative[np.ix_(motor, inter)]) > 0


def test_a_step_into_out_is_the_same_and_allocates_nothing(parameters_for):
    core = LtcSensitivity(parameters_for(DENSE), 6)
    x, log = np.ones(9, np.float32), np.full(11, 0.1, np.float32)
    state = core.step_sensitivity(core.initial_state(), x, 0.05, log, log)
    expected = core.step_sensitivity(state, x, 0.05, log, log)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        same = core.step_sensitivity(state, x, 0.05, log, log, out=state)
        grown = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert same is state
    for ours, theirs in zip(state, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # Python's own floats, tuples and frames; one of the matrices would be 484 bytes.
    assert grown < 1500


def test_nan_in_is_nan_out(parameters_for):
    core = LtcSensitivity(parameters_for(DENSE), 6)
    x, state = np.zeros(9, np.float32), core.initial_state()
    bad = x.copy()
    bad[3] = np.nan
    spoilt = core.step_sensitivity(state, bad, 0.05)
    assert all(np.isnan(part).all() for part in spoilt)
    # The buffers inside have forgotten it.
    clean = core.step_sensitivity(state, x, 0.05)
    assert all(np.isfinite(part).all() for part in clean)


def test_wrong_arguments_are_refused(parameters_for):
    core = LtcSensitivity(parameters_for(DENSE), 6)
    state, x = core.initial_state(), np.zeros(9, np.float32)
    for dt_s in (0.0, -1.0, float('nan'), float('inf')):
        with pytest.raises(ValueError, match='dt_s'):
            core.step_sensitivity(state, x, dt_s)
    with pytest.raises(ValueError, match='by_log_gleak must have the shape'):
        core.step_sensitivity(state._replace(by_log_gleak=np.zeros(11, np.float32)), x, 0.05)
    with pytest.raises(ValueError, match='shape'):
        core.step_sensitivity(StateWithSensitivities(np.zeros(1, np.float32), *state[1:]), x, 0.05)
    with pytest.raises(ValueError, match='v must have the shape'):
        core.initial_state(np.zeros(3))


@st.composite
def _cases(draw):
    neurons = draw(st.integers(1, 40))
    return {
        'inputs': draw(st.integers(1, 70)),
        'neurons': neurons,
        'unfolds': draw(st.integers(1, 8)),
        'dt_s': draw(st.floats(1e-3, 10.0)),
        'size': draw(st.sampled_from([1.0, 1e3, 1e30, 3e38])),
        'scale': draw(st.floats(-3.0, 3.0)),
        'seed': draw(st.integers(0, 1000)),
    }


@settings(max_examples=60, deadline=None)
@given(case=_cases())
def test_they_stay_finite_whatever_comes_in(parameters_for, case):
    net = wiring.dense(case['inputs'], case['neurons'], 1, case['seed'])
    core = LtcSensitivity(parameters_for(net, case['seed']), case['unfolds'])
    generator = np.random.default_rng(case['seed'])
    log = np.full(net.neurons, case['scale'], np.float32)
    state = core.initial_state(generator.uniform(-1, 1, net.neurons))
    for _ in range(3):
        x = (case['size'] * generator.uniform(-1, 1, net.inputs)).astype(np.float32)
        state = core.step_sensitivity(state, x, case['dt_s'], log, -log)
        assert all(np.isfinite(part).all() for part in state)
