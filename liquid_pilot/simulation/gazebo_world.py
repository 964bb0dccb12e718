"""A forest as a Gazebo world: the same shapes, light and textures, and the same quadrotor.

For gz-sim 8 (Harmonic). Names and parameters of plugins are those of gz-sim's sources, branch
gz-sim8, src/systems.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from liquid_pilot.interfaces import STANDARD_GRAVITY_M_S2
from liquid_pilot.simulation import look as looks
from liquid_pilot.simulation import shapes
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
_GROUND_HALF_M, _GROUND_REPEATS = 80.0, 10
_SKY_RADIUS_M = 95.0
_CONE_SIDES, _SKY_SIDES, _SKY_RINGS = 12, 32, 16


def build(layout: ForestLayout, settings: SimulationSettings | None = None,
          look: SceneLook = FAIR, render_engine: str = 'ogre2') -> tuple[str, dict[str, bytes]]:
    """The world of a layout, the vehicle at its start, and the files that it names.

    Args:
        layout: where things stand.
        settings: rates and camera.
        look: what a condition changes about it.
        render_engine: 'ogre2', or 'ogre' where a machine has no more.
    """
    settings = settings or SimulationSettings()
    light = looks.light(layout.seed)
    root = element('sdf', version=VERSION)
    world = sub(root, 'world', name=WORLD)
    physics = sub(world, 'physics', name='steps', type='dart')
    sub(physics, 'max_step_size', f'{1.0 / settings.physics_rate_hz:g}')
    sub(physics, 'real_time_factor', '1')
    sub(world, 'gravity', f'0 0 {-STANDARD_GRAVITY_M_S2}')
    for file, name in (('physics', 'Physics'), ('user-commands', 'UserCommands'),
                       ('scene-broadcaster', 'SceneBroadcaster'), ('imu', 'Imu'),
                       ('contact', 'Contact')):
        plugin(world, file, name)
    plugin(world, 'sensors', 'Sensors', render_engine=render_engine)
    _light(world, light)
    _sky(world)
    _ground(world)
    _solid(world, 'forest', (0.0, 0.0, 0.0), 0.0, shapes.forest(layout, look))
    chairs = {'target': shapes.chair(layout, look)}
    if layout.course is not None:
        chairs['decoy'] = shapes.chair(layout, look, layout.course.decoy_enu_m)
    for name, chair in chairs.items():
        _solid(world, name, chair.position_m, chair.yaw_rad, chair.parts)
    world.append(quadrotor(layout, settings, SOLID))
    return document(root), {**looks.textures(layout.seed, look), 'sky.png': _sky_picture(light),
                            'sky.obj': _sky_mesh(), 'cone.obj': _cone_mesh(),
                            'ground.obj': _ground_mesh()}


def write(folder: Path, layout: ForestLayout, settings: SimulationSettings | None = None,
          look: SceneLook = FAIR, render_engine: str = 'ogre2') -> Path:
    """Write a world and its files into a folder; the path of the world."""
    text, files = build(layout, settings, look, render_engine)
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


def _material(parent: Element, colour: Triple, texture: str = '', shines: bool = False) -> None:
    material = sub(parent, 'material')
    for name in ('ambient', 'diffuse'):
        sub(material, name, '0 0 0 1' if shines else rgba(colour))
    sub(material, 'specular', '0 0 0 1')
    if shines:
        sub(material, 'emissive', rgba(colour))
        sub(material, 'double_sided', 'true')
    if texture:
        metal = sub(sub(material, 'pbr'), 'metal')
        for name, value in (('albedo_map', texture), ('roughness', '1'), ('metalness', '0')):
            sub(metal, name, value)
        if shines:
            sub(metal, 'emissive_map', texture)


def _geometry(parent: Element, shape: Shape) -> None:
    geometry = sub(parent, 'geometry')
    if shape.kind == 'cone':
        radius, height = shapes.cone_size(*map(int, shape.size))
        _mesh(geometry, 'cone.obj', (radius, radius, height))
        return
    solid = sub(geometry, shape.kind)
    if shape.kind == 'box':
        sub(solid, 'size', numbers(2.0 * value for value in shape.size))
    elif shape.kind == 'ellipsoid':
        sub(solid, 'radii', numbers(shape.size))
    else:
        sub(solid, 'radius', numbers(shape.size[:1]))
        sub(solid, 'length', numbers((2.0 * shape.size[1],)))


def _mesh(geometry: Element, file: str, scale: Triple = (1.0, 1.0, 1.0)) -> None:
    mesh = sub(geometry, 'mesh')
    sub(mesh, 'uri', file)
    sub(mesh, 'scale', numbers(scale))


def _solid(world: Element, name: str, position: Triple, yaw_rad: float, parts: Iterable[Shape]
           ) -> None:
    """A model that stands still and must not be touched."""
    link = _still(world, f'{SOLID}_{name}', position, yaw_rad)
    for index, shape in enumerate(parts):
        own = shape.name or f'part_{index}'
        for kind in ('collision', 'visual') if shape.reachable else ('visual',):
            # Names of one link's parts must differ, whatever they are.
            part = sub(link, kind, name=own if kind == 'collision' else f'{own}_visual')
            pose(part, shape.position_m, shape.rpy_rad)
            _geometry(part, shape)
            if kind == 'visual':
                _material(part, shape.colour, f'{shape.material}.png' if shape.material else '')


def _still(world: Element, name: str, position: Triple = (0.0, 0.0, 0.0), yaw_rad: float = 0.0
           ) -> Element:
    model = sub(world, 'model', name=name)
    sub(model, 'static', 'true')
    pose(model, position, (0.0, 0.0, yaw_rad))
    return sub(model, 'link', name='link')


def _ground(world: Element) -> None:
    link = _still(world, f'{SOLID}_ground')
    plane = sub(sub(sub(link, 'collision', name='ground'), 'geometry'), 'plane')
    sub(plane, 'normal', '0 0 1')
    sub(plane, 'size', numbers((2.0 * _GROUND_HALF_M,) * 2))
    visual = sub(link, 'visual', name='ground_visual')
    _mesh(sub(visual, 'geometry'), 'ground.obj')
    _material(visual, (1.0, 1.0, 1.0), 'ground.png')


def _sky(world: Element) -> None:
    visual = sub(_still(world, 'sky'), 'visual', name='dome')
    sub(visual, 'cast_shadows', 'false')
    _mesh(sub(visual, 'geometry'), 'sky.obj')
    _material(visual, (1.0, 1.0, 1.0), 'sky.png', shines=True)


# Files


def _sky_picture(light: Light) -> bytes:
    """From the zenith, above, to the nadir, as MuJoCo's gradient has it over the elevation."""
    share = np.linspace(0.0, 1.0, 256)[:, None, None]
    return looks.png((1.0 - share) * light.zenith + share * light.horizon * np.ones((1, 8, 1)))


def _obj(vertices: Iterable[Triple], places: Iterable[tuple[float, float]],
         normals: Iterable[Triple], faces: Iterable[tuple[int, ...]]) -> bytes:
    """Wavefront OBJ; a vertex has one place in the texture and one normal, all numbered alike."""
    lines = [f'v {x:.5f} {y:.5f} {z:.5f}' for x, y, z in vertices]
    lines += [f'vt {u:.5f} {v:.5f}' for u, v in places]
    lines += [f'vn {x:.5f} {y:.5f} {z:.5f}' for x, y, z in normals]
    lines += ['f ' + ' '.join(f'{k}/{k}/{k}' for k in face) for face in faces]
    return ('\n'.join(lines) + '\n').encode()


def _ground_mesh() -> bytes:
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return _obj([(x * _GROUND_HALF_M, y * _GROUND_HALF_M, 0.0) for x, y in corners],
                [((x + 1) * 0.5 * _GROUND_REPEATS, (y + 1) * 0.5 * _GROUND_REPEATS)
                 for x, y in corners], [(0.0, 0.0, 1.0)] * 4, [(1, 2, 3), (1, 3, 4)])


def _cone_mesh() -> bytes:
    """Radius 1 and height 1, its base at the origin and closed."""
    n = _CONE_SIDES
    turns = [2.0 * math.pi * k / n for k in range(n + 1)]
    ring = [(math.cos(turn), math.sin(turn), 0.0) for turn in turns]
    slant = math.sqrt(0.5)
    out = [(x * slant, y * slant, slant) for x, y, _ in ring]
    across = [(k / n, 0.0) for k in range(n + 1)]
    vertices = [*ring, *[(0.0, 0.0, 1.0)] * (n + 1), *ring, (0.0, 0.0, 0.0)]
    places = [*across, *[(u, 1.0) for u, _ in across], *across, (0.5, 0.5)]
    normals = [*out, *out, *[(0.0, 0.0, -1.0)] * (n + 2)]
    sides = [(k + 1, k + 2, n + k + 2) for k in range(n)]
    base = [(2 * n + 3 + k + 1, 2 * n + 3 + k, 3 * n + 4) for k in range(n)]
    return _obj(vertices, places, normals, [*sides, *base])


def _sky_mesh() -> bytes:
    """A sphere that is seen from inside."""
    vertices, places = [], []
    for ring in range(_SKY_RINGS + 1):
        polar = math.pi * ring / _SKY_RINGS
        for side in range(_SKY_SIDES + 1):
            turn = 2.0 * math.pi * side / _SKY_SIDES
            vertices.append(tuple(_SKY_RADIUS_M * value for value in (
                math.sin(polar) * math.cos(turn), math.sin(polar) * math.sin(turn),
                math.cos(polar))))
            places.append((side / _SKY_SIDES, 1.0 - ring / _SKY_RINGS))
    inwards = [tuple(-value / _SKY_RADIUS_M for value in vertex) for vertex in vertices]
    faces = []
    for ring in range(_SKY_RINGS):
        for side in range(_SKY_SIDES):
            a = ring * (_SKY_SIDES + 1) + side + 1
            b = a + _SKY_SIDES + 1
            faces += [(a, a + 1, b), (a + 1, b + 1, b)]
    return _obj(vertices, places, inwards, faces)
