"""Shapes as Wavefront OBJ and MTL, which Gazebo reads with their textures and colours together.

Textures come by a mesh's own material and not by SDF's `albedo_map`: Gazebo's older renderer (ogre)
draws whatever has that as if it were glass, so that the sky covers the trees.
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
"""Around and along: as MuJoCo has them, which wraps leaves as the faces of a cube."""


class PolygonMesh(NamedTuple):
    """Triangles and quads; a vertex, its place in the texture and its normal are numbered alike."""

    vertices: list[Vec3]
    places: list[tuple[float, float]]
    normals: list[Vec3]
    faces: list[tuple[int, ...]]
    """From 0 on, counter-clockwise seen from where the normals point."""


class ObjWriter:
    """An OBJ file of named parts, each of a material of the same name, and the MTL of these."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._obj = [f'mtllib {file}.mtl']
        self._mtl: list[str] = []
        self._known: dict[str, dict[str, int]] = {'v': {}, 'vt': {}, 'vn': {}}
        """By letter: a row as text -> its number in the file. Equal rows are written once."""

    def add(self, name: str, surface: PolygonMesh, colour: Vec3, texture: str) -> None:
        """One part; `colour` multiplies the picture `texture`."""
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
        numbered = [
            [self._number(letter, row) for row in rows]
            for letter, rows in zip(self._known, surface[:3], strict=True)
        ]
        self._obj += [f'o {name}', f'usemtl {name}']
        for face in surface.faces:
            self._obj.append(
                'f ' + ' '.join('/'.join(str(numbers[k]) for numbers in numbered) for k in face)
            )

    def _number(self, letter: str, row: Sequence[float]) -> int:
        text = ' '.join(f'{round(value, 4) + 0.0:g}' for value in row)
        known = self._known[letter]
        if text not in known:
            known[text] = len(known) + 1
            self._obj.append(f'{letter} {text}')
        return known[text]

    def files(self) -> dict[str, bytes]:
        """By their names."""
        return {
            f'{self.file}.{kind}': ('\n'.join(lines) + '\n').encode()
            for kind, lines in (('obj', self._obj), ('mtl', self._mtl))
        }


def shape_mesh(shape: Shape) -> PolygonMesh:
    """The surface of a solid, in its own frame."""
    if shape.kind == 'cone':
        return cone_mesh(*shapes.cone_size(*map(int, shape.size)))
    if shape.kind == 'cylinder':
        return _cylinder(*shape.size)
    if shape.kind == 'ellipsoid':
        return ellipsoid_mesh(shape.size, _SIDES, _RINGS, _LEAF_REPEATS)
    return _box(shape.size)


def square_mesh(half: float, repeats: float) -> PolygonMesh:
    """On the ground, looking up."""
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
    """An ellipsoid; `inside`: seen from its middle. The texture's upper edge is its top."""
    made = PolygonMesh([], [], [], [])
    sign = -1.0 if inside else 1.0
    for ring in range(rings + 1):
        polar = math.pi * ring / rings
        for side, (x, y) in enumerate(_circle(sides)):
            point = (math.sin(polar) * x, math.sin(polar) * y, math.cos(polar))
            made.vertices.append(tuple(r * p for r, p in zip(radii, point, strict=True)))
            made.places.append((repeats[0] * side / sides, repeats[1] * (1.0 - ring / rings)))
            made.normals.append(_unit(sign * p / r for r, p in zip(radii, point, strict=True)))
    made.faces.extend(_quads(sides, rings, inside))
    return made


def cone_mesh(radius: float, height: float) -> PolygonMesh:
    """Its base, closed, at the origin."""
    around, along = _LEAF_REPEATS
    made = PolygonMesh([], [], [], [])
    for size, level in ((0.0, height), (radius, 0.0)):
        for side, (x, y) in enumerate(_circle(_SIDES)):
            made.vertices.append((size * x, size * y, level))
            made.places.append((around * side / _SIDES, along * level / height))
            made.normals.append(_unit((x * height, y * height, radius)))
    made.faces.extend(_quads(_SIDES, 1))
    first = len(made.vertices)
    for x, y in _circle(_SIDES):
        made.vertices.append((radius * x, radius * y, 0.0))
        made.places.append((0.5 + 0.5 * x, 0.5 + 0.5 * y))
        made.normals.append((0.0, 0.0, -1.0))
    made.faces.append(tuple(range(first + _SIDES - 1, first - 1, -1)))
    return made


def _circle(sides: int) -> Iterator[tuple[float, float]]:
    """Points of a circle, the first of them once more at the end."""
    for side in range(sides + 1):
        turn = 2.0 * math.pi * side / sides
        yield math.cos(turn), math.sin(turn)


def _unit(values: Iterable[float]) -> Vec3:
    vector = tuple(values)
    length = math.hypot(*vector)
    return tuple(value / length for value in vector)


def _quads(sides: int, rings: int, inside: bool = False) -> Iterator[tuple[int, ...]]:
    """Between rings of `sides` + 1 vertices, from the top down."""
    for ring in range(rings):
        for side in range(sides):
            above = ring * (sides + 1) + side
            below = above + sides + 1
            face = (above, below, below + 1, above + 1)
            yield face[::-1] if inside else face


def _cylinder(radius: float, half: float) -> PolygonMesh:
    """Without ends, which a crown and the ground hide."""
    around, along = _BARK_REPEATS
    made = PolygonMesh([], [], [], [])
    for level in (1.0, -1.0):
        for side, (x, y) in enumerate(_circle(_SIDES)):
            made.vertices.append((radius * x, radius * y, level * half))
            made.places.append((around * side / _SIDES, along * 0.5 * (level + 1.0)))
            made.normals.append((x, y, 0.0))
    made.faces.extend(_quads(_SIDES, 1))
    return made


def _box(half: Sequence[float]) -> PolygonMesh:
    made = PolygonMesh([], [], [], [])
    for axis in range(3):
        for sign in (-1.0, 1.0):
            first = len(made.vertices)
            across, up = (axis + 1) % 3, (axis + 2) % 3
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                corner = [0.0, 0.0, 0.0]
                corner[axis], corner[across], corner[up] = sign, a, b
                made.vertices.append(tuple(c * h for c, h in zip(corner, half, strict=True)))
                made.places.append((0.5 * (a + 1), 0.5 * (b + 1)))
                made.normals.append(tuple(sign if k == axis else 0.0 for k in range(3)))
            face = tuple(range(first, first + 4))
            made.faces.append(face if sign > 0 else face[::-1])
    return made
