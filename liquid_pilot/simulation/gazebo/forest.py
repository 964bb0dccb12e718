"""The forest in Gazebo, with the quadrotor at its start."""

from __future__ import annotations

from liquid_pilot.simulation.base.appearance import SceneLook
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.forest.layout import ForestLayout
from liquid_pilot.simulation.forest.shapes import forest_shapes, make_chair
from liquid_pilot.simulation.gazebo.meshes import Objects, square
from liquid_pilot.simulation.gazebo.models import SOLID, cones, mesh, solid, still
from liquid_pilot.simulation.gazebo.quadrotor import quadrotor
from liquid_pilot.simulation.gazebo.sdf import Element, numbers, sub

_GROUND_HALF_M, _GROUND_REPEATS = 80.0, 10


def furnish(world: Element, layout: ForestLayout, settings: SimulationSettings, look: SceneLook
            ) -> dict[str, bytes]:
    """What stands in the forest, and the vehicle; the files that they name."""
    meshes = Objects('forest')
    _ground(world, meshes)
    solid(world, 'forest', (0.0, 0.0, 0.0), 0.0, forest_shapes(layout, look), meshes)
    chairs = {'target': make_chair(layout, look)}
    if layout.course is not None:
        chairs['decoy'] = make_chair(layout, look, layout.course.decoy_enu_m)
    for name, chair in chairs.items():
        solid(world, name, chair.position_m, chair.yaw_rad, chair.parts, meshes)
    world.append(quadrotor(layout, settings, SOLID))
    return {**meshes.files(), **cones()}


def _ground(world: Element, meshes: Objects) -> None:
    link = still(world, f'{SOLID}_ground')
    plane = sub(sub(sub(link, 'collision', name='ground'), 'geometry'), 'plane')
    sub(plane, 'normal', '0 0 1')
    sub(plane, 'size', numbers((2.0 * _GROUND_HALF_M,) * 2))
    meshes.add('ground', square(_GROUND_HALF_M, _GROUND_REPEATS), (1.0, 1.0, 1.0), 'ground.png')
    visual = sub(link, 'visual', name='ground_visual')
    mesh(sub(visual, 'geometry'), meshes.file, 'ground')
