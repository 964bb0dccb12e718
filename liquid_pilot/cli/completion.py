"""`liquid-pilot completion`: completion of commands, options and their values in a shell.

The shell runs this program at each Tab, by the protocol of `argcomplete`. So what is completed is
what is there: the pilots, vehicles, adapters and conditions of every installed package. Nothing
heavy is imported for that.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from liquid_pilot.interfaces import LiquidPilotError

DESCRIPTION = (
    'Prints the code by which a shell completes commands, options, pilots, conditions, adapters '
    'and vehicles at the press of Tab. It takes effect where the shell evaluates it, for bash: '
    'eval "$(liquid-pilot completion bash)".'
)
SHELLS = ('bash', 'zsh', 'fish')
"""Shells that can be completed."""
_FILES = {'FILE', 'DIR', 'DIR_OR_YAML', 'BAG', 'RUN', 'PATH', 'OUT'}
"""What stands for the value of an option that is a file or a folder."""
_RUN_COMMANDS = {
    'test': 'run the linter and the tests',
    'docs': 'build the documentation',
    'onboard': 'run a command with the packages of a robot only',
}
"""Further commands of `./run` in a checkout."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument('shell', choices=SHELLS, help='the shell that is to complete')


def run(arguments: argparse.Namespace) -> int:
    """Print the code for a shell and return the exit code."""
    from liquid_pilot.utils.extras import require_modules

    require_modules(['argcomplete'], 'completion')
    print(shell_code(arguments.shell))
    return 0


def shell_code(shell: str) -> str:
    """Return the code for a shell; in a checkout it completes `./run` as well.

    Args:
        shell: one of SHELLS.
    """
    import argcomplete

    def code(names: list[str], script: str | None = None) -> str:
        text: str = argcomplete.shellcode(names, False, shell, argcomplete_script=script)
        return text

    program = _program()
    parts = [code(['liquid-pilot'])]
    if program is not None and _in_checkout():
        # `./run` itself would look for what is to be installed first.
        parts.append(code(['./run'], str(program)))
    return '\n'.join(parts)


def _program() -> Path | None:
    """Return the path of `liquid-pilot` of this Python; None where there is none."""
    beside = Path(sys.executable).with_name('liquid-pilot')
    found = beside if beside.is_file() else shutil.which('liquid-pilot')
    return Path(found) if found else None


def _in_checkout() -> bool:
    return (Path(__file__).resolve().parents[2] / 'run').is_file()


def answer_shell(
    commands: Collection[str],
    make_parser: Callable[[str, Mapping[str, str]], argparse.ArgumentParser],
) -> NoReturn:
    """Answer the shell that asks for completions, and end this process.

    Args:
        commands: the commands.
        make_parser: function that returns a parser for a command, or an empty text; its other
            argument are further commands.
    """
    with suppress(ImportError, LiquidPilotError, KeyError, ValueError, IndexError):
        line, point = os.environ['COMP_LINE'], int(os.environ['COMP_POINT'])
        words, others = _words(line, point)
        parser = make_parser(words[1] if words[1:] and words[1] in commands else '', others)
        complete(parser)
    # Without an answer the shell completes nothing.
    os._exit(1)


def _words(line: str, point: int) -> tuple[list[str], Mapping[str, str]]:
    """Return the words up to the cursor, and the commands that only `./run` has.

    Args:
        line: the line.
        point: place of the cursor in it.
    """
    words = line[:point].split()
    if Path(words[0]).name != 'run':
        return words, {}
    if words[1:2] == ['onboard'] and len(words) > 2:
        # `./run onboard COMMAND` is completed as `./run COMMAND`.
        os.environ['COMP_LINE'] = line.replace(' onboard', '', 1)
        os.environ['COMP_POINT'] = str(point - len(' onboard'))
        del words[1]
    return words, _RUN_COMMANDS


def complete(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Write the completions of the command line in the environment, and end this process.

    Args:
        parser: the parser of that command line.
        **options: options of `argcomplete.autocomplete`.
    """
    import argcomplete

    _add_completers(parser)
    argcomplete.autocomplete(parser, always_complete_options=False, **options)


def _add_completers(parser: argparse.ArgumentParser) -> None:
    """Give each argument of a parser, and of the parsers of its commands, its completer."""
    from argcomplete.completers import FilesCompleter

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                _add_completers(each)
            continue
        if action.nargs == 0 or action.choices:
            continue
        completer: Any = _nothing
        if action.dest in _COMPLETERS:
            completer = _COMPLETERS[action.dest]
        elif action.metavar == 'PILOT':
            completer = _pilots
        elif action.metavar in _FILES:
            completer = FilesCompleter()
        action.completer = completer  # type: ignore[attr-defined]


def _nothing(**_: Any) -> Iterable[str]:
    """Return that nothing is known of what a user may write here, such as a number."""
    return ()


def _pilots(prefix: str, **_: Any) -> Iterable[str]:
    """Return shipped pilots and folders; after a name and a plus, that it adapts."""
    from argcomplete.completers import DirectoriesCompleter

    from liquid_pilot.utils.resources import shipped_pilots

    name, plus, _mode = prefix.partition('+')
    if plus:
        return [f'{name}+adapt']
    return [*shipped_pilots(), *DirectoriesCompleter()(prefix)]


def _conditions(prefix: str, **_: Any) -> Iterable[str]:
    """Return what may follow: families, and the severities of the one that is written already."""
    return _families(prefix, prefix.rfind('+') + 1, ())


def _lists_of_conditions(prefix: str, **_: Any) -> Iterable[str]:
    """Return what may follow in a list of conditions; 'all' stands for every family."""
    end = max(prefix.rfind('+'), prefix.rfind(',')) + 1
    return _families(prefix, end, ('all',))


def _families(prefix: str, end: int, others: tuple[str, ...]) -> Iterable[str]:
    """Return the families, or the severities of one, behind the first `end` characters."""
    from liquid_pilot.simulation.base.condition import ALL_FAMILIES, CLEAR, SEVERITIES

    head, (family, colon, _) = prefix[:end], prefix[end:].partition(':')
    families = [*ALL_FAMILIES, *others]
    if colon and family in families:
        return [f'{head}{family}:{severity}' for severity in SEVERITIES]
    return [*(f'{head}{each}:' for each in families), f'{head}{CLEAR}']


_COMPLETERS: dict[str, Callable[..., Iterable[str]]] = {
    'pilot': _pilots,
    'pilots': _pilots,
    'condition': _conditions,
    'conditions': _lists_of_conditions,
}
"""Completers by the name of the argument."""
