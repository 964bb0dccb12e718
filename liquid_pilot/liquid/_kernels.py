"""The compiled loops of the liquid core. All arrays are C-contiguous float32.

numba keys its cache by this file only, so every function that a kernel calls is in this file.
Synapses are stored by target: row i holds what feeds neuron i, sensory sources (I) first, then the
neurons (N), R = I + N in all. The inner loop runs over the contiguous sources and is what LLVM
vectorises; `spans[i]` bounds the sources that exist, so that a sparse wiring skips most of the
empty matrix. `fastmath` never includes `nnan` or `ninf`: a NaN must come out where it went in, for
the guard to see it; `reassoc` lets the sums over sources use vector lanes.
"""

from __future__ import annotations

import numpy as np

from liquid_pilot.liquid._jit import compiled

_FAST = {'contract', 'nsz', 'reassoc'}

_f = np.float32
_ONE, _HALF = _f(1.0), _f(0.5)
_LIMIT = _f(16.0)
_P0, _P1, _P2, _P3 = (
    _f(2.49999841e-01), _f(8.07102744e-03), _f(4.59192256e-05), _f(4.41806658e-08))
_Q1, _Q2, _Q3, _Q4 = (
    _f(1.15616857e-01), _f(1.48523991e-03), _f(3.70357564e-06), _f(9.46816085e-10))
_EPSILON = _f(1e-8)
"""Keeps the denominator off zero; the same as ncps'."""


@compiled(fastmath=_FAST, inline='always')
def sigmoid(x):
    """Logistic function of a float32, absolute error below 1e-6 (measured: 3e-7).

    1/2 + x*P(x^2)/Q(x^2), degrees 3 and 4, on |x| <= 16 and constant beyond, where 1 - sigmoid is
    1.1e-7. P and Q were fitted to tanh(x/2)/2 in float64 by least squares, linearised (multiplied
    by the last Q) and reweighted by the error until it levelled out (Lawson): 6.5e-8 before
    rounding. No call, no table and no branch, so it vectorises. NaN stays NaN: both comparisons
    are false for it.
    """
    x = _LIMIT if x > _LIMIT else x
    x = -_LIMIT if x < -_LIMIT else x
    t = x * x
    above = _P0 + t * (_P1 + t * (_P2 + t * _P3))
    below = _ONE + t * (_Q1 + t * (_Q2 + t * (_Q3 + t * _Q4)))
    return _HALF + x * above / below


@compiled(fastmath=_FAST)
def sigmoid_of(x, out):
    """`sigmoid` of every entry of x (n,), into out (n,)."""
    for k in range(x.shape[0]):
        out[k] = sigmoid(x[k])


@compiled(fastmath=_FAST)
def _add_synapses(folded, spans, kind, values, numerator, denominator):
    """Add to every neuron what it receives from its sensory (kind 0) or recurrent (1) sources.

    folded (N, 4, R): slope a, offset b, w and w*erev; s = sigmoid(a*value + b). values (R,).
    spans (N, 2, 2): first source and one past the last, by kind.
    """
    for i in range(numerator.shape[0]):
        above = _f(0.0)
        below = _f(0.0)
        for k in range(spans[i, kind, 0], spans[i, kind, 1]):
            s = sigmoid(folded[i, 0, k] * values[k] + folded[i, 1, k])
            below += folded[i, 2, k] * s
            above += folded[i, 3, k] * s
        numerator[i] += above
        denominator[i] += below


@compiled(fastmath=_FAST)
def _tick(folded, spans, cm, gleak, vleak, values, v, sums, trace, dt_s):
    """Advance v (N,), the end of values (R,), in place by dt_s; sums (4, N) is scratch.

    trace (L, 2, N) receives, for each of the L unfolds, the v it starts from and its denominator.
    """
    neurons = v.shape[0]
    unfolds = trace.shape[0]
    # In float64 and rounded once; a division of float32s would round dt as well.
    rate = np.float32(unfolds / dt_s)
    for i in range(neurons):
        sums[0, i] = gleak[i] * vleak[i]
        sums[1, i] = gleak[i]
    _add_synapses(folded, spans, 0, values, sums[0], sums[1])
    for n in range(unfolds):
        for i in range(neurons):
            sums[2, i] = sums[0, i]
            sums[3, i] = sums[1, i]
        _add_synapses(folded, spans, 1, values, sums[2], sums[3])
        for i in range(neurons):
            c = cm[i] * rate
            below = c + sums[3, i] + _EPSILON
            trace[n, 0, i] = v[i]
            trace[n, 1, i] = below
            v[i] = (c * v[i] + sums[2, i]) / below


@compiled(fastmath=_FAST)
def step(folded, spans, neuron, scales, scaled, values, sums, trace, dt_s):
    """One tick of values (R,) = inputs, state, in place.

    neuron (3, N): cm, gleak, vleak; scales (2, N): log cm, log gleak; sums (6, N): scratch;
    trace (L, 2, N), with L the unfolds: as `_tick`. Without `scaled` the scales are not read;
    exp(0) is 1, so zeros there give the same bits.
    """
    neurons = sums.shape[1]
    v = values[values.shape[0] - neurons:]
    if scaled:
        for i in range(neurons):
            sums[4, i] = neuron[0, i] * np.exp(scales[0, i])
            sums[5, i] = neuron[1, i] * np.exp(scales[1, i])
        _tick(folded, spans, sums[4], sums[5], neuron[2], values, v, sums, trace, dt_s)
    else:
        _tick(folded, spans, neuron[0], neuron[1], neuron[2], values, v, sums, trace, dt_s)


@compiled(fastmath=_FAST)
def conductance(folded, spans, gleak, values, sums):
    """gleak_i + sum_j w_ij*s_ij over sensory and recurrent synapses, into sums[1] (sums (6, N))."""
    for i in range(sums.shape[1]):
        sums[0, i] = _f(0.0)
        sums[1, i] = gleak[i]
    _add_synapses(folded, spans, 0, values, sums[0], sums[1])
    _add_synapses(folded, spans, 1, values, sums[0], sums[1])


@compiled(fastmath=_FAST)
def forward_group(folded, spans, neuron, v0, x, dt_s, v, traces, group, groups):
    """Samples group, group + groups, ...: v0 (B,N), x (B,T,I), dt_s (B,T) -> v (B,T,N).

    traces (B, T, L, 2, N) is written for `backward_group`.
    """
    neurons = v0.shape[1]
    inputs = x.shape[2]
    values = np.empty(inputs + neurons, np.float32)
    state = values[inputs:]
    sums = np.empty((4, neurons), np.float32)
    for sample in range(group, x.shape[0], groups):
        state[:] = v0[sample]
        for t in range(x.shape[1]):
            values[:inputs] = x[sample, t]
            _tick(folded, spans, neuron[0], neuron[1], neuron[2], values, state, sums,
                  traces[sample, t], np.float64(dt_s[sample, t]))
            v[sample, t] = state


@compiled(fastmath=_FAST)
def _spread_sources(rows, kind, values, out):
    """To every synapse the value of its source: values (R,) -> out (S,). For rows see below."""
    for i in range(rows.shape[0]):
        start, first = rows[i, kind, 0], rows[i, kind, 1]
        for k in range(rows[i, kind, 2]):
            out[start + k] = values[first + k]


@compiled(fastmath=_FAST)
def _spread_targets(rows, kind, values, out):
    """To every synapse the value of its target: values (N,) -> out (S,)."""
    for i in range(rows.shape[0]):
        start, value = rows[i, kind, 0], values[i]
        for k in range(rows[i, kind, 2]):
            out[start + k] = value


@compiled(fastmath=_FAST)
def _open_synapses(flat, first, end, sources, active):
    """Every synapse's s, into active (S,)."""
    for n in range(first, end):
        active[n] = sigmoid(flat[0, n] * (sources[n] - flat[1, n]))


@compiled(fastmath=_FAST)
def _synapse_gradients(flat, rows, kind, first, end, sources, active, q, scratch, sums,
                       grad_values):
    """Add one kind of synapses to sums (4, S), and the gradients of their sources to grad_values.

    q (2, N): dL/d(numerator) and -dL/d(denominator). sums: of dz/w, of dz/w times the source,
    dL/dw, and dL/d(w*erev); with dz the gradient of the sigmoid's argument.
    """
    _spread_targets(rows, kind, q[0], scratch[0])
    _spread_targets(rows, kind, q[1], scratch[1])
    for n in range(first, end):
        s = active[n]
        direct = (flat[3, n] * scratch[0, n] - scratch[1, n]) * s
        inner = direct * (_ONE - s)
        sums[0, n] += inner
        sums[1, n] += inner * sources[n]
        sums[2, n] += direct
        sums[3, n] += scratch[0, n] * s
        scratch[2, n] = inner * flat[4, n]
    for i in range(rows.shape[0]):
        start, source = rows[i, kind, 0], rows[i, kind, 1]
        for k in range(rows[i, kind, 2]):
            grad_values[source + k] += scratch[2, start + k]


@compiled(fastmath=_FAST)
def backward_group(flat, rows, sensory_end, neuron, affine, x, dt_s, v, traces, grad_v, group,
                   groups, sums, grad_neuron, grad_affine, grad_v0, grad_x):
    """Back-propagate through the samples group, group + groups, ... of `forward_group`.

    Here the S synapses lie in one list, by target, sensory ones first (up to `sensory_end`), so
    that the loops are long: flat (5, S) of sigma, mu, w, erev, w*sigma; rows[i, kind] = where
    target i's begin in the list, their first source, their count (sources without a synapse
    between the first and the last are in the list with w = 0). neuron (3, N): cm, gleak, vleak;
    affine (2, I): input w and b. The sigmoids are computed again, which is cheaper than keeping
    them. sums (as `_synapse_gradients`), grad_neuron and grad_affine are added to; grad_v0 (B,N)
    and grad_x (B,T,I) are written.
    """
    neurons = v.shape[2]
    inputs = x.shape[2]
    unfolds = traces.shape[2]
    synapses = np.uint64(flat.shape[1])
    none = np.uint64(0)
    # The mapped inputs, then the neurons' potentials.
    values = np.empty(inputs + neurons, np.float32)
    sources = np.empty(synapses, np.float32)
    active = np.empty(synapses, np.float32)
    scratch = np.empty((3, synapses), np.float32)
    grad_values = np.empty(inputs + neurons, np.float32)
    grad_u = grad_values[:inputs]
    before = grad_values[inputs:]
    grad = np.empty(neurons, np.float32)
    after = np.empty(neurons, np.float32)
    q = np.empty((2, neurons), np.float32)
    q_sum = np.empty((2, neurons), np.float32)
    for sample in range(group, x.shape[0], groups):
        grad[:] = _f(0.0)
        for t in range(x.shape[1] - 1, -1, -1):
            trace = traces[sample, t]
            rate = np.float32(unfolds / np.float64(dt_s[sample, t]))
            for j in range(inputs):
                values[j] = x[sample, t, j] * affine[0, j] + affine[1, j]
                grad_u[j] = _f(0.0)
            for i in range(neurons):
                grad[i] += grad_v[sample, t, i]
                after[i] = v[sample, t, i]
                q_sum[0, i] = _f(0.0)
                q_sum[1, i] = _f(0.0)
            for n in range(unfolds - 1, -1, -1):
                for i in range(neurons):
                    start = trace[n, 0, i]
                    slope = grad[i] / trace[n, 1, i]
                    q[0, i] = slope
                    q[1, i] = slope * after[i]
                    q_sum[0, i] += slope
                    q_sum[1, i] += slope * after[i]
                    # q*v - q*v' would cancel to noise when the neuron is slow.
                    grad_neuron[0, i] += slope * (start - after[i]) * rate
                    grad_neuron[1, i] += slope * (neuron[2, i] - after[i])
                    grad_neuron[2, i] += slope * neuron[1, i]
                    before[i] = slope * neuron[0, i] * rate
                    after[i] = start
                    values[inputs + i] = start
                _spread_sources(rows, 1, values, sources)
                _open_synapses(flat, sensory_end, synapses, sources, active)
                _synapse_gradients(flat, rows, 1, sensory_end, synapses, sources, active, q,
                                   scratch, sums, grad_values)
                for i in range(neurons):
                    grad[i] = before[i]
            _spread_sources(rows, 0, values, sources)
            _open_synapses(flat, none, sensory_end, sources, active)
            _synapse_gradients(flat, rows, 0, none, sensory_end, sources, active, q_sum, scratch,
                               sums, grad_values)
            for j in range(inputs):
                grad_affine[0, j] += grad_u[j] * x[sample, t, j]
                grad_affine[1, j] += grad_u[j]
                grad_x[sample, t, j] = grad_u[j] * affine[0, j]
        for i in range(neurons):
            grad_v0[sample, i] = grad[i]
