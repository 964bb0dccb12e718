"""Whole sequences through an LRC core: they are its steps, whatever the threads and the wiring."""

from __future__ import annotations

import dataclasses

import numba
import numpy as np
import pytest
from random_parameters import lrc_parameters

from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.lrc.dynamics import LrcDynamics
from liquid_pilot.liquid.lrc.sequences import backward_lrc_sequence, forward_lrc_sequence

NETS = {'ncp': wiring.ncp(9, 7, 5, 3, 3, 3, 4, 2, seed=5), 'dense': wiring.dense(9, 11, 3, seed=5)}


def batch(net, samples=19, ticks=6, seed=5):
    generator = np.random.default_rng(seed)
    v0 = generator.uniform(-1, 1, (samples, net.neurons)).astype(np.float32)
    x = generator.normal(size=(samples, ticks, net.inputs)).astype(np.float32)
    return v0, x, generator.uniform(0.01, 0.2, (samples, ticks)).astype(np.float32)


@pytest.mark.parametrize('kind', NETS)
def test_a_sequence_is_its_steps(kind):
    p = lrc_parameters(NETS[kind])
    core, (v0, x, dt_s) = LrcDynamics(p), batch(NETS[kind])
    v, _ = forward_lrc_sequence(p, v0, x, dt_s)
    for sample in (0, 7, 18):
        state = v0[sample]
        for t in range(6):
            state = core.step(state, x[sample, t], dt_s[sample, t])
            np.testing.assert_allclose(v[sample, t], state, rtol=1e-6, atol=1e-7)


def test_gradients_do_not_depend_on_the_number_of_threads(monkeypatch):
    p = lrc_parameters(NETS['ncp'])
    v0, x, dt_s = batch(NETS['ncp'], samples=21)
    grad_v = np.random.default_rng(6).normal(size=(21, 6, 15)).astype(np.float32)
    results = []
    for threads in (1, 4):
        monkeypatch.setattr(numba.config, 'NUMBA_NUM_THREADS', threads)
        _, cache = forward_lrc_sequence(p, v0, x, dt_s)
        grads, grad_v0, grad_x = backward_lrc_sequence(p, cache, grad_v)
        results.append({**grads, 'v0': grad_v0, 'x': grad_x})
    for name in results[0]:
        assert np.array_equal(results[0][name], results[1][name]), name


def test_absent_synapses_have_no_gradient():
    net = NETS['ncp']
    p = lrc_parameters(net)
    _, cache = forward_lrc_sequence(p, *batch(net))
    grads, _, _ = backward_lrc_sequence(p, cache, np.ones((19, 6, 15), np.float32))
    for name in ('w', 'sigma', 'mu', 'erev', 'elastance_w'):
        assert (grads[name][net.polarity == 0] == 0.0).all()
        assert (grads['sensory_' + name][net.sensory_polarity == 0] == 0.0).all()
        assert (grads[name] != 0.0).any() and (grads['sensory_' + name] != 0.0).any()


def test_a_synapse_without_conductance_still_acts_on_the_elastance():
    net = NETS['dense']
    p = lrc_parameters(net)
    open_, shut = (
        dataclasses.replace(p, w=0 * p.w),
        dataclasses.replace(p, w=0 * p.w, elastance_w=0 * p.elastance_w),
    )
    v0, x, dt_s = batch(net)
    v, cache = forward_lrc_sequence(open_, v0, x, dt_s)
    assert np.abs(v - forward_lrc_sequence(shut, v0, x, dt_s)[0]).max() > 1e-3
    grads, _, _ = backward_lrc_sequence(open_, cache, np.ones_like(v))
    assert (grads['elastance_w'] != 0.0).all() and (grads['w'] == 0.0).all()


def test_sequences_of_other_shapes_are_refused():
    p = lrc_parameters(NETS['dense'])
    v0, x, dt_s = batch(NETS['dense'])
    with pytest.raises(ValueError, match='do not fit a core of 11 neurons and 9 inputs'):
        forward_lrc_sequence(p, v0, x[..., :8], dt_s)
    _, cache = forward_lrc_sequence(p, v0, x, dt_s)
    with pytest.raises(ValueError, match='does not fit a forward pass'):
        backward_lrc_sequence(p, cache, np.zeros((19, 6, 10), np.float32))
