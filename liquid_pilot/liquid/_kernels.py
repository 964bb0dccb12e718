"""The compiled loops of the liquid core. Arrays are C-contiguous float32 unless said otherwise.

Synapses are packed as `_synapses` reads them: in blocks of LANES targets, each with a list of
entries for sensory sources (kind 0, inputs I) and one for recurrent sources (kind 1, neurons N).
bounds (blocks, 2, 2) uint64 holds the first entry and one past the last of each block and kind;
sources (E,) uint64 holds the number of each entry's source. P is N padded to whole blocks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liquid_pilot.liquid._jit import compiled
from liquid_pilot.liquid._lanes import LANES, sigmoid
from liquid_pilot.liquid._synapses import accumulate_inputs, add_gradients, sum_lanes, unfold

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
UInt64Array = npt.NDArray[np.uint64]
Index = int | np.uint64

_FASTMATH_FLAGS = {'contract', 'nsz', 'reassoc'}

_f = np.float32
# Unsigned, as all indices here are; otherwise numba adds tests for negative ones.
_LANES = np.uint64(LANES)


@compiled(fastmath=_FASTMATH_FLAGS)
def sigmoid_of(x: Float32Array, out: Float32Array) -> None:
    """Write `sigmoid` of every entry of x (n,) into out (n,)."""
    for k in range(x.shape[0]):
        out[k] = sigmoid(x[k])


@compiled(fastmath=_FASTMATH_FLAGS)
def _sum_inputs(
    table: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    gleak: Float32Array,
    vleak: Float32Array,
    x: Float32Array,
    sums: Float32Array,
) -> None:
    """Write the terms of leak and sensory synapses into sums[0] (numerator) and sums[1].

    They depend neither on the potentials nor on the elapsed time.
    """
    for i in range(gleak.shape[0]):
        sums[0, i] = gleak[i] * vleak[i]
        sums[1, i] = gleak[i]
    for b in range(np.uint64(bounds.shape[0])):
        accumulate_inputs(
            table, sources, bounds[b, 0, 0], bounds[b, 0, 1], x, b * _LANES, sums[0], sums[1]
        )


@compiled(fastmath=_FASTMATH_FLAGS)
def _unfold_all(
    table: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    cm: Float32Array,
    sums: Float32Array,
    trace: Float32Array,
    dt_s: float,
) -> None:
    """Do all solver steps of a tick on trace (see `_tick`), after `_sum_inputs`."""
    unfolds = trace.shape[0] - 1
    # Computed in float64 and rounded once; a division of float32 values would round dt as well.
    rate = np.float32(unfolds / dt_s)
    for i in range(cm.shape[0]):
        sums[2, i] = cm[i] * rate
    for n in range(unfolds):
        for b in range(np.uint64(bounds.shape[0])):
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
def _tick(
    table: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    cm: Float32Array,
    gleak: Float32Array,
    vleak: Float32Array,
    x: Float32Array,
    sums: Float32Array,
    trace: Float32Array,
    dt_s: float,
) -> None:
    """Advance the potentials trace[0, 0] (P,) to trace[L, 0] by dt_s seconds.

    trace (L + 1, 2, P) receives the potentials before each unfold and after the last one, and the
    denominator of each unfold. sums (3, P) is scratch.
    """
    _sum_inputs(table, sources, bounds, gleak, vleak, x, sums)
    _unfold_all(table, sources, bounds, cm, sums, trace, dt_s)


@compiled(fastmath=_FASTMATH_FLAGS)
def step(
    table: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    neuron: Float32Array,
    x: Float32Array,
    sums: Float32Array,
    trace: Float32Array,
    scaled: bool,
    dt_s: float,
) -> None:
    """Compute one tick with inputs x (I,), from the potentials trace[0, 0] to trace[L, 0].

    neuron (5, P) holds cm, gleak, vleak and the logarithms of the scales of cm and gleak. sums
    (5, P) is scratch; trace is that of `_tick`. Without `scaled` the logarithms are not read;
    exp(0) is 1, so that zeros there give the same bits.
    """
    if scaled:
        for i in range(neuron.shape[1]):
            sums[3, i] = neuron[0, i] * np.exp(neuron[3, i])
            sums[4, i] = neuron[1, i] * np.exp(neuron[4, i])
        _tick(table, sources, bounds, sums[3], sums[4], neuron[2], x, sums, trace, dt_s)
    else:
        _tick(table, sources, bounds, neuron[0], neuron[1], neuron[2], x, sums, trace, dt_s)


@compiled(fastmath=_FASTMATH_FLAGS)
def step_copies(
    table: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    neuron: Float32Array,
    x: Float32Array,
    sums: Float32Array,
    traces: Float32Array,
    dt_s: Float64Array,
) -> None:
    """Compute one tick of K copies that read the same inputs x (I,), each by its own dt_s (K,).

    traces (K, L + 1, 2, P) holds a trace of `_tick` for each copy. neuron (3, P) holds cm, gleak
    and vleak; sums (3, P) is scratch.
    """
    _sum_inputs(table, sources, bounds, neuron[1], neuron[2], x, sums)
    for k in range(traces.shape[0]):
        _unfold_all(table, sources, bounds, neuron[0], sums, traces[k], dt_s[k])


@compiled(fastmath=_FASTMATH_FLAGS)
def conductance(
    table: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    gleak: Float32Array,
    x: Float32Array,
    v: Float32Array,
    sums: Float32Array,
) -> None:
    """Write gleak_i + sum_j w_ij*s_ij into sums[1], of sums (5, P).

    The sum runs over sensory and recurrent synapses.
    """
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
def forward_group(
    table: Float32Array,
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
    seconds. traces (B, T, L + 1, 2, P) is written for `backward_group`.
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
    table: Float32Array,
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
    sums: Float32Array,
    grad_neuron: Float32Array,
    grad_affine: Float32Array,
    grad_v0: Float32Array,
    grad_x: Float32Array,
) -> None:
    """Back-propagate through the samples group, group + groups, ... of `forward_group`.

    table (E, 4, LANES) holds sigma, mu, erev and w*sigma; neuron (3, P) holds cm, gleak and vleak;
    affine (2, I) holds input_w and input_b. The sigmoids are computed again, which is cheaper than
    storing them. The gradients are added to sums (see `add_gradients`), grad_neuron (3, P) and
    grad_affine (2, I); grad_v0 (B, N) and grad_x (B, T, I) are written.
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
