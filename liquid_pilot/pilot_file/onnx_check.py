"""What an ONNX file from an unknown hand may hold, checked before any runtime sees it.

Refused: data kept in other files (an absolute or `..` path would read anywhere), graphs within
nodes (Loop, Scan, If: they may never end) and local functions, which could hide either. What the
graph computes is ONNX Runtime's to judge. The bytes are read strictly, so that nothing passes that
protobuf would read in another way; the onnx package is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from liquid_pilot.interfaces import LiquidPilotError

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MAX_FIELDS = 200_000
"""A pilot's graph has some hundreds; more would only cost the reader time."""


class _MessageRules(NamedTuple):
    """A message of onnx.proto3: which of its fields are looked into, and which are refused."""

    name: str
    within: Mapping[int, str]
    refused: Mapping[int, str]
    name_field: int = 0
    """The field with its name; 0 is no field."""


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
_TENSOR_LOCATION = 14


def check_onnx(data: bytes, where: str) -> None:
    """LiquidPilotError, one line that begins with `where`, unless `data` is a harmless graph."""
    if not data:
        raise LiquidPilotError(f'{where}: is empty')
    budget = [_MAX_FIELDS]
    try:
        graphs = _walk(memoryview(data), 'model', where, budget)
    except (IndexError, ValueError):
        raise LiquidPilotError(f'{where}: is not a readable ONNX file') from None
    if not graphs:
        raise LiquidPilotError(f'{where}: is not an ONNX file (it holds no graph)')


def _walk(data: memoryview, kind: str, where: str, budget: list[int]) -> int:
    """Check a message and what it holds; how many looked-into messages it had directly."""
    rules, found, name, wrong = _MESSAGE_RULES[kind], 0, '', ''
    for number, value in _fields(data, budget, where):
        if number in rules.within:
            if not isinstance(value, memoryview):
                raise ValueError(number)
            found += 1
            _walk(value, rules.within[number], where, budget)
        elif number in rules.refused:
            wrong = rules.refused[number]
        # The default, 0, is within the file; protobuf looks at the lower 32 bits alone.
        elif (
            kind == 'tensor'
            and number == _TENSOR_LOCATION
            and (not isinstance(value, int) or value & 0xFFFFFFFF)
        ):
            wrong = wrong or _MESSAGE_RULES['tensor'].refused[13]
        elif number == rules.name_field and isinstance(value, memoryview):
            name = bytes(value[:40]).decode('utf-8', 'replace')
    if wrong:
        raise LiquidPilotError(f'{where}: {rules.name}{f" {name!r}" if name else ""} {wrong}')
    return found


def _fields(
    data: memoryview, budget: list[int], where: str
) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of a protobuf message; IndexError or ValueError when it is none."""
    at, end = 0, len(data)
    while at < end:
        budget[0] -= 1
        if budget[0] < 0:
            raise LiquidPilotError(
                f'{where}: has more than {_MAX_FIELDS} parts; no pilot needs as many'
            )
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        value: int | memoryview
        if not 0 < number < 1 << 29:
            raise ValueError(number)
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind in (_LENGTH, _FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
            if kind == _LENGTH:
                length, at = _varint(data, at)
            if length > end - at:
                raise IndexError(at)
            value, at = data[at : at + length], at + length
        else:
            raise ValueError(kind)
        yield number, value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            # As protobuf does: 64 bits, and the rest is cut off.
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError(at)
