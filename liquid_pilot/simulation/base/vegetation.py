"""Trees and bushes of any scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Tree:
    """A trunk and its crown. Lengths are in metres, positions in the world frame (ENU)."""

    x_m: float
    y_m: float
    trunk_radius_m: float
    height_m: float
    crown_base_m: float
    """Height at which the crown begins."""
    crown_radius_m: float
    kind: str
    """Species, which decides the shape of the crown: 'pine' or 'broadleaf'."""
    shade: float
    """Brightness of the colours, in [0, 1]."""
    backdrop: bool = False
    """Whether the tree stands outside the flown area and is drawn with less detail."""


@dataclass(frozen=True)
class Bush:
    """A low ellipsoid of leaves. Lengths are in metres, positions in the world frame (ENU)."""

    x_m: float
    y_m: float
    radius_m: float
    height_m: float
    """Vertical half axis of the ellipsoid."""
    shade: float
    """Brightness of the colours, in [0, 1]."""


def nearest_trees(
    trees: Sequence[Tree], path_m: npt.NDArray[np.floating], count: int
) -> tuple[int, ...]:
    """Return the numbers of the trees whose trunks are nearest to a path, the nearest first.

    Args:
        trees: trees of a layout; those of the backdrop do not count.
        path_m: (n, 2) or (n, 3) points of the path, east and north first, world frame ENU.
        count: number of trees.

    >>> pines = [Tree(x, 1.0, 0.2, 8.0, 3.0, 1.5, 'pine', 0.5) for x in (0.0, 5.0, 9.0)]
    >>> nearest_trees(pines, np.array([[4.0, 0.0], [8.0, 0.0]]), 2)
    (1, 2)
    """
    points = np.asarray(path_m, np.float64)[:, :2]
    gaps = {
        number: float(np.hypot(*(points - (tree.x_m, tree.y_m)).T).min()) - tree.trunk_radius_m
        for number, tree in enumerate(trees)
        if not tree.backdrop
    }
    return tuple(sorted(gaps, key=lambda number: gaps[number])[:count])
