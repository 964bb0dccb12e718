"""Message types by name: their classes, and the text that a recording describes them with."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.extras import install_advice
from liquid_pilot.utils.resources import find_installed

_PRIMITIVES = frozenset(
    (
        'bool',
        'byte',
        'char',
        'float32',
        'float64',
        'int8',
        'uint8',
        'int16',
        'uint16',
        'int32',
        'uint32',
        'int64',
        'uint64',
        'string',
        'wstring',
    )
)
_FIELD = re.compile(r'\s*([A-Za-z][\w/]*)(<=\d+)?(\[[^\]]*\])?\s+[A-Za-z]\w*')


def import_message_type(name: str) -> type[Any]:
    """Return the class of a message type.

    Args:
        name: the type, 'package/msg/Name'.

    Raises:
        LiquidPilotError: the package is not installed, or has no such type.
    """
    package, _, short = name.split('/')
    try:
        found: type[Any] = getattr(importlib.import_module(f'{package}.msg'), short)
    except (ImportError, AttributeError) as error:
        raise LiquidPilotError(
            f'{name} is not installed ({error}); {install_advice(package)}'
        ) from None
    return found


def type_name(kind: type[Any]) -> str:
    """Return the name of a message class, 'package/msg/Name'."""
    return '/'.join((kind.__module__.split('.')[0], 'msg', kind.__name__))


def message_definition(name: str, find: Callable[[str, str], str]) -> str:
    """Return the definition of a message type in the format ros2msg.

    It consists of the .msg file of the type and of those that it uses, each once.

    Args:
        name: the type, 'package/msg/Name'.
        find: function that returns the text of the .msg file of a package and a name.
    """
    package, _, short = name.split('/')
    text = find(package, short)
    parts, seen, queue = [text], {(package, short)}, _used_types(package, text)
    while queue:
        used = queue.pop(0)
        if used in seen:
            continue
        seen.add(used)
        text = find(*used)
        parts.append(f'{"=" * 80}\nMSG: {used[0]}/{used[1]}\n{text}')
        queue += _used_types(used[0], text)
    return '\n'.join(parts)


def _used_types(package: str, text: str) -> list[tuple[str, str]]:
    """Return (package, name) of every message type in the fields of a .msg file."""
    found = []
    for line in text.splitlines():
        match = _FIELD.match(line.partition('#')[0])
        if match is None or match[1] in _PRIMITIVES:
            continue
        parts = match[1].split('/')
        found.append((parts[0] if len(parts) > 1 else package, parts[-1]))
    return found


def find_message(package: str, name: str) -> str:
    """Return the text of an installed .msg file.

    Args:
        package: name of the ROS package.
        name: name of the message type in it.

    Raises:
        LiquidPilotError: the package is not installed.
    """
    path = find_installed(package, 'share', f'msg/{name}.msg')
    if path is not None:
        return path.read_text(encoding='utf-8')
    raise LiquidPilotError(
        f'{package}/msg/{name}.msg is not installed: install the ROS package {package}; the '
        'recording contains this description'
    )
