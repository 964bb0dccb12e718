"""The ROS parameters of a node, declared from a dataclass of settings (`utils.settings`).

    @dataclass(frozen=True)
    class Parameters:
        rate_hz: float = setting(20.0, 'rate of the watchdog', 'Hz', low=1.0, high=200.0)

    settings = declare(node, Parameters)     # Settings[Parameters]
    settings.current.rate_hz

A value of a wrong type, out of range or not among the choices, and a name that the node does not
have, raise LiquidPilotError before the node does anything.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar, cast

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.settings import Setting, check, declared_settings, from_mapping

T = TypeVar('T')
_BUILT_IN = ('use_sim_time', 'start_type_description_service')
"""Parameters that rclpy declares itself."""
_OF_RCLPY = tuple(f'qos_overrides./{topic}.' for topic in ('clock', 'parameter_events', 'rosout'))
"""Beginnings of further ones, which rclpy heeds."""


def descriptor(declared: Setting) -> ParameterDescriptor:
    """Return what `ros2 param describe` shows of a setting."""
    float_ranges, integer_ranges = [], []
    if declared.low is not None and declared.high is not None and not declared.is_list:
        if declared.kind is float:
            low, high = float(declared.low), float(declared.high)
            float_ranges.append(FloatingPointRange(from_value=low, to_value=high))
        else:
            first, last = int(declared.low), int(declared.high)
            integer_ranges.append(IntegerRange(from_value=first, to_value=last, step=1))
    return ParameterDescriptor(
        name=declared.name,
        description=declared.description + (f' [{declared.unit}]' if declared.unit else ''),
        read_only=not declared.live,
        additional_constraints=', '.join(declared.choices),
        floating_point_range=float_ranges,
        integer_range=integer_ranges,
    )


def summary(owner: type) -> str:
    """Return the settings of a dataclass as text, with default, range, choices and description."""
    lines = []
    for declared in declared_settings(owner).values():
        remarks = [
            f'default {_plain(declared.default)!r}',
            declared.range_text,
            ' | '.join(declared.choices),
            declared.unit,
            'may be set in flight' if declared.live else '',
        ]
        text = textwrap.fill(
            f'{declared.description} ({"; ".join(filter(None, remarks))})',
            96,
            initial_indent='      ',
            subsequent_indent='      ',
        )
        lines.append(f'  {declared.name}\n{text}')
    return '\n'.join(lines)


class Settings(Generic[T]):
    """The parameters of a running node; replaced as a whole when a live one is set."""

    def __init__(self, current: T) -> None:
        self.current = current

    def set_parameters(self, changes: Iterable[Parameter]) -> SetParametersResult:
        """Take over changed parameters, all of them or, when one is refused, none.

        Args:
            changes: parameters of the node; those that are no setting are left alone.

        Returns:
            The result for rclpy, with the reason of a refusal.
        """
        declared = declared_settings(type(self.current))
        try:
            values = {
                change.name: check(declared[change.name], change.value, f'parameter {change.name}')
                for change in changes
                if change.name in declared
            }
            self.current = dataclasses.replace(self.current, **values)  # type: ignore[type-var]
        except LiquidPilotError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def declare(node: Node, owner: type[T]) -> Settings[T]:
    """Declare the settings of a dataclass as parameters of a node.

    Args:
        node: a node made with `automatically_declare_parameters_from_overrides=True`, by which
            rclpy publicly shows which names were given on the command line.
        owner: the dataclass.

    Returns:
        The values that were given, and the defaults of all others.

    Raises:
        LiquidPilotError: for a parameter that the node does not have and for a wrong value.
    """
    overrides = cast(dict[str, Parameter], node.get_parameters_by_prefix(''))
    _check_sim_time(overrides)
    given = {
        name: parameter.value
        for name, parameter in overrides.items()
        if name not in _BUILT_IN and not name.startswith(_OF_RCLPY)
    }
    _refuse_qos_overrides(given)
    values = from_mapping(owner, given)
    for name in given:
        node.undeclare_parameter(name)
    for name, declared in declared_settings(owner).items():
        node.declare_parameter(
            name, _plain(getattr(values, name)), descriptor(declared), ignore_override=True
        )
    settings = Settings(values)
    node.add_on_set_parameters_callback(settings.set_parameters)
    return settings


def _check_sim_time(overrides: Mapping[str, Parameter]) -> None:
    """Refuse a value of use_sim_time by which rclpy goes on with the time of the system."""
    given = overrides.get('use_sim_time')
    if given is not None and not isinstance(given.value, bool):
        raise LiquidPilotError(f'use_sim_time must be true or false, not {given.value!r}')


def _refuse_qos_overrides(given: Iterable[str]) -> None:
    """Refuse quality-of-service overrides, which would have no effect."""
    for name in given:
        if name.startswith('qos_overrides.'):
            raise LiquidPilotError(
                f'{name} would have no effect: each topic has the quality of service of '
                'docs/reference/topics.md, on which the time limits rely; leave it out, and match '
                'it in the other node'
            )


def _plain(value: Any) -> Any:
    """Return a value as ROS has it: a list for a tuple."""
    return list(value) if isinstance(value, tuple) else value
