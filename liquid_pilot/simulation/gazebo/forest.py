"""The models of a forest in Gazebo, with the quadrotor at its start."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from liquid_pilot.simulation.base.appearance import Appearance
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.xml_text import format_numbers
from liquid_pilot.simulation.forest.layout import ForestLayout
from liquid_pilot.simulation.forest.shapes import forest_shapes, make_chair
from liquid_pilot.simulation.gazebo.meshes import ObjWriter, square_mesh
from liquid_pilot.simulation.gazebo.models import (
    OBSTACLE_PREFIX,
    add_mesh,
    add_obstacle_model,
    add_static_link,
    cone_mesh_files,
)
from liquid_pilot.simulation.gazebo.quadrotor import quadrotor_model
from liquid_pilot.simulation.gazebo.sdf import add_child

_GROUND_HALF_M, _GROUND_REPEATS = 80.0, 10


def add_models(
    world: Element, layout: ForestLayout, settings: SimulationSettings, appearance: Appearance
) -> dict[str, bytes]:
    """Append the models of a forest and the vehicle to a world.

    Args:
        world: the world.
        layout: the forest.
        settings: rates and camera of the vehicle.
        appearance: colours and shape of the target.

    Returns:
        The files that the models refer to, by name.
    """
    meshes = ObjWriter('forest')
    _add_ground(world, meshes)
    add_obstacle_model(
        world, 'forest', (0.0, 0.0, 0.0), 0.0, forest_shapes(layout, appearance), meshes
    )
    chairs = {'target': make_chair(layout, appearance)}
    if layout.course is not None:
        chairs['decoy'] = make_chair(layout, appearance, layout.course.decoy_enu_m)
    for name, chair in chairs.items():
        add_obstacle_model(world, name, chair.position_m, chair.yaw_rad, chair.parts, meshes)
    world.append(quadrotor_model(layout, settings, OBSTACLE_PREFIX))
    return {**meshes.files(), **cone_mesh_files()}


def _add_ground(world: Element, meshes: ObjWriter) -> None:
    link = add_static_link(world, f'{OBSTACLE_PREFIX}_ground')
    plane = add_child(add_child(add_child(link, 'collision', name='ground'), 'geometry'), 'plane')
    add_child(plane, 'normal', '0 0 1')
    add_child(plane, 'size', format_numbers((2.0 * _GROUND_HALF_M,) * 2))
    meshes.add(
        'ground', square_mesh(_GROUND_HALF_M, _GROUND_REPEATS), (1.0, 1.0, 1.0), 'ground.png'
    )
    visual = add_child(link, 'visual', name='ground_visual')
    add_mesh(add_child(visual, 'geometry'), meshes.file, 'ground')
