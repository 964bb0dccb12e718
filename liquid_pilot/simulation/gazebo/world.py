"""The place of a vehicle's task as a Gazebo world: the same shapes, light and textures.

What is the same for all of them; what stands there and the vehicle come from its task
(`task.GazeboPlace`). For gz-sim 8 (Harmonic). Names and parameters of plugins are those of gz-sim's
sources, branch gz-sim8, src/systems.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from liquid_pilot.interfaces import STANDARD_GRAVITY_M_S2, LiquidPilotError
from liquid_pilot.simulation.base import appearance as looks
from liquid_pilot.simulation.base.appearance import FAIR, Light, SceneLook
from liquid_pilot.simulation.base.condition import COURSES, Condition
from liquid_pilot.simulation.base.condition import WORLD as WORLD_FAMILIES
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import Layout
from liquid_pilot.simulation.gazebo.meshes import Objects, ball
from liquid_pilot.simulation.gazebo.models import mesh, plain, still
from liquid_pilot.simulation.gazebo.sdf import (
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
from liquid_pilot.simulation.tasks.registry import gazebo_of

WORLD = 'outdoors'
FILE = 'world.sdf'
CONDITIONS = tuple(sorted(WORLD_FAMILIES - set(COURSES)))
"""Those that are part of the world; others are made of a picture, and Gazebo draws its own."""
_SKY_SIDES, _SKY_RINGS = 24, 8


def check_conditions(conditions: Iterable[Condition]) -> None:
    """LiquidPilotError for what Gazebo cannot show."""
    unknown = [each.family for each in conditions if each.family not in CONDITIONS]
    if unknown:
        raise LiquidPilotError(
            f'condition {", ".join(unknown)}: here Gazebo draws the picture, so there are only '
            f'{", ".join(CONDITIONS)}; the embedded simulator has all of them')


def build(layout: Layout, settings: SimulationSettings | None = None,
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
    place = gazebo_of(settings.vehicle)
    files = _sky(world, light, place.sky_m)
    files |= place.furnish(world, layout, settings, look)
    return document(root), {**looks.textures(layout.seed, look), **files}


def write(folder: Path, layout: Layout, settings: SimulationSettings | None = None,
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


def _sky(world: Element, light: Light, radius_m: float) -> dict[str, bytes]:
    """A dome that shines by itself; its files."""
    visual = sub(still(world, 'sky'), 'visual', name='dome')
    sub(visual, 'cast_shadows', 'false')
    mesh(sub(visual, 'geometry'), 'sky', 'sky')
    plain(visual, (0.0, 0.0, 0.0))
    material = visual.find('material')
    sub(material, 'emissive', '1 1 1 1')
    sub(material, 'double_sided', 'true')
    metal = sub(sub(material, 'pbr'), 'metal')
    for name, value in (('albedo_map', 'sky.png'), ('roughness', '1'), ('metalness', '0'),
                        ('emissive_map', 'sky.png')):
        sub(metal, name, value)
    dome = Objects('sky')
    dome.add('sky', ball((radius_m,) * 3, _SKY_SIDES, _SKY_RINGS, inside=True),
             (0.0, 0.0, 0.0), 'sky.png')
    # From the zenith, above, to the nadir, as MuJoCo's gradient has it over the elevation.
    share = np.linspace(0.0, 1.0, 256)[:, None, None]
    gradient = (1.0 - share) * light.zenith + share * light.horizon * np.ones((1, 8, 1))
    return {**dome.files(), 'sky.png': looks.png(gradient)}
