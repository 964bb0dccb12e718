"""Text that others wrote, made fit for a terminal, a log and a window.

A name, a reason or a frame's encoding may come from any node of the network, from a bag or from a
pilot file. An escape sequence in it would colour, clear or rewrite the terminal of whoever reads
it, and a line break would forge a line of the log. What is not printable is shown instead, in
Python's notation.
"""

from __future__ import annotations

MAX_LENGTH = 2000
"""Longest text that is shown whole, in characters."""


def plain_text(text: str, max_length: int = MAX_LENGTH) -> str:
    """Return a text in one line, in which all that is not printable is written as an escape.

    So are control characters, line breaks, bidirectional overrides and lone surrogates. Letters of
    any script stay.

    Args:
        text: the text of somebody else.
        max_length: the length at which it is cut.
    """
    if len(text) > max_length:
        text = text[:max_length] + '...'
    if text.isprintable():
        return text
    return ''.join(
        character if character.isprintable() else _escape(character) for character in text
    )


def plain_lines(text: str) -> str:
    """Return a text of several lines with each as `plain_text` gives it.

    Args:
        text: the text of somebody else.
    """
    return '\n'.join(plain_text(line) for line in text.split('\n'))


def _escape(character: str) -> str:
    return character.encode('unicode_escape', 'backslashreplace').decode('ascii')
