"""Solids of the forest: trees, bushes, hedges, the gate and the chairs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liquid_pilot.simulation.base.appearance import DEFAULT_APPEARANCE, Appearance, Vec3
from liquid_pilot.simulation.base.shapes import (
    Shape,
    bush_shape,
    round_colour,
    round_position,
    tree_shapes,
)
from liquid_pilot.simulation.forest.layout import GATE_HALF_M, POST_RADIUS_M, ForestLayout, Hedge

GATE_COLOUR = (0.10, 0.25, 0.80)
_FRAME_COLOUR = (0.12, 0.12, 0.13)
_ARM_COLOUR = (0.72, 0.05, 0.06)


@dataclass(frozen=True)
class Chair:
    """A red camping chair, the target of Chahine et al. 2023: 0.75 m wide, 1.05 m tall."""

    position_m: Vec3
    """Position on the ground, world frame ENU."""
    yaw_rad: float
    """Heading, counter-clockwise from east."""
    parts: tuple[Shape, ...]
    """Solids in the frame of the chair: x forward, z up."""


def forest_shapes(layout: ForestLayout, appearance: Appearance = DEFAULT_APPEARANCE) -> list[Shape]:
    """Return all solids of a forest except for the chairs."""
    shapes = [
        shape
        for index, tree in enumerate(layout.trees)
        for shape in tree_shapes(tree, index, appearance)
    ]
    shapes += [bush_shape(bush, index, appearance) for index, bush in enumerate(layout.bushes)]
    if layout.course is not None:
        hedges = enumerate(layout.course.hedges)
        shapes += [_hedge(hedge, index, appearance) for index, hedge in hedges]
        if layout.course.gate_enu_m is not None:
            shapes += _gate(layout, layout.course.gate_enu_m)
    return shapes


def _hedge(hedge: Hedge, index: int, appearance: Appearance) -> Shape:
    return Shape(
        f'hedge_{index}',
        'box',
        round_position(0.5 * hedge.length_m, 0.5 * hedge.thickness_m, 0.5 * hedge.height_m),
        round_position(hedge.x_m, hedge.y_m, 0.5 * hedge.height_m),
        round_colour(np.array([0.16, 0.33, 0.12]) * appearance.leaves),
        'leaves',
        (0.0, 0.0, round(hedge.yaw_rad, 6)),
    )


def _gate(layout: ForestLayout, gate_enu_m: tuple[float, float]) -> list[Shape]:
    """Return the two posts and the bar of the gate."""
    posts = [
        Shape(
            f'gate_post_{index}',
            'cylinder',
            (POST_RADIUS_M, 1.4),
            round_position(x, y, 1.4),
            GATE_COLOUR,
        )
        for index, (x, y) in enumerate(layout.gate_posts())
    ]
    x, y = gate_enu_m
    bar = Shape(
        'gate_bar',
        'box',
        (POST_RADIUS_M, GATE_HALF_M, 0.15),
        round_position(x, y, 2.8),
        GATE_COLOUR,
        rpy_rad=(0.0, 0.0, round(layout.gate_yaw_rad, 6)),
    )
    return [*posts, bar]


def make_chair(
    layout: ForestLayout,
    appearance: Appearance = DEFAULT_APPEARANCE,
    position_m: Vec3 | None = None,
) -> Chair:
    """Return a chair.

    Args:
        layout: the forest.
        appearance: colour and scale of the chair.
        position_m: position of the chair; None: that of the target.
    """
    width, height = appearance.target_scale
    cloth = round_colour(appearance.target_colour)
    arm_colour = (
        round_colour(0.8333 * channel for channel in appearance.target_colour)
        if appearance != DEFAULT_APPEARANCE
        else _ARM_COLOUR
    )

    def scaled(x: float, y: float, z: float) -> Vec3:
        """Return a point or a size with the width and the height of this chair."""
        return float(f'{x:g}'), float(f'{y * width:g}'), float(f'{z * height:g}')

    parts = [
        Shape(
            '',
            'box',
            scaled(0.28, 0.33, 0.02),
            scaled(0.02, 0.0, 0.42),
            cloth,
            rpy_rad=(0.0, 0.10, 0.0),
        ),
        Shape(
            '',
            'box',
            scaled(0.02, 0.33, 0.34),
            scaled(-0.30, 0.0, 0.74),
            cloth,
            rpy_rad=(0.0, -0.22, 0.0),
        ),
    ]
    for a in (-1, 1):
        for b in (-1, 1):
            foot, top = scaled(0.30 * a, 0.32 * b, 0.0), scaled(-0.24 * a, 0.34 * b, 0.62)
            parts.append(_capsule(0.014, foot, top, _FRAME_COLOUR))
    parts += [
        Shape('', 'box', scaled(0.26, 0.035, 0.012), scaled(0.02, 0.36 * b, 0.63), arm_colour)
        for b in (-1, 1)
    ]
    position = round_position(*(position_m or layout.target_enu_m))
    return Chair(position, layout.target_yaw_rad, tuple(parts))


def _capsule(radius: float, start: Vec3, end: Vec3, colour: Vec3) -> Shape:
    """Return a capsule between two points. Pitch, then yaw turn its z axis onto the line."""
    first, second = np.array(start), np.array(end)
    along = second - first
    length = float(np.linalg.norm(along))
    x, y, z = (float(value) for value in 0.5 * (first + second))
    pitch = math.atan2(math.hypot(along[0], along[1]), along[2])
    return Shape(
        '',
        'capsule',
        (radius, 0.5 * length),
        (x, y, z),
        colour,
        rpy_rad=(0.0, pitch, math.atan2(along[1], along[0])),
        ends_m=(*start, *end),
    )
