"""Small line charts as SVG: panels with axes, curves, dots and labels.

The colours follow the reader's light or dark scheme, so that one file is legible in both. For
developers: the module serves `draw_figures.py` and is not installed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

Point = tuple[float, float]

_SCHEMES = {
    '': {
        'paper': '#ffffff',
        'ink': '#1f2328',
        'soft': '#59636e',
        'grid': '#d8dee4',
        'blue': '#0969da',
        'orange': '#bc4c00',
        'purple': '#8250df',
        'grey': '#8c959f',
    },
    'dark': {
        'paper': '#161b22',
        'ink': '#e6edf3',
        'soft': '#9da7b3',
        'grid': '#353c45',
        'blue': '#58a6ff',
        'orange': '#f0883e',
        'purple': '#bc8cff',
        'grey': '#768390',
    },
}
"""Colours by name of each scheme; the first is used by programs that know no schemes."""


def _style() -> str:
    rules = []
    for scheme, colours in _SCHEMES.items():
        text = ''.join(f'.{n}{{stroke:{c}}}.f-{n}{{fill:{c}}}' for n, c in colours.items())
        rules.append(f'@media(prefers-color-scheme:{scheme}){{{text}}}' if scheme else text)
    fonts = 'text{font:13px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;stroke:none}'
    sizes = '.small{font-size:11.5px}.title{font-weight:600;font-size:14px}'
    return f'{fonts}{sizes}path{{fill:none}}' + ''.join(rules)


class Figure:
    """A picture of a fixed size; lengths are in pixels from the upper left corner.

    Args:
        width: width of the picture.
        height: height of the picture.
        title: what the picture shows, for readers who do not see it.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            f'<title>{escape(title)}</title><style>{_style()}</style>',
            f'<rect class="f-paper" width="{width}" height="{height}" rx="8"/>',
        ]

    def text(
        self, at: Point, words: str, colour: str = 'ink', anchor: str = 'start', kind: str = ''
    ) -> None:
        """Write one line of text.

        Args:
            at: end, middle or start of its base line, see `anchor`.
            words: the text.
            colour: name of a colour.
            anchor: 'start', 'middle' or 'end'.
            kind: 'small', 'title' or '' for plain text.
        """
        x, y = map(_number, at)
        self._parts.append(
            f'<text x="{x}" y="{y}" class="f-{colour} {kind}" text-anchor="{anchor}">'
            f'{escape(words)}</text>'
        )

    def upright_text(self, at: Point, words: str) -> None:
        """Write small text that runs upwards, centred about a point."""
        x, y = map(_number, at)
        self._parts.append(
            f'<text transform="translate({x} {y})rotate(-90)" class="f-soft small" '
            f'text-anchor="middle">{escape(words)}</text>'
        )

    def path(
        self,
        data: str,
        colour: str,
        width: float = 2.0,
        dash: str = '',
        opacity: float = 1.0,
    ) -> None:
        """Draw lines.

        Args:
            data: the attribute `d` of the path; see `line` and `segments`.
            colour: name of a colour.
            width: width of the lines.
            dash: lengths of dashes and gaps; empty: no gaps.
            opacity: 0 to 1.
        """
        more = f' stroke-dasharray="{dash}"' if dash else ''
        more += f' opacity="{_number(opacity)}"' if opacity < 1.0 else ''
        self._parts.append(
            f'<path class="{colour}" stroke-width="{_number(width)}" stroke-linejoin="round"{more} '
            f'd="{data}"/>'
        )

    def dots(self, points: Iterable[Point], colour: str, radius: float = 3.5) -> None:
        """Draw filled circles."""
        circles = ''.join(
            f'<circle cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"/>'
            for x, y in points
        )
        self._parts.append(f'<g class="f-{colour}">{circles}</g>')

    def box(self, corner: Point, width: float, height: float) -> None:
        """Draw a rectangle with round corners that hides what is below it.

        Args:
            corner: upper left corner.
            width: its width.
            height: its height.
        """
        x, y = map(_number, corner)
        self._parts.append(
            f'<rect class="f-paper ink" x="{x}" y="{y}" width="{_number(width)}" '
            f'height="{_number(height)}" rx="6" stroke-width="1.5"/>'
        )

    def svg(self) -> str:
        """Return the text of the file."""
        return '\n'.join([*self._parts, '</svg>', ''])


class Panel:
    """A rectangle of a figure with axes.

    Args:
        figure: the figure.
        box: left, top, right and bottom edge, pixels.
        x_range: values at the left and right edge.
        y_range: values at the bottom and top edge.
        log_y: whether the vertical axis is logarithmic.
    """

    def __init__(
        self,
        figure: Figure,
        box: tuple[float, float, float, float],
        x_range: Point,
        y_range: Point,
        log_y: bool = False,
    ) -> None:
        self.figure, self.box = figure, box
        self._x_range, self._log_y = x_range, log_y
        self._y_range = tuple(math.log10(y) for y in y_range) if log_y else y_range

    def at(self, x: float, y: float) -> Point:
        """Return the pixel of a pair of values."""
        left, top, right, bottom = self.box
        (x_low, x_high), (y_low, y_high) = self._x_range, self._y_range
        y = math.log10(y) if self._log_y else y
        return (
            left + (right - left) * (x - x_low) / (x_high - x_low),
            bottom + (top - bottom) * (y - y_low) / (y_high - y_low),
        )

    def axes(
        self,
        x_ticks: Sequence[float],
        y_ticks: Sequence[float],
        x_label: str = '',
        y_label: str = '',
        title: str = '',
    ) -> None:
        """Draw the grid, the numbers at its lines, and the labels.

        Args:
            x_ticks: values of the vertical lines; without `x_label` they get no numbers.
            y_ticks: values of the horizontal lines.
            x_label: label below.
            y_label: label at the left.
            title: line of text above.
        """
        left, top, right, bottom = self.box
        columns = [self.at(x, 10.0 ** self._y_range[0] if self._log_y else 0.0)[0] for x in x_ticks]
        rows = [self.at(self._x_range[0], y)[1] for y in y_ticks]
        grid = [((x, top), (x, bottom)) for x in columns] + [((left, y), (right, y)) for y in rows]
        self.figure.path(segments(grid), 'grid', 1.0)
        for y, value in zip(rows, y_ticks, strict=True):
            self.figure.text((left - 7, y + 4), f'{value:g}', 'soft', 'end', 'small')
        if x_label:
            for x, value in zip(columns, x_ticks, strict=True):
                self.figure.text((x, bottom + 16), f'{value:g}', 'soft', 'middle', 'small')
            self.figure.text((0.5 * (left + right), bottom + 33), x_label, 'soft', 'middle')
        if y_label:
            self.figure.upright_text((left - 44, 0.5 * (top + bottom)), y_label)
        if title:
            self.figure.text((left, top - 10), title, kind='title')

    def curve(
        self,
        xs: Iterable[float],
        ys: Iterable[float],
        colour: str,
        width: float = 2.2,
        dash: str = '',
        opacity: float = 1.0,
    ) -> None:
        """Draw a line through values; see `Figure.path`."""
        points = [self.at(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        self.figure.path(line(points), colour, width, dash, opacity)

    def marks(self, xs: Iterable[float], ys: Iterable[float], colour: str) -> None:
        """Draw a dot at each pair of values."""
        self.figure.dots([self.at(float(x), float(y)) for x, y in zip(xs, ys, strict=True)], colour)


def line(points: Sequence[Point]) -> str:
    """Return a line through points as path data, without those that change nothing.

    Points that the line passes within a fifth of a pixel anyway are left out (Douglas and Peucker
    1973, measured vertically).
    """
    kept = {0, len(points) - 1}
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        (x0, y0), (x1, y1) = points[first], points[last]
        slope = (y1 - y0) / (x1 - x0) if x1 != x0 else 0.0
        off = [
            (abs(y0 + slope * (x - x0) - y), first + 1 + number)
            for number, (x, y) in enumerate(points[first + 1 : last])
        ]
        worst, middle = max(off, default=(0.0, 0))
        if worst > 0.2:
            kept.add(middle)
            spans += [(first, middle), (middle, last)]
    return 'M' + 'L'.join(f'{_number(points[n][0])} {_number(points[n][1])}' for n in sorted(kept))


def segments(pairs: Iterable[tuple[Point, Point]]) -> str:
    """Return separate straight lines as path data."""
    return ''.join(
        f'M{_number(a)} {_number(b)}L{_number(c)} {_number(d)}' for (a, b), (c, d) in pairs
    )


def _number(value: float) -> str:
    return f'{value:.1f}'.removesuffix('.0')
