"""The scene of a task as a Gazebo world, with the shapes, lighting and textures of MuJoCo's.

This module writes the parts that all worlds share. The models and the vehicle come from the task
(`task.GazeboTask`). The worlds are for gz-sim 8 (Harmonic). Names and parameters of plugins are
those of gz-sim's sources, branch gz-sim8, src/systems.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar
from xml.etree.ElementTree import Element

import numpy as np

from liquid_pilot.interfaces import STANDARD_GRAVITY_M_S2, LiquidPilotError
from liquid_pilot.simulation.base.appearance import (
    DEFAULT_APPEARANCE,
    Appearance,
    Lighting,
    encode_texture,
    sample_lighting,
    sample_textures,
)
from liquid_pilot.simulation.base.condition import COURSE_FAMILIES, WORLD_FAMILIES, Condition
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import GazeboTask, Layout
from liquid_pilot.simulation.base.xml_text import format_numbers, format_rgba
from liquid_pilot.simulation.gazebo.meshes import ObjWriter, ellipsoid_mesh
from liquid_pilot.simulation.gazebo.models import (
    add_mesh,
    add_solid_colour_material,
    add_static_link,
)
from liquid_pilot.simulation.gazebo.sdf import (
    VERSION,
    add_child,
    add_plugin,
    add_pose,
    document,
    element,
)

LayoutT = TypeVar('LayoutT', bound=Layout)

WORLD_NAME = 'outdoors'
WORLD_FILE = 'world.sdf'
SUPPORTED_FAMILIES = tuple(sorted(WORLD_FAMILIES - set(COURSE_FAMILIES)))
"""Conditions that are part of the world. Others change pictures, which Gazebo renders itself."""
_SKY_SIDES, _SKY_RINGS = 24, 8


def check_conditions(conditions: Iterable[Condition]) -> None:
    """Check that Gazebo supports the conditions.

    Raises:
        LiquidPilotError: if it does not support one of them.
    """
    unknown = [c.family for c in conditions if c.family not in SUPPORTED_FAMILIES]
    if unknown:
        raise LiquidPilotError(
            f'condition {", ".join(unknown)}: here Gazebo draws the picture, so there are only '
            f'{", ".join(SUPPORTED_FAMILIES)}; the embedded simulator has all of them'
        )


def build_sdf(
    task: GazeboTask[LayoutT],
    layout: LayoutT,
    settings: SimulationSettings | None = None,
    appearance: Appearance = DEFAULT_APPEARANCE,
    render_engine: str = 'ogre2',
    real_time_factor: float = 1.0,
) -> tuple[str, dict[str, bytes]]:
    """Return the world of a layout with the vehicle at its start, as an SDF document.

    Args:
        task: models and vehicle (`tasks.registry.gazebo_task_of`).
        layout: positions of everything.
        settings: rates and camera; None: the default ones.
        appearance: colours, and the shape of the target.
        render_engine: 'ogre2', or 'ogre' for machines that do not support it.
        real_time_factor: simulated time over wall time.

    Returns:
        The document, and the files that it refers to, by name.
    """
    settings = settings or SimulationSettings()
    lighting = sample_lighting(layout.seed)
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
        add_plugin(world, file, name)
    add_plugin(world, 'sensors', 'Sensors', render_engine=render_engine)
    _add_light(world, lighting)
    files = _add_sky(world, lighting, task.sky_radius_m)
    files |= task.add_models(world, layout, settings, appearance)
    return document(root), {**sample_textures(layout.seed, appearance), **files}


def write_world(
    folder: Path,
    task: GazeboTask[LayoutT],
    layout: LayoutT,
    settings: SimulationSettings | None = None,
    appearance: Appearance = DEFAULT_APPEARANCE,
    render_engine: str = 'ogre2',
    real_time_factor: float = 1.0,
) -> Path:
    """Write a world and its files into a folder.

    Args:
        folder: the folder; it is made if it does not exist.
        task: models and vehicle (`tasks.registry.gazebo_task_of`).
        layout: positions of everything.
        settings: rates and camera; None: the default ones.
        appearance: colours, and the shape of the target.
        render_engine: engine that renders the camera.
        real_time_factor: simulated time over wall time.

    Returns:
        The path of the world.
    """
    text, files = build_sdf(task, layout, settings, appearance, render_engine, real_time_factor)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    path = folder / WORLD_FILE
    path.write_text(text)
    return path


def _add_light(world: Element, lighting: Lighting) -> None:
    scene = add_child(world, 'scene')
    add_child(scene, 'ambient', format_rgba((lighting.ambient,) * 3))
    add_child(scene, 'background', format_rgba(lighting.horizon))
    for name in ('grid', 'origin_visual', 'shadows'):
        add_child(scene, name, 'false')
    sun = add_child(world, 'light', name='sun', type='directional')
    add_pose(sun, (0.0, 0.0, 50.0))
    add_child(sun, 'cast_shadows', 'false')
    add_child(sun, 'diffuse', format_rgba((lighting.diffuse,) * 3))
    add_child(sun, 'specular', '0 0 0 1')
    add_child(sun, 'direction', format_numbers(round(value, 4) for value in lighting.sun_enu))


def _add_sky(world: Element, lighting: Lighting, radius_m: float) -> dict[str, bytes]:
    """Append a dome that emits light, and return its files by name."""
    visual = add_child(add_static_link(world, 'sky'), 'visual', name='dome')
    add_child(visual, 'cast_shadows', 'false')
    add_mesh(add_child(visual, 'geometry'), 'sky', 'sky')
    material = add_solid_colour_material(visual, (0.0, 0.0, 0.0))
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
    # From the zenith to the nadir, by elevation, as MuJoCo's gradient.
    share = np.linspace(0.0, 1.0, 256)[:, None, None]
    gradient = (1.0 - share) * lighting.zenith + share * lighting.horizon * np.ones((1, 8, 1))
    return {**dome.files(), 'sky.png': encode_texture(gradient)}
