"""One dataclass per node -> declared ROS parameters, with description, unit, range and choices.

    @dataclass(frozen=True)
    class Parameters:
        rate_hz: float = parameter(20.0, 'how often the watchdog looks', 'Hz', low=1.0, high=200.0)

    settings = declare(node, Parameters)     # Settings[Parameters]
    settings.now.rate_hz

A value of a wrong type, out of range or not among the choices, and a name that the node does not
have, raise LiquidPilotError before the node does anything.
"""

from __future__ import annotations

import dataclasses
import math
import textwrap
import typing
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from liquid_pilot.interfaces import LiquidPilotError

T = TypeVar('T')
_BUILT_IN = ('use_sim_time', 'start_type_description_service')


def parameter(
    default: Any,
    description: str,
    unit: str = '',
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    live: bool = False,
) -> Any:
    """A dataclass field that becomes a parameter; `live` ones may be set while the node runs."""
    metadata = {
        'description': description,
        'unit': unit,
        'low': low,
        'high': high,
        'choices': choices,
        'live': live,
    }
    return dataclasses.field(default=default, metadata=metadata)


def check(field: dataclasses.Field, value: Any, kind: Any) -> Any:
    """The value in the field's type; LiquidPilotError that says what would be right."""
    many = typing.get_origin(kind) is tuple
    if many:
        values = (
            list(value) if isinstance(value, (list, tuple)) or hasattr(value, 'typecode') else None
        )
        one = typing.get_args(kind)[0]
        if values is None:
            raise LiquidPilotError(f'parameter {field.name} must be a list, not {value!r}')
        return tuple(_check_one(field, entry, one) for entry in values)
    return _check_one(field, value, kind)


def _check_one(field: dataclasses.Field, value: Any, kind: type) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        words = {float: 'a number', int: 'a whole number', bool: 'true or false', str: 'a text'}
        raise LiquidPilotError(f'parameter {field.name} must be {words[kind]}, not {value!r}')
    meta = field.metadata
    if meta['choices'] and value not in meta['choices']:
        raise LiquidPilotError(
            f'parameter {field.name} must be one of {", ".join(meta["choices"])}, not {value!r}'
        )
    if kind in (int, float):
        low = -math.inf if meta['low'] is None else meta['low']
        high = math.inf if meta['high'] is None else meta['high']
        if not low <= value <= high:
            unit = f' {meta["unit"]}' if meta['unit'] else ''
            raise LiquidPilotError(
                f'parameter {field.name} must lie in [{low:g}, {high:g}]{unit}, not {value!r}'
            )
    return value


def from_mapping(cls: type[T], values: dict[str, Any]) -> T:
    """An instance from plain values; LiquidPilotError for an unknown name or a wrong value."""
    fields = {field.name: field for field in dataclasses.fields(cls)}
    kinds = typing.get_type_hints(cls)
    checked = {}
    for name, value in values.items():
        if name not in fields:
            raise LiquidPilotError(
                f'unknown parameter {name!r}; there are: {", ".join(sorted(fields))}'
            )
        checked[name] = check(fields[name], value, kinds[name])
    return cls(**checked)


def descriptor(field: dataclasses.Field, kind: Any) -> ParameterDescriptor:
    """What `ros2 param describe` shows of a field."""
    meta = field.metadata
    text = meta['description'] + (f' [{meta["unit"]}]' if meta['unit'] else '')
    bounded = meta['low'] is not None and meta['high'] is not None
    return ParameterDescriptor(
        name=field.name,
        description=text,
        read_only=not meta['live'],
        additional_constraints=', '.join(meta['choices']),
        floating_point_range=[
            FloatingPointRange(from_value=float(meta['low']), to_value=float(meta['high']))
        ]
        if bounded and kind is float
        else [],
        integer_range=[
            IntegerRange(from_value=int(meta['low']), to_value=int(meta['high']), step=1)
        ]
        if bounded and kind is int
        else [],
    )


def summary(cls: type) -> str:
    """The fields of a parameter dataclass as text: default, range, choices, description."""
    lines = []
    for field in dataclasses.fields(cls):
        meta = field.metadata
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        remarks = [f'default {default!r}']
        if meta['low'] is not None or meta['high'] is not None:
            low, high = (
                math.inf * sign if bound is None else bound
                for sign, bound in ((-1, meta['low']), (1, meta['high']))
            )
            remarks.append(f'{low:g} to {high:g}')
        remarks += [' | '.join(meta['choices'])] if meta['choices'] else []
        remarks += [meta['unit']] if meta['unit'] else []
        remarks += ['may be set in flight'] if meta['live'] else []
        text = textwrap.fill(
            f'{meta["description"]} ({"; ".join(remarks)})',
            96,
            initial_indent='      ',
            subsequent_indent='      ',
        )
        lines.append(f'  {field.name}\n{text}')
    return '\n'.join(lines)


class Settings(Generic[T]):
    """The parameters as they are now; replaced as a whole when a live one is set."""

    def __init__(self, now: T) -> None:
        self.now = now

    def _set(self, changes: list[Parameter]) -> SetParametersResult:
        kinds = typing.get_type_hints(type(self.now))
        fields = {field.name: field for field in dataclasses.fields(self.now)}
        try:
            values = {
                change.name: check(fields[change.name], change.value, kinds[change.name])
                for change in changes
                if change.name in fields
            }
            self.now = dataclasses.replace(self.now, **values)
        except LiquidPilotError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def declare(node: Node, cls: type[T]) -> Settings[T]:
    """Declare the fields of `cls` on a node and read what was given on the command line.

    The node must be made with `automatically_declare_parameters_from_overrides=True`: that is how
    rclpy tells, in public, which names were given.
    """
    given = {
        name: value.value
        for name, value in node.get_parameters_by_prefix('').items()
        if name not in _BUILT_IN and not name.startswith('qos_overrides.')
    }
    values = from_mapping(cls, given)
    kinds = typing.get_type_hints(cls)
    for name in given:
        node.undeclare_parameter(name)
    for field in dataclasses.fields(cls):
        value = getattr(values, field.name)
        node.declare_parameter(
            field.name,
            list(value) if isinstance(value, tuple) else value,
            descriptor(field, kinds[field.name]),
            ignore_override=True,
        )
    settings = Settings(values)
    node.add_on_set_parameters_callback(settings._set)
    return settings
