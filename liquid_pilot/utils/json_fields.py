"""JSON from an unknown hand, read field by field; every error names the field."""

from __future__ import annotations

import json
import re
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError


def parse_json(data: bytes, where: str) -> dict[str, Any]:
    """The object in a JSON file; `where` stands before the error when it holds none."""

    def refuse(constant: str) -> None:
        raise ValueError(f'{constant} is not JSON')

    try:
        content = json.loads(data.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise LiquidPilotError(f'{where}: not valid JSON ({one_line(error)})') from None
    if not isinstance(content, dict):
        raise LiquidPilotError(f'{where}: must hold a JSON object')
    return content


class JsonFields:
    """A JSON object that is read field by field; every error says which field, by dotted name."""

    def __init__(self, content: dict[str, Any], prefix: str, version: int) -> None:
        self._left = dict(content)
        self._version = version
        self.prefix = prefix

    def error(self, name: str, what: str) -> LiquidPilotError:
        """An error about one field."""
        return LiquidPilotError(f'{self.prefix}{name} {what}')

    def take(self, name: str, kind: type | tuple[type, ...], words: str) -> Any:
        """The value of a field that must be there and of that type."""
        if name not in self._left:
            raise self.error(name, 'is missing')
        value = self._left.pop(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(name, f'must be {words}, not {_abbreviate(value)}')
        return value

    def peek(self, name: str) -> Any:
        """The value of a field as it stands, unchecked and still to be taken; None without it."""
        return self._left.get(name)

    def flag(self, name: str, default: bool) -> bool:
        """True or false; the default without it."""
        value = self._left.pop(name, default)
        if not isinstance(value, bool):
            raise self.error(name, f'must be true or false, not {_abbreviate(value)}')
        return value

    def string(self, name: str) -> str:
        """A string that is not empty."""
        value = self.take(name, str, 'a string')
        if not value:
            raise self.error(name, 'must not be empty')
        return value

    def integer(self, name: str, low: int, high: int = 1 << 31) -> int:
        """An integer in [low, high]."""
        value = self.take(name, int, 'an integer')
        if not low <= value <= high:
            raise self.error(name, f'must lie in [{low}, {high}], not {_abbreviate(value)}')
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """A finite number in [low, high]."""
        return self._bounded(name, self.take(name, (int, float), 'a number'), low, high)

    def numbers(self, name: str, count: int, low: float, high: float) -> tuple[float, ...]:
        """A list of `count` finite numbers in [low, high]."""
        values = self.take(name, list, f'a list of {count} numbers')
        if len(values) != count:
            raise self.error(name, f'must have {count} entries, not {len(values)}')
        for value in values:
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise self.error(name, f'must hold numbers, not {_abbreviate(value)}')
        return tuple(self._bounded(name, value, low, high) for value in values)

    def fields(self, name: str) -> JsonFields:
        """An object within."""
        return JsonFields(
            self.take(name, dict, 'an object'), f'{self.prefix}{name}.', self._version
        )

    def close(self) -> None:
        """Refuse what was not read: a misspelt field must not pass for a default."""
        for name in self._left:
            shown = name if re.fullmatch(r'[\w.-]{1,64}', name) else _abbreviate(name)
            raise self.error(shown, f'is not a field of version {self._version}')

    def _bounded(self, name: str, value: float, low: float, high: float) -> float:
        if not low <= value <= high:
            raise self.error(name, f'must lie in [{low:g}, {high:g}], not {_abbreviate(value)}')
        return float(value)


def _abbreviate(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + '...'


def one_line(error: Exception) -> str:
    """What an error says, on one line of bounded length."""
    text = ' '.join(str(error).split())
    return text if len(text) <= 300 else text[:297] + '...'
