"""Pictures of the studies' pages, as PNG files with a small palette."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from liquid_pilot.utils import palette

if TYPE_CHECKING:
    from PIL import Image

COLOURS = 32
"""Max number of colours of a picture; a smaller palette makes a smaller file."""


def encode_figure(figure: Any) -> bytes:
    """Render a matplotlib figure as a PNG file with a palette.

    Args:
        figure: a `matplotlib.figure.Figure`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    buffer = io.BytesIO()
    picture = reduce_colours(np.asarray(canvas.buffer_rgba())[:, :, :3], COLOURS)
    picture.save(buffer, 'PNG', optimize=True)
    return buffer.getvalue()


def reduce_colours(rgb: np.ndarray, count: int) -> Image.Image:
    """Return a plot with a small palette.

    Colours of points and curves, and the most frequent ones, stay as they are. Every other colour,
    such as those at the edges of letters, becomes the nearest of them.

    Args:
        rgb: (H, W, 3) uint8 RGB.
        count: max number of colours.
    """
    from PIL import Image

    colours, inverse, counts = np.unique(
        rgb.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True
    )
    frequent = map(tuple, colours[np.argsort(counts, kind='stable')[::-1]].tolist())
    present = set(map(tuple, colours.tolist()))
    fixed = [palette.rgb(series.colour) for series in palette.SERIES]
    kept = [colour for colour in dict.fromkeys([*fixed, *frequent]) if colour in present][:count]
    table = np.array(kept, np.uint8)
    distances = ((colours[:, None].astype(int) - table) ** 2).sum(axis=2)
    numbers = distances.argmin(axis=1)[inverse].astype(np.uint8).reshape(rgb.shape[:2])
    picture = Image.fromarray(numbers)
    picture.putpalette(table.tobytes())
    return picture
