"""Shapes as parts of a Gazebo world: links, visuals, collisions, and the meshes that these name."""

from __future__ import annotations

from collections.abc import Iterable

from liquid_pilot.simulation.base import shapes
from liquid_pilot.simulation.base.appearance import Triple
from liquid_pilot.simulation.base.shapes import Shape
from liquid_pilot.simulation.gazebo.meshes import Objects, cone, of_shape
from liquid_pilot.simulation.gazebo.sdf import Element, numbers, pose, rgba, sub

SOLID = 'solid'
"""Every model that must not be touched has a name that begins so."""
CONE = 'cone'
"""A part, and the file that has it alone: of a file with many Gazebo's physics takes them all,
whichever is asked for."""


def _geometry(parent: Element, shape: Shape) -> None:
    geometry = sub(parent, 'geometry')
    if shape.kind == 'cone':
        radius, height = shapes.cone_size(*map(int, shape.size))
        mesh(geometry, CONE, CONE, (radius, radius, height))
        return
    part = sub(geometry, shape.kind)
    if shape.kind == 'box':
        sub(part, 'size', numbers(2.0 * value for value in shape.size))
    elif shape.kind == 'ellipsoid':
        sub(part, 'radii', numbers(shape.size))
    else:
        sub(part, 'radius', numbers(shape.size[:1]))
        sub(part, 'length', numbers((2.0 * shape.size[1],)))


def cones() -> dict[str, bytes]:
    """The file of the cone that all pines are made of."""
    made = Objects(CONE)
    made.add(CONE, cone(1.0, 1.0), (1.0, 1.0, 1.0), 'leaves.png')
    return made.files()


def mesh(geometry: Element, file: str, part: str, scale: Triple = (1.0, 1.0, 1.0)) -> None:
    """A part of a file of meshes."""
    named = sub(geometry, 'mesh')
    sub(named, 'uri', f'{file}.obj')
    sub(sub(named, 'submesh'), 'name', part)
    sub(named, 'scale', numbers(scale))


def plain(visual: Element, colour: Triple) -> None:
    """One colour, without a texture."""
    material = sub(visual, 'material')
    for name in ('ambient', 'diffuse'):
        sub(material, name, rgba(colour))
    sub(material, 'specular', '0 0 0 1')


def solid(world: Element, name: str, position: Triple, yaw_rad: float, parts: Iterable[Shape],
           meshes: Objects) -> None:
    """A model that stands still and must not be touched; parts with a texture go to `meshes`."""
    link = still(world, f'{SOLID}_{name}', position, yaw_rad)
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
            mesh(sub(visual, 'geometry'), meshes.file, own)
        else:
            _geometry(visual, shape)
            plain(visual, shape.colour)


def still(world: Element, name: str, position: Triple = (0.0, 0.0, 0.0), yaw_rad: float = 0.0
           ) -> Element:
    """The link of a model that does not move."""
    model = sub(world, 'model', name=name)
    sub(model, 'static', 'true')
    pose(model, position, (0.0, 0.0, yaw_rad))
    return sub(model, 'link', name='link')
