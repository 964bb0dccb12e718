"""One tick of the LRC core against its equations, written down once more, and its properties."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_parameters import lrc_parameters, random_parameters

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.lrc.dynamics import LrcDynamics
from liquid_pilot.liquid.lrc.parameters import LrcParameters

NETS = {'ncp': wiring.ncp(9, 7, 5, 3, 3, 3, 4, 2, seed=5), 'dense': wiring.dense(9, 11, 3, seed=5)}


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def parts(p, v, x, log_gleak=0.0):
    """Return f, g and the elastance (N,) in float64, from the sources u and v."""
    p = {name: tensor.astype(np.float64) for name, tensor in p.to_tensors().items()}
    gleak = p['gleak'] * np.exp(log_gleak)
    f, g, z = gleak.copy(), gleak.copy(), p['elastance_b'].copy()
    for prefix, y in (('sensory_', p['input_w'] * x + p['input_b']), ('', v)):
        w, sigma, mu, erev, elastance_w = (
            p[prefix + name] for name in ('w', 'sigma', 'mu', 'erev', 'elastance_w')
        )
        for i in range(len(gleak)):
            for j in range(len(y)):
                s = sigmoid(sigma[j, i] * (y[j] - mu[j, i]))
                f[i] += w[j, i] * s
                g[i] += w[j, i] * erev[j, i] * s
                z[i] += elastance_w[j, i] * y[j]
    return f, g, sigmoid(z + p['elastance_shift']) - sigmoid(z - p['elastance_shift'])


def reference_step(p, v, x, dt_s, log_cm=0.0, log_gleak=0.0):
    """Return the state after one semi-implicit step of the equations, in float64."""
    f, g, elastance = parts(p, v, x, log_gleak)
    rate = dt_s / (p.cm.astype(np.float64) * np.exp(log_cm)) * elastance
    return (v + rate * p.vleak * np.tanh(g)) / (1.0 + rate * sigmoid(f))


@pytest.mark.parametrize('kind', NETS)
@pytest.mark.parametrize('scaled', [False, True])
def test_200_irregular_steps_are_those_of_the_equations(kind, scaled):
    for seed in range(3):
        p = lrc_parameters(NETS[kind], seed)
        core, generator = LrcDynamics(p), np.random.default_rng(seed)
        v = np.zeros(p.neurons, np.float32)
        expected = v.astype(np.float64)
        found, wanted = [], []
        for _ in range(200):
            x = generator.normal(size=p.inputs).astype(np.float32)
            dt_s = float(np.exp(generator.uniform(np.log(0.005), np.log(2.0))))
            scales = generator.normal(size=(2, p.neurons)).astype(np.float32) if scaled else None
            v = core.step(v, x, dt_s, *([] if scales is None else scales))
            expected = reference_step(p, expected, x, dt_s, *([] if scales is None else scales))
            found.append(v)
            wanted.append(expected)
        error = np.abs(np.array(found) - wanted).max() / np.abs(wanted).max()
        assert error < 1e-5, (seed, error)
        output = expected[: p.motors] * p.output_w + p.output_b
        np.testing.assert_allclose(core.output(v), output, rtol=1e-5, atol=1e-6)


def published_step(h, w, gleak, vleak, sigma, mu, dense_w, dense_b, shift, y, v, dt_s):
    """Return the 'hybrid' step of Farsang et al. with the symmetric elastance, matrices [j, i].

    y (I + N,) are the mapped inputs, then the potentials. They are the sources of the synapses
    and of the linear layer of the elastance alike. h is free; w and gleak are not negative.
    """
    s = sigmoid(sigma * (y[:, None] - mu))
    f = gleak + (w * s).sum(0)
    g = gleak + (h * s).sum(0)
    x = y @ dense_w + dense_b
    elastance_t = (sigmoid(x + shift) - sigmoid(x - shift)) * dt_s
    return (elastance_t * vleak * np.tanh(g) + v) / (1.0 + elastance_t * sigmoid(f))


def test_with_a_capacitance_of_one_it_is_the_published_cell():
    net, generator = NETS['dense'], np.random.default_rng(0)
    for seed in range(10):
        p = lrc_parameters(net, seed)
        # h = w * erev can be any number: reversal potentials that are not signs.
        erev, sensory_erev = (
            generator.normal(size=shape).astype(np.float32)
            for shape in (p.erev.shape, p.sensory_erev.shape)
        )
        p = dataclasses.replace(p, cm=np.ones_like(p.cm), erev=erev, sensory_erev=sensory_erev)
        both = {
            name: np.concatenate([getattr(p, f'sensory_{name}'), getattr(p, name)]).astype(float)
            for name in ('w', 'erev', 'sigma', 'mu', 'elastance_w')
        }
        core = LrcDynamics(p)
        v = generator.uniform(-1, 1, net.neurons).astype(np.float32)
        for dt_s in (0.01, 1.0, 7.0):
            x = generator.normal(size=net.inputs).astype(np.float32)
            expected = published_step(
                both['w'] * both['erev'],
                both['w'],
                p.gleak,
                p.vleak,
                both['sigma'],
                both['mu'],
                both['elastance_w'],
                p.elastance_b,
                p.elastance_shift,
                np.concatenate([p.input_w * x + p.input_b, v]).astype(float),
                v.astype(float),
                dt_s,
            )
            v = core.step(v, x, dt_s)
            np.testing.assert_allclose(v, expected, rtol=1e-5, atol=1e-6)


def test_time_constants_are_those_of_the_equations_and_of_the_decay():
    p = lrc_parameters(NETS['ncp'])
    core, generator = LrcDynamics(p), np.random.default_rng(1)
    v = generator.uniform(-1, 1, p.neurons).astype(np.float32)
    x = generator.normal(size=p.inputs).astype(np.float32)
    log_cm, log_gleak = generator.normal(size=(2, p.neurons)).astype(np.float32)
    f, _, elastance = parts(p, v, x, log_gleak)
    np.testing.assert_allclose(
        core.time_constants(v, x, log_cm, log_gleak),
        p.cm * np.exp(log_cm) / (elastance * sigmoid(f)),
        rtol=1e-5,
    )
    # One neuron without synapses and goal falls to 1/e in one time constant.
    alone = LrcParameters.ones(1, 1, 1)
    silent = {name: 0 * alone.w for name in ('w', 'sensory_w', 'elastance_w')}
    alone = dataclasses.replace(
        alone, vleak=0 * alone.vleak, sensory_elastance_w=0 * alone.sensory_elastance_w, **silent
    )
    core, one = LrcDynamics(alone), np.ones(1, np.float32)
    tau_s = core.time_constants(one, one)[0]
    v = one
    for _ in range(1000):
        v = core.step(v, one, tau_s / 1000)
    assert v[0] == pytest.approx(np.exp(-1.0), rel=1e-3)


def test_a_scale_of_the_capacitance_scales_the_time_constant_and_moves_no_goal():
    p = lrc_parameters(NETS['dense'])
    core, generator = LrcDynamics(p), np.random.default_rng(2)
    v = generator.uniform(-1, 1, p.neurons).astype(np.float32)
    x = generator.normal(size=p.inputs).astype(np.float32)
    trained = core.time_constants(v, x)
    for scale in (0.25, 2.0, 8.0):
        log_cm = np.full(p.neurons, np.log(scale), np.float32)
        np.testing.assert_allclose(core.time_constants(v, x, log_cm), scale * trained, rtol=1e-6)
    ends = []
    for log_cm in (None, np.full(p.neurons, 1.5, np.float32)):
        v = np.zeros(p.neurons, np.float32)
        for _ in range(2000):
            v = core.step(v, x, 5.0, log_cm)
        ends.append(v)
    np.testing.assert_allclose(*ends, rtol=1e-4, atol=1e-5)


@st.composite
def _cases(draw):
    neurons = draw(st.integers(1, 20))
    return {
        'inputs': draw(st.integers(1, 40)),
        'neurons': neurons,
        'dt_s': draw(st.sampled_from([1e-30, 1e-3, 1.0, 1e4, 1e30])),
        'cm': draw(st.sampled_from([1e-38, 1e-3, 1.0, 1e30])),
        'shift': draw(st.sampled_from([0.0, 1e-3, 1.0, 30.0, 3e38])),
        'size': draw(st.sampled_from([1.0, 1e3, 1e30, 3e38])),
        'scale': draw(st.floats(-3.0, 3.0)),
        'seed': draw(st.integers(0, 1000)),
    }


@settings(max_examples=100, deadline=None)
@given(case=_cases())
def test_the_state_stays_between_where_it_is_and_twice_the_leak_potential(case):
    net = wiring.dense(case['inputs'], case['neurons'], 1, case['seed'])
    p, full = lrc_parameters(net, case['seed']), np.full(net.neurons, 1.0, np.float32)
    p = dataclasses.replace(
        p, cm=np.float32(case['cm']) * full, elastance_shift=np.float32(case['shift']) * full
    )
    core, generator = LrcDynamics(p), np.random.default_rng(case['seed'])
    v = generator.uniform(-1, 1, net.neurons).astype(np.float32)
    # The sigmoid of a conductance, which is not negative, is 1/2 or more.
    bound = np.maximum(np.abs(v), 2.0 * np.abs(p.vleak)) * (1.0 + 1e-5)
    log = np.full(net.neurons, case['scale'], np.float32)
    for _ in range(3):
        x = (case['size'] * generator.uniform(-1, 1, net.inputs)).astype(np.float32)
        v = core.step(v, x, case['dt_s'], log_cm=log, log_gleak=-log)
        assert np.isfinite(v).all() and (np.abs(v) <= bound).all()
        tau_s = core.time_constants(v, x)
        assert np.isfinite(tau_s[tau_s < 1e30]).all() and (tau_s > 0).all()


def test_the_elastance_keeps_its_digits_where_both_sigmoids_are_closed():
    """The difference of two sigmoids in float32 is 0 from an argument of about 17 on."""
    p = lrc_parameters(NETS['dense'])
    still = {
        f'{prefix}elastance_w': np.zeros_like(getattr(p, f'{prefix}w'))
        for prefix in ('', 'sensory_')
    }
    for offset in (-30.0, -8.0, 8.0, 14.0):
        changed = dataclasses.replace(
            p, elastance_b=np.full(p.neurons, offset, np.float32), **still
        )
        core = LrcDynamics(changed)
        v = np.full(p.neurons, 0.5, np.float32)
        x = np.zeros(p.inputs, np.float32)
        f, _, _ = parts(changed, v.astype(float), x)
        k = p.elastance_shift.astype(float)
        elastance = np.sinh(k) / (np.cosh(k) + np.cosh(offset))
        expected = p.cm / np.maximum(elastance * sigmoid(f), 1e-8)
        np.testing.assert_allclose(core.time_constants(v, x), expected, rtol=2e-6)


def test_no_scales_and_scales_of_zero_give_the_same_bits():
    core, generator = LrcDynamics(lrc_parameters(NETS['dense'])), np.random.default_rng(4)
    zeros = np.zeros(11, np.float32)
    for _ in range(50):
        v = generator.uniform(-1, 1, 11).astype(np.float32)
        x = generator.normal(size=9).astype(np.float32)
        plain = core.step(v, x, 0.05)
        assert np.array_equal(plain, core.step(v, x, 0.05, zeros, zeros))
        assert np.array_equal(plain, core.step(v, x, 0.05, log_gleak=zeros))


def test_nan_in_is_nan_out():
    core = LrcDynamics(lrc_parameters(NETS['dense']))
    v, x, log = np.zeros(11, np.float32), np.zeros(9, np.float32), np.zeros(11, np.float32)
    bad_x, bad_v, bad_log = x.copy(), v.copy(), log.copy()
    bad_x[3] = bad_v[7] = bad_log[4] = np.nan
    assert np.isnan(core.step(v, bad_x, 0.05)).all()
    assert np.isnan(core.step(bad_v, x, 0.05)).all()
    assert np.isnan(core.time_constants(bad_v, x)).all()
    assert np.isnan(core.step(v, x, 0.05, bad_log)).tolist() == [i == 4 for i in range(11)]
    assert np.isfinite(core.step(v, x, 0.05)).all()


def test_a_step_into_out_allocates_nothing():
    core = LrcDynamics(lrc_parameters(NETS['dense']))
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


@pytest.mark.parametrize('shapes', [(1, 9, 11), (11, 1, 11), (11, 9, 1)])
def test_wrong_shapes_and_times_are_refused(shapes):
    core = LrcDynamics(lrc_parameters(NETS['dense']))
    v, x, log = (np.zeros(size, np.float32) for size in shapes)
    with pytest.raises(ValueError, match='shape'):
        core.step(v, x, 0.05, log_cm=log)
    for dt_s in (0.0, -0.1, float('nan'), float('inf')):
        with pytest.raises(ValueError, match='dt_s'):
            core.step(np.zeros(11, np.float32), np.zeros(9, np.float32), dt_s)


def _changed(name, change):
    return lambda tensors: tensors.update({name: change(tensors[name].copy())})


def _put(value):
    def change(tensor):
        tensor.flat[1] = value
        return tensor

    return change


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda t: t.pop('elastance_b'), "'elastance_b' is missing"),
        (lambda t: t.update(tau=t['cm']), "'tau' is not a parameter of an LRC core"),
        (_changed('elastance_shift', _put(-0.1)), "'elastance_shift' must not be negative"),
        (_changed('elastance_w', _put(np.nan)), "'elastance_w' holds values that are not finite"),
        (_changed('elastance_w', lambda w: w[:, :-1]), "'elastance_w' must have the shape"),
        (_changed('sensory_elastance_w', lambda w: w.T), "'sensory_elastance_w' must have the"),
        (_changed('elastance_b', lambda b: b[:3]), "'elastance_b' must have the shape"),
        (_changed('cm', _put(0.0)), "'cm' must be positive"),
    ],
)
def test_bad_tensors_are_refused_by_name(spoil, message):
    tensors = lrc_parameters(NETS['dense']).to_tensors()
    LrcParameters.from_tensors(tensors)
    spoil(tensors)
    with pytest.raises(LiquidPilotError, match=message):
        LrcParameters.from_tensors(tensors)


def test_neither_kind_of_core_takes_the_parameters_of_the_other():
    ltc, lrc = random_parameters(NETS['dense']), lrc_parameters(NETS['dense'])
    with pytest.raises(LiquidPilotError, match='of an LRC core, not of an LTC core'):
        LtcDynamics(lrc, 6)
    with pytest.raises(LiquidPilotError, match='of an LTC core, not of an LRC core'):
        LrcDynamics(ltc)
