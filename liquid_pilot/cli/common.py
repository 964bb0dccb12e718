"""Shared parts of the commands: types of arguments, settings as options, the check for ROS."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.settings import Setting, declared_settings, parse

_UNCHANGED: Any = object()
_SIZE = re.compile(r'(\d{1,6})x(\d{1,6})')


def integer(label: str, low: int, high: int | None = None) -> Callable[[str], int]:
    """Return an argument type for a whole number in a range.

    Args:
        label: the argument, as an error names it, such as '--workers'.
        low: smallest number that is allowed.
        high: largest number that is allowed; None: there is no such limit.
    """
    return _bounded(label, int, low, high)


def number(label: str, low: float, high: float | None = None) -> Callable[[str], float]:
    """Return an argument type for a number in a range; the arguments are those of `integer`."""
    return _bounded(label, float, low, high)


def _bounded(label: str, kind: type, low: float, high: float | None) -> Callable[[str], Any]:
    declared = Setting(label, kind, False, None, '', '', low, high, (), False)
    return lambda text: parse(declared, text)


def image_size(label: str, low: int, high: int) -> Callable[[str], tuple[int, int]]:
    """Return an argument type for (width, height) in pixels, written WxH.

    Args:
        label: the argument, as an error names it, such as '--size'.
        low: smallest width and height that is allowed, pixels.
        high: largest width and height that is allowed, pixels.
    """

    def read(text: str) -> tuple[int, int]:
        match = _SIZE.fullmatch(text.lower())
        size = (int(match[1]), int(match[2])) if match else (0, 0)
        if not low <= min(size) <= max(size) <= high:
            raise LiquidPilotError(
                f'{label} {text}: expected WxH of {low} to {high} pixels, such as 128x72'
            )
        return size

    return read


def add_setting(
    parser: argparse.ArgumentParser,
    owner: type,
    name: str,
    *,
    default: Any = _UNCHANGED,
    description: str = '',
    metavar: str = '',
) -> None:
    """Add an option for a declared setting: its name with dashes, its range and its description.

    Args:
        parser: the parser of a command.
        owner: the dataclass that declares the setting.
        name: the setting.
        default: the value when the option is not given, where it differs from the declared one.
        description: the help, where the command needs other words than the declared ones.
        metavar: what stands for the value in the help; empty: the last word of the name.
    """
    declared = declared_settings(owner)[name]
    option = '--' + name.replace('_', '-')
    default = declared.default if default is _UNCHANGED else default
    text = (description or declared.description).replace('%', '%%')
    if declared.kind is bool:
        action = parser.add_argument(
            option, action=argparse.BooleanOptionalAction, default=default, help=text
        )
        # Some versions of Python add the default to the help themselves.
        action.help = f'{text} (default: {"on" if default else "off"})'
        return
    remarks = [declared.unit, f'default: {default}' if default != '' else '']
    remark = '; '.join(filter(None, remarks))
    parser.add_argument(
        option,
        default=default,
        type=str if declared.choices else lambda given: parse(declared, given, option),
        choices=declared.choices or None,
        metavar=None if declared.choices else metavar or name.rpartition('_')[2].upper(),
        help=f'{text} ({remark})' if remark else text,
    )


def require_ros() -> None:
    """Refuse to go on where ROS 2 is missing.

    Raises:
        LiquidPilotError: rclpy is not installed, or not sourced.
    """
    if find_spec('rclpy') is None:
        raise LiquidPilotError(
            'rclpy is not installed: source ROS 2 (/opt/ros/<distro>/setup.bash), or '
            'pip install "liquid_pilot[ros]"'
        )
