"""The loops over synapses, a block of neurons at a time.

Synapses lie as they are read. Targets come in blocks of LANES neurons (the last one is filled up
with neurons that nothing reaches). A block has a list of *entries*, one for each source that feeds
any of its neurons: the source's number and a row of LANES values for each parameter, w = 0 where
there is no synapse.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

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
"""Keeps the denominator off zero; the same as ncps'."""


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
    """Sum w*erev*s and sum w*s over the entries of a block, added to above and below.

    table (E, 4, LANES): slope a, offset b, w and w*erev; s = logistic(a*value + b); values: of the
    sources, by number.
    """
    above, below = Accumulator(above), Accumulator(below)
    with loop_range(builder, begin, end) as entry:
        value = values.everywhere(sources.scalar(entry))
        slope, offset, w, pull = (table.row(row_offset(builder, entry, row)) for row in range(4))
        s = logistic(slope * value + offset)
        below.add(w * s)
        above.add(pull * s)
    return above.value, below.value


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
) -> tuple:
    """Add what the entries begin to end bring to above[at:at + LANES] and below[...], both (N,)."""

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
) -> tuple:
    """One solver step of a block, from the potentials `before` to after[at:at + LANES], all (N,).

    capacity: cm*L/dt; above and below: what does not depend on the potentials (leak and sensory);
    denominator[at:at + LANES] is written for the gradients.
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
    spread: Any,
) -> tuple:
    """Gradients of the entries of a block.

    table (E, 4, LANES): sigma, mu, erev, w*sigma; by_above and by_below (N,): dL/d(numerator) and
    -dL/d(denominator). Added to sums (E, 4, LANES): dz/w, dz/w times the source, dL/dw and
    dL/d(w*erev), with dz the gradient of the sigmoid's argument; to spread (R, LANES): the
    gradient of every source, by lanes of its targets.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        table, sources, begin, end, values, at, by_above, by_below, sums, spread = unpack_arguments(
            context, builder, signature, arguments
        )
        by_above, by_below = by_above.row(at), by_below.row(at)
        with loop_range(builder, begin, end) as entry:
            rows = [row_offset(builder, entry, row) for row in range(4)]
            number = sources.scalar(entry)
            source = values.everywhere(number)
            sigma, mu, erev, gain = (table.row(row) for row in rows)
            s = logistic(sigma * (source - mu))
            direct = (erev * by_above - by_below) * s
            inner = direct * (1.0 - s)
            for row, term in zip(rows, (inner, inner * source, direct, by_above * s), strict=True):
                sums.put(row, sums.row(row) + term)
            column = row_offset(builder, number, 0, rows=1)
            spread.put(column, spread.row(column) + inner * gain)
        return context.get_dummy_value()

    return types.void(
        table, sources, begin, end, values, at, by_above, by_below, sums, spread
    ), generate


@intrinsic
def sum_lanes(_typing: Any, spread: Any, row: Any) -> tuple:
    """The sum of a row of spread (R, LANES)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        spread, row = unpack_arguments(context, builder, signature, arguments)
        return spread.row(row_offset(builder, row, 0, rows=1)).total()

    return types.float32(spread, row), generate
