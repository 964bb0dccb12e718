#!/usr/bin/env python3
"""Write the files that are made from the declarations of settings, commands and topics.

    python scripts/generate_reference.py            # writes them
    python scripts/generate_reference.py --check    # exit code 1 when one of them is out of date

They are `config/fly.yaml`, and in `docs/reference` the pages on parameters, commands, topics and
Python names. Settings are declared as fields of dataclasses (`liquid_pilot.utils.settings`), the
arguments of commands in `liquid_pilot.cli`, topics in `liquid_pilot.nodes.common.topics`. For
developers: the script is not installed.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from reference_pages import (
    link_pages,
    name_groups,
    python_index,
    python_page,
    table,
    topics_page,
)

from liquid_pilot.cli.live.connection import NOT_FOUND
from liquid_pilot.cli.main import (
    COMMANDS,
    FAILED,
    INTERRUPTED,
    REFUSED,
    TERMINATED,
    load_command,
)
from liquid_pilot.cli.output import READER_GONE
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.nodes.adaptation import AdaptationParameters
from liquid_pilot.nodes.dashboard import DashboardParameters
from liquid_pilot.nodes.guard import GuardParameters
from liquid_pilot.nodes.hand import HandParameters
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.nodes.missions.gazebo_node import GazeboParameters
from liquid_pilot.nodes.missions.scene_node import SceneParameters
from liquid_pilot.nodes.missions.simulator_node import SimulatorParameters
from liquid_pilot.nodes.pilot import PilotParameters
from liquid_pilot.nodes.recorder import RecorderParameters
from liquid_pilot.nodes.visualization import VisualizationParameters
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import LearnerSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.utils.settings import Setting, declared_settings

ROOT = Path(__file__).resolve().parent.parent
NODES = {
    'pilot': PilotParameters,
    'adaptation': AdaptationParameters,
    'guard': GuardParameters,
    'simulator': SimulatorParameters,
    'gazebo': GazeboParameters,
    'scene': SceneParameters,
    'recorder': RecorderParameters,
    'hand': HandParameters,
    'dashboard': DashboardParameters,
    'visualization': VisualizationParameters,
}
"""The nodes and their parameters."""
ARGUMENTS = {'fly.launch.py': FlyOptions, 'hardware.launch.py': HardwareOptions}
"""The launch files and their arguments."""
ADAPTATION = (FrontendSettings, NoveltyGateSettings, LearnerSettings, AdaptationSettings)
"""The settings of a pilot that adapts."""
_PLAIN_TEXT = re.compile(r'(?!(?:true|false|yes|no|on|off|null)$)[A-Za-z][\w./-]*')
_YAML_HEADER = """\
# The parameters of all nodes, with their defaults. Copy this file, change values, and fly with
#   liquid-pilot fly --params-file my.yaml      or
#   ros2 launch liquid_pilot fly.launch.py params_file:=my.yaml
# An argument of the flight overrides the value in this file. `/**/` stands for any namespace.
# Made by scripts/generate_reference.py from the declarations of the nodes.
"""
_PARAMETERS_HEADER = """\
# Parameters: launch arguments, nodes, settings

Made by `scripts/generate_reference.py` from the declarations of the nodes.

A node refuses a value of a wrong type, out of its range or not among its choices, and a parameter
that it does not have. `config/fly.yaml` lists all parameters with their defaults: copy it, change
values, and name the copy with `params_file`. An argument of the flight overrides the file.

ROS ignores what matches no node. So a file is refused, before anything starts, that names no node
that there is, a node in another namespace only, or nearly a node or parameter; the message has the
names.
"""
_COMMANDS_HEADER = """\
# Commands

Made by `scripts/generate_reference.py` from the arguments of the commands.

In a checkout `./run COMMAND` installs what a command needs and runs it. An option is written in
full: no command takes abbreviations.

Exit codes, where a command does not say otherwise below:
"""
_EXIT_CODES = {
    0: 'it is done; a mission that crashes, or runs out of time, is a result',
    FAILED: 'it was started and failed: an error, a mission that was aborted or given up, output '
    'that cannot be written',
    REFUSED: 'it was refused, with the reason, before anything was started or written',
    NOT_FOUND: 'no node answers (`status`, `engage`, `stop`)',
    INTERRUPTED: 'Ctrl-C (SIGINT) ended it; what was finished is kept. It is the usual end of '
    '`record` and of `status --watch`, which have a code of their own then',
    READER_GONE: 'the reader of its output has ended, as in `liquid-pilot fly --help | head -1`',
    TERMINATED: 'SIGTERM ended it, as Ctrl-C does',
}
"""Exit codes of all commands, each with its meaning."""


def parameter_file() -> str:
    """Return the text of config/fly.yaml."""
    parts = [_YAML_HEADER]
    for node, owner in NODES.items():
        lines = [f'/**/{node}:', '  ros__parameters:']
        for declared in declared_settings(owner).values():
            lines += _comment(_description(declared))
            lines.append(f'    {declared.name}: {yaml_value(declared.default)}')
        parts.append('\n'.join(lines) + '\n')
    return '\n'.join(parts)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 99, initial_indent='    # ', subsequent_indent='    # ')


def _description(declared: Setting) -> str:
    """Return the description of a setting, with unit, range and choices."""
    remarks = [declared.unit, declared.range_text, *_choices(declared)]
    remark = ', '.join(filter(None, remarks))
    return f'{declared.description} ({remark})' if remark else declared.description


def _choices(declared: Setting) -> list[str]:
    return [f'one of: {" | ".join(declared.choices)}'] if declared.choices else []


def yaml_value(value: Any) -> str:
    """Return a value as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f'[{", ".join(map(yaml_value, value))}]'
    if isinstance(value, str) and not _PLAIN_TEXT.fullmatch(value):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def parameters_page() -> str:
    """Return the text of docs/reference/parameters.md."""
    parts = [_PARAMETERS_HEADER]
    for file, owner in ARGUMENTS.items():
        parts.append(f'## Arguments of `{file}`\n')
        if owner is FlyOptions:
            parts.append(
                'They are also options of `liquid-pilot fly`, with dashes: `camera_topic:=a/b` is '
                '`--camera-topic a/b`.\n'
            )
        parts.append(_settings_table('argument', declared_settings(owner).values()))
    for node, owner in NODES.items():
        parts.append(f'## Parameters of the node `{node}`\n')
        parts.append(_settings_table('parameter', declared_settings(owner).values()))
    parts.append('## Settings of adaptation\n')
    parts.append(
        '`liquid-pilot evaluate` takes them as `PILOT+adapt:NAME=VALUE,NAME=VALUE`. Those that are '
        'parameters of nodes too\nhave the same name there.\n'
    )
    parts.append(
        _settings_table(
            'setting', [each for owner in ADAPTATION for each in declared_settings(owner).values()]
        )
    )
    parts.append('## Settings of a training\n')
    parts.append(
        '`liquid-pilot train` reads them from the YAML file of `--config`, and from '
        '`--set KEY=VALUE`.\n'
    )
    parts.append(_settings_table('setting', declared_settings(TrainingSettings).values()))
    return '\n'.join(parts)


def _settings_table(kind: str, settings: Iterable[Setting]) -> str:
    settings = list(settings)
    any_live = any(declared.live for declared in settings)
    rows = [
        (
            f'`{declared.name}`',
            f'`{yaml_value(declared.default)}`',
            declared.unit,
            declared.range_text or ', '.join(f'`{choice}`' for choice in declared.choices),
            *(('yes' if declared.live else '',) if any_live else ()),
            link_pages(declared.description),
        )
        for declared in settings
    ]
    columns = (kind, 'default', 'unit', 'values', *(('live',) if any_live else ()), 'description')
    note = 'A live parameter may be set while the node runs.\n\n' if any_live else ''
    return note + table(columns, rows)


def commands_page() -> str:
    """Return the text of docs/reference/commands.md."""
    summaries = [
        (f'[`liquid-pilot {name}`](#liquid-pilot-{name})', summary)
        for name, summary in COMMANDS.items()
    ]
    codes = [(str(code), meaning) for code, meaning in _EXIT_CODES.items()]
    parts = [
        _COMMANDS_HEADER,
        table(('code', 'meaning'), codes),
        table(('command', 'what it does'), summaries),
    ]
    for name in COMMANDS:
        command = load_command(name)
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        command.add_arguments(parser)
        rows = [(f'`{_words(action)}`', link_pages(_help(action))) for action in parser._actions]
        parts.append(f'## `liquid-pilot {name}`\n')
        parts.append(textwrap.fill(command.DESCRIPTION, 100) + '\n')
        parts.append(table(('argument', 'meaning'), rows))
    return '\n'.join(parts)


def _words(action: argparse.Action) -> str:
    """Return an argument as it is written on the command line."""
    if not action.option_strings:
        return f'{action.metavar or action.dest}{" ..." if action.nargs in ("*", "+") else ""}'
    value = '' if action.nargs == 0 else f' {action.metavar or action.dest.upper()}'
    more = ' ...' if action.nargs == '+' else ''
    return ', '.join(action.option_strings) + value + more


def _help(action: argparse.Action) -> str:
    required = 'required; ' if action.required else ''
    text = required + (action.help or '').replace('%%', '%')
    if action.choices is None:
        return text
    return f'{text}; one of {", ".join(f"`{choice}`" for choice in action.choices)}'


FILES = {
    'config/fly.yaml': parameter_file,
    'docs/reference/parameters.md': parameters_page,
    'docs/reference/commands.md': commands_page,
    'docs/reference/topics.md': topics_page,
    'docs/reference/python/index.md': python_index,
    **{
        f'docs/reference/python/{group.page}.md': partial(python_page, group)
        for group in name_groups()
    },
}
"""The files, relative to the repository, and the functions that make their text."""


def main() -> int:
    """Write or check the files and return the exit code."""
    parser = argparse.ArgumentParser(
        description='Write the files made from declarations.', allow_abbrev=False
    )
    parser.add_argument('--check', action='store_true', help='write nothing; name what is old')
    check = parser.parse_args().check
    outdated = [
        name
        for name, make in FILES.items()
        if not (ROOT / name).exists() or (ROOT / name).read_text() != make()
    ]
    for name in outdated:
        print(f'{name}: {"is out of date" if check else "written"}')
        if not check:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(FILES[name]())
    return 1 if check and outdated else 0


if __name__ == '__main__':
    sys.exit(main())
