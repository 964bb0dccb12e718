"""The compiled loops of `sensitivity`, built on those of `_kernels`; arrays are as described there.

Nearly all of the time goes into products of small matrices. Their innermost loop is written for
LLVM with the running row in registers: numba's loops keep it in memory, which costs half of the
speed (measured: 14 against 32 thousand million products per second).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from liquid_pilot.liquid._jit import compiled, intrinsic
from liquid_pilot.liquid._kernels import _FASTMATH_FLAGS, Float32Array, Index, UInt64Array, step
from liquid_pilot.liquid._lanes import (
    LANES,
    Accumulator,
    logistic,
    loop_range,
    offset_by,
    row_offset,
    unpack_arguments,
)

_MAX_BLOCK_PAIRS = 5
"""Number of pairs of blocks in one pass: ten vectors still fit into 16 registers."""

_ONE = np.float32(1.0)
# Unsigned, as all indices here are; otherwise numba adds tests for negative ones.
_U1, _U2, _U3, _U4, _U5 = (np.uint64(k) for k in range(1, 6))
_LANES, _PAIR = np.uint64(LANES), np.uint64(2 * LANES)


@intrinsic
def synapse_jacobian(
    _typing: Any,
    table: Any,
    sources: Any,
    begin: Any,
    end: Any,
    before: Any,
    after: Any,
    denominator: Any,
    at: Any,
    current: Any,
    weights: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Compute how a block's next potentials depend on those of its sources, and its currents.

    before, after and denominator (P,) are those of the unfold. weights (E, LANES) receives, for
    every entry, w*sigma*s*(1 - s)*(erev - v')/d of its targets. The currents w*(erev - v)*s are
    added to current[at:at + LANES].
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        (table, sources, begin, end, before, after, denominator, at, current, weights) = (
            unpack_arguments(context, builder, signature, arguments)
        )
        start, ends, inverse = before.row(at), after.row(at), 1.0 / denominator.row(at)
        flowing = Accumulator(current.row(at))
        with loop_range(builder, begin, end) as entry:
            value = before.broadcast(sources.scalar(entry))
            slope, offset, w, w_erev = (
                table.row(row_offset(builder, entry, row)) for row in range(4)
            )
            s = logistic(slope * value + offset)
            flowing.add((w_erev - w * start) * s)
            weights.put(
                row_offset(builder, entry, 0, rows=1),
                slope * (w_erev - w * ends) * (s - s * s) * inverse,
            )
        current.put(at, flowing.value)
        return context.get_dummy_value()

    return types.void(
        table, sources, begin, end, before, after, denominator, at, current, weights
    ), generate


def _accumulator(vectors: int) -> Callable[..., Any]:
    """Return accumulate(weights, lane, begin, end, sources, rows, columns, at, out, to).

    It adds sum_e weights[e, lane]*rows[sources[e], at:at + vectors*LANES], for e in [begin, end),
    to as many entries of `out`, beginning at the index `to`. weights is (E, LANES), rows
    (N, columns) and out (N, K).
    """

    @intrinsic
    def accumulate(
        _typing: Any,
        weights: Any,
        lane: Any,
        begin: Any,
        end: Any,
        sources: Any,
        rows: Any,
        columns: Any,
        at: Any,
        out: Any,
        to: Any,
    ) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
            weights, lane, begin, end, sources, rows, columns, at, out, to = unpack_arguments(
                context, builder, signature, arguments
            )
            targets = [offset_by(builder, to, n * LANES) for n in range(vectors)]
            sums = [Accumulator(out.row(target)) for target in targets]
            with loop_range(builder, begin, end) as entry:
                weight = weights.broadcast(builder.add(row_offset(builder, entry, 0, rows=1), lane))
                row = builder.add(builder.mul(sources.scalar(entry), columns), at)
                for n, total in enumerate(sums):
                    total.add(weight * rows.row(offset_by(builder, row, n * LANES)))
            for target, total in zip(targets, sums, strict=True):
                out.put(target, total.value)
            return context.get_dummy_value()

        return types.void(weights, lane, begin, end, sources, rows, columns, at, out, to), generate

    return accumulate


_one, _two, _three, _four, _five = (
    _accumulator(2 * pairs) for pairs in range(1, _MAX_BLOCK_PAIRS + 1)
)


@compiled(fastmath=_FASTMATH_FLAGS)
def add_weighted_rows(
    weights: Float32Array,
    lane: Index,
    begin: Index,
    end: Index,
    sources: UInt64Array,
    low: Index,
    high: Index,
    rows: Float32Array,
    out: Float32Array,
    i: Index,
) -> None:
    """Add sum_e weights[e, lane]*rows[sources[e]], for e in [begin, end), to out[i].

    Only the columns in the pairs of blocks from `low` to `high` - 1 are computed.
    """
    columns = np.uint64(rows.shape[1])
    while low < high:
        # Parts of nearly equal size: a short one leaves the arithmetic units waiting.
        parts = (high - low + _U4) // _U5
        pairs = (high - low + parts - _U1) // parts
        at, to = low * _PAIR, i * columns + low * _PAIR
        if pairs == _U5:
            _five(weights, lane, begin, end, sources, rows, columns, at, out, to)
        elif pairs == _U4:
            _four(weights, lane, begin, end, sources, rows, columns, at, out, to)
        elif pairs == _U3:
            _three(weights, lane, begin, end, sources, rows, columns, at, out, to)
        elif pairs == _U2:
            _two(weights, lane, begin, end, sources, rows, columns, at, out, to)
        else:
            _one(weights, lane, begin, end, sources, rows, columns, at, out, to)
        low += pairs


@compiled(fastmath=_FASTMATH_FLAGS)
def _repack(
    reach: UInt64Array,
    by_cm: Float32Array,
    by_gleak: Float32Array,
    rows: Float32Array,
    inward: bool,
) -> None:
    """Copy by_cm and by_gleak (N, N) into rows (N, K), or back.

    A row of `rows` holds a block of the one and a block of the other in turn.
    """
    neurons = np.uint64(reach.shape[0])
    for i in range(neurons):
        for pair in range(reach[i, 0], reach[i, 1]):
            column, at = pair * _LANES, pair * _PAIR
            for k in range(min(_LANES, neurons - column)):
                if inward:
                    rows[i, at + k] = by_cm[i, column + k]
                    rows[i, at + _LANES + k] = by_gleak[i, column + k]
                else:
                    by_cm[i, column + k] = rows[i, at + k]
                    by_gleak[i, column + k] = rows[i, at + _LANES + k]


@compiled(fastmath=_FASTMATH_FLAGS)
def step_sensitivity(
    table: Float32Array,
    sources: UInt64Array,
    bounds: UInt64Array,
    reach: UInt64Array,
    neuron: Float32Array,
    scaled: bool,
    x: Float32Array,
    sums: Float32Array,
    trace: Float32Array,
    dt_s: float,
    by_cm: Float32Array,
    by_gleak: Float32Array,
    weights: Float32Array,
    rows: Float32Array,
    fresh: Float32Array,
) -> None:
    """Compute `_kernels.step`, to the bit, and the derivatives of the state.

    by_cm and by_gleak (N, N) are updated in place: [i, k] is the derivative of v_i with respect to
    log cm, or log gleak, of neuron k. reach (N, 2) holds the first pair of blocks that can differ
    from zero, and one past the last. sums (6, P), weights (E, LANES), rows and fresh
    (N, 2*LANES*pairs) are scratch, zero at first.

    With c = cm*L/dt, d the denominator and G_ij = w_ij*sigma_ij*s*(1 - s)*(erev_ij - v'_i), an
    unfold takes S to (c*S + G*S + direct)/d. The matrix `direct` is diagonal: c*(v - v') for
    log cm and gleak*(vleak - v') for log gleak. v - v' is summed from the currents, because as a
    difference it would lose its digits where a neuron is slow.
    """
    step(table, sources, bounds, neuron, x, sums, trace, scaled, dt_s)
    neurons = np.uint64(reach.shape[0])
    gleak = sums[4] if scaled else neuron[1]
    current = sums[5]
    _repack(reach, by_cm, by_gleak, rows, True)
    for n in range(trace.shape[0] - 1):
        before, denominator, after = trace[n, 0], trace[n, 1], trace[n + 1, 0]
        for i in range(current.shape[0]):
            current[i] = sums[0, i] - before[i] * sums[1, i]
        for b in range(np.uint64(bounds.shape[0])):
            begin, end = bounds[b, 1, 0], bounds[b, 1, 1]
            synapse_jacobian(
                table, sources, begin, end, before, after, denominator, b * _LANES, current, weights
            )
            for lane in range(min(_LANES, neurons - b * _LANES)):
                target = b * _LANES + lane
                inverse = _ONE / denominator[target]
                retained = sums[2, target] * inverse
                for k in range(reach[target, 0] * _PAIR, reach[target, 1] * _PAIR):
                    fresh[target, k] = retained * rows[target, k]
                if begin < end:
                    low, high = reach[target, 0], reach[target, 1]
                    add_weighted_rows(
                        weights, lane, begin, end, sources, low, high, rows, fresh, target
                    )
                at = b * _PAIR + lane
                fresh[target, at] -= retained * current[target] * inverse
                fresh[target, at + _LANES] += (
                    gleak[target] * (neuron[2, target] - after[target]) * inverse
                )
        rows, fresh = fresh, rows
    _repack(reach, by_cm, by_gleak, rows, False)
