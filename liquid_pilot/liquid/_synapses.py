"""The loops over synapses, a block of neurons at a time.

Synapses are stored in the order in which they are read. Targets come in blocks of LANES neurons
(the last block is padded with neurons that have no synapses). A block has a list of *entries*, one
for each source that feeds any of its neurons: the source's number, and a row of LANES values for
each parameter, with w = 0 where there is no synapse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from liquid_pilot.liquid._jit import intrinsic
from liquid_pilot.liquid._lanes import (
    Accumulator,
    ArrayPointer,
    SimdVector,
    logistic,
    loop_range,
    row_offset,
    unpack_arguments,
)

EPSILON = 1e-8
"""Term that keeps the denominator off zero; the value is that of ncps."""


def _accumulated_inputs(
    builder: ir.IRBuilder,
    table: ArrayPointer,
    sources: ArrayPointer,
    begin: ir.Value,
    end: ir.Value,
    values: ArrayPointer,
    above: SimdVector,
    below: SimdVector,
) -> tuple[SimdVector, SimdVector]:
    """Return above + sum w*erev*s and below + sum w*s, over the entries of a block.

    table (E, 4, LANES) holds slope a, offset b, w and w*erev, with s = logistic(a*value + b);
    values are those of the sources, by number.
    """
    numerator, denominator = Accumulator(above), Accumulator(below)
    with loop_range(builder, begin, end) as entry:
        value = values.broadcast(sources.scalar(entry))
        slope, offset, w, w_erev = (table.row(row_offset(builder, entry, row)) for row in range(4))
        s = logistic(slope * value + offset)
        denominator.add(w * s)
        numerator.add(w_erev * s)
    return numerator.value, denominator.value


@intrinsic
def accumulate_inputs(
    _typing: Any,
    table: Any,
    sources: Any,
    begin: Any,
    end: Any,
    values: Any,
    at: Any,
    above: Any,
    below: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Add the sums over the entries [begin, end) to above and below (N,), at [at:at + LANES]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        table, sources, begin, end, values, at, above, below = unpack_arguments(
            context, builder, signature, arguments
        )
        sums = _accumulated_inputs(
            builder, table, sources, begin, end, values, above.row(at), below.row(at)
        )
        above.put(at, sums[0])
        below.put(at, sums[1])
        return context.get_dummy_value()

    return types.void(table, sources, begin, end, values, at, above, below), generate


@intrinsic
def unfold(
    _typing: Any,
    table: Any,
    sources: Any,
    begin: Any,
    end: Any,
    before: Any,
    at: Any,
    capacity: Any,
    above: Any,
    below: Any,
    after: Any,
    denominator: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Compute one solver step of a block, from the potentials `before` to after[at:at + LANES].

    All arrays are (N,). capacity is cm*L/dt; above and below hold the terms that do not depend on
    the potentials (leak and sensory). denominator[at:at + LANES] is written for the gradients.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        (table, sources, begin, end, before, at, capacity, above, below, after, denominator) = (
            unpack_arguments(context, builder, signature, arguments)
        )
        above, below = _accumulated_inputs(
            builder, table, sources, begin, end, before, above.row(at), below.row(at)
        )
        capacity = capacity.row(at)
        below = capacity + below + EPSILON
        denominator.put(at, below)
        after.put(at, (capacity * before.row(at) + above) / below)
        return context.get_dummy_value()

    return types.void(
        table, sources, begin, end, before, at, capacity, above, below, after, denominator
    ), generate


@intrinsic
def add_gradients(
    _typing: Any,
    table: Any,
    sources: Any,
    begin: Any,
    end: Any,
    values: Any,
    at: Any,
    by_above: Any,
    by_below: Any,
    sums: Any,
    source_gradients: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Add the gradients of the entries of a block.

    table (E, 4, LANES) holds sigma, mu, erev and w*sigma; by_above and by_below (N,) are
    dL/d(numerator) and -dL/d(denominator). Added to sums (E, 4, LANES): dz/w, dz/w times the
    source, dL/dw and dL/d(w*erev), where dz is the gradient of the sigmoid's argument. Added to
    source_gradients (R, LANES): the gradient of every source, by lanes of its targets.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        table, sources, begin, end, values, at, by_above, by_below, sums, source_gradients = (
            unpack_arguments(context, builder, signature, arguments)
        )
        by_above, by_below = by_above.row(at), by_below.row(at)
        with loop_range(builder, begin, end) as entry:
            rows = [row_offset(builder, entry, row) for row in range(4)]
            number = sources.scalar(entry)
            source = values.broadcast(number)
            sigma, mu, erev, gain = (table.row(row) for row in rows)
            s = logistic(sigma * (source - mu))
            direct = (erev * by_above - by_below) * s
            inner = direct * (1.0 - s)
            for row, term in zip(rows, (inner, inner * source, direct, by_above * s), strict=True):
                sums.put(row, sums.row(row) + term)
            column = row_offset(builder, number, 0, rows=1)
            source_gradients.put(column, source_gradients.row(column) + inner * gain)
        return context.get_dummy_value()

    return types.void(
        table, sources, begin, end, values, at, by_above, by_below, sums, source_gradients
    ), generate


@intrinsic
def sum_lanes(_typing: Any, source_gradients: Any, row: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the sum over the lanes of a row of source_gradients (R, LANES)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        source_gradients, row = unpack_arguments(context, builder, signature, arguments)
        return source_gradients.row(row_offset(builder, row, 0, rows=1)).horizontal_sum()

    return types.float32(source_gradients, row), generate
