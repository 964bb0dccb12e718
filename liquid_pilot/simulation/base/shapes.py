"""What stands in a forest, as shapes: for every engine that draws or collides.

World frame ENU, metres, radians. Figures are rounded here, so that all engines get the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liquid_pilot.simulation.base.appearance import Appearance, Vec3
from liquid_pilot.simulation.base.vegetation import Bush, Tree

CONE_SIZES = 4
"""Pines are drawn from this many sizes of cone: not every engine scales a mesh."""
CONE_TIERS = 2


@dataclass(frozen=True)
class Shape:
    """One solid."""

    name: str
    """Empty: it needs none."""
    kind: str
    """'cylinder' and 'capsule': radius, half length (along z). 'box', 'ellipsoid': half extents.
    'cone': size and tier, of `cone_size`; its base is at the position."""
    size: tuple[float, ...]
    position_m: Vec3
    colour: Vec3
    """Red, green, blue in [0, 1]."""
    material: str = ''
    """'bark', 'leaves', or plain."""
    rpy_rad: Vec3 = (0.0, 0.0, 0.0)
    """At most one of them is not zero, but for capsules."""
    ends_m: tuple[float, ...] = ()
    """Of a capsule: both ends; position and rotation then follow from them."""
    collidable: bool = True
    """False: it stands where nobody flies."""


def cone_size(size: int, tier: int) -> tuple[float, float]:
    """Radius and height of a cone."""
    scale = 1.0 - 0.3 * tier
    return (0.9 + 0.5 * (size + 0.5) / CONE_SIZES) * scale, 4.2 * scale


def _exact(*values: float) -> tuple[float, ...]:
    """To a tenth of a millimetre."""
    return tuple(round(float(value), 4) for value in values)


def _colour(values: np.ndarray | tuple[float, ...]) -> Vec3:
    return tuple(round(min(max(float(value), 0.0), 1.0), 3) for value in values)


def tree_shapes(tree: Tree, index: int, look: Appearance) -> list[Shape]:
    """Two to four shapes: trunk and crown."""
    light = 0.75 + 0.5 * tree.shade
    name, collidable = f'tree_{index}', not tree.backdrop
    top = tree.crown_base_m + 0.5 * (tree.height_m - tree.crown_base_m)
    shapes = [
        Shape(
            name,
            'cylinder',
            _exact(tree.trunk_radius_m, 0.5 * top),
            _exact(tree.x_m, tree.y_m, 0.5 * top),
            _colour(np.array([0.36, 0.27, 0.19]) * light * look.bark),
            'bark',
            collidable=collidable,
        )
    ]
    if tree.kind == 'pine':
        leaf = np.array([0.10, 0.30, 0.15]) * light * look.leaves
        size = min(int((tree.crown_radius_m - 0.9) / 0.5 * CONE_SIZES), CONE_SIZES - 1)
        height = tree.height_m - tree.crown_base_m
        for tier, share in enumerate((0.0,) if tree.backdrop else (0.0, 0.36)):
            shapes.append(
                Shape(
                    f'{name}_crown{tier}',
                    'cone',
                    (size, tier),
                    _exact(tree.x_m, tree.y_m, tree.crown_base_m + share * height),
                    _colour(leaf * (1 + 0.18 * tier)),
                    'leaves',
                    collidable=collidable,
                )
            )
        return shapes
    leaf = np.array([0.25, 0.42, 0.14]) * light * look.leaves
    half = 0.5 * (tree.height_m - tree.crown_base_m)
    radius = tree.crown_radius_m
    lobes = [(0.0, 0.0, half, 1.0)]
    if not tree.backdrop:
        side = 0.45 * radius
        lobes.append((side, 0.4 * side, 0.75 * half, 0.72))
        lobes.append((-side, -0.6 * side, 0.85 * half, 0.66))
    for lobe, (x, y, z, scale) in enumerate(lobes):
        tall = max(scale * half, 0.1)
        shapes.append(
            Shape(
                f'{name}_crown{lobe}',
                'ellipsoid',
                _exact(scale * radius, scale * radius, tall),
                _exact(tree.x_m + x, tree.y_m + y, tree.crown_base_m + max(z, tall)),
                _colour(leaf * (1 - 0.08 * lobe)),
                'leaves',
                collidable=collidable,
            )
        )
    return shapes


def bush_shape(bush: Bush, index: int, look: Appearance) -> Shape:
    """Leaves on the ground."""
    leaf = np.array([0.24, 0.36, 0.13]) * (0.75 + 0.5 * bush.shade) * look.leaves
    return Shape(
        f'bush_{index}',
        'ellipsoid',
        _exact(bush.radius_m, bush.radius_m, bush.height_m),
        _exact(bush.x_m, bush.y_m, 0.4 * bush.height_m),
        _colour(leaf),
        'leaves',
    )
