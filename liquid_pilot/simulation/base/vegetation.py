"""Trees and bushes of any scene."""

from __future__ import annotations

from dataclasses import dataclass


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
