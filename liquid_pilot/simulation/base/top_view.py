"""A scene seen from above, as primitives of a two-dimensional plot.

Each primitive has a label, the text of the legend. Positions are east and north, m.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Discs(NamedTuple):
    """Discs of one kind."""

    label: str
    colour: str
    places: npt.NDArray[np.float64]
    """(n, 3) x, y and radius, m."""


class Line(NamedTuple):
    """A line through points."""

    label: str
    colour: str
    width: float
    """Width in metres or, if negative, in points."""
    points: npt.NDArray[np.float64]
    """(n, 2) x and y, m."""


class Landmark(NamedTuple):
    """A point of interest."""

    label: str
    marker: str
    """Marker of matplotlib."""
    colour: str
    position: tuple[float, float]
    """East and north, m."""
    is_goal: bool = False
    """Whether the mission succeeds near this point."""


class TopView(NamedTuple):
    """A layout seen from above."""

    discs: tuple[Discs, ...]
    """Discs from the lowest to the highest."""
    lines: tuple[Line, ...]
    landmarks: tuple[Landmark, ...]
    extent_points: npt.NDArray[np.float64]
    """(n, 2) points that the plot must contain."""
