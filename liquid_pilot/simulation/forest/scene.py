"""The forest as an MJCF scene."""

from __future__ import annotations

import math

from liquid_pilot.simulation.base.appearance import (
    DEFAULT_APPEARANCE,
    Appearance,
    sample_lighting,
    sample_textures,
)
from liquid_pilot.simulation.base.task import SceneParts
from liquid_pilot.simulation.base.xml_text import format_numbers
from liquid_pilot.simulation.forest.layout import ForestLayout
from liquid_pilot.simulation.forest.memory_courses import DECOY_BODY, TARGET_BODY
from liquid_pilot.simulation.forest.shapes import Chair, forest_shapes, make_chair
from liquid_pilot.simulation.mujoco.mjcf import (
    HIDDEN_GEOM_GROUP,
    flat_square_mesh,
    geom,
    plant_assets,
)


def _chair(chair: Chair, body: str) -> str:
    half = 0.5 * chair.yaw_rad
    return (
        f'<body name="{body}" pos="{format_numbers(chair.position_m)}" '
        f'quat="{math.cos(half):.6f} 0 0 {math.sin(half):.6f}">'
        f'{"".join(map(geom, chair.parts))}</body>'
    )


def build_forest_scene(
    layout: ForestLayout, appearance: Appearance = DEFAULT_APPEARANCE
) -> SceneParts:
    """Return the scene of a forest, without the vehicle."""
    chairs = _chair(make_chair(layout, appearance), TARGET_BODY)
    if layout.course is not None:
        chairs += _chair(make_chair(layout, appearance, layout.course.decoy_enu_m), DECOY_BODY)
    assets = f"""<texture name="ground" type="2d" file="ground.png"/>
    <material name="ground" texture="ground" specular="0"/>
    {flat_square_mesh('ground', 80.0, 10.0)}
    {plant_assets()}"""
    group = HIDDEN_GEOM_GROUP
    bodies = f"""<geom name="ground" class="solid" type="plane" size="80 80 1" group="{group}"/>
    <geom class="visual" type="mesh" mesh="ground" material="ground"/>
    {''.join(map(geom, forest_shapes(layout, appearance)))}
    {chairs}"""
    return SceneParts(
        assets,
        bodies,
        sample_textures(layout.seed, appearance),
        sample_lighting(layout.seed),
    )
