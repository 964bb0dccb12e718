"""The compiled loops of `sensitivity`, over those of `_kernels`.

Nearly all of the time goes into products of small matrices. numba's loops keep a running row in
memory, which costs half of the speed here (measured: 14 against 32 thousand million products a
second), so the innermost loop is written for LLVM directly, with the row in registers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from liquid_pilot.liquid._jit import compiled
from liquid_pilot.liquid._kernels import _FAST, sigmoid, step

LANES = 8
"""Columns in a block: what one vector instruction takes, two on CPUs of lesser width."""
_LARGEST = 5
"""Pairs of blocks that one pass keeps in registers; with 16 registers ten vectors still fit."""

_f = np.float32
_ONE = _f(1.0)
# Unsigned, as all indices here are, or numba adds tests for negative ones.
_U1, _U2, _U3, _U4, _U5 = (np.uint64(k) for k in range(1, 6))
_LANES, _PAIR = np.uint64(LANES), np.uint64(2 * LANES)


def _accumulator(vectors: int) -> Callable:
    """accumulate(weights, begin, end, rows, at, out), for `vectors` blocks of LANES columns.

    Adds sum_j weights[j]*rows[j, at:at + vectors*LANES], j in [begin, end), to the same columns of
    out; weights (N,), rows (N, K) and out (K,) are float32 with contiguous columns.
    """
    vector = ir.VectorType(ir.FloatType(), LANES)
    undefined = ir.Constant(vector, ir.Undefined)
    first_lane = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)

    @intrinsic
    def accumulate(_typing, weights, begin, end, rows, at, out):
        signature = types.void(weights, begin, end, rows, at, out)

        def generate(context, builder, signature, arguments):
            weights, rows, out = (
                context.make_array(signature.args[n])(context, builder, arguments[n])
                for n in (0, 3, 5))
            begin, end, at = (arguments[n] for n in (1, 2, 4))

            def block(row, n):
                column = builder.add(at, ir.Constant(at.type, n * LANES))
                return builder.bitcast(builder.gep(row, [column]), vector.as_pointer())

            # LLVM turns these slots into registers.
            sums = [cgutils.alloca_once(builder, vector) for _ in range(vectors)]
            for n, slot in enumerate(sums):
                builder.store(builder.load(block(out.data, n), align=4), slot)
            stride = builder.extract_value(rows.strides, 0)
            one = ir.Constant(begin.type, 1)
            with cgutils.for_range_slice(builder, begin, end, one, begin.type) as (j, _):
                weight = builder.insert_element(
                    undefined, builder.load(builder.gep(weights.data, [j])),
                    ir.Constant(ir.IntType(32), 0))
                weight = builder.shuffle_vector(weight, undefined, first_lane)
                row = cgutils.pointer_add(builder, rows.data, builder.mul(j, stride))
                for n, slot in enumerate(sums):
                    source = builder.load(block(row, n), align=4)
                    product = builder.fmul(weight, source, flags=('contract',))
                    total = builder.fadd(builder.load(slot), product, flags=('contract',))
                    builder.store(total, slot)
            for n, slot in enumerate(sums):
                builder.store(builder.load(slot), block(out.data, n), align=4)
            return context.get_dummy_value()

        return signature, generate

    return accumulate


_one, _two, _three, _four, _five = (_accumulator(2 * pairs) for pairs in range(1, _LARGEST + 1))


@compiled(fastmath=_FAST)
def combine(weights, begin, end, low, high, rows, out):
    """Add sum_j weights[j]*rows[j], j in [begin, end), to out, in pairs of blocks low to high."""
    while low < high:
        # As equal parts as can be: a short one leaves the arithmetic units waiting.
        parts = (high - low + _U4) // _U5
        pairs = (high - low + parts - _U1) // parts
        if pairs == _U5:
            _five(weights, begin, end, rows, low * _PAIR, out)
        elif pairs == _U4:
            _four(weights, begin, end, rows, low * _PAIR, out)
        elif pairs == _U3:
            _three(weights, begin, end, rows, low * _PAIR, out)
        elif pairs == _U2:
            _two(weights, begin, end, rows, low * _PAIR, out)
        else:
            _one(weights, begin, end, rows, low * _PAIR, out)
        low += pairs


@compiled(fastmath=_FAST)
def _repack(reach, by_cm, by_gleak, rows, inward):
    """Between by_cm and by_gleak (N, N) and rows (N, K): a block of the one, one of the other."""
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


@compiled(fastmath=_FAST)
def step_sensitivity(folded, spans, reach, neuron, scales, scaled, values, sums, trace, dt_s,
                     by_cm, by_gleak, by_source, rows, fresh):
    """`_kernels.step`, to the bit, and the derivatives of the state by log cm and log gleak.

    by_cm and by_gleak (N, N), in place: [i, k], the derivative of v_i by that of neuron k. reach
    (N, 2): the first pair of blocks that can differ from zero, and one past the last. by_source
    (2, R), rows and fresh (N, 2*LANES*pairs) are scratch, zero at first.

    With c = cm*L/dt, d the denominator and G_ij = w_ij*sigma_ij*s*(1 - s)*(erev_ij - v'_i), an
    unfold takes S to (c*S + G*S + direct)/d; direct is diagonal, c*(v - v') for log cm and
    gleak*(vleak - v') for log gleak. v - v' is summed from the currents: as a difference it would
    lose its digits where a neuron is slow.
    """
    step(folded, spans, neuron, scales, scaled, values, sums, trace, dt_s)
    neurons = np.uint64(sums.shape[1])
    inputs = np.uint64(values.shape[0]) - neurons
    unfolds = trace.shape[0]
    rate = np.float32(unfolds / dt_s)
    cm, gleak = (sums[4], sums[5]) if scaled else (neuron[0], neuron[1])
    potentials, weights = by_source[0], by_source[1]
    _repack(reach, by_cm, by_gleak, rows, True)
    for n in range(unfolds):
        before = trace[n, 0]
        ends = trace[n + 1, 0] if n + 1 < unfolds else values[inputs:]
        potentials[inputs:] = before
        for i in range(neurons):
            begin, end = spans[i, 1, 0], spans[i, 1, 1]
            inverse = _ONE / trace[n, 1, i]
            start, after = before[i], ends[i]
            current = sums[0, i] - start * sums[1, i]
            for k in range(begin, end):
                slope, w, pull = folded[i, 0, k], folded[i, 2, k], folded[i, 3, k]
                s = sigmoid(slope * potentials[k] + folded[i, 1, k])
                current += (pull - w * start) * s
                weights[k] = slope * (pull - w * after) * (s - s * s) * inverse
            kept = cm[i] * rate * inverse
            for k in range(reach[i, 0] * _PAIR, reach[i, 1] * _PAIR):
                fresh[i, k] = kept * rows[i, k]
            if begin < end:
                combine(weights[inputs:], begin - inputs, end - inputs, reach[i, 0], reach[i, 1],
                        rows, fresh[i])
            at = i // _LANES * _PAIR + i % _LANES
            fresh[i, at] -= kept * current * inverse
            fresh[i, at + _LANES] += gleak[i] * (neuron[2, i] - after) * inverse
        rows, fresh = fresh, rows
    _repack(reach, by_cm, by_gleak, rows, False)
