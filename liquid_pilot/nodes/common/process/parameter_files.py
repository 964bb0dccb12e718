"""Checks parameter files before a node starts: ROS ignores in silence what matches no node.

A section of a parameter file counts for a node only where its name, with the namespace, matches.
A misspelt name, or another namespace, would leave a vehicle with the default limits. The names of
the nodes and of their parameters are those of config/fly.yaml, which is made from their
declarations.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.json_fields import one_line
from liquid_pilot.utils.resources import share_path

_SHIPPED = 'config/fly.yaml'
_PARAMETERS = 'ros__parameters'
_OF_ROS = ('use_sim_time', 'start_type_description_service', 'qos_overrides')
"""Parameters of every node, and the beginning of further ones."""
_FORM = (
    f'write `/**/guard:` and below it, indented, `{_PARAMETERS}:` and the parameters, as in '
    'config/fly.yaml'
)


def files_of(arguments: Sequence[str]) -> list[Path]:
    """Return the parameter files of the command line of a node."""
    return [
        Path(value) for option, value in itertools.pairwise(arguments) if option == '--params-file'
    ]


def check_parameter_file(file: Path, nodes: Sequence[str]) -> None:
    """Refuse a parameter file of which a part would be ignored.

    Args:
        file: the file.
        nodes: names of the nodes that read it, with their namespaces, such as '/drone1/guard'.

    Raises:
        LiquidPilotError: the file is no parameter file, no name in it is that of a node, a node is
            named with another namespace only, or a name is nearly that of a node or parameter.
    """
    if file.resolve() == share_path(_SHIPPED).resolve():
        return
    sections = _sections(file)
    known = known_parameters()
    own = {_last(node) for node in nodes}
    names = sorted(known.keys() | own)
    matched = [name for name in sections if _last(name) in names or _is_wildcard(name)]
    if not matched:
        raise LiquidPilotError(
            f'{file} names no node that there is; it names {", ".join(sections) or "none"}, and '
            f'there are {", ".join(names)}: {_FORM}'
        )
    for name in sections:
        near = difflib.get_close_matches(_last(name), names, 1, 0.75)
        if name not in matched and near:
            raise LiquidPilotError(
                f'{file}: there is no node {name}; write {_renamed(name, near[0])}, or leave it out'
            )
    for node in nodes:
        named = [name for name in sections if _last(name) == _last(node)]
        if named and not any(_matches(name, node) for name in sections):
            raise LiquidPilotError(
                f'{file}: {", ".join(named)} is not {node}, so that its parameters would be '
                f'ignored; write /**/{_last(node)} for every namespace'
            )
    for name in matched:
        _check_names(file, name, sections[name], known)


def _check_names(
    file: Path, section: str, parameters: Mapping[str, Any], known: Mapping[str, set[str]]
) -> None:
    """Refuse parameters that the node of a section does not have, or no node of a wildcard."""
    there_are = known.get(_last(section))
    if there_are is None:
        if not _is_wildcard(section):
            return
        there_are = set().union(*known.values())
    for name in parameters:
        if name in there_are or name.partition('.')[0] in _OF_ROS:
            continue
        near = difflib.get_close_matches(name, there_are, 1)
        advice = f'it may be {near[0]}' if near else f'there are {", ".join(sorted(there_are))}'
        raise LiquidPilotError(f'{file}: {section} has no parameter {name}; {advice}')


def _sections(file: Path) -> dict[str, dict[str, Any]]:
    """Return the parameters of each section, by its name with a leading slash."""
    content = read_parameter_file(file)
    if not isinstance(content, dict):
        raise LiquidPilotError(
            f'{file} holds no parameters; copy config/fly.yaml and change its values'
        )
    sections: dict[str, dict[str, Any]] = {}
    for name, parameters in _walk(file, content, ''):
        sections.setdefault(name, {}).update(parameters)
    return sections


def _walk(
    file: Path, content: Mapping[Any, Any], above: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each section, its name and its parameters; namespaces may be levels of their own."""
    for key, value in content.items():
        name = f'{above}/{str(key).strip("/")}'
        if key == _PARAMETERS:
            if not above:
                raise LiquidPilotError(f'{file}: {_PARAMETERS} stands below no node; {_FORM}')
            # A section may be empty.
            if not isinstance(value, dict | None):
                raise LiquidPilotError(f'{file}: {name} must be `name: value` lines; {_FORM}')
            if _PARAMETERS in (value or {}):
                raise LiquidPilotError(f'{file}: {name} stands there twice; {_FORM}')
            yield above, value or {}
        elif isinstance(value, dict):
            yield from _walk(file, value, name)
        else:
            raise LiquidPilotError(
                f'{file}: {name} is no node, because there is no {_PARAMETERS} below it; {_FORM}'
            )


def parameters_of(file: Path, nodes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what a parameter file sets for each of some nodes, by the name of the node.

    Args:
        file: the file.
        nodes: names of the nodes with their namespaces, such as '/drone1/guard'.

    Raises:
        LiquidPilotError: the file is no parameter file.
    """
    found: dict[str, dict[str, Any]] = {node: {} for node in nodes}
    for name, parameters in _sections(file).items():
        for node in nodes:
            if _matches(name, node):
                found[node].update(parameters)
    return found


def shipped_parameters(node: str) -> dict[str, Any]:
    """Return the values of config/fly.yaml for a node, by its name without a namespace."""
    return _shipped().get(node, {})


def read_parameter_file(file: Path) -> Any:
    """Return the content of a YAML file; LiquidPilotError where it is none."""
    import yaml

    try:
        # The loader in C, where PyYAML has it, is 15 times faster.
        loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
        return yaml.load(file.read_text(encoding='utf-8'), loader)
    # ValueError: a date or a number that is none; RecursionError: thousands of brackets.
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise LiquidPilotError(f'{file} cannot be read as YAML ({one_line(error)})') from None


@cache
def known_parameters() -> dict[str, set[str]]:
    """Return the names of the parameters of each node of this package, by the node's name."""
    return {name: set(parameters) for name, parameters in _shipped().items()}


@cache
def _shipped() -> dict[str, dict[str, Any]]:
    sections = _sections(share_path(_SHIPPED))
    return {_last(name): parameters for name, parameters in sections.items()}


def _last(name: str) -> str:
    """Return the name of a node without its namespace."""
    return name.rpartition('/')[2]


def _is_wildcard(name: str) -> bool:
    return _last(name) in ('*', '**')


def _renamed(name: str, last: str) -> str:
    return f'{name.rpartition("/")[0]}/{last}'


def _matches(pattern: str, node: str) -> bool:
    """Return whether the name of a section is that of a node: * is one part of it, ** any."""
    parts = (
        {'**': '(/[^/]+)*', '*': '/[^/]+'}.get(part, re.escape(f'/{part}'))
        for part in pattern.strip('/').split('/')
    )
    return re.fullmatch(''.join(parts), node) is not None
