"""A road in Gazebo, with the rover at its start: the ground and the road of MuJoCo's scene."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from liquid_pilot.simulation.base.appearance import SceneLook
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.gazebo.meshes import Objects, Surface
from liquid_pilot.simulation.gazebo.models import SOLID, cones, mesh, solid, still
from liquid_pilot.simulation.gazebo.rover import rover
from liquid_pilot.simulation.gazebo.sdf import Element, sub
from liquid_pilot.simulation.road import scene
from liquid_pilot.simulation.road.layout import RoadLayout

GROUND = 'ground'
"""A part, and the file that has it alone: wheels stand on it."""
_WHITE = (1.0, 1.0, 1.0)


def furnish(world: Element, layout: RoadLayout, settings: SimulationSettings, look: SceneLook
            ) -> dict[str, bytes]:
    """What stands beside the road, the road, and the vehicle; the files that they name."""
    meshes, ground = Objects('road'), Objects(GROUND)
    solid(world, 'plants', (0.0, 0.0, 0.0), 0.0, scene.grown(layout, look), meshes)
    link = still(world, GROUND)
    ground.add(GROUND, _joined(scene.tiles(layout)), _WHITE, 'ground.png')
    mesh(sub(sub(link, 'collision', name=GROUND), 'geometry'), GROUND, GROUND)
    mesh(sub(sub(link, 'visual', name=f'{GROUND}_visual'), 'geometry'), GROUND, GROUND)
    meshes.add('surface', _joined(scene.pieces(layout)), _WHITE, 'road.png')
    mesh(sub(sub(link, 'visual', name='surface_visual'), 'geometry'), meshes.file, 'surface')
    world.append(rover(layout, settings, SOLID))
    return {**meshes.files(), **ground.files(), **cones(),
            'road.png': scene.picture(layout)}


def _joined(parts: Iterable[tuple[str, str, tuple[np.ndarray, ...]]]) -> Surface:
    """Pieces of a surface as one, of which all normals look up."""
    made = Surface([], [], [], [])
    for _, _, (points, places, faces) in parts:
        first = len(made.vertices)
        made.vertices.extend(map(tuple, points.tolist()))
        made.places.extend(map(tuple, places.tolist()))
        made.normals.extend([(0.0, 0.0, 1.0)] * len(points))
        made.faces.extend(map(tuple, (faces + first).tolist()))
    return made
