"""Shapes as models of a Gazebo world: links, visuals, collisions, and the meshes they refer to."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

from liquid_pilot.simulation.base import shapes
from liquid_pilot.simulation.base.appearance import Vec3
from liquid_pilot.simulation.base.shapes import Shape
from liquid_pilot.simulation.base.xml_text import format_numbers, format_rgba
from liquid_pilot.simulation.gazebo.meshes import ObjWriter, cone_mesh, shape_mesh
from liquid_pilot.simulation.gazebo.sdf import add_child, add_pose

OBSTACLE_PREFIX = 'solid'
"""Prefix of the names of all models that the vehicle must not touch."""
CONE = 'cone'
"""Name of the cone's mesh, and of its file, which contains nothing else: Gazebo's physics uses all
meshes of a file, whichever submesh is named."""


def _add_geometry(parent: Element, shape: Shape) -> None:
    geometry = add_child(parent, 'geometry')
    if shape.kind == 'cone':
        radius, height = shapes.cone_size(*map(int, shape.size))
        add_mesh(geometry, CONE, CONE, (radius, radius, height))
        return
    solid = add_child(geometry, shape.kind)
    if shape.kind == 'box':
        add_child(solid, 'size', format_numbers(2.0 * value for value in shape.size))
    elif shape.kind == 'ellipsoid':
        add_child(solid, 'radii', format_numbers(shape.size))
    else:
        add_child(solid, 'radius', format_numbers(shape.size[:1]))
        add_child(solid, 'length', format_numbers((2.0 * shape.size[1],)))


def cone_mesh_files() -> dict[str, bytes]:
    """Return the files of the cone that all pines consist of, by name."""
    writer = ObjWriter(CONE)
    writer.add(CONE, cone_mesh(1.0, 1.0), (1.0, 1.0, 1.0), 'leaves.png')
    return writer.files()


def add_mesh(geometry: Element, file: str, submesh: str, scale: Vec3 = (1.0, 1.0, 1.0)) -> None:
    """Append one submesh of an OBJ file.

    Args:
        geometry: the parent.
        file: name of the file without its extension.
        submesh: name of the submesh.
        scale: factors on x, y and z.
    """
    mesh = add_child(geometry, 'mesh')
    add_child(mesh, 'uri', f'{file}.obj')
    add_child(add_child(mesh, 'submesh'), 'name', submesh)
    add_child(mesh, 'scale', format_numbers(scale))


def add_solid_colour_material(visual: Element, colour: Vec3) -> Element:
    """Append a matt material of one colour, without a texture, and return it."""
    material = add_child(visual, 'material')
    for name in ('ambient', 'diffuse'):
        add_child(material, name, format_rgba(colour))
    add_child(material, 'specular', '0 0 0 1')
    return material


def add_obstacle_model(
    world: Element,
    name: str,
    position: Vec3,
    yaw_rad: float,
    parts: Iterable[Shape],
    meshes: ObjWriter,
) -> None:
    """Append a static model that the vehicle must not touch.

    Args:
        world: the parent.
        name: name of the model, to which the prefix of obstacles is added.
        position: position of the model, m.
        yaw_rad: heading of the model.
        parts: solids in the frame of the model.
        meshes: the OBJ file to which the meshes of textured solids are added.
    """
    link = add_static_link(world, f'{OBSTACLE_PREFIX}_{name}', position, yaw_rad)
    for index, shape in enumerate(parts):
        part_name = shape.name or f'part_{index}'
        if shape.collidable:
            collision = add_child(link, 'collision', name=part_name)
            add_pose(collision, shape.position_m, shape.rpy_rad)
            _add_geometry(collision, shape)
        # All names within a link must differ.
        visual = add_child(link, 'visual', name=f'{part_name}_visual')
        add_pose(visual, shape.position_m, shape.rpy_rad)
        if shape.material:
            meshes.add(part_name, shape_mesh(shape), shape.colour, f'{shape.material}.png')
            add_mesh(add_child(visual, 'geometry'), meshes.file, part_name)
        else:
            _add_geometry(visual, shape)
            add_solid_colour_material(visual, shape.colour)


def add_static_link(
    world: Element, name: str, position: Vec3 = (0.0, 0.0, 0.0), yaw_rad: float = 0.0
) -> Element:
    """Append a model that does not move, and return its link.

    Args:
        world: the parent.
        name: name of the model.
        position: position of the model, m.
        yaw_rad: heading of the model.
    """
    model = add_child(world, 'model', name=name)
    add_child(model, 'static', 'true')
    add_pose(model, position, (0.0, 0.0, yaw_rad))
    return add_child(model, 'link', name='link')
