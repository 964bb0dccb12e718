"""Shapes as parts of a Gazebo world: links, visuals, collisions, and the meshes that these name."""

from __future__ import annotations

from collections.abc import Iterable

from liquid_pilot.simulation.base import shapes
from liquid_pilot.simulation.base.appearance import Vec3
from liquid_pilot.simulation.base.shapes import Shape
from liquid_pilot.simulation.gazebo.meshes import ObjWriter, cone_mesh, shape_mesh
from liquid_pilot.simulation.gazebo.sdf import Element, add_child, format_numbers, pose, rgba

OBSTACLE_PREFIX = 'solid'
"""Every model that must not be touched has a name that begins so."""
CONE = 'cone'
"""A part, and the file that has it alone: of a file with many Gazebo's physics takes them all,
whichever is asked for."""


def _geometry(parent: Element, shape: Shape) -> None:
    geometry = add_child(parent, 'geometry')
    if shape.kind == 'cone':
        radius, height = shapes.cone_size(*map(int, shape.size))
        add_mesh(geometry, CONE, CONE, (radius, radius, height))
        return
    part = add_child(geometry, shape.kind)
    if shape.kind == 'box':
        add_child(part, 'size', format_numbers(2.0 * value for value in shape.size))
    elif shape.kind == 'ellipsoid':
        add_child(part, 'radii', format_numbers(shape.size))
    else:
        add_child(part, 'radius', format_numbers(shape.size[:1]))
        add_child(part, 'length', format_numbers((2.0 * shape.size[1],)))


def cone_mesh_files() -> dict[str, bytes]:
    """The file of the cone that all pines are made of."""
    made = ObjWriter(CONE)
    made.add(CONE, cone_mesh(1.0, 1.0), (1.0, 1.0, 1.0), 'leaves.png')
    return made.files()


def add_mesh(geometry: Element, file: str, part: str, scale: Vec3 = (1.0, 1.0, 1.0)) -> None:
    """A part of a file of meshes."""
    named = add_child(geometry, 'mesh')
    add_child(named, 'uri', f'{file}.obj')
    add_child(add_child(named, 'submesh'), 'name', part)
    add_child(named, 'scale', format_numbers(scale))


def add_solid_colour_material(visual: Element, colour: Vec3) -> None:
    """One colour, without a texture."""
    material = add_child(visual, 'material')
    for name in ('ambient', 'diffuse'):
        add_child(material, name, rgba(colour))
    add_child(material, 'specular', '0 0 0 1')


def add_obstacle_model(
    world: Element,
    name: str,
    position: Vec3,
    yaw_rad: float,
    parts: Iterable[Shape],
    meshes: ObjWriter,
) -> None:
    """A model that stands still and must not be touched; parts with a texture go to `meshes`."""
    link = add_static_link(world, f'{OBSTACLE_PREFIX}_{name}', position, yaw_rad)
    for index, shape in enumerate(parts):
        own = shape.name or f'part_{index}'
        if shape.collidable:
            collision = add_child(link, 'collision', name=own)
            pose(collision, shape.position_m, shape.rpy_rad)
            _geometry(collision, shape)
        # Names of one link's parts must differ, whatever they are.
        visual = add_child(link, 'visual', name=f'{own}_visual')
        pose(visual, shape.position_m, shape.rpy_rad)
        if shape.material:
            meshes.add(own, shape_mesh(shape), shape.colour, f'{shape.material}.png')
            add_mesh(add_child(visual, 'geometry'), meshes.file, own)
        else:
            _geometry(visual, shape)
            add_solid_colour_material(visual, shape.colour)


def add_static_link(
    world: Element, name: str, position: Vec3 = (0.0, 0.0, 0.0), yaw_rad: float = 0.0
) -> Element:
    """The link of a model that does not move."""
    model = add_child(world, 'model', name=name)
    add_child(model, 'static', 'true')
    pose(model, position, (0.0, 0.0, yaw_rad))
    return add_child(model, 'link', name='link')
