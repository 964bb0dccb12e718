"""Trees and bushes, as any world may hold them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tree:
    """A trunk and its crown; `kind` is 'pine' or 'broadleaf'."""

    x_m: float
    y_m: float
    trunk_radius_m: float
    height_m: float
    crown_base_m: float
    crown_radius_m: float
    kind: str
    shade: float
    """Brightness of its colours in [0, 1]."""
    backdrop: bool = False
    """Stands outside the flown area and is drawn simply."""


@dataclass(frozen=True)
class Bush:
    """A low ellipsoid of leaves."""

    x_m: float
    y_m: float
    radius_m: float
    height_m: float
    shade: float
