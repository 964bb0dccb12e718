"""The models of a road in Gazebo, with the rover at its start.

The ground and the surface of the road are those of the MuJoCo scene.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

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
from liquid_pilot.simulation.gazebo.rover import rover_model
from liquid_pilot.simulation.gazebo.sdf import add_child
from liquid_pilot.simulation.road import scene
from liquid_pilot.simulation.road.layout import RoadLayout

GROUND = 'ground'
"""Name of the ground's mesh, and of its file, which contains nothing else: wheels roll on it."""
_WHITE = (1.0, 1.0, 1.0)


def add_models(
    world: Element, layout: RoadLayout, settings: SimulationSettings, appearance: Appearance
) -> dict[str, bytes]:
    """Append the plants, the road and the vehicle to a world.

    Args:
        world: the world.
        layout: the road.
        settings: rates and camera of the vehicle.
        appearance: colours of the plants.

    Returns:
        The files that the models refer to, by name.
    """
    meshes, ground = ObjWriter('road'), ObjWriter(GROUND)
    add_obstacle_model(
        world, 'plants', (0.0, 0.0, 0.0), 0.0, scene.plant_shapes(layout, appearance), meshes
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
    world.append(rover_model(layout, settings, OBSTACLE_PREFIX))
    return {
        **meshes.files(),
        **ground.files(),
        **cone_mesh_files(),
        'road.png': scene.road_texture(layout),
    }


def _joined(parts: Iterable[scene.SurfaceMesh]) -> PolygonMesh:
    """Return several meshes as one. All normals point upwards."""
    joined = PolygonMesh([], [], [], [])
    for part in parts:
        first = len(joined.vertices)
        joined.vertices.extend((x, y, z) for x, y, z in part.vertices.tolist())
        joined.texture_coordinates.extend((u, v) for u, v in part.texture_coordinates.tolist())
        joined.normals.extend([(0.0, 0.0, 1.0)] * len(part.vertices))
        joined.faces.extend(map(tuple, (part.faces + first).tolist()))
    return joined
