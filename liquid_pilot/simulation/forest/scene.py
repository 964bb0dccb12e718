"""The forest as an MJCF scene."""

from __future__ import annotations

import math

from liquid_pilot.simulation.base import appearance as looks
from liquid_pilot.simulation.base.appearance import DEFAULT_APPEARANCE, Appearance
from liquid_pilot.simulation.base.task import SceneParts
from liquid_pilot.simulation.forest.layout import ForestLayout
from liquid_pilot.simulation.forest.memory_courses import DECOY_BODY, TARGET_BODY
from liquid_pilot.simulation.forest.shapes import Chair, forest_shapes, make_chair
from liquid_pilot.simulation.mujoco.mjcf import (
    HIDDEN_GEOM_GROUP,
    _numbers,
    flat_square_mesh,
    geom,
    plant_assets,
)


def _chair(chair: Chair, body: str) -> str:
    half = 0.5 * chair.yaw_rad
    return (
        f'<body name="{body}" pos="{_numbers(*chair.position_m)}" '
        f'quat="{math.cos(half):.6f} 0 0 {math.sin(half):.6f}">'
        f'{"".join(map(geom, chair.parts))}</body>'
    )


def build_forest_scene(layout: ForestLayout, look: Appearance = DEFAULT_APPEARANCE) -> SceneParts:
    """A forest with its chairs."""
    chairs = _chair(make_chair(layout, look), TARGET_BODY)
    if layout.course is not None:
        chairs += _chair(make_chair(layout, look, layout.course.decoy_enu_m), DECOY_BODY)
    assets = f"""<texture name="ground" type="2d" file="ground.png"/>
    <material name="ground" texture="ground" specular="0"/>
    {flat_square_mesh('ground', 80.0, 10.0)}
    {plant_assets()}"""
    bodies = f"""<geom name="ground" class="solid" type="plane" size="80 80 1" group="{HIDDEN_GEOM_GROUP}"/>
    <geom class="visual" type="mesh" mesh="ground" material="ground"/>
    {''.join(map(geom, forest_shapes(layout, look)))}
    {chairs}"""
    return SceneParts(
        assets, bodies, looks.textures(layout.seed, look), looks.sample_lighting(layout.seed)
    )
