"""Makes operators of the nodes of an ONNX file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.encoder import operators
from liquid_pilot.explanation.encoder.onnx_graph import Node
from liquid_pilot.explanation.encoder.operators import Operator, UnsupportedNodeError

Constants = Mapping[str, npt.NDArray[Any]]


def make_operator(node: Node, constants: Constants) -> Operator:
    """Return the operator of a node.

    Args:
        node: the node.
        constants: the constants of the graph.

    Raises:
        UnsupportedNodeError: there is none; the message says what the node is.
    """
    make = _MAKERS.get(node.operator)
    if make is None:
        raise UnsupportedNodeError(f'the operator {node.operator}')
    return make(node, constants)


def supported_operators() -> tuple[str, ...]:
    """Return the names of the operators that can be made, in order."""
    return tuple(sorted(_MAKERS))


def _constant(node: Node, constants: Constants, position: int) -> npt.NDArray[Any]:
    name = node.inputs[position] if position < len(node.inputs) else ''
    if name not in constants:
        raise UnsupportedNodeError(f'{node.operator} whose input {position + 1} is not a constant')
    return constants[name]


def _require(node: Node, ok: bool, what: str) -> None:
    if not ok:
        raise UnsupportedNodeError(f'{node.operator} with {what}')


def _convolution(node: Node, constants: Constants) -> Operator:
    weight = _constant(node, constants, 1)
    read = node.attributes.get
    _require(node, weight.ndim == 4, f'a kernel of {weight.ndim} axes')
    _require(node, read('group', 1) == 1, 'groups')
    _require(node, read('auto_pad', b'NOTSET') == b'NOTSET', 'automatic padding')
    _require(node, set(read('dilations', (1, 1))) == {1}, 'dilation')
    bias = np.zeros(len(weight), np.float32)
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = _constant(node, constants, 2)
    return operators.Convolution(weight, bias, read('strides', (1, 1)), read('pads', (0, 0, 0, 0)))


def _elementwise(node: Node, constants: Constants) -> Operator:
    known = [position for position in (0, 1) if node.inputs[position] in constants]
    _require(node, len(known) == 1, 'two inputs that depend on the picture')
    value = _constant(node, constants, known[0])
    first = known[0] == 0
    if node.operator == 'Add':
        return operators.Affine(1.0, value)
    if node.operator == 'Sub':
        return operators.Affine(-1.0, value) if first else operators.Affine(1.0, -value)
    if node.operator == 'Mul':
        return operators.Affine(value, 0.0)
    _require(node, not first, 'a divisor that depends on the picture')
    return operators.Affine(np.float32(1.0) / value.astype(np.float32), 0.0)


def _reshape(node: Node, constants: Constants) -> Operator:
    shape = tuple(int(size) for size in _constant(node, constants, 1))
    _require(node, shape[:1] in ((1,), (-1,)) and 0 not in shape, f'the shape {list(shape)}')
    return operators.Reshape(shape[1:])


def _flatten(node: Node, constants: Constants) -> Operator:
    _require(node, node.attributes.get('axis', 1) == 1, 'another axis than 1')
    return operators.Reshape((-1,))


def _softmax(node: Node, constants: Constants) -> Operator:
    axis = node.attributes.get('axis', -1)
    _require(node, axis != 0, 'the axis 0')
    return operators.Softmax(axis)


def _matrix(node: Node, constants: Constants) -> Operator:
    weight = _constant(node, constants, 1)
    _require(node, weight.ndim == 2, f'a matrix of {weight.ndim} axes')
    if node.operator == 'MatMul':
        return operators.Matrix(weight)
    read = node.attributes.get
    _require(node, not read('transA', 0), 'a transposed input')
    weight = weight.T if read('transB', 0) else weight
    bias: npt.NDArray[Any] | float = 0.0
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = _constant(node, constants, 2) * np.float32(read('beta', 1.0))
    return operators.Matrix(weight * np.float32(read('alpha', 1.0)), bias)


def _mean(node: Node, constants: Constants) -> Operator:
    axes = node.attributes.get('axes', ())
    if len(node.inputs) > 1:
        axes = tuple(int(axis) for axis in _constant(node, constants, 1))
    _require(node, bool(axes) and 0 not in axes, f'the axes {list(axes)}')
    return operators.Mean(axes, bool(node.attributes.get('keepdims', 1)))


def _join(node: Node, constants: Constants) -> Operator:
    axis = node.attributes.get('axis', 0)
    _require(node, axis != 0, 'the axis 0')
    _require(node, not any(name in constants for name in node.inputs), 'a constant part')
    return operators.Join(axis)


_MAKERS: dict[str, Callable[[Node, Constants], Operator]] = {
    'Add': _elementwise,
    'Concat': _join,
    'Conv': _convolution,
    'Div': _elementwise,
    'Flatten': _flatten,
    'Gemm': _matrix,
    'MatMul': _matrix,
    'Mul': _elementwise,
    'ReduceMean': _mean,
    'Relu': lambda node, constants: operators.Positive(),
    'Reshape': _reshape,
    'Softmax': _softmax,
    'Sub': _elementwise,
}
"""ONNX operator to the function that makes it."""
