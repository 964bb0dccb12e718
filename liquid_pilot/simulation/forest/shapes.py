"""Solids of the forest: trees, bushes, gates and the chair, as shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liquid_pilot.simulation.base.appearance import DEFAULT_APPEARANCE, Appearance, Vec3
from liquid_pilot.simulation.base.shapes import Shape, _colour, _exact, bush_shape, tree_shapes
from liquid_pilot.simulation.forest.layout import GATE_HALF_M, POST_RADIUS_M, ForestLayout, Hedge

GATE_COLOUR = (0.10, 0.25, 0.80)


_FRAME = (0.12, 0.12, 0.13)


@dataclass(frozen=True)
class Chair:
    """A red camping chair, the target of Chahine et al. 2023: 0.75 m wide, 1.05 m tall."""

    position_m: Vec3
    yaw_rad: float
    parts: tuple[Shape, ...]
    """In its own frame: x ahead of who sits, z up."""


def forest_shapes(layout: ForestLayout, look: Appearance = DEFAULT_APPEARANCE) -> list[Shape]:
    """All that stands there, but for chairs."""
    found = [
        shape for index, each in enumerate(layout.trees) for shape in tree_shapes(each, index, look)
    ]
    found += [bush_shape(each, index, look) for index, each in enumerate(layout.bushes)]
    if layout.course is not None:
        found += [_hedge(hedge, index, look) for index, hedge in enumerate(layout.course.hedges)]
        found += _gate(layout)
    return found


def _hedge(hedge: Hedge, index: int, look: Appearance) -> Shape:
    return Shape(
        f'hedge_{index}',
        'box',
        _exact(0.5 * hedge.length_m, 0.5 * hedge.thickness_m, 0.5 * hedge.height_m),
        _exact(hedge.x_m, hedge.y_m, 0.5 * hedge.height_m),
        _colour(np.array([0.16, 0.33, 0.12]) * look.leaves),
        'leaves',
        (0.0, 0.0, round(hedge.yaw_rad, 6)),
    )


def _gate(layout: ForestLayout) -> list[Shape]:
    """Two posts and a bar, where there is one."""
    shapes = [
        Shape(
            f'gate_post_{index}', 'cylinder', (POST_RADIUS_M, 1.4), _exact(x, y, 1.4), GATE_COLOUR
        )
        for index, (x, y) in enumerate(layout.posts())
    ]
    if shapes:
        shapes.append(
            Shape(
                'gate_bar',
                'box',
                (POST_RADIUS_M, GATE_HALF_M, 0.15),
                _exact(*layout.course.gate_enu_m, 2.8),
                GATE_COLOUR,
                rpy_rad=(0.0, 0.0, round(layout.gate_yaw_rad, 6)),
            )
        )
    return shapes


def make_chair(
    layout: ForestLayout, look: Appearance = DEFAULT_APPEARANCE, place: Vec3 | None = None
) -> Chair:
    """The target, or another chair like it at a place."""
    wide, tall = look.stretch
    cloth = _colour(look.cloth)
    arm = (
        _colour([0.8333 * part for part in look.cloth])
        if look != DEFAULT_APPEARANCE
        else (0.72, 0.05, 0.06)
    )

    def stretched(*values: float) -> tuple[float, ...]:
        """Depth, width and height of each point or size."""
        return tuple(
            float(f'{value * (1.0, wide, tall)[k % 3]:g}') for k, value in enumerate(values)
        )

    parts = [
        Shape(
            '',
            'box',
            stretched(0.28, 0.33, 0.02),
            stretched(0.02, 0.0, 0.42),
            cloth,
            rpy_rad=(0.0, 0.10, 0.0),
        ),
        Shape(
            '',
            'box',
            stretched(0.02, 0.33, 0.34),
            stretched(-0.30, 0.0, 0.74),
            cloth,
            rpy_rad=(0.0, -0.22, 0.0),
        ),
    ]
    for a in (-1, 1):
        for b in (-1, 1):
            ends = stretched(0.30 * a, 0.32 * b, 0.0, -0.24 * a, 0.34 * b, 0.62)
            parts.append(_capsule(0.014, ends, _FRAME))
    parts += [
        Shape('', 'box', stretched(0.26, 0.035, 0.012), stretched(0.02, 0.36 * b, 0.63), arm)
        for b in (-1, 1)
    ]
    return Chair(_exact(*(place or layout.target_enu_m)), layout.target_yaw_rad, tuple(parts))


def _capsule(radius: float, ends: tuple[float, ...], colour: Vec3) -> Shape:
    """Between two points; its z axis is turned onto the line by pitch, then yaw."""
    first, second = np.array(ends[:3]), np.array(ends[3:])
    along = second - first
    length = float(np.linalg.norm(along))
    pitch = math.atan2(math.hypot(along[0], along[1]), along[2])
    return Shape(
        '',
        'capsule',
        (radius, 0.5 * length),
        tuple(map(float, 0.5 * (first + second))),
        colour,
        rpy_rad=(0.0, pitch, math.atan2(along[1], along[0])),
        ends_m=ends,
    )
