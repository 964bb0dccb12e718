"""The compiled loops of the liquid core. Arrays are C-contiguous float32 unless said otherwise.

Synapses are packed as `_synapses` reads them: in blocks of LANES targets, a list of entries each,
for sensory sources (kind 0, inputs I) and recurrent ones (kind 1, neurons N). bounds (blocks, 2, 2)
uint64: the first entry and one past the last of a block, by kind; sources (E,) uint64. P stands for
N filled up to whole blocks.
"""

from __future__ import annotations

import numpy as np

from liquid_pilot.liquid._jit import compiled
from liquid_pilot.liquid._lanes import LANES, sigmoid
from liquid_pilot.liquid._synapses import accumulate_inputs, add_gradients, sum_lanes, unfold

_FASTMATH_FLAGS = {'contract', 'nsz', 'reassoc'}

_f = np.float32
# Unsigned, as all indices here are, or numba adds tests for negative ones.
_LANES = np.uint64(LANES)


@compiled(fastmath=_FASTMATH_FLAGS)
def sigmoid_of(x, out):
    """`sigmoid` of every entry of x (n,), into out (n,)."""
    for k in range(x.shape[0]):
        out[k] = sigmoid(x[k])


@compiled(fastmath=_FASTMATH_FLAGS)
def _tick(table, sources, bounds, cm, gleak, vleak, x, sums, trace, dt_s):
    """Advance trace[0, 0] (P,) to trace[L, 0] by dt_s; sums (3, P) is scratch.

    trace (L + 1, 2, P): the potentials before every unfold and after the last; its denominator.
    """
    unfolds = trace.shape[0] - 1
    # In float64 and rounded once; a division of float32s would round dt as well.
    rate = np.float32(unfolds / dt_s)
    for i in range(cm.shape[0]):
        sums[0, i] = gleak[i] * vleak[i]
        sums[1, i] = gleak[i]
        sums[2, i] = cm[i] * rate
    blocks = np.uint64(bounds.shape[0])
    for b in range(blocks):
        accumulate_inputs(
            table, sources, bounds[b, 0, 0], bounds[b, 0, 1], x, b * _LANES, sums[0], sums[1]
        )
    for n in range(unfolds):
        for b in range(blocks):
            unfold(
                table,
                sources,
                bounds[b, 1, 0],
                bounds[b, 1, 1],
                trace[n, 0],
                b * _LANES,
                sums[2],
                sums[0],
                sums[1],
                trace[n + 1, 0],
                trace[n, 1],
            )


@compiled(fastmath=_FASTMATH_FLAGS)
def step(table, sources, bounds, neuron, scaled, x, sums, trace, dt_s):
    """One tick with inputs x (I,), from the potentials trace[0, 0] to trace[L, 0].

    neuron (5, P): cm, gleak, vleak, log cm, log gleak; sums (5, P): scratch; trace: as `_tick`.
    Without `scaled` the logarithms are not read; exp(0) is 1, so zeros there give the same bits.
    """
    if scaled:
        for i in range(neuron.shape[1]):
            sums[3, i] = neuron[0, i] * np.exp(neuron[3, i])
            sums[4, i] = neuron[1, i] * np.exp(neuron[4, i])
        _tick(table, sources, bounds, sums[3], sums[4], neuron[2], x, sums, trace, dt_s)
    else:
        _tick(table, sources, bounds, neuron[0], neuron[1], neuron[2], x, sums, trace, dt_s)


@compiled(fastmath=_FASTMATH_FLAGS)
def conductance(table, sources, bounds, gleak, x, v, sums):
    """gleak_i + sum_j w_ij*s_ij over sensory and recurrent synapses, into sums[1] (sums (5, P))."""
    for i in range(gleak.shape[0]):
        sums[0, i] = _f(0.0)
        sums[1, i] = gleak[i]
    for b in range(np.uint64(bounds.shape[0])):
        accumulate_inputs(
            table, sources, bounds[b, 0, 0], bounds[b, 0, 1], x, b * _LANES, sums[0], sums[1]
        )
        accumulate_inputs(
            table, sources, bounds[b, 1, 0], bounds[b, 1, 1], v, b * _LANES, sums[0], sums[1]
        )


@compiled(fastmath=_FASTMATH_FLAGS)
def forward_group(table, sources, bounds, neuron, v0, x, dt_s, v, traces, group, groups):
    """Samples group, group + groups, ...: v0 (B,N), x (B,T,I), dt_s (B,T) -> v (B,T,N).

    traces (B, T, L + 1, 2, P) is written for `backward_group`.
    """
    neurons = v0.shape[1]
    last = traces.shape[2] - 1
    sums = np.empty((3, neuron.shape[1]), np.float32)
    for sample in range(group, x.shape[0], groups):
        for t in range(x.shape[1]):
            trace = traces[sample, t]
            if t == 0:
                trace[0, 0, :neurons] = v0[sample]
                trace[0, 0, neurons:] = _f(0.0)
            else:
                trace[0, 0] = traces[sample, t - 1, last, 0]
            _tick(
                table,
                sources,
                bounds,
                neuron[0],
                neuron[1],
                neuron[2],
                x[sample, t],
                sums,
                trace,
                np.float64(dt_s[sample, t]),
            )
            v[sample, t] = trace[last, 0, :neurons]


@compiled(fastmath=_FASTMATH_FLAGS)
def backward_group(
    table,
    sources,
    bounds,
    neuron,
    affine,
    x,
    dt_s,
    traces,
    grad_v,
    group,
    groups,
    sums,
    grad_neuron,
    grad_affine,
    grad_v0,
    grad_x,
):
    """Back-propagate through the samples group, group + groups, ... of `forward_group`.

    table (E, 4, LANES): sigma, mu, erev, w*sigma; neuron (3, P): cm, gleak, vleak; affine (2, I):
    input w and b. The sigmoids are computed again, which is cheaper than keeping them. sums (as
    `add_gradients`), grad_neuron (3, P) and grad_affine (2, I) are added to; grad_v0 (B,N) and
    grad_x (B,T,I) are written.
    """
    inputs, neurons, padded = x.shape[2], grad_v.shape[2], neuron.shape[1]
    unfolds = traces.shape[2] - 1
    blocks = np.uint64(bounds.shape[0])
    mapped = np.empty(inputs, np.float32)
    by_input = np.empty((inputs, LANES), np.float32)
    by_neuron = np.empty((neurons, LANES), np.float32)
    grad = np.zeros(padded, np.float32)
    # dL/d(numerator) and -dL/d(denominator), of one unfold and of the tick.
    q = np.empty((2, padded), np.float32)
    q_sum = np.empty((2, padded), np.float32)
    for sample in range(group, x.shape[0], groups):
        grad[:] = _f(0.0)
        for t in range(x.shape[1] - 1, -1, -1):
            trace = traces[sample, t]
            rate = np.float32(unfolds / np.float64(dt_s[sample, t]))
            for j in range(inputs):
                mapped[j] = x[sample, t, j] * affine[0, j] + affine[1, j]
            for i in range(neurons):
                grad[i] += grad_v[sample, t, i]
            q_sum[:] = _f(0.0)
            by_input[:] = _f(0.0)
            for n in range(unfolds - 1, -1, -1):
                for i in range(padded):
                    start = trace[n, 0, i]
                    after = trace[n + 1, 0, i]
                    slope = grad[i] / trace[n, 1, i]
                    q[0, i] = slope
                    q[1, i] = slope * after
                    q_sum[0, i] += slope
                    q_sum[1, i] += slope * after
                    # q*v - q*v' would cancel to noise when the neuron is slow.
                    grad_neuron[0, i] += slope * (start - after) * rate
                    grad_neuron[1, i] += slope * (neuron[2, i] - after)
                    grad_neuron[2, i] += slope * neuron[1, i]
                    grad[i] = slope * neuron[0, i] * rate
                by_neuron[:] = _f(0.0)
                for b in range(blocks):
                    add_gradients(
                        table,
                        sources,
                        bounds[b, 1, 0],
                        bounds[b, 1, 1],
                        trace[n, 0],
                        b * _LANES,
                        q[0],
                        q[1],
                        sums,
                        by_neuron,
                    )
                for i in range(np.uint64(neurons)):
                    grad[i] += sum_lanes(by_neuron, i)
            for b in range(blocks):
                add_gradients(
                    table,
                    sources,
                    bounds[b, 0, 0],
                    bounds[b, 0, 1],
                    mapped,
                    b * _LANES,
                    q_sum[0],
                    q_sum[1],
                    sums,
                    by_input,
                )
            for j in range(np.uint64(inputs)):
                slope = sum_lanes(by_input, j)
                grad_affine[0, j] += slope * x[sample, t, j]
                grad_affine[1, j] += slope
                grad_x[sample, t, j] = slope * affine[0, j]
        for i in range(neurons):
            grad_v0[sample, i] = grad[i]
