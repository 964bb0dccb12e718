"""Reads the nodes and the constants of an ONNX file, without the onnx package."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file.onnx_check import check_onnx
from liquid_pilot.pilot_file.protobuf import FieldBudget, read_fields, read_integers

_DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype('<f4'), 6: np.dtype('<i4'), 7: np.dtype('<i8')}
"""TensorProto.data_type of the tensors that can be read."""
_MAX_VALUES = 16 << 20
"""Maximum number of values in a tensor."""


class Node(NamedTuple):
    """One operation of a graph."""

    operator: str
    """Name of the operator in ONNX, such as 'Conv'."""
    inputs: tuple[str, ...]
    """Names of its inputs; an empty name stands for one that is left out."""
    output: str
    """Name of its only output."""
    attributes: Mapping[str, Any]
    """Attributes: int, float, bytes, a tuple of ints or of floats, or an array."""


class Graph(NamedTuple):
    """The nodes of an ONNX file in the order in which they run, and its constants."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, npt.NDArray[Any]]


def read_graph(model: bytes, where: str) -> Graph:
    """Return the graph of an ONNX file.

    Args:
        model: content of the file.
        where: name of the file, with which an error begins.

    Raises:
        LiquidPilotError: the file is not readable, or holds what no encoder needs.
    """
    check_onnx(model, where)
    nodes: list[Node] = []
    constants: dict[str, npt.NDArray[Any]] = {}
    budget = FieldBudget(where)
    try:
        for number, graph in read_fields(memoryview(model), budget):
            if number != 7 or isinstance(graph, int):  # ModelProto.graph
                continue
            for part, value in read_fields(graph, budget):
                if part == 1 and not isinstance(value, int):  # GraphProto.node
                    nodes.append(_read_node(value, budget, where))
                elif part == 5 and not isinstance(value, int):  # GraphProto.initializer
                    name, tensor = _read_tensor(value, budget, where)
                    constants[name] = tensor
    except (IndexError, ValueError, struct.error):
        raise LiquidPilotError(f'{where}: is not a readable ONNX file') from None
    for node in nodes:
        if node.operator == 'Constant' and isinstance(node.attributes.get('value'), np.ndarray):
            constants[node.output] = node.attributes['value']
    return Graph(tuple(node for node in nodes if node.output not in constants), constants)


def _text(value: int | memoryview) -> str:
    if isinstance(value, int):
        raise ValueError(value)
    return bytes(value).decode('utf-8', 'replace')


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _read_node(data: memoryview, budget: FieldBudget, where: str) -> Node:
    inputs, outputs, operator, domain, attributes = [], [], '', '', {}
    for number, value in read_fields(data, budget):
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            outputs.append(_text(value))
        elif number == 4:
            operator = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5 and not isinstance(value, int):
            name, content = _read_attribute(value, budget, where)
            attributes[name] = content
    if domain not in ('', 'ai.onnx') or len(outputs) != 1:
        operator = f'{domain or "ai.onnx"}.{operator} with {len(outputs)} outputs'
    return Node(operator, tuple(inputs), (outputs or [''])[0], attributes)


def _read_attribute(data: memoryview, budget: FieldBudget, where: str) -> tuple[str, Any]:
    name, content = '', None
    floats: list[float] = []
    integers: list[int] = []
    for number, value in read_fields(data, budget):
        if number == 1:
            name = _text(value)
        elif number == 2 and not isinstance(value, int):
            content = struct.unpack('<f', value)[0]
        elif number == 3 and isinstance(value, int):
            content = _signed(value)
        elif number == 4 and not isinstance(value, int):
            content = bytes(value)
        elif number == 5 and not isinstance(value, int):
            content = _read_tensor(value, budget, where)[1]
        elif number == 7 and not isinstance(value, int):
            floats += np.frombuffer(value, '<f4').tolist()
        elif number == 8:
            integers += map(_signed, read_integers(value))
    return name, tuple(floats) or tuple(integers) if content is None else content


def _read_tensor(data: memoryview, budget: FieldBudget, where: str) -> tuple[str, npt.NDArray[Any]]:
    """Return the name and the values of a tensor."""
    name, kind, raw = '', 0, None
    shape: list[int] = []
    values: list[float] = []
    for number, value in read_fields(data, budget):
        if number == 1:
            shape += map(_signed, read_integers(value))
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 4 and not isinstance(value, int):
            values += np.frombuffer(value, '<f4').tolist()
        elif number in (5, 7):
            values += map(_signed, read_integers(value))
        elif number == 8:
            name = _text(value)
        elif number == 9 and not isinstance(value, int):
            raw = value
    if kind not in _DTYPES:
        raise LiquidPilotError(
            f'{where}: tensor {name[:40]!r} has the data type {kind} of ONNX, and float32, int32 '
            'and int64 can be explained; export the encoder in float32'
        )
    if any(size < 0 for size in shape) or math.prod(shape) > _MAX_VALUES:
        raise ValueError(shape)
    dtype = _DTYPES[kind]
    flat = np.array(values, dtype) if raw is None else np.frombuffer(raw, dtype)
    return name, flat.reshape(shape)
