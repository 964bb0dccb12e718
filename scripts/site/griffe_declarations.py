"""Shows doctests and declared settings in the Python reference; mkdocs.yml names this file."""

from __future__ import annotations

import ast
import re
from typing import Any

import griffe

_DOCTEST = re.compile(r'^( *)>>> .*(?:\n\1(?! *$).+)*', re.MULTILINE)


class Declarations(griffe.Extension):
    """Changes what griffe read from the sources, before pages are made of it.

    Doctests get fences: Markdown would take them for quotations. A field that is declared by
    `liquid_pilot.utils.settings.setting` gets its default as value, and its description and unit as
    docstring.
    """

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object, where it has doctests."""
        if obj.docstring is not None and '>>> ' in obj.docstring.value:
            obj.docstring.value = fence_doctests(obj.docstring.value)

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Change the value and the docstring of a field, where it is a declared setting."""
        value = attr.value
        if isinstance(value, griffe.ExprCall) and str(value.function) == 'setting':
            default, *described = value.arguments[:3]
            attr.value = default
            text = description(*described)
            attr.docstring = griffe.Docstring(text, parent=attr) if text else None


def fence_doctests(text: str) -> str:
    """Return a docstring in which each doctest, up to its blank line, is a fenced block."""
    return _DOCTEST.sub(lambda match: f'{match[1]}```pycon\n{match[0]}\n{match[1]}```', text)


def description(text: Any, unit: Any = "''") -> str:
    """Return the description of a setting and its unit as a sentence, from their expressions.

    It is empty where the description is computed, and not a literal.
    """
    # The unit may be left out, and what stands there be an option by keyword.
    unit = "''" if isinstance(unit, griffe.ExprKeyword) else unit
    try:
        words, in_unit = (ast.literal_eval(f'({each})') for each in (text, unit))
    except ValueError:
        return ''
    return f'{words[:1].upper()}{words[1:]}' + (f' ({in_unit}).' if in_unit else '.')
