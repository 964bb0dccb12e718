"""The loops over synapses of what drives the elastance, a block of neurons at a time.

It is linear in the sources: weights (E, LANES) hold elastance_w in the order of the entries that
`liquid._synapses` describes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from liquid_pilot.liquid._jit import intrinsic
from liquid_pilot.liquid._lanes import Accumulator, loop_range, row_offset, unpack_arguments


@intrinsic
def accumulate_linear(
    _typing: Any,
    weights: Any,
    sources: Any,
    begin: Any,
    end: Any,
    values: Any,
    at: Any,
    total: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Add sum w*value over the entries [begin, end) to total (N,), at [at:at + LANES]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        weights, sources, begin, end, values, at, total = unpack_arguments(
            context, builder, signature, arguments
        )
        running = Accumulator(total.row(at))
        with loop_range(builder, begin, end) as entry:
            w = weights.row(row_offset(builder, entry, 0, rows=1))
            running.add(w * values.broadcast(sources.scalar(entry)))
        total.put(at, running.value)
        return context.get_dummy_value()

    return types.void(weights, sources, begin, end, values, at, total), generate


@intrinsic
def add_linear_gradients(
    _typing: Any,
    weights: Any,
    sources: Any,
    begin: Any,
    end: Any,
    values: Any,
    at: Any,
    by_total: Any,
    sums: Any,
    source_gradients: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Add the gradients of the entries of a block, for those of their totals, by_total (N,).

    Added to sums (E, LANES): dL/dw. Added to source_gradients (R, LANES): the gradient of every
    source, by lanes of its targets.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        weights, sources, begin, end, values, at, by_total, sums, source_gradients = (
            unpack_arguments(context, builder, signature, arguments)
        )
        slope = by_total.row(at)
        with loop_range(builder, begin, end) as entry:
            row = row_offset(builder, entry, 0, rows=1)
            number = sources.scalar(entry)
            sums.put(row, sums.row(row) + slope * values.broadcast(number))
            column = row_offset(builder, number, 0, rows=1)
            source_gradients.put(column, source_gradients.row(column) + slope * weights.row(row))
        return context.get_dummy_value()

    return types.void(
        weights, sources, begin, end, values, at, by_total, sums, source_gradients
    ), generate
