"""The compiled loops of the LRC core; arrays and synapses are as in `liquid._kernels`.

weights (E, LANES) holds elastance_w in the order of the entries. neuron (6, P) holds cm, gleak,
vleak, elastance_b, and tanh and 1/cosh of elastance_shift. The trace (5, P) of a tick has the
potentials before and after it, then g, f and z (`lrc.dynamics`). The elastance is computed as

    sigmoid(z + k) - sigmoid(z - k) = sinh(k) / (cosh(k) + cosh(z))
                                    = 2*tanh(k) / (2 + (exp(z) + exp(-z))/cosh(k)),

which keeps its digits where both sigmoids are close to 0 or to 1.
"""

from __future__ import annotations

import numpy as np

from liquid_pilot.liquid._jit import compiled
from liquid_pilot.liquid._kernels import _FASTMATH_FLAGS, Float32Array, UInt64Array
from liquid_pilot.liquid._lanes import LANES, exp, sigmoid, tanh
from liquid_pilot.liquid._synapses import accumulate_inputs, add_gradients, sum_lanes
from liquid_pilot.liquid.lrc._elastance import accumulate_linear, add_linear_gradients

_f = np.float32
_ONE, _TWO = _f(1.0), _f(2.0)
_MAX_RATE = _f(1e30)
"""Largest dt/cm times the elastance: far beyond it the neuron has settled, and 1/0 is kept off."""
_MIN_RATE = _f(1e-8)
"""Smallest cm/tau that time constants are made of, so that a neuron at a standstill has no inf."""
# Unsigned, as all indices here are; otherwise numba adds tests for negative ones.
_LANES = np.uint64(LANES)


@compiled(fastmath=_FASTMATH_FLAGS)
def _elastance(z: float, tanh_shift: float, inverse_cosh_shift: float) -> float:
    """Return the elastance; see the head of this file."""
    u = exp(z)
    elastance: float = _TWO * tanh_shift / (_TWO + inverse_cosh_shift * (u + _ONE / u))
    return elastance


@compiled(fastmath=_FASTMATH_FLAGS)
def _accumulate(
    table: Float32Array,
    weights: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    gleak: Float32Array,
    offset: Float32Array,
    x: Float32Array,
    trace: Float32Array,
) -> None:
    """Write g, f and z, into trace[2:5], of the potentials trace[0] and the inputs x (I,)."""
    for i in range(gleak.shape[0]):
        trace[2, i] = gleak[i]
        trace[3, i] = gleak[i]
        trace[4, i] = offset[i]
    for b in range(np.uint64(bounds.shape[0])):
        at = b * _LANES
        begin, end = bounds[b, 0, 0], bounds[b, 0, 1]
        accumulate_inputs(table, sources, begin, end, x, at, trace[2], trace[3])
        accumulate_linear(weights, sources, begin, end, x, at, trace[4])
        begin, end = bounds[b, 1, 0], bounds[b, 1, 1]
        accumulate_inputs(table, sources, begin, end, trace[0], at, trace[2], trace[3])
        accumulate_linear(weights, sources, begin, end, trace[0], at, trace[4])


@compiled(fastmath=_FASTMATH_FLAGS)
def _tick(
    table: Float32Array,
    weights: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    cm: Float32Array,
    gleak: Float32Array,
    neuron: Float32Array,
    x: Float32Array,
    trace: Float32Array,
    dt_s: float,
) -> None:
    """Advance the potentials trace[0] (P,) to trace[1] by dt_s seconds."""
    _accumulate(table, weights, sources, bounds, gleak, neuron[3], x, trace)
    elapsed = np.float32(dt_s)
    for i in range(cm.shape[0]):
        rate = elapsed / cm[i] * _elastance(trace[4, i], neuron[4, i], neuron[5, i])
        # Written so that NaN stays NaN.
        rate = _MAX_RATE if rate > _MAX_RATE else rate
        pulled = trace[0, i] + rate * (neuron[2, i] * tanh(trace[2, i]))
        trace[1, i] = pulled / (_ONE + rate * sigmoid(trace[3, i]))


@compiled(fastmath=_FASTMATH_FLAGS)
def step(
    table: Float32Array,
    weights: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    neuron: Float32Array,
    x: Float32Array,
    trace: Float32Array,
    scaled: bool,
    dt_s: float,
) -> None:
    """Compute one tick with inputs x (I,), from the potentials trace[0] to trace[1].

    neuron (8, P) has the logarithms of the scales of cm and gleak in its last rows. trace (7, P)
    has two more rows than that of `_tick`, which are scratch. Without `scaled` the logarithms are
    not read; exp(0) is 1, so that zeros there give the same bits.
    """
    if scaled:
        for i in range(neuron.shape[1]):
            trace[5, i] = neuron[0, i] * np.exp(neuron[6, i])
            trace[6, i] = neuron[1, i] * np.exp(neuron[7, i])
        _tick(table, weights, sources, bounds, trace[5], trace[6], neuron, x, trace, dt_s)
    else:
        _tick(table, weights, sources, bounds, neuron[0], neuron[1], neuron, x, trace, dt_s)


@compiled(fastmath=_FASTMATH_FLAGS)
def rates(
    table: Float32Array,
    weights: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    gleak: Float32Array,
    neuron: Float32Array,
    x: Float32Array,
    trace: Float32Array,
    out: Float32Array,
) -> None:
    """Write cm/tau, the elastance times sigmoid(f), at the potentials trace[0], into out (P,)."""
    _accumulate(table, weights, sources, bounds, gleak, neuron[3], x, trace)
    for i in range(gleak.shape[0]):
        elastance = _elastance(trace[4, i], neuron[4, i], neuron[5, i])
        rate = elastance * sigmoid(trace[3, i])
        out[i] = _MIN_RATE if rate < _MIN_RATE else rate


@compiled(fastmath=_FASTMATH_FLAGS)
def forward_group(
    table: Float32Array,
    weights: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    neuron: Float32Array,
    v0: Float32Array,
    x: Float32Array,
    dt_s: Float32Array,
    v: Float32Array,
    traces: Float32Array,
    group: int,
    groups: int,
) -> None:
    """Compute the states v (B, T, N) of the samples group, group + groups, ... .

    v0 (B, N) are the first states, x (B, T, I) the inputs and dt_s (B, T) the elapsed times in
    seconds. traces (B, T, 5, P) is written for `backward_group`.
    """
    neurons = v0.shape[1]
    for sample in range(group, x.shape[0], groups):
        for t in range(x.shape[1]):
            trace = traces[sample, t]
            if t == 0:
                trace[0, :neurons] = v0[sample]
                trace[0, neurons:] = _f(0.0)
            else:
                trace[0] = traces[sample, t - 1, 1]
            _tick(
                table,
                weights,
                sources,
                bounds,
                neuron[0],
                neuron[1],
                neuron,
                x[sample, t],
                trace,
                np.float64(dt_s[sample, t]),
            )
            v[sample, t] = trace[1, :neurons]


@compiled(fastmath=_FASTMATH_FLAGS)
def _update_gradients(
    neuron: Float32Array,
    trace: Float32Array,
    dt_s: float,
    grad: Float32Array,
    by: Float32Array,
    grad_neuron: Float32Array,
) -> None:
    """Take the gradient of the potentials after a tick, grad (P,), to before its synapses.

    by (3, P) is written: dL/dg, -dL/df and dL/dz. The gradients of cm, gleak, vleak, elastance_b
    and elastance_shift are added to grad_neuron (5, P).
    """
    elapsed = np.float32(dt_s)
    for i in range(grad.shape[0]):
        u = exp(trace[4, i])
        inverse = _ONE / u
        inverse_cosh = neuron[5, i]
        spread = _ONE / (_TWO + inverse_cosh * (u + inverse))
        elastance = _TWO * neuron[4, i] * spread
        per_elastance = elapsed / neuron[0, i]
        rate = per_elastance * elastance
        rate = _MAX_RATE if rate > _MAX_RATE else rate
        opened, closing = tanh(trace[2, i]), sigmoid(trace[3, i])
        after = trace[1, i]
        slope = grad[i] / (_ONE + rate * closing)
        pull = slope * rate
        by_rate = slope * (neuron[2, i] * opened - closing * after)
        by_elastance = by_rate * per_elastance
        by_g = pull * neuron[2, i] * (_ONE - opened * opened)
        by_f = -pull * after * closing * (_ONE - closing)
        by_z = -by_elastance * elastance * inverse_cosh * (u - inverse) * spread
        by[0, i] = by_g
        by[1, i] = -by_f
        by[2, i] = by_z
        grad_neuron[0, i] -= by_rate * rate / neuron[0, i]
        grad_neuron[1, i] += by_g + by_f
        grad_neuron[2, i] += pull * opened
        grad_neuron[3, i] += by_z
        width = (_TWO * inverse_cosh + u + inverse) * spread
        grad_neuron[4, i] += by_elastance * (_TWO * inverse_cosh * width * spread)
        grad[i] = slope


@compiled(fastmath=_FASTMATH_FLAGS)
def backward_group(
    table: Float32Array,
    weights: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    neuron: Float32Array,
    affine: Float32Array,
    x: Float32Array,
    dt_s: Float32Array,
    traces: Float32Array,
    grad_v: Float32Array,
    group: int,
    groups: int,
    linear_sums: Float32Array,
    sums: Float32Array,
    grad_neuron: Float32Array,
    grad_affine: Float32Array,
    grad_v0: Float32Array,
    grad_x: Float32Array,
) -> None:
    """Back-propagate through the samples group, group + groups, ... of `forward_group`.

    table (E, 4, LANES) holds sigma, mu, erev and w*sigma; affine (2, I) holds input_w and input_b,
    which are not folded into table and weights here. The gradients are added to linear_sums
    (E, LANES, of elastance_w), sums (see `add_gradients`), grad_neuron (5, P, see
    `_update_gradients`) and grad_affine (2, I); grad_v0 (B, N) and grad_x (B, T, I) are written.
    """
    inputs, neurons, padded = x.shape[2], grad_v.shape[2], neuron.shape[1]
    mapped = np.empty(inputs, np.float32)
    by_input = np.empty((inputs, LANES), np.float32)
    by_neuron = np.empty((neurons, LANES), np.float32)
    grad = np.zeros(padded, np.float32)
    by = np.empty((3, padded), np.float32)
    for sample in range(group, x.shape[0], groups):
        grad[:] = _f(0.0)
        for t in range(x.shape[1] - 1, -1, -1):
            trace = traces[sample, t]
            for j in range(inputs):
                mapped[j] = x[sample, t, j] * affine[0, j] + affine[1, j]
            for i in range(neurons):
                grad[i] += grad_v[sample, t, i]
            _update_gradients(neuron, trace, dt_s[sample, t], grad, by, grad_neuron)
            by_input[:] = _f(0.0)
            by_neuron[:] = _f(0.0)
            for b in range(np.uint64(bounds.shape[0])):
                at = b * _LANES
                begin, end = bounds[b, 0, 0], bounds[b, 0, 1]
                add_gradients(table, sources, begin, end, mapped, at, by[0], by[1], sums, by_input)
                add_linear_gradients(
                    weights, sources, begin, end, mapped, at, by[2], linear_sums, by_input
                )
                begin, end = bounds[b, 1, 0], bounds[b, 1, 1]
                add_gradients(
                    table, sources, begin, end, trace[0], at, by[0], by[1], sums, by_neuron
                )
                add_linear_gradients(
                    weights, sources, begin, end, trace[0], at, by[2], linear_sums, by_neuron
                )
            for i in range(np.uint64(neurons)):
                grad[i] += sum_lanes(by_neuron, i)
            for j in range(np.uint64(inputs)):
                slope = sum_lanes(by_input, j)
                grad_affine[0, j] += slope * x[sample, t, j]
                grad_affine[1, j] += slope
                grad_x[sample, t, j] = slope * affine[0, j]
        for i in range(neurons):
            grad_v0[sample, i] = grad[i]
