"""Shapes as Wavefront OBJ and MTL files, which carry both textures and colours.

Textures are part of the material of a mesh, not of SDF's `albedo_map`: Gazebo's older renderer
(ogre) draws an `albedo_map` as if it were transparent, so that the sky covers the trees.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from liquid_pilot.simulation.base import shapes
from liquid_pilot.simulation.base.appearance import Vec3
from liquid_pilot.simulation.base.shapes import Shape

_SIDES, _RINGS = 12, 6
_BARK_REPEATS, _LEAF_REPEATS = (2, 1), (4, 2)
"""Repetitions of a texture around and along a solid. They resemble those of MuJoCo, which wraps
leaves as the faces of a cube."""


class PolygonMesh(NamedTuple):
    """A mesh of triangles and quads. Vertices, texture coordinates and normals share indices."""

    vertices: list[Vec3]
    texture_coordinates: list[tuple[float, float]]
    normals: list[Vec3]
    faces: list[tuple[int, ...]]
    """Indices from 0, counter-clockwise seen from the side that the normals point to."""


class ObjWriter:
    """Writes an OBJ file of named meshes, each with a material of the same name in an MTL file.

    Args:
        file: name of both files without their extensions.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        """Name of both files without their extensions."""
        self._obj = [f'mtllib {file}.mtl']
        self._mtl: list[str] = []
        self._row_numbers: dict[str, dict[str, int]] = {'v': {}, 'vt': {}, 'vn': {}}
        """Number of each row in the file, by keyword and text. Equal rows are written once."""

    def add(self, name: str, mesh: PolygonMesh, colour: Vec3, texture: str) -> None:
        """Add a mesh.

        Args:
            name: name of the mesh and of its material.
            mesh: the mesh.
            colour: factors on the red, green and blue of the texture.
            texture: name of the texture's file.
        """
        red_green_blue = ' '.join(f'{value:.3f}' for value in colour)
        self._mtl += [
            f'newmtl {name}',
            f'Ka {red_green_blue}',
            f'Kd {red_green_blue}',
            'Ks 0 0 0',
            'Pr 1',
            'Pm 0',
            f'map_Kd {texture}',
        ]
        numbers = [
            [self._row_number('v', row) for row in mesh.vertices],
            [self._row_number('vt', row) for row in mesh.texture_coordinates],
            [self._row_number('vn', row) for row in mesh.normals],
        ]
        self._obj += [f'o {name}', f'usemtl {name}']
        for face in mesh.faces:
            corners = ('/'.join(str(column[k]) for column in numbers) for k in face)
            self._obj.append('f ' + ' '.join(corners))

    def _row_number(self, keyword: str, row: Sequence[float]) -> int:
        text = ' '.join(f'{round(value, 4) + 0.0:g}' for value in row)
        numbers = self._row_numbers[keyword]
        if text not in numbers:
            numbers[text] = len(numbers) + 1
            self._obj.append(f'{keyword} {text}')
        return numbers[text]

    def files(self) -> dict[str, bytes]:
        """Return the contents of the OBJ and the MTL file, by name."""
        return {
            f'{self.file}.{kind}': ('\n'.join(lines) + '\n').encode()
            for kind, lines in (('obj', self._obj), ('mtl', self._mtl))
        }


def shape_mesh(shape: Shape) -> PolygonMesh:
    """Return the surface of a solid, in its own frame."""
    if shape.kind == 'cone':
        return cone_mesh(*shapes.cone_size(*map(int, shape.size)))
    if shape.kind == 'cylinder':
        radius, half_length = shape.size
        return _cylinder(radius, half_length)
    if shape.kind == 'ellipsoid':
        return ellipsoid_mesh(shape.size, _SIDES, _RINGS, _LEAF_REPEATS)
    return _box(shape.size)


def square_mesh(half: float, repeats: float) -> PolygonMesh:
    """Return a level square that faces upwards.

    Args:
        half: half the edge length.
        repeats: number of repetitions of the texture along an edge.
    """
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return PolygonMesh(
        [(x * half, y * half, 0.0) for x, y in corners],
        [((x + 1) * 0.5 * repeats, (y + 1) * 0.5 * repeats) for x, y in corners],
        [(0.0, 0.0, 1.0)] * 4,
        [(0, 1, 2, 3)],
    )


def ellipsoid_mesh(
    radii: Sequence[float],
    sides: int,
    rings: int,
    repeats: tuple[int, int] = (1, 1),
    inside: bool = False,
) -> PolygonMesh:
    """Return an ellipsoid. The upper edge of the texture is at its top.

    Args:
        radii: half axes along x, y and z.
        sides: number of faces around.
        rings: number of faces from top to bottom.
        repeats: repetitions of the texture around and along.
        inside: whether it faces its centre.
    """
    mesh = PolygonMesh([], [], [], [])
    sign = -1.0 if inside else 1.0
    for ring in range(rings + 1):
        polar = math.pi * ring / rings
        for side, (x, y) in enumerate(_circle(sides)):
            point = (math.sin(polar) * x, math.sin(polar) * y, math.cos(polar))
            px, py, pz = (radius * p for radius, p in zip(radii, point, strict=True))
            mesh.vertices.append((px, py, pz))
            mesh.texture_coordinates.append(
                (repeats[0] * side / sides, repeats[1] * (1.0 - ring / rings))
            )
            mesh.normals.append(
                _unit(sign * p / radius for radius, p in zip(radii, point, strict=True))
            )
    mesh.faces.extend(_quads(sides, rings, inside))
    return mesh


def cone_mesh(radius: float, height: float) -> PolygonMesh:
    """Return a cone with a closed base at the origin."""
    around, along = _LEAF_REPEATS
    mesh = PolygonMesh([], [], [], [])
    for size, level in ((0.0, height), (radius, 0.0)):
        for side, (x, y) in enumerate(_circle(_SIDES)):
            mesh.vertices.append((size * x, size * y, level))
            mesh.texture_coordinates.append((around * side / _SIDES, along * level / height))
            mesh.normals.append(_unit((x * height, y * height, radius)))
    mesh.faces.extend(_quads(_SIDES, 1))
    first = len(mesh.vertices)
    for x, y in _circle(_SIDES):
        mesh.vertices.append((radius * x, radius * y, 0.0))
        mesh.texture_coordinates.append((0.5 + 0.5 * x, 0.5 + 0.5 * y))
        mesh.normals.append((0.0, 0.0, -1.0))
    mesh.faces.append(tuple(range(first + _SIDES - 1, first - 1, -1)))
    return mesh


def _circle(sides: int) -> Iterator[tuple[float, float]]:
    """Yield the points of a unit circle, with the first one repeated at the end."""
    for side in range(sides + 1):
        turn = 2.0 * math.pi * side / sides
        yield math.cos(turn), math.sin(turn)


def _unit(values: Iterable[float]) -> Vec3:
    x, y, z = values
    length = math.hypot(x, y, z)
    return x / length, y / length, z / length


def _quads(sides: int, rings: int, inside: bool = False) -> Iterator[tuple[int, ...]]:
    """Yield the faces between rings of `sides` + 1 vertices, from the top down."""
    for ring in range(rings):
        for side in range(sides):
            above = ring * (sides + 1) + side
            below = above + sides + 1
            face = (above, below, below + 1, above + 1)
            yield face[::-1] if inside else face


def _cylinder(radius: float, half: float) -> PolygonMesh:
    """Return a cylinder without its ends, which a crown and the ground hide."""
    around, along = _BARK_REPEATS
    mesh = PolygonMesh([], [], [], [])
    for level in (1.0, -1.0):
        for side, (x, y) in enumerate(_circle(_SIDES)):
            mesh.vertices.append((radius * x, radius * y, level * half))
            mesh.texture_coordinates.append((around * side / _SIDES, along * 0.5 * (level + 1.0)))
            mesh.normals.append((x, y, 0.0))
    mesh.faces.extend(_quads(_SIDES, 1))
    return mesh


def _box(half: Sequence[float]) -> PolygonMesh:
    mesh = PolygonMesh([], [], [], [])
    for axis in range(3):
        for sign in (-1.0, 1.0):
            first = len(mesh.vertices)
            across, up = (axis + 1) % 3, (axis + 2) % 3
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                corner = [0.0, 0.0, 0.0]
                corner[axis], corner[across], corner[up] = sign, a, b
                x, y, z = (c * h for c, h in zip(corner, half, strict=True))
                mesh.vertices.append((x, y, z))
                mesh.texture_coordinates.append((0.5 * (a + 1), 0.5 * (b + 1)))
                nx, ny, nz = (sign if k == axis else 0.0 for k in range(3))
                mesh.normals.append((nx, ny, nz))
            face = tuple(range(first, first + 4))
            mesh.faces.append(face if sign > 0 else face[::-1])
    return mesh
