"""What stands in a forest, as shapes: for every engine that draws or collides.

World frame ENU, metres, radians. Figures are rounded here, so that all engines get the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liquid_pilot.simulation.layout import (
    GATE_HALF_M,
    POST_RADIUS_M,
    Bush,
    ForestLayout,
    Hedge,
    Tree,
)
from liquid_pilot.simulation.look import FAIR, SceneLook, Triple

CONE_SIZES = 4
"""Pines are drawn from this many sizes of cone: not every engine scales a mesh."""
CONE_TIERS = 2
GATE_COLOUR = (0.10, 0.25, 0.80)
_FRAME = (0.12, 0.12, 0.13)


@dataclass(frozen=True)
class Shape:
    """One solid."""

    name: str
    """Empty: it needs none."""
    kind: str
    """'cylinder' and 'capsule': radius, half length (along z). 'box', 'ellipsoid': half extents.
    'cone': size and tier, of `cone_size`; its base is at the position."""
    size: tuple[float, ...]
    position_m: Triple
    colour: Triple
    """Red, green, blue in [0, 1]."""
    material: str = ''
    """'bark', 'leaves', or plain."""
    rpy_rad: Triple = (0.0, 0.0, 0.0)
    """At most one of them is not zero, but for capsules."""
    ends_m: tuple[float, ...] = ()
    """Of a capsule: both ends; position and rotation then follow from them."""
    reachable: bool = True
    """False: it stands where nobody flies."""


@dataclass(frozen=True)
class Chair:
    """A red camping chair, the target of Chahine et al. 2023: 0.75 m wide, 1.05 m tall."""

    position_m: Triple
    yaw_rad: float
    parts: tuple[Shape, ...]
    """In its own frame: x ahead of who sits, z up."""


def cone_size(size: int, tier: int) -> tuple[float, float]:
    """Radius and height of a cone."""
    scale = 1.0 - 0.3 * tier
    return (0.9 + 0.5 * (size + 0.5) / CONE_SIZES) * scale, 4.2 * scale


def forest(layout: ForestLayout, look: SceneLook = FAIR) -> list[Shape]:
    """All that stands there, but for chairs."""
    found = [shape for index, each in enumerate(layout.trees) for shape in tree(each, index, look)]
    found += [bush(each, index, look) for index, each in enumerate(layout.bushes)]
    if layout.course is not None:
        found += [_hedge(hedge, index, look) for index, hedge in enumerate(layout.course.hedges)]
        found += _gate(layout)
    return found


def _exact(*values: float) -> tuple[float, ...]:
    """To a tenth of a millimetre."""
    return tuple(round(float(value), 4) for value in values)


def _colour(values: np.ndarray | tuple[float, ...]) -> Triple:
    return tuple(round(min(max(float(value), 0.0), 1.0), 3) for value in values)


def tree(tree: Tree, index: int, look: SceneLook) -> list[Shape]:
    """Two to four shapes: trunk and crown."""
    light = 0.75 + 0.5 * tree.shade
    name, reachable = f'tree_{index}', not tree.backdrop
    top = tree.crown_base_m + 0.5 * (tree.height_m - tree.crown_base_m)
    shapes = [Shape(
        name, 'cylinder', _exact(tree.trunk_radius_m, 0.5 * top),
        _exact(tree.x_m, tree.y_m, 0.5 * top),
        _colour(np.array([0.36, 0.27, 0.19]) * light * look.bark), 'bark', reachable=reachable)]
    if tree.kind == 'pine':
        leaf = np.array([0.10, 0.30, 0.15]) * light * look.leaves
        size = min(int((tree.crown_radius_m - 0.9) / 0.5 * CONE_SIZES), CONE_SIZES - 1)
        height = tree.height_m - tree.crown_base_m
        for tier, share in enumerate((0.0,) if tree.backdrop else (0.0, 0.36)):
            shapes.append(Shape(
                f'{name}_crown{tier}', 'cone', (size, tier),
                _exact(tree.x_m, tree.y_m, tree.crown_base_m + share * height),
                _colour(leaf * (1 + 0.18 * tier)), 'leaves', reachable=reachable))
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
        shapes.append(Shape(
            f'{name}_crown{lobe}', 'ellipsoid', _exact(scale * radius, scale * radius, tall),
            _exact(tree.x_m + x, tree.y_m + y, tree.crown_base_m + max(z, tall)),
            _colour(leaf * (1 - 0.08 * lobe)), 'leaves', reachable=reachable))
    return shapes


def bush(bush: Bush, index: int, look: SceneLook) -> Shape:
    """Leaves on the ground."""
    leaf = np.array([0.24, 0.36, 0.13]) * (0.75 + 0.5 * bush.shade) * look.leaves
    return Shape(
        f'bush_{index}', 'ellipsoid', _exact(bush.radius_m, bush.radius_m, bush.height_m),
        _exact(bush.x_m, bush.y_m, 0.4 * bush.height_m), _colour(leaf), 'leaves')


def _hedge(hedge: Hedge, index: int, look: SceneLook) -> Shape:
    return Shape(
        f'hedge_{index}', 'box',
        _exact(0.5 * hedge.length_m, 0.5 * hedge.thickness_m, 0.5 * hedge.height_m),
        _exact(hedge.x_m, hedge.y_m, 0.5 * hedge.height_m),
        _colour(np.array([0.16, 0.33, 0.12]) * look.leaves), 'leaves',
        (0.0, 0.0, round(hedge.yaw_rad, 6)))


def _gate(layout: ForestLayout) -> list[Shape]:
    """Two posts and a bar, where there is one."""
    shapes = [Shape(f'gate_post_{index}', 'cylinder', (POST_RADIUS_M, 1.4), _exact(x, y, 1.4),
                    GATE_COLOUR) for index, (x, y) in enumerate(layout.posts())]
    if shapes:
        shapes.append(Shape(
            'gate_bar', 'box', (POST_RADIUS_M, GATE_HALF_M, 0.15),
            _exact(*layout.course.gate_enu_m, 2.8), GATE_COLOUR,
            rpy_rad=(0.0, 0.0, round(layout.gate_yaw_rad, 6))))
    return shapes


def chair(layout: ForestLayout, look: SceneLook = FAIR, place: Triple | None = None) -> Chair:
    """The target, or another chair like it at a place."""
    wide, tall = look.stretch
    cloth = _colour(look.cloth)
    arm = _colour([0.8333 * part for part in look.cloth]) if look != FAIR else (0.72, 0.05, 0.06)

    def stretched(*values: float) -> tuple[float, ...]:
        """Depth, width and height of each point or size."""
        return tuple(float(f'{value * (1.0, wide, tall)[k % 3]:g}')
                     for k, value in enumerate(values))

    parts = [
        Shape('', 'box', stretched(0.28, 0.33, 0.02), stretched(0.02, 0.0, 0.42), cloth,
              rpy_rad=(0.0, 0.10, 0.0)),
        Shape('', 'box', stretched(0.02, 0.33, 0.34), stretched(-0.30, 0.0, 0.74), cloth,
              rpy_rad=(0.0, -0.22, 0.0))]
    for a in (-1, 1):
        for b in (-1, 1):
            ends = stretched(0.30 * a, 0.32 * b, 0.0, -0.24 * a, 0.34 * b, 0.62)
            parts.append(_capsule(0.014, ends, _FRAME))
    parts += [Shape('', 'box', stretched(0.26, 0.035, 0.012), stretched(0.02, 0.36 * b, 0.63), arm)
              for b in (-1, 1)]
    return Chair(_exact(*(place or layout.target_enu_m)), layout.target_yaw_rad, tuple(parts))


def _capsule(radius: float, ends: tuple[float, ...], colour: Triple) -> Shape:
    """Between two points; its z axis is turned onto the line by pitch, then yaw."""
    first, second = np.array(ends[:3]), np.array(ends[3:])
    along = second - first
    length = float(np.linalg.norm(along))
    pitch = math.atan2(math.hypot(along[0], along[1]), along[2])
    return Shape('', 'capsule', (radius, 0.5 * length), tuple(map(float, 0.5 * (first + second))),
                 colour, rpy_rad=(0.0, pitch, math.atan2(along[1], along[0])), ends_m=ends)
