"""Tables and bars of the studies' pages."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping

import numpy as np


def table(header: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ['---'] * len(header), *rows]
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def bars(
    rows: Mapping[str, Mapping[str, tuple[float, float, float]]],
    label: str,
    most: float | None = None,
) -> bytes:
    """A PNG: a group of bars a condition, one a name, with intervals.

    Args:
        rows: condition to {name: (value, low, high)}; a condition may lack names.
        label: of the vertical axis.
        most: where it ends; None for what the bars need.
    """
    from matplotlib import color_sequences
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    figure = Figure(
        figsize=(max(7.0, 1.0 + 0.14 * len(names) * len(rows)), 3.6), dpi=110, layout='constrained'
    )
    axes = figure.add_subplot()
    axes.set_prop_cycle(color=color_sequences['tab10' if len(names) <= 10 else 'tab20'])
    width = 0.85 / len(names)
    for k, name in enumerate(names):
        found = [(at, row[name]) for at, row in enumerate(rows.values()) if name in row]
        places = [at + (k - 0.5 * (len(names) - 1)) * width for at, _ in found]
        values, low, high = np.array([cell for _, cell in found]).T
        axes.bar(
            places,
            values,
            width,
            label=name,
            yerr=np.maximum([values - low, high - values], 0.0),
            error_kw={'elinewidth': 0.6, 'ecolor': '#57606a'},
        )
    axes.set_xticks(range(len(rows)), rows, rotation=30, ha='right', fontsize=8)
    axes.set(ylim=(0.0, most), ylabel=label)
    axes.legend(fontsize=7, ncols=2, loc='upper left', bbox_to_anchor=(1.0, 1.0))
    axes.grid(axis='y', alpha=0.3)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
