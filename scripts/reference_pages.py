"""Reference pages on topics, services and Python names; generate_reference.py writes them."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

import liquid_pilot
from liquid_pilot.nodes.common import qos, topics
from liquid_pilot.utils.tables import markdown_table

ROOT = Path(__file__).resolve().parent.parent
PYTHON_PAGES = {
    'Plain data': 'data',
    'Liquid networks': 'networks',
    'Pilot files': 'pilot_files',
    'What flies': 'flying',
    'Simulation': 'simulation',
    'Evaluation': 'evaluation',
    'Explanation': 'explanation',
}
"""Beginnings of the groups of names in the docstring of `liquid_pilot`, and their pages."""
NODES = (
    'pilot',
    'adaptation',
    'guard',
    'simulator',
    'gazebo',
    'scene',
    'recorder',
    'hand',
    'dashboard',
    'visualization',
)
_PAGE = re.compile(r'\bdocs/((?:\w+/)+(\w+)\.md)((?:#[\w-]+)?)')
_TOPICS_HEADER = """\
# Topics and services

Made by `scripts/generate_reference.py` from `liquid_pilot/nodes/common/topics.py` and `qos.py`.

All names are relative, except those that begin with `/`: with `namespace:=drone1` the others are
under `/drone1`. [ROS interface](ros_interface.md) has frames, units, the sections of the arrays,
and what happens when something is wrong.

## Topics

The recorder subscribes to all of them. In lock-step, what is marked with * is reliable.
"""
_SERVICES_HEADER = """\
## Services

On a vehicle nothing engages by itself.
"""
_GAZEBO_HEADER = """\
## Between the node `gazebo` and its bridge

`config/gazebo_bridge.yaml` carries these ([how Gazebo is connected](../explanation/gazebo.md)).
"""
_PYTHON_HEADER = """\
# Python

Made by `scripts/generate_reference.py` from the docstring of `liquid_pilot`, which groups the
names.

`import liquid_pilot as lp` takes milliseconds: each name is loaded from its own module when it is
first used. A name that needs an optional extra says so by the `ImportError` of the library that is
missing. The package is typed (`py.typed`). [Examples](../../../examples/README.md) are short
programs on these names.
"""


class NameGroup(NamedTuple):
    """A group of public names."""

    title: str
    """Heading in the docstring of the package, without its remark."""
    remark: str
    """What stands there in brackets or behind a comma; may be empty."""
    page: str
    """Name of its page in docs/reference/python, without `.md`."""
    names: tuple[str, ...]
    """Public names in order."""


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table, with a newline at its end; `|` and `<` in cells are escaped."""
    return markdown_table(columns, [[_cell(text) for text in row] for row in rows]) + '\n'


def _cell(text: str) -> str:
    """Return a text as a cell has it: parts in backticks are code, `<` begins no HTML."""
    parts = text.replace('|', '\\|').split('`')
    return '`'.join(part if k % 2 else part.replace('<', '&lt;') for k, part in enumerate(parts))


def link_pages(text: str, folder: str = 'docs/reference') -> str:
    """Return a text in which paths of pages, such as docs/how_to/gazebo.md, are links.

    Args:
        text: a description.
        folder: folder of the page that it stands on.
    """

    def link(match: re.Match[str]) -> str:
        target = posixpath.relpath(f'docs/{match[1]}', folder)
        label = match[3].lstrip('#').replace('-', ' ') or match[2].replace('_', ' ')
        return f'[{label}]({target}{match[3]})'

    return _PAGE.sub(link, text)


def topics_page() -> str:
    """Return the text of docs/reference/topics.md."""
    rows = [
        (
            f'`{name}`',
            f'{_short(topic.type)}: {link_pages(topic.description)}',
            ', '.join(map(_user, topic.publishers)),
            ', '.join(map(_user, topic.subscribers)) or _user('recorder'),
            qos_text(getattr(qos, topic.qos), '*' if topic.qos == 'SENSOR' else ''),
        )
        for name, topic in topics.TOPICS.items()
    ]
    services = [
        (f'`{name}`', _short(service.type), link_pages(service.description))
        for name, service in topics.SERVICES.items()
    ]
    gazebo = [(f'`{name}`', _short(kind)) for name, kind in topics.GAZEBO_TOPICS.items()]
    return '\n'.join(
        [
            _TOPICS_HEADER,
            table(('topic', 'type and content', 'from', 'to', 'quality of service'), rows),
            _SERVICES_HEADER,
            table(('service', 'type', 'effect'), services),
            _GAZEBO_HEADER,
            table(('topic', 'type'), gazebo),
        ]
    )


def _short(kind: str) -> str:
    """Return a type as people write it: sensor_msgs/Image."""
    return '{}/{}'.format(*kind.split('/')[::2])


def _user(name: str) -> str:
    """Return the name of a user of a topic; nodes of this package as code."""
    return f'`{name}`' if name in NODES else name


def qos_text(profile: QoSProfile, mark: str = '') -> str:
    """Return a profile in words, such as 'reliable, newest only'.

    Args:
        profile: the profile.
        mark: what stands behind its reliability.
    """
    reliable = profile.reliability == ReliabilityPolicy.RELIABLE
    latched = profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    depth = 'newest only' if profile.depth == 1 else f'newest {profile.depth}'
    words = [
        ('reliable' if reliable else 'best effort') + mark,
        'latched' if latched else '',
        depth,
    ]
    return ', '.join(filter(None, words))


def name_groups() -> Iterator[NameGroup]:
    """Yield the groups of public names, as the docstring of the package has them."""
    text = liquid_pilot.__doc__ or ''
    for heading, body in re.findall(r'^(\w[^\n]*):\n((?: {4}.*\n)+)', text, re.MULTILINE):
        title = next((each for each in PYTHON_PAGES if heading.startswith(each)), None)
        if title is None:
            raise ValueError(f'{heading!r}: name its page in PYTHON_PAGES')
        remark = heading.removeprefix(title).strip(' ,()')
        names = [name for name in re.findall(r'`(\w+)`', body) if name in liquid_pilot.__all__]
        yield NameGroup(title, remark, PYTHON_PAGES[title], tuple(dict.fromkeys(names)))


def python_index() -> str:
    """Return the text of docs/reference/python/index.md."""
    parts = [_PYTHON_HEADER]
    for group in name_groups():
        parts.append(f'## [{group.title}]({group.page}.md)\n')
        parts += [f'{_sentence(group.remark)}\n'] if group.remark else []
        rows = [
            (f'[`{name}`]({group.page}.md#liquid_pilot.{name})', summary(name))
            for name in group.names
        ]
        parts.append(table(('name', 'what it is'), rows))
    return '\n'.join(parts)


def python_page(group: NameGroup) -> str:
    """Return the text of the page of a group; mkdocstrings puts the documentation in."""
    lines = [f'# {group.title}', '']
    if group.remark:
        lines += [_sentence(group.remark), '']
    lines += ['Made by `scripts/generate_reference.py`; the text is that of the docstrings.', '']
    for name in group.names:
        lines += [f'::: liquid_pilot.{name}', '']
    return '\n'.join(lines).rstrip() + '\n'


def _sentence(text: str) -> str:
    return f'{text[0].upper()}{text[1:]}.'


def summary(name: str) -> str:
    """Return the first line of the docstring of a public name, without importing its module."""
    module, attribute = liquid_pilot._SOURCES.get(name, ('', name))
    return _summary(f'liquid_pilot.{module}'.rstrip('.'), attribute)


def _summary(module: str, attribute: str) -> str:
    """Return the same for a name that a module defines, or imports from another one."""
    path = ROOT / Path(*module.split('.'))
    path = path / '__init__.py' if path.is_dir() else path.with_suffix('.py')
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
            return (ast.get_docstring(node) or '').partition('\n\n')[0].replace('\n', ' ')
        if isinstance(node, ast.ImportFrom):
            imported = {each.asname or each.name: each.name for each in node.names}
            if attribute in imported and node.module:
                return _summary(node.module, imported[attribute])
    raise LookupError(f'{attribute}: not found in {path.relative_to(ROOT)}')
