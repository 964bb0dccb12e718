"""The command line: `liquid-pilot COMMAND`, one module of `liquid_pilot.cli` per command.

A module is imported when its command is called, and imports what it needs when it runs. So help is
there at once, and a machine that only flies needs no torch.
"""
# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import argparse
import importlib
import itertools
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, Protocol, cast

from liquid_pilot.cli.output import READER_GONE, OutputLostError, watched_output

PROGRAM = 'liquid-pilot'
REFUSED, FAILED, INTERRUPTED, TERMINATED = 2, 1, 130, 143
"""Exit codes: what was asked for cannot be done and nothing was started; it was started, and
failed; Ctrl-C ended it; SIGTERM did."""

COMMANDS = {
    'fly': 'fly missions over ROS 2',
    'status': 'show what runs, and how it is',
    'watch': 'show a flight, or a recording, on a web page',
    'engage': 'let the pilot fly',
    'hand': 'take over from the keyboard, and give back',
    'teach': 'accept what a hand has taught, undo or save it',
    'stop': 'stop: the safe command until engaged again',
    'evaluate': 'fly many missions without ROS',
    'demonstrate': 'collect demonstrations of the expert',
    'train': 'train a pilot',
    'record': 'record a running robot',
    'dataset': 'turn rosbag2 bags into training episodes',
    'fit-statistics': 'add adaptation statistics to a pilot',
    'export-world': 'write a forest or a road as a Gazebo world',
    'import-ncps': 'import the core of an ncps network',
    'inspect': 'show what a pilot file contains',
    'explain': 'show why a pilot did what it did',
    'report': 'write the page of a run again',
    'doctor': 'check whether this machine can fly',
    'completion': 'complete commands in the shell at the press of Tab',
}
"""The commands in the order of the help, each with its summary."""
_FOLDERS = {
    'status': 'live.',
    'engage': 'live.',
    'stop': 'live.',
    'watch': 'live.',
    'hand': 'live.',
    'teach': 'live.',
    'doctor': 'health.',
    'explain': 'inside.',
    'report': 'inside.',
}
"""The sub-package of a command's module, for those that are in one."""


_MAX_SUGGESTIONS = 3
"""Number of options with the same beginning that are named where an option is cut short."""


class Command(Protocol):
    """The interface of a command's module.

    A module may also have `check(arguments)`: it refuses, by a LiquidPilotError, what cannot work,
    within a second and before anything is started or written.
    """

    DESCRIPTION: str
    """Description of the command, in full sentences."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command; must be quick, because `--help` waits for it."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Do what the command is for and return the exit code."""
        ...


class _Parser(argparse.ArgumentParser):
    """A parser whose refusals are one line, as those of the commands themselves.

    It takes no abbreviation: the next option with the same beginning would change what it means.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong with the arguments, and exit with the code of a refusal."""
        _print_error(self.prog, f'{message}; see {self.prog} --help')
        raise SystemExit(REFUSED)


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

    User errors are printed as one line: `liquid-pilot COMMAND: error: what is wrong; what to do`.

    Args:
        arguments: the words after `liquid-pilot`; None: those of the process.

    Returns:
        The exit code: REFUSED for what was refused before anything started, FAILED for what failed
        later, INTERRUPTED and TERMINATED after a signal, READER_GONE when the reader of a pipe has
        gone, and what the command says otherwise.

    Raises:
        SystemExit: after help, version or a refusal of the parser.
    """
    if arguments is None and '_ARGCOMPLETE' in os.environ:
        from liquid_pilot.cli.completion import answer_shell

        answer_shell(COMMANDS, make_parser)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with watched_output():
            return _run(words) if words and words[0] in COMMANDS else _run_nothing(words)
    except OutputLostError as error:
        if error.reader_gone:
            return READER_GONE
        command = [word for word in words[:1] if word in COMMANDS]
        _print_error(' '.join([PROGRAM, *command]), str(error))
        return FAILED
    except BrokenPipeError:
        # The reader of standard error has gone: there is nobody left to tell.
        return READER_GONE
    except KeyboardInterrupt:
        return INTERRUPTED


def _run_nothing(words: list[str]) -> int:
    """Print help, version or what is wrong, where the first word is no command."""
    parser = make_parser()
    if not words:
        parser.print_help()
        return 0
    if not words[0].startswith('-'):
        _refuse_unknown(PROGRAM, 'command', words[0], COMMANDS)
    parser.parse_args(words)
    parser.error('the command must be the first argument')


def _run(words: list[str]) -> int:
    # Imported here because `liquid-pilot --help` needs none of it.
    from liquid_pilot.utils.signals import end_on_sigint, interrupt_on_sigterm

    with end_on_sigint():
        from liquid_pilot.interfaces import LiquidPilotError

    name = f'{PROGRAM} {words[0]}'
    failure = REFUSED
    try:
        with end_on_sigint():
            command = load_command(words[0])
            arguments = _parse(words)
            check = getattr(command, 'check', None)
            if check is not None:
                check(arguments)
        failure = FAILED
        with interrupt_on_sigterm() as termination:
            try:
                code = command.run(arguments)
            except KeyboardInterrupt:
                code = INTERRUPTED
        return TERMINATED if termination.requested else code
    except LiquidPilotError as error:
        _print_error(name, str(error))
        return failure
    except ModuleNotFoundError as error:
        missing = (error.name or '').partition('.')[0]
        if missing in ('', 'liquid_pilot'):
            raise
        from liquid_pilot.utils.extras import install_advice

        _print_error(name, f'{missing} is not installed; {install_advice(missing)}')
        return failure


def _parse(words: list[str]) -> argparse.Namespace:
    """Return the arguments of a command, whose name is the first word."""
    from liquid_pilot.cli.common import spell_switches

    parser, options = make_parser(words[0]), _options(words[0])
    known = [text for action in options for text in action.option_strings]
    name = f'{PROGRAM} {words[0]}'
    # Before argparse asks for an option that is there, but spelled wrongly.
    for word in itertools.takewhile(lambda word: word not in ('--', '-h', '--help'), words[1:]):
        option = word.partition('=')[0]
        if option.startswith('--') and ' ' not in option and option not in known:
            _refuse_unknown(name, 'option', option, known)
    arguments, unknown = parser.parse_known_args([words[0], *spell_switches(options, words[1:])])
    if unknown:
        kind = 'option' if unknown[0].startswith('-') else 'argument'
        _refuse_unknown(name, kind, unknown[0].partition('=')[0], known)
    return arguments


def _options(name: str) -> list[argparse.Action]:
    """Return the options of a command."""
    parser = _Parser(add_help=False)
    load_command(name).add_arguments(parser)
    return [action for action in parser._actions if action.option_strings]


def _refuse_unknown(name: str, kind: str, given: str, known: Iterable[str]) -> NoReturn:
    """Print that something is unknown, with what was probably meant, and exit."""
    from difflib import get_close_matches

    known = list(known)
    longer = [each for each in known if each.startswith(given)] if len(given) > 2 else []
    close = longer if 0 < len(longer) <= _MAX_SUGGESTIONS else get_close_matches(given, known, 1)
    advice = f'did you mean {" or ".join(close)}?' if close else f'see {name} --help'
    _print_error(name, f'there is no {kind} {given!r}; {advice}')
    raise SystemExit(REFUSED)


def _print_error(name: str, message: str) -> None:
    """Print the one line of an error."""
    from liquid_pilot.utils.foreign_text import plain_text

    print(f'{name}: error: {plain_text(" ".join(message.split()))}', file=sys.stderr)


def module_name(command: str) -> str:
    """Return the name of the module of a command: that of the command, with underscores."""
    return f'liquid_pilot.cli.{_FOLDERS.get(command, "")}{command.replace("-", "_")}'


def load_command(name: str) -> Command:
    """Import the module of a command."""
    return cast(Command, importlib.import_module(module_name(name)))


def make_parser(name: str = '', others: Mapping[str, str] | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        name: the command whose arguments it has; empty: it knows only the names of the commands.
        others: further commands and their summaries; None: none.
    """
    parser = _Parser(
        prog=PROGRAM,
        description='Pilots a drone or a rover from its camera and IMU with a liquid neural '
        'network.',
    )
    parser.add_argument('--version', action=_ShowVersion, help='print the version and exit')
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    for each, summary in {**COMMANDS, **(others or {})}.items():
        own = commands.add_parser(each, help=summary)
        if each == name:
            command = load_command(name)
            own.description = command.DESCRIPTION
            command.add_arguments(own)
    return parser


if __name__ == '__main__':
    sys.exit(main())
