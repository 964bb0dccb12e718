"""The command line: `liquid-pilot COMMAND`, one module of `liquid_pilot.cli` per command.

A module is imported when its command is called, and imports what it needs when it runs. So help is
there at once, and a machine that only flies needs no torch.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Protocol, cast

COMMANDS = {
    'fly': 'fly missions over ROS 2',
    'evaluate': 'fly many missions without ROS',
    'demonstrate': 'collect demonstrations of the expert',
    'train': 'train a pilot',
    'record': 'record a running robot',
    'dataset': 'turn rosbag2 bags into training episodes',
    'fit-statistics': 'add adaptation statistics to a pilot',
    'export-world': 'write a forest or a road as a Gazebo world',
    'import-ncps': 'import the core of an ncps network',
    'inspect': 'show what a pilot file contains',
    'doctor': 'check whether this machine can fly',
}
"""The commands in the order of the help, each with its summary. The module of a command has its
name, with underscores."""


class Command(Protocol):
    """The interface of a command's module."""

    DESCRIPTION: str
    """Description of the command, in full sentences."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command; must be quick, because `--help` waits for it."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do what the command is for and return the exit code."""
        ...


class _ShowVersion(argparse.Action):
    """Print the version of the package, which is looked up only when it is needed."""

    def __init__(self, option_strings: Sequence[str], dest: str, **others: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **others)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib import metadata

        try:
            version = metadata.version('liquid_pilot')
        except metadata.PackageNotFoundError:
            version = '(not installed)'
        print(f'{parser.prog} {version}')
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    User errors are printed as one line.

    Args:
        arguments: the words after `liquid-pilot`; None: those of the process.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        # Shows help, version or what is wrong, and exits.
        parser = make_parser()
        parser.parse_args(words)
        parser.error('the command must be the first argument')
    return _run(words)


def _run(words: list[str]) -> int:
    # Imported here because `liquid-pilot --help` needs none of it.
    from liquid_pilot.interfaces import LiquidPilotError

    try:
        command = load_command(words[0])
        code = command.run(make_parser(words[0]).parse_args(words))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # `liquid-pilot inspect ... | head`: the reader has gone, and Python must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except LiquidPilotError as error:
        print(f'liquid-pilot: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def load_command(name: str) -> Command:
    """Import the module of a command."""
    return cast(Command, importlib.import_module(f'liquid_pilot.cli.{name.replace("-", "_")}'))


def make_parser(name: str = '') -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        name: the command whose arguments it has; empty: it knows only the names of the commands.
    """
    parser = argparse.ArgumentParser(
        prog='liquid-pilot',
        description='Pilots a drone or a rover from its camera and IMU with a liquid neural '
        'network.',
    )
    parser.add_argument('--version', action=_ShowVersion, help='print the version and exit')
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    for each, summary in COMMANDS.items():
        own = commands.add_parser(each, help=summary)
        if each == name:
            command = load_command(name)
            own.description = command.DESCRIPTION
            command.add_arguments(own)
    return parser


if __name__ == '__main__':
    sys.exit(main())
