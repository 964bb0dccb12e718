"""Solids of a scene, independent of the engine that draws them or detects contacts.

World frame ENU, metres, radians. Numbers are rounded here, so that all engines get the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from liquid_pilot.simulation.base.appearance import Appearance, Vec3
from liquid_pilot.simulation.base.vegetation import Bush, Tree

CONE_SIZES = 4
"""Number of cone sizes for pines. Sizes are discrete because not every engine scales meshes."""
CONE_TIERS = 2
"""Max number of cones of one pine."""


@dataclass(frozen=True)
class Shape:
    """One solid body of a scene."""

    name: str
    """Name, unique within a scene; may be empty."""
    kind: str
    """'cylinder', 'capsule', 'box', 'ellipsoid' or 'cone'."""
    size: tuple[float, ...]
    """Size. Cylinder and capsule: radius and half length along z. Box and ellipsoid: half extents.
    Cone: the arguments of `cone_size`; the base of a cone is at its position."""
    position_m: Vec3
    colour: Vec3
    """Red, green and blue, in [0, 1]."""
    material: str = ''
    """'bark' or 'leaves'; empty: a plain colour."""
    rpy_rad: Vec3 = (0.0, 0.0, 0.0)
    """Roll, pitch and yaw. At most one of them is not zero, except for capsules."""
    ends_m: tuple[float, ...] = ()
    """Both ends of a capsule as (6,) x, y, z; its position and rotation follow from them."""
    collidable: bool = True
    """Whether a contact is detected. Shapes outside the flown area need none."""


def cone_size(size: int, tier: int) -> tuple[float, float]:
    """Return the radius and the height of a cone.

    Args:
        size: index of the pine's size, from 0 to CONE_SIZES - 1.
        tier: index of the cone in its pine, from the lowest, from 0 to CONE_TIERS - 1.
    """
    scale = 1.0 - 0.3 * tier
    return (0.9 + 0.5 * (size + 0.5) / CONE_SIZES) * scale, 4.2 * scale


def round_length(value: float) -> float:
    """Return a length rounded to a tenth of a millimetre."""
    return round(float(value), 4)


def round_position(x: float, y: float, z: float) -> Vec3:
    """Return (x, y, z), a position or half extents in m, rounded to a tenth of a millimetre."""
    return round_length(x), round_length(y), round_length(z)


def round_colour(colour: Iterable[float]) -> Vec3:
    """Return red, green and blue clipped to [0, 1] and rounded to three decimals."""
    red, green, blue = (round(min(max(float(value), 0.0), 1.0), 3) for value in colour)
    return red, green, blue


def tree_shapes(tree: Tree, index: int, appearance: Appearance) -> list[Shape]:
    """Return the trunk and the crown of a tree: two to four shapes.

    Args:
        tree: the tree.
        index: number of the tree in its scene, for the names.
        appearance: factors on the colours.
    """
    brightness = 0.75 + 0.5 * tree.shade
    name, collidable = f'tree_{index}', not tree.backdrop
    top = tree.crown_base_m + 0.5 * (tree.height_m - tree.crown_base_m)
    shapes = [
        Shape(
            name,
            'cylinder',
            (round_length(tree.trunk_radius_m), round_length(0.5 * top)),
            round_position(tree.x_m, tree.y_m, 0.5 * top),
            round_colour(np.array([0.36, 0.27, 0.19]) * brightness * appearance.bark),
            'bark',
            collidable=collidable,
        )
    ]
    if tree.kind == 'pine':
        leaf = np.array([0.10, 0.30, 0.15]) * brightness * appearance.leaves
        size = min(int((tree.crown_radius_m - 0.9) / 0.5 * CONE_SIZES), CONE_SIZES - 1)
        height = tree.height_m - tree.crown_base_m
        for tier, share in enumerate((0.0,) if tree.backdrop else (0.0, 0.36)):
            shapes.append(
                Shape(
                    f'{name}_crown{tier}',
                    'cone',
                    (size, tier),
                    round_position(tree.x_m, tree.y_m, tree.crown_base_m + share * height),
                    round_colour(leaf * (1 + 0.18 * tier)),
                    'leaves',
                    collidable=collidable,
                )
            )
        return shapes
    leaf = np.array([0.25, 0.42, 0.14]) * brightness * appearance.leaves
    half = 0.5 * (tree.height_m - tree.crown_base_m)
    radius = tree.crown_radius_m
    lobes = [(0.0, 0.0, half, 1.0)]
    if not tree.backdrop:
        side = 0.45 * radius
        lobes.append((side, 0.4 * side, 0.75 * half, 0.72))
        lobes.append((-side, -0.6 * side, 0.85 * half, 0.66))
    for lobe, (x, y, z, scale) in enumerate(lobes):
        half_height = max(scale * half, 0.1)
        shapes.append(
            Shape(
                f'{name}_crown{lobe}',
                'ellipsoid',
                round_position(scale * radius, scale * radius, half_height),
                round_position(tree.x_m + x, tree.y_m + y, tree.crown_base_m + max(z, half_height)),
                round_colour(leaf * (1 - 0.08 * lobe)),
                'leaves',
                collidable=collidable,
            )
        )
    return shapes


def bush_shape(bush: Bush, index: int, appearance: Appearance) -> Shape:
    """Return a bush.

    Args:
        bush: the bush.
        index: number of the bush in its scene, for the name.
        appearance: factors on the colours.
    """
    leaf = np.array([0.24, 0.36, 0.13]) * (0.75 + 0.5 * bush.shade) * appearance.leaves
    return Shape(
        f'bush_{index}',
        'ellipsoid',
        round_position(bush.radius_m, bush.radius_m, bush.height_m),
        round_position(bush.x_m, bush.y_m, 0.4 * bush.height_m),
        round_colour(leaf),
        'leaves',
    )
