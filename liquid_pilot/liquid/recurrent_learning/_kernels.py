"""The compiled loops of real-time recurrent learning, built on those of `liquid._kernels`.

Arrays are C-contiguous. N neurons, I inputs, K columns of parameters (`columns`) of which the last
2 I may be those of the input map. Synapses are those of a kind, sensory or recurrent, sorted by the
neuron where they end and then by their source: `ends` (N + 1,) holds the first synapse of each
neuron, `sources` (R,) their sources, and `values` (4, R) w, sigma, mu and erev.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liquid_pilot.liquid._jit import compiled
from liquid_pilot.liquid._kernels import _FASTMATH_FLAGS, Float32Array, UInt64Array, step
from liquid_pilot.liquid._lanes import sigmoid

Int64Array = npt.NDArray[np.int64]

_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


@compiled(fastmath=_FASTMATH_FLAGS)
def _open(values: Float32Array, sources: Float32Array, opened: Float32Array) -> None:
    """Write the sigmoid of every synapse, from the value of its source (R,), into opened (R,)."""
    for e in range(np.uint64(opened.shape[0])):
        opened[e] = sigmoid(values[1, e] * (sources[e] - values[2, e]))


@compiled(fastmath=_FASTMATH_FLAGS)
def _direct_of_synapses(
    at: Int64Array,
    i: int,
    first: int,
    last: int,
    values: Float32Array,
    sources: Float32Array,
    opened: Float32Array,
    direct: Float32Array,
) -> None:
    """Write how the parameters of a neuron's synapses act on it, into direct (2, K).

    at (N, 4) holds the first column of w, sigma, mu and erev of each neuron's synapses. Those of
    neuron i are first to last - 1. See `step_by_parameters`.
    """
    count = np.uint64(last - first)
    start = np.uint64(first)
    if at[i, 0] >= 0:
        to = np.uint64(at[i, 0])
        for k in range(count):
            conductance = values[0, start + k] * opened[start + k]
            direct[0, to + k] = conductance * values[3, start + k]
            direct[1, to + k] = conductance
    if at[i, 1] >= 0:
        to = np.uint64(at[i, 1])
        for k in range(count):
            e = start + k
            slope = values[0, e] * opened[e] * (_ONE - opened[e]) * (sources[e] - values[2, e])
            direct[0, to + k] = slope * values[3, e]
            direct[1, to + k] = slope
    if at[i, 2] >= 0:
        to = np.uint64(at[i, 2])
        for k in range(count):
            e = start + k
            slope = -values[0, e] * opened[e] * (_ONE - opened[e]) * values[1, e]
            direct[0, to + k] = slope * values[3, e]
            direct[1, to + k] = slope
    if at[i, 3] >= 0:
        to = np.uint64(at[i, 3])
        for k in range(count):
            direct[0, to + k] = values[0, start + k] * opened[start + k]
            direct[1, to + k] = _ZERO


@compiled(fastmath=_FASTMATH_FLAGS)
def _direct_of_inputs(
    ends: Int64Array,
    sources: Int64Array,
    values: Float32Array,
    input_map: Float32Array,
    x: Float32Array,
    gleak: Float32Array,
    vleak: Float32Array,
    at_neuron: Int64Array,
    at_synapse: Int64Array,
    mapped: Float32Array,
    opened: Float32Array,
    direct: Float32Array,
    of_input: Float32Array,
) -> None:
    """Write what does not change within a tick: the terms of leaks, of sensory synapses and inputs.

    of_input (N, 2, 2I) receives those of the input map, as `direct` (2, K) those of a neuron's own.
    """
    inputs = x.shape[0]
    for e in range(sources.shape[0]):
        j = sources[e]
        mapped[e] = input_map[0, j] * x[j] + input_map[1, j]
    _open(values, mapped, opened)
    for i in range(ends.shape[0] - 1):
        if at_neuron[i, 1] >= 0:
            direct[0, at_neuron[i, 1]] = gleak[i] * vleak[i]
            direct[1, at_neuron[i, 1]] = gleak[i]
        if at_neuron[i, 2] >= 0:
            direct[0, at_neuron[i, 2]] = gleak[i]
            direct[1, at_neuron[i, 2]] = _ZERO
        _direct_of_synapses(at_synapse, i, ends[i], ends[i + 1], values, mapped, opened, direct)
        if of_input.shape[2]:
            for e in range(ends[i], ends[i + 1]):
                j = sources[e]
                slope = values[0, e] * opened[e] * (_ONE - opened[e]) * values[1, e]
                of_input[i, 0, j] = slope * values[3, e] * x[j]
                of_input[i, 1, j] = slope * x[j]
                of_input[i, 0, inputs + j] = slope * values[3, e]
                of_input[i, 1, inputs + j] = slope


@compiled(fastmath=_FASTMATH_FLAGS)
def _add_row(
    out: Float32Array,
    i: int,
    rows: Float32Array,
    j: int,
    weight: np.float32,
    low: int,
    high: int,
) -> None:
    """Add weight*rows[j] to out[i], in the columns from low to high - 1."""
    for k in range(np.uint64(low), np.uint64(high)):
        out[i, k] += weight * rows[j, k]


@compiled(fastmath=_FASTMATH_FLAGS)
def step_by_parameters(
    table: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    neuron: Float32Array,
    scaled: bool,
    x: Float32Array,
    sums: Float32Array,
    trace: Float32Array,
    dt_s: float,
    sensory_ends: Int64Array,
    sensory_sources: Int64Array,
    sensory_values: Float32Array,
    recurrent_ends: Int64Array,
    recurrent_sources: Int64Array,
    recurrent_values: Float32Array,
    input_map: Float32Array,
    of_neuron: Int64Array,
    at_neuron: Int64Array,
    at_synapse: Int64Array,
    reach: Int64Array,
    scratch: Float32Array,
    direct: Float32Array,
    of_input: Float32Array,
    rows: Float32Array,
    fresh: Float32Array,
) -> None:
    """Compute `_kernels.step`, to the bit, and the derivatives of the state by the parameters.

    rows (N, K) holds the derivatives before the tick. After an odd number of unfolds those after
    it are in fresh (N, K), otherwise in rows. reach (N, 2) is the first column of neurons, and one
    past the last, that can differ from zero in a row. sums (5, P), scratch (2, R) with room for
    either kind of synapses, direct (2, K) and of_input (N, 2, 2I) are scratch, and zero at first;
    of_input has no columns when the input map is not learned.

    With c = cm*L/dt, d the denominator, v' the next potential, and A and B the terms that
    numerator and denominator have besides c, an unfold takes the row S_i to

        S_i <- (c S_i + sum_j G_ij S_j + dA_i - v' dB_i) / d,
        G_ij = w_ij*sigma_ij*s*(1 - s)*(erev_ij - v'_i)

    where dA and dB are the derivatives by the parameters themselves; `direct` holds them. That of
    log cm is c (v - v'), summed from the currents: as a difference it would lose its digits where a
    neuron is slow. A source adds only the columns that its own row reaches.
    """
    step(table, sources, bounds, neuron, x, sums, trace, scaled, dt_s)
    neurons = of_neuron.shape[0] - 1
    gleak = sums[4] if scaled else neuron[1]
    sensory, recurrent = sensory_sources.shape[0], recurrent_sources.shape[0]
    _direct_of_inputs(
        sensory_ends,
        sensory_sources,
        sensory_values,
        input_map,
        x,
        gleak,
        neuron[2],
        at_neuron,
        at_synapse[0],
        scratch[0, :sensory],
        scratch[1, :sensory],
        direct,
        of_input,
    )
    before, opened = scratch[0, :recurrent], scratch[1, :recurrent]
    own_end = of_neuron[neurons]
    shared = of_input.shape[2]
    for n in range(trace.shape[0] - 1):
        for e in range(recurrent):
            before[e] = trace[n, 0, recurrent_sources[e]]
        _open(recurrent_values, before, opened)
        for i in range(neurons):
            first, last = recurrent_ends[i], recurrent_ends[i + 1]
            start, after = trace[n, 0, i], trace[n + 1, 0, i]
            inverse = _ONE / trace[n, 1, i]
            retained = sums[2, i] * inverse
            for k in range(np.uint64(reach[i, 0]), np.uint64(reach[i, 1])):
                fresh[i, k] = retained * rows[i, k]
            for k in range(np.uint64(shared)):
                at = np.uint64(own_end) + k
                fresh[i, at] = (
                    retained * rows[i, at]
                    + (of_input[i, 0, k] - of_input[i, 1, k] * after) * inverse
                )
            _direct_of_synapses(
                at_synapse[1], i, first, last, recurrent_values, before, opened, direct
            )
            current = sums[0, i] - start * sums[1, i]
            for e in range(first, last):
                conductance = recurrent_values[0, e] * opened[e]
                reversal = recurrent_values[3, e]
                current += conductance * (reversal - start)
                slope = conductance * recurrent_values[1, e] * (_ONE - opened[e])
                weight = slope * (reversal - after) * inverse
                j = recurrent_sources[e]
                _add_row(fresh, i, rows, j, weight, reach[j, 0], reach[j, 1])
                _add_row(fresh, i, rows, j, weight, own_end, own_end + shared)
            for k in range(np.uint64(of_neuron[i]), np.uint64(of_neuron[i + 1])):
                fresh[i, k] += (direct[0, k] - direct[1, k] * after) * inverse
            if at_neuron[i, 0] >= 0:
                fresh[i, at_neuron[i, 0]] -= retained * current * inverse
        rows, fresh = fresh, rows
