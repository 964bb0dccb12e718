"""Reads YAML files of people: any content gives plain values or one line of error.

YAML has anchors, by which a text of one kilobyte can stand for billions of values, and it nests to
any depth. Such a text is refused before it is expanded.
"""

from __future__ import annotations

import itertools
import re
import reprlib
from pathlib import Path
from typing import Any

import yaml

from liquid_pilot.interfaces import LiquidPilotError

_MAX_VALUES = 200_000
"""Number of values above which a file is refused, with each use of an anchor counted."""
_MAX_DEPTH = 100
"""Depth of nesting above which a file is refused."""
_BRACKET = re.compile(r'[][{}]')
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 2, 4, 4, 4
_SHORT.maxother, _SHORT.maxstring, _SHORT.maxlong = 60, 60, 40


def load_yaml(path: Path) -> Any:
    """Return the values of a YAML file, which are plain ones; None for an empty file.

    Raises:
        LiquidPilotError: the file cannot be read, is no YAML, or stands for too many values.
    """
    try:
        return parse_yaml(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = ' '.join(str(error).split())
        raise LiquidPilotError(f'{path}: cannot be read as YAML ({reason})') from None


def parse_yaml(text: str) -> Any:
    """Return the values of a YAML text.

    >>> parse_yaml('{a: &x [1, 2], b: *x}')
    {'a': [1, 2], 'b': [1, 2]}

    Raises:
        ValueError: it is no YAML, or stands for too many values.
    """
    depth = itertools.accumulate(1 if bracket in '[{' else -1 for bracket in _BRACKET.findall(text))
    if max(depth, default=0) > 4 * _MAX_DEPTH:
        # The parser would take a time that grows with the square of the depth.
        raise ValueError('it is nested too deep')
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}, 0) > _MAX_VALUES:
            raise ValueError(f'it stands for more than {_MAX_VALUES} values')
        return loader.construct_document(node)
    except RecursionError:
        raise ValueError('it is nested too deep') from None
    except (yaml.YAMLError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(str(error)) from None
    finally:
        if loader is not None:
            loader.dispose()


def short_repr(value: Any) -> str:
    """Return a value as text for an error message, shortened where it is long.

    >>> short_repr('text'), short_repr(list(range(100)))
    ("'text'", '[0, 1, 2, 3, ...]')
    """
    try:
        return _SHORT.repr(value)
    except (ValueError, RecursionError):  # An integer of more digits than Python prints.
        return f'a {type(value).__name__}'


def _size(node: yaml.Node, sizes: dict[int, int], depth: int) -> int:
    """Return the number of values that a node stands for.

    Args:
        node: the node.
        sizes: sizes of the nodes that were counted, by their identity; -1 while one is counted.
        depth: depth of the node.
    """
    if depth > _MAX_DEPTH:
        raise ValueError('it is nested too deep')
    known = sizes.get(id(node))
    if known == -1:
        raise ValueError('an anchor contains itself')
    if known is not None:
        return known
    sizes[id(node)] = -1
    children: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        children = node.value
    elif isinstance(node, yaml.MappingNode):
        children = [part for pair in node.value for part in pair]
    size = 1 + sum(_size(child, sizes, depth + 1) for child in children)
    sizes[id(node)] = size
    return size
