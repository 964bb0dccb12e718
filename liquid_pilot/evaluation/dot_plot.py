"""Dot plots: a row for each condition, a point with its interval for each thing compared."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from liquid_pilot.utils.palette import PALE_GREY, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Interval = tuple[float, float, float]
"""A value, and the lower and upper end of its interval."""
NO_VALUE: Interval = (math.nan, math.nan, math.nan)
"""A gap."""
_SPREAD = 0.74
"""Share of a row over which its points are spread."""


class DotPanel(NamedTuple):
    """One quantity, in a panel of its own."""

    label: str
    """Label of the horizontal axis, with the unit."""
    rows: Mapping[str, Mapping[str, Interval]]
    """Row to {name: value with interval}. A name that a row lacks leaves a gap."""
    limits: tuple[float, float] | None = None
    """Ends of the horizontal axis; None: what the points need."""


def dot_figure(
    title: str, panels: Sequence[DotPanel], gap: str = 'not flown', width_in: float = 7.0
) -> Figure:
    """Return a dot plot.

    Args:
        title: what is shown.
        panels: the quantities from left to right, all with the same rows.
        gap: what a missing point means; the legend of a plot with gaps says it.
        width_in: width of the figure, inches.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    rows = list(dict.fromkeys(row for panel in panels for row in panel.rows))
    names = list(
        dict.fromkeys(name for panel in panels for row in panel.rows.values() for name in row)
    )
    drawn = [
        row.get(name, NO_VALUE) for panel in panels for row in panel.rows.values() for name in names
    ]
    gaps = [f'no point: {gap}'] if any(math.isnan(value) for value, _, _ in drawn) else []
    # Names with many settings are longer than the figure is wide.
    texts = [textwrap.fill(text, int(10 * width_in)) for text in (*names, *gaps)]
    longest = max((len(line) for text in texts for line in text.split('\n')), default=1)
    legend_columns = max(1, int(width_in / (0.45 + 0.08 * longest)))
    legend_lines = sum(text.count('\n') + 1 for text in texts) / legend_columns
    row_in = 0.12 + 0.07 * max(len(names), 2)
    height_in = 1.2 + 0.2 * math.ceil(legend_lines) + row_in * len(rows)
    figure = Figure(figsize=(width_in, height_in), dpi=100, layout='constrained')
    columns = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, panel in zip(columns, panels, strict=True):
        _draw_panel(axes, panel, rows, names)
    columns[0].set_yticks(range(len(rows)), rows, fontsize=9)
    columns[0].set_ylim(len(rows) - 0.5, -0.5)
    figure.suptitle(title, fontsize=11)
    handles: list[Any] = [*columns[0].get_legend_handles_labels()[0]]
    handles += [Line2D([], [], linestyle='')] * len(gaps)
    figure.legend(
        handles,
        texts,
        loc='outside lower center',
        ncols=legend_columns,
        fontsize=9,
        frameon=False,
    )
    return figure


def _draw_panel(axes: Any, panel: DotPanel, rows: Sequence[str], names: Sequence[str]) -> None:
    for number in range(0, len(rows), 2):
        axes.axhspan(number - 0.5, number + 0.5, color=PALE_GREY, alpha=0.6, linewidth=0, zorder=0)
    step = _SPREAD / max(len(names), 1)
    for number, name in enumerate(names):
        values, low, high = np.array(
            [panel.rows.get(row, {}).get(name, NO_VALUE) for row in rows]
        ).T
        look = style(number)
        axes.errorbar(
            values,
            np.arange(len(rows)) + (number - 0.5 * (len(names) - 1)) * step,
            xerr=np.maximum([values - low, high - values], 0.0),
            fmt=look.marker,
            color=look.colour,
            markersize=5,
            elinewidth=1.0,
            label=name,
            zorder=3,
        )
    if panel.limits is not None:
        axes.set_xlim(*panel.limits)
    axes.set_xlabel(panel.label, fontsize=9)
    axes.tick_params(labelsize=9)
    axes.tick_params(axis='y', length=0)
    axes.grid(axis='x', alpha=0.4)
