"""A strict reader for untrusted JSON: field by field, with the field in every error."""

from __future__ import annotations

import json
import re
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError


def parse_json(data: bytes, where: str) -> dict[str, Any]:
    """Return the object in a JSON file.

    Args:
        data: content of the file.
        where: name of the file, with which an error begins.

    Raises:
        LiquidPilotError: when the file is not JSON, or holds something other than an object.
    """

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
    """A JSON object that is read field by field.

    Every method raises LiquidPilotError, with the dotted name of the field, when a value is missing
    or wrong.

    >>> content = JsonFields(parse_json(b'{"rate_hz": 20}', 'f.json'), 'f.json: ', version=1)
    >>> content.number('rate_hz', low=0.1, high=1000.0)
    20.0
    >>> content.require_all_read()

    Args:
        content: the object.
        prefix: text before the name of a field in errors.
        version: version of the file's format, for errors.
    """

    def __init__(self, content: dict[str, Any], prefix: str, version: int) -> None:
        self._unread = dict(content)
        self._version = version
        self.prefix = prefix

    def error(self, name: str, what: str) -> LiquidPilotError:
        """Return an error about one field, for the caller to raise."""
        return LiquidPilotError(f'{self.prefix}{name} {what}')

    def take(self, name: str, kind: type | tuple[type, ...], words: str) -> Any:
        """Return the value of a required field.

        Args:
            name: name of the field.
            kind: type that the value must have.
            words: the type in words, for the error.
        """
        if name not in self._unread:
            raise self.error(name, 'is missing')
        value = self._unread.pop(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(name, f'must be {words}, not {_abbreviate(value)}')
        return value

    def peek(self, name: str) -> Any:
        """Return the unchecked value of a field that is still to be read; None without it."""
        return self._unread.get(name)

    def flag(self, name: str, default: bool) -> bool:
        """Return a boolean, or the default without the field."""
        value = self._unread.pop(name, default)
        if not isinstance(value, bool):
            raise self.error(name, f'must be true or false, not {_abbreviate(value)}')
        return value

    def string(self, name: str) -> str:
        """Return a string that is not empty."""
        value: str = self.take(name, str, 'a string')
        if not value:
            raise self.error(name, 'must not be empty')
        return value

    def integer(self, name: str, low: int, high: int = 1 << 31) -> int:
        """Return an integer in [low, high].

        Args:
            name: name of the field.
            low: smallest value that is allowed.
            high: largest value that is allowed.
        """
        value: int = self.take(name, int, 'an integer')
        if not low <= value <= high:
            raise self.error(name, f'must lie in [{low}, {high}], not {_abbreviate(value)}')
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """Return a finite number in [low, high].

        Args:
            name: name of the field.
            low: smallest value that is allowed.
            high: largest value that is allowed.
        """
        return self._bounded(name, self.take(name, (int, float), 'a number'), low, high)

    def numbers(self, name: str, count: int, low: float, high: float) -> tuple[float, ...]:
        """Return a list of `count` finite numbers in [low, high].

        Args:
            name: name of the field.
            count: number of entries.
            low: smallest value that is allowed.
            high: largest value that is allowed.
        """
        values = self.take(name, list, f'a list of {count} numbers')
        if len(values) != count:
            raise self.error(name, f'must have {count} entries, not {len(values)}')
        for value in values:
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise self.error(name, f'must hold numbers, not {_abbreviate(value)}')
        return tuple(self._bounded(name, value, low, high) for value in values)

    def fields(self, name: str) -> JsonFields:
        """Return an object, whose fields are read in the same way."""
        return JsonFields(
            self.take(name, dict, 'an object'), f'{self.prefix}{name}.', self._version
        )

    def require_all_read(self) -> None:
        """Refuse fields that have not been read: a misspelt one must not pass for a default.

        Raises:
            LiquidPilotError: names a field that is left.
        """
        for name in self._unread:
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
    """Return the message of an error on one line of bounded length."""
    text = ' '.join(str(error).split())
    return text if len(text) <= 300 else text[:297] + '...'
