"""A forest as a Gazebo world: the same shapes, light and textures, and the same quadrotor.

For gz-sim 8 (Harmonic). Names and parameters of plugins are those of gz-sim's sources, branch
gz-sim8, src/systems.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from liquid_pilot.interfaces import STANDARD_GRAVITY_M_S2, LiquidPilotError
from liquid_pilot.simulation import look as looks
from liquid_pilot.simulation import shapes
from liquid_pilot.simulation.conditions import COURSES, Condition
from liquid_pilot.simulation.conditions import WORLD as WORLD_FAMILIES
from liquid_pilot.simulation.gazebo_meshes import Objects, ball, cone, of_shape, square
from liquid_pilot.simulation.gazebo_vehicle import quadrotor
from liquid_pilot.simulation.layout import ForestLayout
from liquid_pilot.simulation.look import FAIR, Light, SceneLook, Triple
from liquid_pilot.simulation.sdf import (
    VERSION,
    Element,
    document,
    element,
    numbers,
    plugin,
    pose,
    rgba,
    sub,
)
from liquid_pilot.simulation.shapes import Shape
from liquid_pilot.simulation.world import SimulationSettings

WORLD = 'forest'
SOLID = 'solid'
"""Every model that must not be touched has a name that begins so."""
FILE = 'world.sdf'
CONDITIONS = tuple(sorted(WORLD_FAMILIES - set(COURSES)))
"""Those that are part of the world; others are made of a picture, and Gazebo draws its own."""
_GROUND_HALF_M, _GROUND_REPEATS = 80.0, 10
_SKY_RADIUS_M = 95.0
_SKY_SIDES, _SKY_RINGS = 24, 8
_MESHES, _CONE = 'forest', 'cone'


def check_conditions(conditions: Iterable[Condition]) -> None:
    """LiquidPilotError for what Gazebo cannot show."""
    unknown = [each.family for each in conditions if each.family not in CONDITIONS]
    if unknown:
        raise LiquidPilotError(
            f'condition {", ".join(unknown)}: here Gazebo draws the picture, so there are only '
            f'{", ".join(CONDITIONS)}; the embedded simulator has all of them')


def build(layout: ForestLayout, settings: SimulationSettings | None = None,
          look: SceneLook = FAIR, render_engine: str = 'ogre2', real_time_factor: float = 1.0
          ) -> tuple[str, dict[str, bytes]]:
    """The world of a layout, the vehicle at its start, and the files that it names.

    Args:
        layout: where things stand.
        settings: rates and camera.
        look: what a condition changes about it.
        render_engine: 'ogre2', or 'ogre' where a machine has no more.
        real_time_factor: how fast time is to pass.
    """
    settings = settings or SimulationSettings()
    light = looks.light(layout.seed)
    root = element('sdf', version=VERSION)
    world = sub(root, 'world', name=WORLD)
    physics = sub(world, 'physics', name='steps', type='dart')
    sub(physics, 'max_step_size', f'{1.0 / settings.physics_rate_hz:g}')
    sub(physics, 'real_time_factor', f'{real_time_factor:g}')
    sub(world, 'gravity', f'0 0 {-STANDARD_GRAVITY_M_S2}')
    for file, name in (('physics', 'Physics'), ('user-commands', 'UserCommands'),
                       ('scene-broadcaster', 'SceneBroadcaster'), ('imu', 'Imu'),
                       ('contact', 'Contact')):
        plugin(world, file, name)
    plugin(world, 'sensors', 'Sensors', render_engine=render_engine)
    _light(world, light)
    files = _sky(world, light)
    meshes, solid = Objects(_MESHES), Objects(_CONE)
    solid.add(_CONE, cone(1.0, 1.0), (1.0, 1.0, 1.0), 'leaves.png')
    _ground(world, meshes)
    _solid(world, 'forest', (0.0, 0.0, 0.0), 0.0, shapes.forest(layout, look), meshes)
    chairs = {'target': shapes.chair(layout, look)}
    if layout.course is not None:
        chairs['decoy'] = shapes.chair(layout, look, layout.course.decoy_enu_m)
    for name, chair in chairs.items():
        _solid(world, name, chair.position_m, chair.yaw_rad, chair.parts, meshes)
    world.append(quadrotor(layout, settings, SOLID))
    return document(root), {**looks.textures(layout.seed, look), **files, **meshes.files(),
                            **solid.files()}


def write(folder: Path, layout: ForestLayout, settings: SimulationSettings | None = None,
          look: SceneLook = FAIR, render_engine: str = 'ogre2', real_time_factor: float = 1.0
          ) -> Path:
    """Write a world and its files into a folder; the path of the world."""
    text, files = build(layout, settings, look, render_engine, real_time_factor)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    path = folder / FILE
    path.write_text(text)
    return path


def _light(world: Element, light: Light) -> None:
    scene = sub(world, 'scene')
    sub(scene, 'ambient', rgba((light.ambient,) * 3))
    sub(scene, 'background', rgba(light.horizon))
    for name in ('grid', 'origin_visual', 'shadows'):
        sub(scene, name, 'false')
    sun = sub(world, 'light', name='sun', type='directional')
    pose(sun, (0.0, 0.0, 50.0))
    sub(sun, 'cast_shadows', 'false')
    sub(sun, 'diffuse', rgba((light.diffuse,) * 3))
    sub(sun, 'specular', '0 0 0 1')
    sub(sun, 'direction', numbers(round(value, 4) for value in light.sun_enu))


def _geometry(parent: Element, shape: Shape) -> None:
    geometry = sub(parent, 'geometry')
    if shape.kind == 'cone':
        # Of a file with many parts Gazebo's physics takes them all, whichever is asked for.
        radius, height = shapes.cone_size(*map(int, shape.size))
        _mesh(geometry, _CONE, _CONE, (radius, radius, height))
        return
    solid = sub(geometry, shape.kind)
    if shape.kind == 'box':
        sub(solid, 'size', numbers(2.0 * value for value in shape.size))
    elif shape.kind == 'ellipsoid':
        sub(solid, 'radii', numbers(shape.size))
    else:
        sub(solid, 'radius', numbers(shape.size[:1]))
        sub(solid, 'length', numbers((2.0 * shape.size[1],)))


def _mesh(geometry: Element, file: str, part: str, scale: Triple = (1.0, 1.0, 1.0)) -> None:
    mesh = sub(geometry, 'mesh')
    sub(mesh, 'uri', f'{file}.obj')
    sub(sub(mesh, 'submesh'), 'name', part)
    sub(mesh, 'scale', numbers(scale))


def _plain(visual: Element, colour: Triple) -> None:
    material = sub(visual, 'material')
    for name in ('ambient', 'diffuse'):
        sub(material, name, rgba(colour))
    sub(material, 'specular', '0 0 0 1')


def _solid(world: Element, name: str, position: Triple, yaw_rad: float, parts: Iterable[Shape],
           meshes: Objects) -> None:
    """A model that stands still and must not be touched."""
    link = _still(world, f'{SOLID}_{name}', position, yaw_rad)
    for index, shape in enumerate(parts):
        own = shape.name or f'part_{index}'
        if shape.reachable:
            collision = sub(link, 'collision', name=own)
            pose(collision, shape.position_m, shape.rpy_rad)
            _geometry(collision, shape)
        # Names of one link's parts must differ, whatever they are.
        visual = sub(link, 'visual', name=f'{own}_visual')
        pose(visual, shape.position_m, shape.rpy_rad)
        if shape.material:
            meshes.add(own, of_shape(shape), shape.colour, f'{shape.material}.png')
            _mesh(sub(visual, 'geometry'), _MESHES, own)
        else:
            _geometry(visual, shape)
            _plain(visual, shape.colour)


def _still(world: Element, name: str, position: Triple = (0.0, 0.0, 0.0), yaw_rad: float = 0.0
           ) -> Element:
    model = sub(world, 'model', name=name)
    sub(model, 'static', 'true')
    pose(model, position, (0.0, 0.0, yaw_rad))
    return sub(model, 'link', name='link')


def _ground(world: Element, meshes: Objects) -> None:
    link = _still(world, f'{SOLID}_ground')
    plane = sub(sub(sub(link, 'collision', name='ground'), 'geometry'), 'plane')
    sub(plane, 'normal', '0 0 1')
    sub(plane, 'size', numbers((2.0 * _GROUND_HALF_M,) * 2))
    meshes.add('ground', square(_GROUND_HALF_M, _GROUND_REPEATS), (1.0, 1.0, 1.0), 'ground.png')
    visual = sub(link, 'visual', name='ground_visual')
    _mesh(sub(visual, 'geometry'), _MESHES, 'ground')


def _sky(world: Element, light: Light) -> dict[str, bytes]:
    """A dome that shines by itself; its files."""
    visual = sub(_still(world, 'sky'), 'visual', name='dome')
    sub(visual, 'cast_shadows', 'false')
    _mesh(sub(visual, 'geometry'), 'sky', 'sky')
    _plain(visual, (0.0, 0.0, 0.0))
    material = visual.find('material')
    sub(material, 'emissive', '1 1 1 1')
    sub(material, 'double_sided', 'true')
    metal = sub(sub(material, 'pbr'), 'metal')
    for name, value in (('albedo_map', 'sky.png'), ('roughness', '1'), ('metalness', '0'),
                        ('emissive_map', 'sky.png')):
        sub(metal, name, value)
    dome = Objects('sky')
    dome.add('sky', ball((_SKY_RADIUS_M,) * 3, _SKY_SIDES, _SKY_RINGS, inside=True),
             (0.0, 0.0, 0.0), 'sky.png')
    # From the zenith, above, to the nadir, as MuJoCo's gradient has it over the elevation.
    share = np.linspace(0.0, 1.0, 256)[:, None, None]
    gradient = (1.0 - share) * light.zenith + share * light.horizon * np.ones((1, 8, 1))
    return {**dome.files(), 'sky.png': looks.png(gradient)}
