"""Arithmetic on eight float32 values at a time, written for LLVM directly.

numba's loops handle what does not fill a vector one by one, keep running sums in memory and add up
lanes after every row. The innermost loops are therefore spelled out in `_synapses` and
`_sensitivity_kernels`, with the classes and functions of this file. CPUs with narrower vectors take
two or more instructions for eight values.

`SimdVector` has the operators of a number, so that the formulas below read as they are written in
papers. No flag lets LLVM assume that there are no NaNs: a NaN in the inputs must reach the outputs,
for the guard to see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils as _numba_cgutils
from numba.core import types

from liquid_pilot.liquid._jit import intrinsic

LANES = 8
"""Number of float32 values in a vector."""

# numba's functions are not annotated.
_cgutils: Any = _numba_cgutils
_FASTMATH_FLAGS = ('contract', 'nsz')
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_INT32 = ir.IntType(32)


class SimdVector:
    """A float32, or a vector of them, as a value in LLVM's intermediate representation."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder, self.value = builder, value

    def constant(self, number: float) -> ir.Constant:
        """Return a number as a constant of this type, in every lane."""
        kind = self.value.type
        return ir.Constant(kind, [number] * LANES if isinstance(kind, ir.VectorType) else number)

    def _with(self, operation: str, left: Any, right: Any) -> SimdVector:
        left, right = (
            side.value if isinstance(side, SimdVector) else self.constant(side)
            for side in (left, right)
        )
        return SimdVector(
            self.builder, getattr(self.builder, operation)(left, right, flags=_FASTMATH_FLAGS)
        )

    def __add__(self, other: SimdVector | float) -> SimdVector:
        return self._with('fadd', self, other)

    def __radd__(self, other: float) -> SimdVector:
        return self._with('fadd', other, self)

    def __sub__(self, other: SimdVector | float) -> SimdVector:
        return self._with('fsub', self, other)

    def __rsub__(self, other: float) -> SimdVector:
        return self._with('fsub', other, self)

    def __mul__(self, other: SimdVector | float) -> SimdVector:
        return self._with('fmul', self, other)

    def __truediv__(self, other: SimdVector | float) -> SimdVector:
        return self._with('fdiv', self, other)

    def __rtruediv__(self, other: float) -> SimdVector:
        return self._with('fdiv', other, self)

    def clip(self, limit: float) -> SimdVector:
        """Return the value clipped to +-limit; NaN stays NaN, as it fails both comparisons."""
        value = self.value
        for comparison, bound in (('>', limit), ('<', -limit)):
            beyond = self.builder.fcmp_ordered(comparison, value, self.constant(bound))
            value = self.builder.select(beyond, self.constant(bound), value)
        return SimdVector(self.builder, value)

    def power_of_two(self) -> SimdVector:
        """Return 2^n, where the lowest bits of the value hold an integer n from -126 to 127."""
        bits: Any = _INT32 if self.value.type == _FLOAT else ir.VectorType(_INT32, LANES)

        def constant(number: int) -> ir.Constant:
            return ir.Constant(bits, number if bits == _INT32 else [number] * LANES)

        builder = self.builder
        exponent = builder.shl(builder.bitcast(self.value, bits), constant(23))
        power = builder.add(exponent, constant(127 << 23))
        return SimdVector(builder, builder.bitcast(power, self.value.type))

    def horizontal_sum(self) -> ir.Value:
        """Return the sum over the lanes."""
        reduce = _cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(_FLOAT, [_FLOAT, _VECTOR]),
            f'llvm.vector.reduce.fadd.v{LANES}f32',
        )
        return self.builder.call(
            reduce, [ir.Constant(_FLOAT, -0.0), self.value], fastmath=['reassoc']
        )


def half_tanh(x: SimdVector) -> SimdVector:
    """Return tanh(x/2)/2, which is the logistic function of x less 1/2, of a float32.

    x*P(x^2)/Q(x^2), degrees 3 and 4, on |x| <= 16 and constant beyond, where 1 - sigmoid is
    1.1e-7. P and Q were fitted to tanh(x/2)/2 in float64 by least squares, linearised (multiplied
    by the last Q) and reweighted by the error until it levelled out (Lawson): 6.5e-8 before
    rounding. It has no call, no table and no branch, so that it vectorises.
    """
    x = x.clip(16.0)
    t = x * x
    above = t * 4.41806658e-08 + 4.59192256e-05
    above = t * (t * above + 8.07102744e-03) + 2.49999841e-01
    below = t * (t * 9.46816085e-10 + 3.70357564e-06) + 1.48523991e-03
    below = t * (t * below + 1.15616857e-01) + 1.0
    return x * above / below


def logistic(x: SimdVector) -> SimdVector:
    """Return the logistic function of a float32, with an absolute error below 1e-6.

    The measured error is 3e-7.
    """
    return half_tanh(x) + 0.5


def exponential(x: SimdVector) -> SimdVector:
    """Return exp of a float32 within +-87 (clipped beyond), with a relative error below 3e-7.

    2^n * P(r) with x = n*ln(2) + r and |r| <= ln(2)/2. P, of degree 6, was fitted as that of
    `half_tanh`, by the relative error: 2e-9 before rounding. ln(2) is in two parts, of which the
    first has few digits, so that r is exact. It vectorises, and NaN stays NaN.
    """
    x = x.clip(87.0)
    # Adding 1.5 * 2^23 leaves an integer n in the lowest bits.
    shifted = x * 1.44269504 + 12582912.0
    n = shifted - 12582912.0
    r = x - n * 0.693359375 + n * 2.12194440e-4
    power = r * 1.38436443e-03 + 8.37416346e-03
    power = r * (r * (r * power + 4.16680026e-02) + 1.66664312e-01) + 4.99999942e-01
    return (r * (r * power + 1.00000003) + 1.0) * shifted.power_of_two()


def _elementwise(function: Callable[[SimdVector], SimdVector], text: str) -> Callable[..., Any]:
    """Return an intrinsic that computes a function of a float32 in numba's loops."""

    def elementwise(_typing: Any, x: Any) -> tuple[Any, Callable[..., Any]]:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> ir.Value:
            return function(SimdVector(builder, arguments[0])).value

        return types.float32(types.float32), generate

    elementwise.__doc__ = text
    return intrinsic(elementwise)


sigmoid = _elementwise(logistic, 'Compute `logistic` in loops of numba, which LLVM vectorises.')
tanh = _elementwise(lambda x: half_tanh(x * 2.0) * 2.0, 'Compute tanh as `sigmoid` is computed.')
exp = _elementwise(exponential, 'Compute `exponential` as `sigmoid` is computed.')


class ArrayPointer:
    """A C-contiguous array argument, of which rows of LANES columns are read and written."""

    def __init__(self, context: Any, builder: ir.IRBuilder, kind: Any, value: ir.Value) -> None:
        self.builder = builder
        self.data = context.make_array(kind)(context, builder, value).data

    def _at(self, index: ir.Value) -> ir.Value:
        return self.builder.gep(self.data, [index])

    def scalar(self, index: ir.Value) -> ir.Value:
        """Return the element at an index."""
        return self.builder.load(self._at(index))

    def broadcast(self, index: ir.Value) -> SimdVector:
        """Return the element at an index, in every lane."""
        builder, undefined = self.builder, ir.Constant(_VECTOR, ir.Undefined)
        one = builder.insert_element(undefined, self.scalar(index), ir.Constant(_INT32, 0))
        first = ir.Constant(ir.VectorType(_INT32, LANES), [0] * LANES)
        return SimdVector(builder, builder.shuffle_vector(one, undefined, first))

    def _vector_at(self, index: ir.Value) -> ir.Value:
        return self.builder.bitcast(self._at(index), _VECTOR.as_pointer())

    def row(self, index: ir.Value) -> SimdVector:
        """Return LANES elements, beginning at an index."""
        return SimdVector(self.builder, self.builder.load(self._vector_at(index), align=4))

    def put(self, index: ir.Value, lanes: SimdVector) -> None:
        """Write LANES elements, beginning at an index."""
        self.builder.store(lanes.value, self._vector_at(index), align=4)


class Accumulator:
    """A running sum, which LLVM keeps in a register."""

    def __init__(self, start: SimdVector) -> None:
        self.builder = start.builder
        self._slot = _cgutils.alloca_once(self.builder, start.value.type)
        self.builder.store(start.value, self._slot)

    @property
    def value(self) -> SimdVector:
        """The sum so far."""
        return SimdVector(self.builder, self.builder.load(self._slot))

    def add(self, term: SimdVector) -> None:
        """Add a term to the sum."""
        self.builder.store((self.value + term).value, self._slot)


def row_offset(builder: ir.IRBuilder, entry: ir.Value, row: int, rows: int = 4) -> ir.Value:
    """Return the index at which a row of an entry begins, in an array of (E, rows, LANES)."""
    start = builder.mul(entry, ir.Constant(entry.type, rows * LANES))
    return offset_by(builder, start, row * LANES)


def offset_by(builder: ir.IRBuilder, index: ir.Value, distance: int) -> ir.Value:
    """Return an index plus a constant."""
    return builder.add(index, ir.Constant(index.type, distance))


@contextmanager
def loop_range(builder: ir.IRBuilder, begin: ir.Value, end: ir.Value) -> Iterator[ir.Value]:
    """Build a loop: the code built in the context is run for every index in [begin, end)."""
    one = ir.Constant(begin.type, 1)
    with _cgutils.for_range_slice(builder, begin, end, one, begin.type) as (entry, _):
        yield entry


def unpack_arguments(
    context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any
) -> list[Any]:
    """Return the arguments of an intrinsic, with arrays as `ArrayPointer`."""
    return [
        ArrayPointer(context, builder, kind, argument)
        if isinstance(kind, types.Array)
        else argument
        for kind, argument in zip(signature.args, arguments, strict=True)
    ]
