"""Scenes as MJCF: the models of a task, sky and light, and one vehicle."""

from __future__ import annotations

import math
from xml.sax.saxutils import quoteattr

from liquid_pilot.simulation.base import shapes
from liquid_pilot.simulation.base.shapes import Shape
from liquid_pilot.simulation.base.task import SceneParts
from liquid_pilot.simulation.base.xml_text import format_numbers, format_rgb, format_rgba

_CONE_SIDES = 9
HIDDEN_GEOM_GROUP = 5
"""Group of the geoms that collide but are not drawn."""


def _cone_vertices(radius: float, height: float) -> str:
    angles = [2 * math.pi * k / _CONE_SIDES for k in range(_CONE_SIDES)]
    ring = [(radius * math.cos(angle), radius * math.sin(angle), 0.0) for angle in angles]
    return ' '.join(f'{value:.4f}' for point in (*ring, (0.0, 0.0, height)) for value in point)


def flat_square_mesh(name: str, half_m: float, repeats: float) -> str:
    """Return the asset of a level square mesh with a repeated texture.

    MuJoCo's own planes look the same and take a third of the whole time of rendering.

    Args:
        name: name of the mesh.
        half_m: half the edge length, m.
        repeats: number of repetitions of the texture along an edge.
    """
    corners = (-1, -1), (1, -1), (1, 1), (-1, 1)
    vertices = [half_m * value for x, y in corners for value in (x, y, 0)]
    coordinates = [0.5 * repeats * value for x, y in corners for value in (x, -y)]
    return (
        f'<mesh name="{name}" inertia="shell" face="0 1 2 0 2 3" '
        f'vertex="{format_numbers(vertices)}" texcoord="{format_numbers(coordinates)}"/>'
    )


def plant_assets() -> str:
    """Return the assets of the trees and bushes of any scene."""
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
    """Return a solid as an MJCF geom."""
    name = f'name="{shape.name}" ' if shape.name else ''
    material = f'material="{shape.material}" ' if shape.material else ''
    pose = f'pos="{format_numbers(shape.position_m)}"'
    if any(shape.rpy_rad):
        pose += f' euler="{format_numbers(shape.rpy_rad)}"'
    kind, size = shape.kind, f'size="{format_numbers(shape.size)}"'
    if kind == 'cone':
        kind, size = 'mesh', f'mesh="cone_{shape.size[0]}_{shape.size[1]}"'
    elif kind == 'capsule':
        pose = f'fromto="{format_numbers(shape.ends_m)}"'
        size = f'size="{format_numbers(shape.size[:1])}"'
    return (
        f'<geom {name}class="solid" type="{kind}" {material}{size} {pose} '
        f'rgba="{format_rgba(shape.colour)}"/>'
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
    """Return a scene with one vehicle as an MJCF string, and its texture files.

    Args:
        parts: the scene without the vehicle.
        vehicle_mjcf: a `<body>` with a free joint, at the origin of the world frame.
        vehicle_actuators: content of `<actuator>`.
        vehicle_sensors: content of `<sensor>`.
        timestep_s: duration of a physics step, s.
        offscreen: (width, height) of the largest picture that will be rendered, pixels.
        name: name of the model.
    """
    lighting = parts.lighting
    width, height = offscreen
    ambient, diffuse = (format_rgb((share,) * 3) for share in (lighting.ambient, lighting.diffuse))
    sun = ' '.join(f'{value:.4f}' for value in lighting.sun_enu)
    xml = f"""<mujoco model={quoteattr(name)}>
  <compiler angle="radian"/>
  <option timestep="{timestep_s:g}" integrator="implicitfast"/>
  <size memory="8M"/>
  <visual>
    <headlight ambient="{ambient}" diffuse="0.12 0.12 0.12" specular="0 0 0"/>
    <quality shadowsize="0" offsamples="0" numslices="10" numstacks="6" numquads="1"/>
    <map znear="0.004" zfar="8" fogstart="25" fogend="60"/>
    <rgba fog="{format_rgba(lighting.horizon)}" haze="{format_rgba(lighting.horizon)}"/>
    <global offwidth="{width}" offheight="{height}"/>
  </visual>
  <statistic center="0 0 1" extent="10" meansize="0.3"/>
  <default>
    <default class="solid"><geom contype="1" conaffinity="0"/></default>
    <default class="visual"><geom contype="0" conaffinity="0" mass="0"/></default>
  </default>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" width="256" height="256"
             rgb1="{format_rgb(lighting.zenith)}" rgb2="{format_rgb(lighting.horizon)}"/>
    {parts.assets}
  </asset>
  <worldbody>
    <light directional="true" castshadow="false" dir="{sun}"
           diffuse="{diffuse}" specular="0 0 0" ambient="0 0 0"/>
    {parts.bodies}
    {vehicle_mjcf}
  </worldbody>
  <actuator>{vehicle_actuators}</actuator>
  <sensor>{vehicle_sensors}</sensor>
</mujoco>"""
    return xml, parts.textures
