"""Worlds as MJCF: what stands in them, sky and light, and one vehicle."""

from __future__ import annotations

import math
from xml.sax.saxutils import quoteattr

import numpy as np

from liquid_pilot.simulation.base import shapes
from liquid_pilot.simulation.base.shapes import Shape
from liquid_pilot.simulation.base.task import SceneParts

_CONE_SIDES = 9
HIDDEN_GEOM_GROUP = 5
"""Group of what is touched and not drawn."""


def _rgba(colour: np.ndarray | tuple[float, ...]) -> str:
    return ' '.join(f'{min(max(c, 0.0), 1.0):.3f}' for c in colour)


def _numbers(*values: float) -> str:
    return ' '.join(f'{value:.9g}' for value in values)


def _cone_vertices(radius: float, height: float) -> str:
    angles = [2 * math.pi * k / _CONE_SIDES for k in range(_CONE_SIDES)]
    ring = [(radius * math.cos(angle), radius * math.sin(angle), 0.0) for angle in angles]
    return ' '.join(f'{value:.4f}' for point in (*ring, (0.0, 0.0, height)) for value in point)


def flat_square_mesh(name: str, half_m: float, repeats: float) -> str:
    """The asset of a level square, as a mesh with its picture so many times along a side.

    A plane of MuJoCo's own shows the same and takes a third of all the time of drawing.
    """
    ends = (-1, -1), (1, -1), (1, 1), (-1, 1)
    return (
        f'<mesh name="{name}" inertia="shell" face="0 1 2 0 2 3" '
        f'vertex="{_numbers(*(half_m * v for x, y in ends for v in (x, y, 0)))}" '
        f'texcoord="{_numbers(*(0.5 * repeats * v for x, y in ends for v in (x, -y)))}"/>'
    )


def plant_assets() -> str:
    """What trees and bushes of any world are made of, as assets."""
    cones = ''.join(
        f'<mesh name="cone_{size}_{tier}" vertex="'
        f'{_cone_vertices(*shapes.cone_size(size, tier))}"/>'
        for size in range(shapes.CONE_SIZES)
        for tier in range(shapes.CONE_TIERS)
    )
    return f"""<texture name="leaves" type="cube" file="leaves.png"/>
    <texture name="bark" type="2d" file="bark.png"/>
    <material name="leaves" texture="leaves" specular="0"/>
    <material name="bark" texture="bark" texrepeat="2 4" specular="0"/>
    {cones}"""


def geom(shape: Shape) -> str:
    """One solid, as MJCF."""
    name = f'name="{shape.name}" ' if shape.name else ''
    material = f'material="{shape.material}" ' if shape.material else ''
    place = f'pos="{_numbers(*shape.position_m)}"'
    if any(shape.rpy_rad):
        place += f' euler="{_numbers(*shape.rpy_rad)}"'
    kind, size = shape.kind, f'size="{_numbers(*shape.size)}"'
    if kind == 'cone':
        kind, size = 'mesh', f'mesh="cone_{shape.size[0]}_{shape.size[1]}"'
    elif kind == 'capsule':
        place = f'fromto="{_numbers(*shape.ends_m)}"'
        size = f'size="{_numbers(shape.size[0])}"'
    return (
        f'<geom {name}class="solid" type="{kind}" {material}{size} {place} '
        f'rgba="{_rgba(shape.colour)} 1"/>'
    )


def build_mjcf(
    parts: SceneParts,
    vehicle_mjcf: str,
    vehicle_actuators: str,
    vehicle_sensors: str,
    timestep_s: float,
    offscreen: tuple[int, int],
    name: str = 'world',
) -> tuple[str, dict[str, bytes]]:
    """A world with one vehicle in it, as an MJCF string and its texture files.

    Args:
        parts: all but the vehicle.
        vehicle_mjcf: a `<body>` with a free joint, placed at the world's origin.
        vehicle_actuators: content of `<actuator>`.
        vehicle_sensors: content of `<sensor>`.
        timestep_s: the physics time step.
        offscreen: (width, height) of the largest picture that will be rendered, in pixels.
        name: of the model.
    """
    light = parts.light
    width, height = offscreen
    xml = f"""<mujoco model={quoteattr(name)}>
  <compiler angle="radian"/>
  <option timestep="{timestep_s:g}" integrator="implicitfast"/>
  <size memory="8M"/>
  <visual>
    <headlight ambient="{_rgba((light.ambient,) * 3)}" diffuse="0.12 0.12 0.12" specular="0 0 0"/>
    <quality shadowsize="0" offsamples="0" numslices="10" numstacks="6" numquads="1"/>
    <map znear="0.004" zfar="8" fogstart="25" fogend="60"/>
    <rgba fog="{_rgba(light.horizon)} 1" haze="{_rgba(light.horizon)} 1"/>
    <global offwidth="{width}" offheight="{height}"/>
  </visual>
  <statistic center="0 0 1" extent="10" meansize="0.3"/>
  <default>
    <default class="solid"><geom contype="1" conaffinity="0"/></default>
    <default class="visual"><geom contype="0" conaffinity="0" mass="0"/></default>
  </default>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" width="256" height="256"
             rgb1="{_rgba(light.zenith)}" rgb2="{_rgba(light.horizon)}"/>
    {parts.assets}
  </asset>
  <worldbody>
    <light directional="true" castshadow="false" dir="{' '.join(f'{c:.4f}' for c in light.sun_enu)}"
           diffuse="{_rgba((light.diffuse,) * 3)}" specular="0 0 0" ambient="0 0 0"/>
    {parts.bodies}
    {vehicle_mjcf}
  </worldbody>
  <actuator>{vehicle_actuators}</actuator>
  <sensor>{vehicle_sensors}</sensor>
</mujoco>"""
    return xml, parts.textures
