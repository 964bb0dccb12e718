"""The colours of every picture, which people with any kind of colour vision can tell apart.

They are those of Okabe and Ito, "Color Universal Design" (2008), without its green: red against
green is the pair that most readers confuse. Colour is never the only difference: curves differ in
their dashes too, points in their markers, and outcomes in both.
"""

from __future__ import annotations

from typing import NamedTuple

BLUE = '#0072b2'
VERMILLION = '#d55e00'
ORANGE = '#e69f00'
SKY_BLUE = '#56b4e9'
PURPLE = '#cc79a7'
BLACK = '#000000'
GREY = '#6e7781'
LIGHT_GREY, PALE_GREY = '#b8bec4', '#e4e7ea'
"""Greys of what is in the background of a plot: obstacles, and what covers them."""


class Style(NamedTuple):
    """How one curve, or one series of points, differs from the others of its plot."""

    colour: str
    marker: str
    """Marker of matplotlib."""
    dashes: str
    """Line style of matplotlib."""


SERIES = (
    Style(BLUE, 'o', '-'),
    Style(VERMILLION, 's', '--'),
    Style(PURPLE, '^', '-.'),
    Style(BLACK, 'D', ':'),
    Style(SKY_BLUE, 'v', '-'),
    Style(ORANGE, 'P', '--'),
)
"""Styles of the series of a plot, in this order; `style` repeats them."""
OUTCOMES = {
    'success': Style(BLUE, 'o', '-'),
    'crash': Style(VERMILLION, 'X', '-'),
    'timeout': Style(ORANGE, 's', '--'),
    'aborted': Style(GREY, 'D', ':'),
}
"""The style of each outcome of a mission."""


def style(number: int) -> Style:
    """Return the style of the series of a number, counted from 0.

    >>> style(0)
    Style(colour='#0072b2', marker='o', dashes='-')
    """
    return SERIES[number % len(SERIES)]


def rgb(colour: str) -> tuple[int, int, int]:
    """Return a colour such as '#0072b2' as red, green and blue, 0 to 255 each.

    >>> rgb(BLUE)
    (0, 114, 178)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
