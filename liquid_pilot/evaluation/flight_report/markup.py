"""Small pieces of HTML and SVG; all foreign text goes through `text`."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.evaluation.flight_report.flight_record import encode_webp
from liquid_pilot.utils.foreign_text import plain_text


def text(value: object) -> str:
    """Return a value as text that is no markup, in one line.

    >>> text('<b> & "quotes"')
    '&lt;b&gt; &amp; &quot;quotes&quot;'
    """
    return html.escape(plain_text(str(value)), quote=True)


def number(value: float | None, digits: int = 1, unit: str = '') -> str:
    """Return a number with its unit; a dash for one that is not known.

    >>> number(1.25, 2, 'm'), number(float('nan')), number(-0.001)
    ('1.25 m', '–', '0.0')
    """
    if value is None or not math.isfinite(value):
        return '–'
    shown = f'{value:.{digits}f}'.replace('-', '−')
    if not shown.strip('−0.'):
        shown = shown.lstrip('−')
    return f'{shown} {unit}' if unit else shown


def picture(rgb: npt.NDArray[np.uint8], alt: str, quality: int = 80) -> str:
    """Return an image element that holds its picture.

    Args:
        rgb: (H, W, 3) picture.
        alt: what it shows, for readers who do not see it.
        quality: quality of the compression, 1 to 100.
    """
    data = base64.b64encode(encode_webp(rgb, quality)).decode()
    height, width = rgb.shape[:2]
    return (
        f'<img src="data:image/webp;base64,{data}" width="{width}" height="{height}" '
        f'alt="{text(alt)}">'
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[int] = ()) -> str:
    """Return a table that the script of the page sorts by a click on a head.

    Args:
        heads: texts of the heads.
        rows: cells as markup.
        numeric: columns of numbers, which are aligned to the right.
    """
    right = set(numeric)

    def cells(tag: str, values: Sequence[str], extra: str = '') -> str:
        return ''.join(
            f'<{tag}{extra}{" class=n" if column in right else ""}>{value}</{tag}>'
            for column, value in enumerate(values)
        )

    head = cells('th', [text(one) for one in heads], ' scope=col')
    body = ''.join(f'<tr>{cells("td", row)}</tr>' for row in rows)
    return (
        f'<div class="wide tall"><table class=sortable><thead><tr>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div>'
    )


def outcome(name: str) -> str:
    """Return the outcome of a mission, in its colour."""
    known = name if name in ('success', 'crash', 'timeout') else 'aborted'
    return f'<span class="outcome {known}">{text(name)}</span>'


def definitions(entries: Iterable[tuple[str, str]]) -> str:
    """Return a list of terms, each with its value as markup."""
    pairs = ''.join(f'<div><dt>{text(term)}</dt><dd>{value}</dd></div>' for term, value in entries)
    return f'<dl>{pairs}</dl>'


def bullet(entries: Iterable[str]) -> str:
    """Return a list of sentences as markup."""
    return '<ul>' + ''.join(f'<li>{entry}</li>' for entry in entries) + '</ul>'


def letter(index: int) -> str:
    """Return the letter of a moment: A, B, C ...

    >>> letter(0), letter(27)
    ('A', 'AB')
    """
    first, last = divmod(index, 26)
    return (chr(64 + first) if first else '') + chr(65 + last)


def json_text(value: Any) -> str:
    """Return a value of a pilot card as text: nested values in one line."""
    if isinstance(value, dict):
        return ', '.join(f'{key}: {json_text(one)}' for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return ', '.join(json_text(one) for one in value)
    return f'{value:g}' if isinstance(value, float) else str(value)
