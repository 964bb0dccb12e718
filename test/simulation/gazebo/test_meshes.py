"""Meshes are closed if they must be, have the size of their shape, and face outwards."""

import numpy as np
import pytest

from liquid_pilot.simulation.base.shapes import Shape, cone_size
from liquid_pilot.simulation.gazebo import meshes


def shape(kind, size):
    return Shape('it', kind, size, (0.0, 0.0, 0.0), (0.2, 0.4, 0.1), 'leaves')


SOLIDS = {
    'cylinder': ((0.3, 2.0), [0.3, 0.3, 2.0]),
    'ellipsoid': ((1.5, 1.0, 0.5), [1.5, 1.0, 0.5]),
    'box': ((2.0, 0.2, 0.8), [2.0, 0.2, 0.8]),
}


def triangles(surface):
    for face in surface.faces:
        yield from ((face[0], face[k], face[k + 1]) for k in range(1, len(face) - 1))


def turning(surface, triangle):
    """Return a vector along the normal of a triangle, with a length of twice its area."""
    a, b, c = (np.array(surface.vertices[k]) for k in triangle)
    return np.cross(b - a, c - a)


def volume(surface):
    return sum(np.dot(surface.vertices[t[0]], turning(surface, t)) for t in triangles(surface)) / 6


@pytest.mark.parametrize('kind', SOLIDS)
def test_a_solid_has_the_size_that_is_asked_for(kind):
    size, half = SOLIDS[kind]
    corners = np.array(meshes.shape_mesh(shape(kind, size)).vertices)
    assert corners.max(axis=0) == pytest.approx(half, abs=1e-9)
    assert corners.min(axis=0) == pytest.approx(-np.array(half), abs=1e-9)


def test_a_cone_stands_on_its_base():
    corners = np.array(meshes.shape_mesh(shape('cone', (2, 1))).vertices)
    radius, height = cone_size(2, 1)
    assert corners.max(axis=0) == pytest.approx([radius, radius, height])
    assert corners[:, 2].min() == 0.0


@pytest.mark.parametrize(
    ('kind', 'size', 'expected'),
    [
        ('ellipsoid', (1.5, 1.0, 0.5), 4 / 3 * np.pi * 0.75),
        ('box', (2.0, 0.2, 0.8), 8 * 0.32),
        ('cone', (2, 1), np.pi / 3 * cone_size(2, 1)[0] ** 2 * cone_size(2, 1)[1]),
    ],
)
def test_what_is_closed_holds_what_it_should(kind, size, expected):
    """The volume shows that all faces point outwards; that of an inscribed solid is smaller."""
    assert 0.85 * expected < volume(meshes.shape_mesh(shape(kind, size))) <= expected * (1 + 1e-9)


@pytest.mark.parametrize(
    'surface',
    [
        meshes.shape_mesh(shape('cylinder', (0.3, 2.0))),
        meshes.shape_mesh(shape('cone', (0, 0))),
        meshes.shape_mesh(shape('ellipsoid', (1.0, 2.0, 0.5))),
        meshes.square_mesh(80.0, 10.0),
        meshes.shape_mesh(shape('box', (1.0, 2.0, 3.0))),
        meshes.ellipsoid_mesh((95.0,) * 3, 8, 4, inside=True),
    ],
)
def test_faces_look_where_their_normals_do(surface):
    assert len(surface.vertices) == len(surface.texture_coordinates) == len(surface.normals)
    for triangle in triangles(surface):
        normal = turning(surface, triangle)
        for k in triangle:
            assert np.linalg.norm(surface.normals[k]) == pytest.approx(1.0)
            if np.linalg.norm(normal) > 1e-9:
                assert np.dot(normal, surface.normals[k]) > 0.0


def test_the_dome_is_seen_from_inside():
    assert volume(meshes.ellipsoid_mesh((1.0,) * 3, 8, 4, inside=True)) < 0.0


def test_equal_rows_of_a_file_are_written_once():
    objects = meshes.ObjWriter('some')
    for name, half in (('one', 1.0), ('two', 1.0), ('three', 2.0)):
        objects.add(name, meshes.square_mesh(half, 1.0), (0.5, 0.25, 1.0), 'ground.png')
    files = objects.files()
    lines = files['some.obj'].decode().splitlines()
    assert lines[0] == 'mtllib some.mtl'
    assert [line for line in lines if line.startswith('f ')] == [
        'f 1/1/1 2/2/1 3/3/1 4/4/1',
        'f 1/1/1 2/2/1 3/3/1 4/4/1',
        'f 5/1/1 6/2/1 7/3/1 8/4/1',
    ]
    assert len([line for line in lines if line.startswith('v ')]) == 8
    assert 'newmtl two\nKa 0.500 0.250 1.000\nKd 0.500 0.250 1.000' in files['some.mtl'].decode()
