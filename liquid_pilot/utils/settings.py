"""Settings that are declared once: a dataclass field with default, description, unit and range.

    @dataclass(frozen=True)
    class GuardParameters:
        rate_hz: float = setting(20.0, 'rate of the watchdog', 'Hz', low=2.0, high=200.0)

Node parameters, launch arguments, options of the command line, `config/fly.yaml` and
`docs/reference/parameters.md` are all made from such fields. A field that stands in two dataclasses
is declared in one of them and taken over by the other with `setting_from`.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from liquid_pilot.interfaces import LiquidPilotError

Number = int | float
T = TypeVar('T')
_UNCHANGED: Any = object()
_declared: dict[type, dict[str, Setting]] = {}
"""Cache of `declared_settings`."""
_TYPE_NAMES: dict[type, str] = {
    float: 'a number',
    int: 'a whole number',
    bool: 'true or false',
    str: 'a text',
}
_TRUE, _FALSE = ('true', '1', 'yes', 'on'), ('false', '0', 'no', 'off')


class Setting(NamedTuple):
    """The declaration of one setting."""

    name: str
    kind: type
    """`bool`, `int`, `float` or `str`; of each entry, for a list."""
    is_list: bool
    """Whether the value is a tuple of `kind`."""
    default: Any
    description: str
    unit: str
    """Unit of the value; empty: a number without unit, or no number."""
    low: Number | None
    """Smallest value that is allowed; None: there is no such limit."""
    high: Number | None
    """Largest value that is allowed; None: there is no such limit."""
    choices: Collection[str]
    """All values that are allowed; empty: any."""
    live: bool
    """Whether a running node takes another value."""

    @property
    def range_text(self) -> str:
        """The range in words, such as '0.01 to 5'; empty where there is none."""
        if self.low is not None and self.high is not None:
            return f'{_number_text(self.low)} to {_number_text(self.high)}'
        if self.low is not None:
            return f'at least {_number_text(self.low)}'
        return '' if self.high is None else f'at most {_number_text(self.high)}'


def setting(
    default: Any,
    description: str,
    unit: str = '',
    *,
    low: Number | None = None,
    high: Number | None = None,
    choices: Collection[str] = (),
    live: bool = False,
) -> Any:
    """Return a dataclass field that declares a setting.

    Args:
        default: the value when none is given.
        description: what the setting does, as a phrase without a full stop.
        unit: unit of the value, such as 'm/s'.
        low: smallest value that is allowed.
        high: largest value that is allowed.
        choices: all values that are allowed.
        live: whether a running node takes another value.
    """
    metadata = {
        'description': description,
        'unit': unit,
        'low': low,
        'high': high,
        'choices': choices,
        'live': live,
    }
    return dataclasses.field(default=default, metadata=metadata)


def setting_from(
    owner: type,
    name: str,
    *,
    default: Any = _UNCHANGED,
    description: str = '',
    choices: Collection[str] = (),
    live: bool | None = None,
) -> Any:
    """Return a dataclass field that takes over the declaration of another dataclass's field.

    Args:
        owner: the dataclass that declares the setting.
        name: its field.
        default: the value when none is given, where it differs from the owner's.
        description: what the setting does, where the context needs other words than the owner's.
        choices: all values that are allowed, where they differ from the owner's.
        live: whether a running node takes another value, where it differs from the owner's.
    """
    (field,) = (each for each in dataclasses.fields(owner) if each.name == name)
    metadata = dict(field.metadata)
    if live is not None:
        metadata['live'] = live
    if description:
        metadata['description'] = description
    if choices:
        metadata['choices'] = choices
    return dataclasses.field(
        default=field.default if default is _UNCHANGED else default, metadata=metadata
    )


def declared_settings(owner: type) -> dict[str, Setting]:
    """Return the settings that a dataclass declares, by name; other fields are left out."""
    if owner not in _declared:
        _declared[owner] = _read_declarations(owner)
    return _declared[owner]


def _read_declarations(owner: type) -> dict[str, Setting]:
    kinds = typing.get_type_hints(owner)
    found = {}
    for field in dataclasses.fields(owner):
        if 'description' in field.metadata:
            is_list = typing.get_origin(kinds[field.name]) is tuple
            kind = typing.get_args(kinds[field.name])[0] if is_list else kinds[field.name]
            found[field.name] = Setting(field.name, kind, is_list, field.default, **field.metadata)
    return found


def check(declaration: Setting, value: Any, label: str = '') -> Any:
    """Return a value in the type of a declaration.

    Args:
        declaration: the setting.
        value: the value as it was given; a whole number does for a real one, a list for a tuple.
        label: what an error calls the setting; empty: its name.

    Raises:
        LiquidPilotError: says what is wrong with the value and what is allowed.
    """
    label = label or declaration.name
    if not declaration.is_list:
        return _check_one(declaration, value, label)
    if not isinstance(value, (list, tuple)) and not hasattr(value, 'typecode'):
        raise LiquidPilotError(f'{label} must be a list, not {value!r}')
    return tuple(_check_one(declaration, entry, label) for entry in value)


def _check_one(declaration: Setting, value: Any, label: str) -> Any:
    if declaration.kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not declaration.kind:
        raise LiquidPilotError(f'{label} must be {_TYPE_NAMES[declaration.kind]}, not {value!r}')
    if declaration.choices and value not in declaration.choices:
        raise LiquidPilotError(
            f'{label} must be one of {", ".join(declaration.choices)}, not {value!r}'
        )
    if declaration.kind in (int, float):
        _check_range(declaration, value, label)
    return value


def _check_range(declaration: Setting, value: Any, label: str) -> None:
    low = -math.inf if declaration.low is None else declaration.low
    high = math.inf if declaration.high is None else declaration.high
    if not low <= value <= high:
        raise LiquidPilotError(
            f'{label} must {_limit_text(declaration, value)}'
            f'{" " if declaration.unit else ""}{declaration.unit}, not {value!r}'
        )


def _limit_text(declaration: Setting, value: Number) -> str:
    """Return the requirement that a number out of range does not meet."""
    low, high = declaration.low, declaration.high
    if declaration.kind is int and low is not None and value < low:
        return f'be at least {low}'
    if declaration.kind is int and high is not None and value > high:
        return f'be at most {high}'
    low_text, high_text = (
        _number_text(infinite if bound is None else bound)
        for bound, infinite in ((low, -math.inf), (high, math.inf))
    )
    return f'lie in [{low_text}, {high_text}]'


def _number_text(value: Number) -> str:
    return str(value) if isinstance(value, int) else f'{value:g}'


def parse(declaration: Setting, text: str, label: str = '') -> Any:
    """Return the value that a text stands for; LiquidPilotError says what is allowed.

    Args:
        declaration: the setting; it must not be a list.
        text: the value as a person writes it; see `parse_boolean` for truth values.
        label: what an error calls the setting; empty: its name.
    """
    label = label or declaration.name
    if declaration.kind is str and is_switch(declaration) and is_boolean(text):
        # A switch with more choices, such as `auto`.
        text = str(parse_boolean(text)).lower()
    try:
        value = parse_boolean(text) if declaration.kind is bool else declaration.kind(text)
    except ValueError:
        raise LiquidPilotError(
            f'{label} must be {_TYPE_NAMES[declaration.kind]}, not {text!r}'
        ) from None
    return check(declaration, value, label)


def is_switch(declaration: Setting) -> bool:
    """Return whether true and false are values of a setting, perhaps beside others."""
    return declaration.kind is bool or {'true', 'false'} <= set(declaration.choices)


def is_boolean(text: str) -> bool:
    """Return whether a text stands for true or false."""
    return text.strip().lower() in (*_TRUE, *_FALSE)


def parse_boolean(text: str) -> bool:
    """Return the truth value that a text stands for; ValueError if it is none.

    >>> [parse_boolean(text) for text in ('true', 'True', '1', 'yes', 'ON', ' false', '0', 'no')]
    [True, True, True, True, True, False, False, False]

    Args:
        text: true, 1, yes or on, or false, 0, no or off, in small or capital letters.
    """
    if not is_boolean(text):
        raise ValueError(text)
    return text.strip().lower() in _TRUE


def check_all(settings: Any) -> None:
    """Check every setting of an instance; LiquidPilotError names the first that is not allowed."""
    for name, declaration in declared_settings(type(settings)).items():
        check(declaration, getattr(settings, name))


def from_mapping(owner: type[T], values: Mapping[str, Any]) -> T:
    """Return an instance of a dataclass of parameters.

    Raises:
        LiquidPilotError: for a name that the dataclass does not declare and for a wrong value.
    """
    declared = declared_settings(owner)
    checked = {}
    for name, value in values.items():
        if name not in declared:
            raise LiquidPilotError(
                f'unknown parameter {name!r}; there are: {", ".join(sorted(declared))}'
            )
        checked[name] = check(declared[name], value, f'parameter {name}')
    return owner(**checked)


def from_strings(owner: type[T], values: Mapping[str, str]) -> T:
    """Return an instance from texts, as launch has them; LiquidPilotError for a wrong value."""
    declared = declared_settings(owner)
    return owner(**{name: parse(declared[name], text) for name, text in values.items()})


def extract(owner: type[T], source: Any, **others: Any) -> T:
    """Return an instance of a dataclass whose settings are fields of another instance too.

    Args:
        owner: the dataclass to make.
        source: an instance with a field for each setting of `owner`.
        others: values of further fields of `owner`.
    """
    return owner(**{name: getattr(source, name) for name in declared_settings(owner)}, **others)
