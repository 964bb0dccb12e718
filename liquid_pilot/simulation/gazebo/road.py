"""A road in Gazebo, with the rover at its start: the ground and the road of MuJoCo's scene."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from liquid_pilot.simulation.base.appearance import Appearance
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.gazebo.meshes import ObjWriter, PolygonMesh
from liquid_pilot.simulation.gazebo.models import (
    OBSTACLE_PREFIX,
    add_mesh,
    add_obstacle_model,
    add_static_link,
    cone_mesh_files,
)
from liquid_pilot.simulation.gazebo.rover import rover
from liquid_pilot.simulation.gazebo.sdf import Element, add_child
from liquid_pilot.simulation.road import scene
from liquid_pilot.simulation.road.layout import RoadLayout

GROUND = 'ground'
"""A part, and the file that has it alone: wheels stand on it."""
_WHITE = (1.0, 1.0, 1.0)


def add_models(
    world: Element, layout: RoadLayout, settings: SimulationSettings, look: Appearance
) -> dict[str, bytes]:
    """What stands beside the road, the road, and the vehicle; the files that they name."""
    meshes, ground = ObjWriter('road'), ObjWriter(GROUND)
    add_obstacle_model(
        world, 'plants', (0.0, 0.0, 0.0), 0.0, scene.plant_shapes(layout, look), meshes
    )
    link = add_static_link(world, GROUND)
    ground.add(GROUND, _joined(scene.ground_tiles(layout)), _WHITE, 'ground.png')
    add_mesh(add_child(add_child(link, 'collision', name=GROUND), 'geometry'), GROUND, GROUND)
    add_mesh(
        add_child(add_child(link, 'visual', name=f'{GROUND}_visual'), 'geometry'), GROUND, GROUND
    )
    meshes.add('surface', _joined(scene.surface_segments(layout)), _WHITE, 'road.png')
    add_mesh(
        add_child(add_child(link, 'visual', name='surface_visual'), 'geometry'),
        meshes.file,
        'surface',
    )
    world.append(rover(layout, settings, OBSTACLE_PREFIX))
    return {
        **meshes.files(),
        **ground.files(),
        **cone_mesh_files(),
        'road.png': scene.road_texture(layout),
    }


def _joined(parts: Iterable[tuple[str, str, tuple[np.ndarray, ...]]]) -> PolygonMesh:
    """Pieces of a surface as one, of which all normals look up."""
    made = PolygonMesh([], [], [], [])
    for _, _, (points, places, faces) in parts:
        first = len(made.vertices)
        made.vertices.extend(map(tuple, points.tolist()))
        made.places.extend(map(tuple, places.tolist()))
        made.normals.extend([(0.0, 0.0, 1.0)] * len(points))
        made.faces.extend(map(tuple, (faces + first).tolist()))
    return made
