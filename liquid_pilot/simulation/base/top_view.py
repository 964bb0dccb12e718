"""A scene seen from above, as primitives of a two-dimensional plot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class TopView(NamedTuple):
    """A layout seen from above. Positions are east and north, m."""

    discs: tuple[tuple[str, npt.NDArray[np.float64]], ...]
    """Discs from the lowest to the highest: colour, and (n, 3) of x, y and radius."""
    lines: tuple[tuple[str, float, npt.NDArray[np.float64]], ...]
    """Lines: colour, width in metres or, if negative, in points, and (n, 2) of x and y."""
    markers: tuple[tuple[str, str, tuple[float, float]], ...]
    """Markers of target and decoy: colour, colour of the edge, and (x, y)."""
    extent_points: npt.NDArray[np.float64]
    """(n, 2) points that the plot must contain."""
