"""A world from above, for whoever draws it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class TopView(NamedTuple):
    """A layout from above, for pictures; metres, east and north."""

    discs: tuple[tuple[str, np.ndarray], ...]
    """(colour, (n, 3) of x, y and radius), the lowest first."""
    lines: tuple[tuple[str, float, np.ndarray], ...]
    """(colour, width in metres or, below 0, in points, (n, 2) of x and y)."""
    stars: tuple[tuple[str, str, tuple[float, float]], ...]
    """(colour, colour of the edge, (x, y)): what is to be come to, or not."""
    shown: np.ndarray
    """(n, 2) of what must be in the picture."""
