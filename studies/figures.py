"""Pictures of the studies' pages."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

COLOURS = 256
"""Max number of colours of a picture; a smaller palette makes a smaller file."""


def draw_bars(
    rows: Mapping[str, Mapping[str, tuple[float, float, float]]],
    label: str,
    y_max: float | None = None,
) -> bytes:
    """Draw one group of bars per condition, with intervals.

    Args:
        rows: condition to {name: (value, lower end, upper end)}; a condition may lack names.
        label: label of the vertical axis.
        y_max: upper end of that axis; None: what the bars need.

    Returns:
        A PNG file.
    """
    from matplotlib import color_sequences
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
        positions = [at + (k - 0.5 * (len(names) - 1)) * width for at, _ in found]
        values, low, high = np.array([value for _, value in found]).T
        axes.bar(
            positions,
            values,
            width,
            label=name,
            yerr=np.maximum([values - low, high - values], 0.0),
            error_kw={'elinewidth': 0.6, 'ecolor': '#57606a'},
        )
    axes.set_xticks(range(len(rows)), rows, rotation=30, ha='right', fontsize=8)
    axes.set(ylim=(0.0, y_max), ylabel=label)
    axes.legend(fontsize=7, ncols=2, loc='upper left', bbox_to_anchor=(1.0, 1.0))
    axes.grid(axis='y', alpha=0.3)
    return encode_figure(figure)


def encode_figure(figure: Any) -> bytes:
    """Render a matplotlib figure as a PNG file with a palette.

    Args:
        figure: a `matplotlib.figure.Figure`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3])
    buffer = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, 'PNG', optimize=True)
    return buffer.getvalue()
