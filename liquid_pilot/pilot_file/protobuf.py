"""A strict reader of protobuf's wire format, for ONNX files from an untrusted source.

It refuses what protobuf would read in another way. The onnx package is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator

from liquid_pilot.interfaces import LiquidPilotError

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MAX_FIELDS = 200_000
"""Maximum number of fields in a file. A pilot's graph has hundreds; more would only cost time."""


class FieldBudget:
    """The number of fields that may still be read from a file.

    Args:
        where: name of the file, for the error.
    """

    def __init__(self, where: str) -> None:
        self._where, self._left = where, _MAX_FIELDS

    def spend(self) -> None:
        """Count one field.

        Raises:
            LiquidPilotError: when the file has too many fields.
        """
        self._left -= 1
        if self._left < 0:
            raise LiquidPilotError(
                f'{self._where}: has more than {_MAX_FIELDS} parts; no pilot needs as many'
            )


def read_fields(data: memoryview, budget: FieldBudget) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value) of every field of a message, in the order of the file.

    Raises:
        IndexError: when the message is cut short.
        ValueError: when it is not a message.
        LiquidPilotError: when the budget is spent.
    """
    at, end = 0, len(data)
    while at < end:
        budget.spend()
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        value: int | memoryview
        if not 0 < number < 1 << 29:
            raise ValueError(number)
        if kind == _VARINT:
            value, at = _read_varint(data, at)
        elif kind in (_LENGTH, _FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
            if kind == _LENGTH:
                length, at = _read_varint(data, at)
            if length > end - at:
                raise IndexError(at)
            value, at = data[at : at + length], at + length
        else:
            raise ValueError(kind)
        yield number, value


def read_integers(value: int | memoryview) -> Iterator[int]:
    """Yield the integers of a repeated field: one of them, or several packed into one field.

    Raises:
        IndexError: when the field is cut short.
        ValueError: when it holds no integers.
    """
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        number, at = _read_varint(value, at)
        yield number


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            # As protobuf does: 64 bits, and the rest is cut off.
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError(at)
