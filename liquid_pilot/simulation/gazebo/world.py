"""The place of a vehicle's task as a Gazebo world: the same shapes, light and textures.

What is the same for all of them; what stands there and the vehicle come from its task
(`task.GazeboTask`). For gz-sim 8 (Harmonic). Names and parameters of plugins are those of gz-sim's
sources, branch gz-sim8, src/systems.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from liquid_pilot.interfaces import STANDARD_GRAVITY_M_S2, LiquidPilotError
from liquid_pilot.simulation.base import appearance as looks
from liquid_pilot.simulation.base.appearance import DEFAULT_APPEARANCE, Appearance, Lighting
from liquid_pilot.simulation.base.condition import MEMORY_COURSES, WORLD_FAMILIES, Condition
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import Layout
from liquid_pilot.simulation.gazebo.meshes import ObjWriter, ellipsoid_mesh
from liquid_pilot.simulation.gazebo.models import (
    add_mesh,
    add_solid_colour_material,
    add_static_link,
)
from liquid_pilot.simulation.gazebo.sdf import (
    VERSION,
    Element,
    add_child,
    document,
    element,
    format_numbers,
    plugin,
    pose,
    rgba,
)
from liquid_pilot.simulation.tasks.registry import gazebo_task_of

WORLD_NAME = 'outdoors'
WORLD_FILE = 'world.sdf'
SUPPORTED_FAMILIES = tuple(sorted(WORLD_FAMILIES - set(MEMORY_COURSES)))
"""Those that are part of the world; others are made of a picture, and Gazebo draws its own."""
_SKY_SIDES, _SKY_RINGS = 24, 8


def check_conditions(conditions: Iterable[Condition]) -> None:
    """LiquidPilotError for what Gazebo cannot show."""
    unknown = [each.family for each in conditions if each.family not in SUPPORTED_FAMILIES]
    if unknown:
        raise LiquidPilotError(
            f'condition {", ".join(unknown)}: here Gazebo draws the picture, so there are only '
            f'{", ".join(SUPPORTED_FAMILIES)}; the embedded simulator has all of them'
        )


def build_sdf(
    layout: Layout,
    settings: SimulationSettings | None = None,
    look: Appearance = DEFAULT_APPEARANCE,
    render_engine: str = 'ogre2',
    real_time_factor: float = 1.0,
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
    light = looks.sample_lighting(layout.seed)
    root = element('sdf', version=VERSION)
    world = add_child(root, 'world', name=WORLD_NAME)
    physics = add_child(world, 'physics', name='steps', type='dart')
    add_child(physics, 'max_step_size', f'{1.0 / settings.physics_rate_hz:g}')
    add_child(physics, 'real_time_factor', f'{real_time_factor:g}')
    add_child(world, 'gravity', f'0 0 {-STANDARD_GRAVITY_M_S2}')
    for file, name in (
        ('physics', 'Physics'),
        ('user-commands', 'UserCommands'),
        ('scene-broadcaster', 'SceneBroadcaster'),
        ('imu', 'Imu'),
        ('contact', 'Contact'),
    ):
        plugin(world, file, name)
    plugin(world, 'sensors', 'Sensors', render_engine=render_engine)
    _light(world, light)
    place = gazebo_task_of(settings.vehicle)
    files = _sky(world, light, place.sky_radius_m)
    files |= place.add_models(world, layout, settings, look)
    return document(root), {**looks.textures(layout.seed, look), **files}


def write_world(
    folder: Path,
    layout: Layout,
    settings: SimulationSettings | None = None,
    look: Appearance = DEFAULT_APPEARANCE,
    render_engine: str = 'ogre2',
    real_time_factor: float = 1.0,
) -> Path:
    """Write a world and its files into a folder; the path of the world."""
    text, files = build_sdf(layout, settings, look, render_engine, real_time_factor)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    path = folder / WORLD_FILE
    path.write_text(text)
    return path


def _light(world: Element, light: Lighting) -> None:
    scene = add_child(world, 'scene')
    add_child(scene, 'ambient', rgba((light.ambient,) * 3))
    add_child(scene, 'background', rgba(light.horizon))
    for name in ('grid', 'origin_visual', 'shadows'):
        add_child(scene, name, 'false')
    sun = add_child(world, 'light', name='sun', type='directional')
    pose(sun, (0.0, 0.0, 50.0))
    add_child(sun, 'cast_shadows', 'false')
    add_child(sun, 'diffuse', rgba((light.diffuse,) * 3))
    add_child(sun, 'specular', '0 0 0 1')
    add_child(sun, 'direction', format_numbers(round(value, 4) for value in light.sun_enu))


def _sky(world: Element, light: Lighting, radius_m: float) -> dict[str, bytes]:
    """A dome that shines by itself; its files."""
    visual = add_child(add_static_link(world, 'sky'), 'visual', name='dome')
    add_child(visual, 'cast_shadows', 'false')
    add_mesh(add_child(visual, 'geometry'), 'sky', 'sky')
    add_solid_colour_material(visual, (0.0, 0.0, 0.0))
    material = visual.find('material')
    add_child(material, 'emissive', '1 1 1 1')
    add_child(material, 'double_sided', 'true')
    metal = add_child(add_child(material, 'pbr'), 'metal')
    for name, value in (
        ('albedo_map', 'sky.png'),
        ('roughness', '1'),
        ('metalness', '0'),
        ('emissive_map', 'sky.png'),
    ):
        add_child(metal, name, value)
    dome = ObjWriter('sky')
    dome.add(
        'sky',
        ellipsoid_mesh((radius_m,) * 3, _SKY_SIDES, _SKY_RINGS, inside=True),
        (0.0, 0.0, 0.0),
        'sky.png',
    )
    # From the zenith, above, to the nadir, as MuJoCo's gradient has it over the elevation.
    share = np.linspace(0.0, 1.0, 256)[:, None, None]
    gradient = (1.0 - share) * light.zenith + share * light.horizon * np.ones((1, 8, 1))
    return {**dome.files(), 'sky.png': looks.encode_png(gradient)}
