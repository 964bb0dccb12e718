"""Checks of an ONNX file from an untrusted source, made before a runtime reads it.

Refused are data kept in other files (an absolute or `..` path would read anywhere), graphs within
nodes (Loop, Scan, If: they may never end) and local functions, which could hide either. What the
graph computes is left to ONNX Runtime to check.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file.protobuf import FieldBudget, read_fields, read_integers


class _MessageRules(NamedTuple):
    """A message of onnx.proto3: which of its fields are checked, and which are refused."""

    name: str
    children: Mapping[int, str]
    """Fields that are messages to be checked: field number -> key of the rules."""
    forbidden: Mapping[int, str]
    """Fields that are refused: field number -> reason."""
    name_field: int = 0
    """Number of the field with the message's name; 0: there is none."""


_MESSAGE_RULES = {
    'model': _MessageRules(
        'model',
        {7: 'graph'},
        {20: 'holds training information (training_info)', 25: 'holds local functions (functions)'},
    ),
    'graph': _MessageRules('graph', {1: 'node', 5: 'tensor', 15: 'sparse'}, {}),
    'node': _MessageRules('node', {5: 'attribute'}, {}, 4),
    'attribute': _MessageRules(
        'attribute',
        {5: 'tensor', 10: 'tensor', 22: 'sparse', 23: 'sparse'},
        {
            6: 'holds a graph of its own: loops and branches are not allowed',
            11: 'holds graphs of its own: loops and branches are not allowed',
        },
        1,
    ),
    'sparse': _MessageRules('sparse tensor', {1: 'tensor', 2: 'tensor'}, {}),
    'tensor': _MessageRules(
        'tensor', {}, {13: 'keeps its data in another file (external_data)'}, 8
    ),
}
_MODEL_GRAPH, _GRAPH_INITIALIZER, _TENSOR_DIMS, _TENSOR_LOCATION = 7, 5, 1, 14
"""Field numbers of onnx.proto3: ModelProto.graph, GraphProto.initializer, TensorProto.dims and
TensorProto.data_location."""


def check_onnx(data: bytes, where: str) -> None:
    """Check that an ONNX file holds a graph, and nothing that is refused.

    Args:
        data: content of the file.
        where: name of the file, with which an error begins.

    Raises:
        LiquidPilotError: one line that says what is wrong.
    """
    if not data:
        raise LiquidPilotError(f'{where}: is empty')
    try:
        graphs = _check_message(memoryview(data), 'model', where, FieldBudget(where))
    except (IndexError, ValueError):
        raise LiquidPilotError(f'{where}: is not a readable ONNX file') from None
    if not graphs:
        raise LiquidPilotError(f'{where}: is not an ONNX file (it holds no graph)')


def count_onnx_parameters(model: bytes, where: str = 'encoder.onnx') -> int:
    """Return the number of values in the weights of an ONNX file.

    Args:
        model: content of the file.
        where: name of the file, with which an error begins.

    Raises:
        LiquidPilotError: when the file is not readable.
    """
    total, budget = 0, FieldBudget(where)
    try:
        for number, graph in read_fields(memoryview(model), budget):
            if number != _MODEL_GRAPH or isinstance(graph, int):
                continue
            for part, tensor in read_fields(graph, budget):
                if part == _GRAPH_INITIALIZER and not isinstance(tensor, int):
                    total += _tensor_size(tensor, budget)
    except (IndexError, ValueError):
        raise LiquidPilotError(f'{where}: is not a readable ONNX file') from None
    return total


def _tensor_size(tensor: memoryview, budget: FieldBudget) -> int:
    return math.prod(
        math.prod(read_integers(value))
        for number, value in read_fields(tensor, budget)
        if number == _TENSOR_DIMS
    )


def _check_message(data: memoryview, kind: str, where: str, budget: FieldBudget) -> int:
    """Check a message and what it holds; return how many checked messages it holds directly."""
    rules, found, name, problem = _MESSAGE_RULES[kind], 0, '', ''
    for number, value in read_fields(data, budget):
        if number in rules.children:
            if not isinstance(value, memoryview):
                raise ValueError(number)
            found += 1
            _check_message(value, rules.children[number], where, budget)
        elif number in rules.forbidden:
            problem = rules.forbidden[number]
        # The default, 0, is within the file; protobuf looks at the lower 32 bits alone.
        elif (
            kind == 'tensor'
            and number == _TENSOR_LOCATION
            and (not isinstance(value, int) or value & 0xFFFFFFFF)
        ):
            problem = problem or _MESSAGE_RULES['tensor'].forbidden[13]
        elif number == rules.name_field and isinstance(value, memoryview):
            name = bytes(value[:40]).decode('utf-8', 'replace')
    if problem:
        raise LiquidPilotError(f'{where}: {rules.name}{f" {name!r}" if name else ""} {problem}')
    return found
