"""Shared parts of the commands: types of arguments, settings as options, and checks.

The checks refuse what cannot work before anything is started. They import only what they need.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.extras import install_advice
from liquid_pilot.utils.path_checks import (
    check_readable_file,
    check_readable_folder,
    check_writable_folder,
    user_path,
)
from liquid_pilot.utils.settings import (
    Setting,
    declared_settings,
    is_boolean,
    parse,
    parse_boolean,
)

if TYPE_CHECKING:
    from liquid_pilot.pilot_file import PilotFile

_UNCHANGED: Any = object()
_SIZE = re.compile(r'(\d{1,6})x(\d{1,6})')
_BAG_SUFFIXES = ('.mcap', '.db3', '.mcap.zstd', '.db3.zstd')
_LAUNCH_ARGUMENT = re.compile(r'\b(?P<name>[a-z_]+):=(?P<value>[^\s,;)]*)')


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


def path(label: str) -> Callable[[str], Path]:
    """Return an argument type for a path, which must not be empty.

    Args:
        label: the argument, as an error names it, such as '--out'.
    """

    def read(text: str) -> Path:
        if not text.strip():
            raise LiquidPilotError(f'{label} is empty; name a path')
        return user_path(text)

    return read


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
        type=lambda given: parse(declared, given, option),
        choices=declared.choices or None,
        metavar=None if declared.choices else metavar or name.rpartition('_')[2].upper(),
        help=f'{text} ({remark})' if remark else text,
    )


def spell_options(text: str, owner: type) -> str:
    """Return a message about launch arguments in the words of the command line.

    >>> from liquid_pilot.nodes.launch.flight_options import FlyOptions
    >>> spell_options('gui:=true is for simulator:=gazebo', FlyOptions)
    '--gui is for --simulator gazebo'
    >>> spell_options('params_file x is not a file; leave params_file:= out', FlyOptions)
    '--params-file x is not a file; leave --params-file out'

    Args:
        text: the message, which names arguments as NAME:=VALUE, NAME:= or, at its start, NAME.
        owner: the dataclass that declares them.
    """
    declared = declared_settings(owner)

    def spelled(match: re.Match[str]) -> str:
        name, value = match['name'], match['value'] or ''
        if name not in declared:
            return match.group()
        if declared[name].kind is bool and value in ('true', 'false'):
            return f'--{"no-" if value == "false" else ""}{name.replace("_", "-")}'
        return f'--{name.replace("_", "-")}{f" {value}" if value else ""}'

    text = _LAUNCH_ARGUMENT.sub(spelled, text)
    return re.sub(r'^(?P<name>[a-z_]+)(?P<value>)\b', spelled, text)


def spell_switches(options: Iterable[argparse.Action], words: Sequence[str]) -> list[str]:
    """Return words in which `--adapt False` and `--adapt=no` are spelled `--no-adapt`.

    >>> parser = argparse.ArgumentParser()
    >>> action = parser.add_argument('--adapt', action=argparse.BooleanOptionalAction)
    >>> spell_switches([action], ['--adapt', 'False', '--adapt=1', '--no-adapt', 'yes.txt'])
    ['--no-adapt', '--adapt', '--no-adapt', 'yes.txt']

    Args:
        options: the options of a command.
        words: the words after the command.
    """
    switches = {
        option
        for action in options
        if isinstance(action, argparse.BooleanOptionalAction)
        for option in action.option_strings
        if not option.startswith('--no-')
    }
    spelled: list[str] = []
    for word in words:
        option, _, value = word.partition('=')
        follows = bool(spelled) and spelled[-1] in switches and not word.startswith('-')
        if follows:
            option, value = spelled[-1], word
        if option not in switches or not is_boolean(value):
            spelled.append(word)
            continue
        if follows:
            spelled.pop()
        spelled.append(option if parse_boolean(value) else f'--no-{option.removeprefix("--")}')
    return spelled


def require_ros() -> None:
    """Refuse to go on where ROS 2 is missing.

    Raises:
        LiquidPilotError: rclpy is not installed, or not sourced.
    """
    if find_spec('rclpy') is None:
        raise LiquidPilotError(f'rclpy is not installed; {install_advice("rclpy")}')


def load_pilot(name: str, label: str = '') -> PilotFile:
    """Load and check a pilot.

    Args:
        name: name of a shipped pilot, or a folder.
        label: option that names it, for errors; empty: it is an argument without one.
    """
    from liquid_pilot import pilot_file

    try:
        return pilot_file.load(pilot_file.resolve(name))
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{label}: {error}' if label else str(error)) from None


def check_pilot_folder(folder: Path, label: str) -> None:
    """Check that a pilot can be written to a folder: it is missing, empty, or holds a pilot.

    Args:
        folder: the folder.
        label: option that names it, for errors.
    """
    check_writable_folder(folder, label)
    if folder.is_symlink():
        raise LiquidPilotError(f'{label}: {folder} is a link; name the folder itself')
    if folder.is_dir() and any(folder.iterdir()) and not (folder / 'pilot.json').is_file():
        raise LiquidPilotError(
            f'{label}: {folder} holds something other than a pilot; choose another folder'
        )


def check_conditions(text: str, vehicle: str, label: str = '--conditions') -> list[str]:
    """Return the labels of a list of conditions that the world of a vehicle has.

    Args:
        text: the list, as `simulation.tasks.registry.expand_conditions` reads it.
        vehicle: class of the vehicle.
        label: option that names them, for errors.
    """
    from liquid_pilot.simulation.base.condition import parse as parse_conditions
    from liquid_pilot.simulation.conditions.severities import strength
    from liquid_pilot.simulation.tasks import registry

    registry.task_of(vehicle)
    try:
        labels = registry.expand_conditions(text, vehicle)
        for one in labels:
            conditions = parse_conditions(one)
            registry.check_conditions(vehicle, conditions)
            for condition in conditions:
                strength(condition)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{label}: {error}') from None
    return labels


def check_bag(bag: Path, label: str) -> None:
    """Check that a path can be a rosbag2 bag: a folder, an .mcap or a .db3 file.

    Args:
        bag: the path.
        label: argument that names it, for errors.
    """
    if bag.is_dir():
        check_readable_folder(bag, label)
        if not any(file.name.endswith(_BAG_SUFFIXES) for file in bag.iterdir()):
            raise LiquidPilotError(
                f'{label}: {bag} holds no bag; name a folder with an .mcap or .db3 file'
            )
        return
    check_readable_file(bag, label)
    if not bag.name.endswith(_BAG_SUFFIXES):
        raise LiquidPilotError(
            f'{label}: {bag} is no bag; name a rosbag2 folder, an .mcap or a .db3 file'
        )
