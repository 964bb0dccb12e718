"""A road as MJCF: tiles of ground that follow the relief, the surface of the road, and plants.

Tiles and segments are small because geoms outside the view are not drawn (`rendering`). The tyres
of the vehicle compute the height of the ground themselves (`rover`), so contacts are detected with
plants only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.simulation.base import shapes
from liquid_pilot.simulation.base.appearance import (
    DEFAULT_APPEARANCE,
    Appearance,
    encode_texture,
    sample_lighting,
    sample_textures,
)
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.shapes import Shape
from liquid_pilot.simulation.base.task import SceneParts
from liquid_pilot.simulation.mujoco.mjcf import flat_square_mesh, geom, plant_assets
from liquid_pilot.simulation.road.layout import STEP_M, RoadLayout

_TILE_M, _CELLS = 16.0, 6
_REACH_M = 50.0
"""Distance from the road up to which the relief of the ground is drawn. It is flat beyond."""
_SEGMENT_M, _ROW_M = 12.0, 1.0
"""Length of a segment of the surface, and of one row of its mesh."""
_SURFACE_OFFSET_M = 0.03
"""Height of the road's surface above the ground, so that their meshes do not intersect."""
_REPEAT_M = 6.0
"""Length of road that its texture covers."""
_ASPHALTS = ((0.30, 0.30, 0.32), (0.42, 0.41, 0.40), (0.24, 0.24, 0.26), (0.52, 0.46, 0.38))
"""Colours of fresh asphalt, old asphalt, dark wet asphalt and gravel."""
_PAINTS = ((0.92, 0.92, 0.90), (0.90, 0.75, 0.20))


class SurfaceMesh(NamedTuple):
    """One mesh of the ground or of the road's surface."""

    name: str
    material: str
    vertices: npt.NDArray[np.float64]
    """(n, 3) x, y, z, world frame ENU, m."""
    texture_coordinates: npt.NDArray[np.float64]
    """(n, 2) position of each vertex in the texture."""
    faces: npt.NDArray[np.int64]
    """(m, 3) indices of the vertices of each triangle, counter-clockwise seen from above."""


def build_road_scene(layout: RoadLayout, appearance: Appearance = DEFAULT_APPEARANCE) -> SceneParts:
    """Return the scene of a road, without the vehicle."""
    assets, bodies = _surfaces(layout)
    textures = {**sample_textures(layout.seed, appearance), 'road.png': road_texture(layout)}
    assets += f"""<texture name="ground" type="2d" file="ground.png"/>
    <texture name="road" type="2d" file="road.png"/>
    <material name="ground" texture="ground" specular="0"/>
    <material name="road" texture="road" specular="0"/>
    {plant_assets()}"""
    return SceneParts(
        assets,
        bodies + ''.join(map(geom, plant_shapes(layout, appearance))),
        textures,
        sample_lighting(layout.seed),
    )


def plant_shapes(layout: RoadLayout, appearance: Appearance = DEFAULT_APPEARANCE) -> list[Shape]:
    """Return the trees and bushes, standing on the ground."""
    trees = [
        shape
        for index, tree in enumerate(layout.trees)
        for shape in _on_ground(
            shapes.tree_shapes(tree, index, appearance), layout, tree.x_m, tree.y_m
        )
    ]
    return trees + [
        shape
        for index, bush in enumerate(layout.bushes)
        for shape in _on_ground(
            [shapes.bush_shape(bush, index, appearance)], layout, bush.x_m, bush.y_m
        )
    ]


def _on_ground(parts: list[Shape], layout: RoadLayout, x: float, y: float) -> list[Shape]:
    """Return the shapes of a plant, raised by the height of the ground at (x, y)."""
    up = float(layout.height(x, y))
    return [
        replace(
            part,
            position_m=(part.position_m[0], part.position_m[1], round(part.position_m[2] + up, 4)),
        )
        for part in parts
    ]


def _surfaces(layout: RoadLayout) -> tuple[str, str]:
    """Return the assets of the meshes of ground and road, and the geoms that show them."""
    assets, bodies = [], []
    for mesh in (*ground_tiles(layout), *surface_segments(layout)):
        assets.append(_mesh_asset(mesh))
        bodies.append(
            f'<geom class="visual" type="mesh" mesh="{mesh.name}" material="{mesh.material}"/>'
        )
    x, y = layout.centerline[::8, :2].T
    low = min(-0.4, float(layout.height(x, y).min()) - 0.4)
    assets.append(flat_square_mesh('far', 400.0, 1.0))
    bodies.append(
        f'<geom class="visual" type="mesh" mesh="far" pos="0 0 {low:.3f}" material="ground"/>'
    )
    return ''.join(assets), ''.join(bodies)


def ground_tiles(layout: RoadLayout) -> list[SurfaceMesh]:
    """Return the tiles of the ground that are near the road."""
    centerline = layout.coarse_centerline
    low = np.floor((centerline.min(0) - _REACH_M) / _TILE_M).astype(int)
    high = np.ceil((centerline.max(0) + _REACH_M) / _TILE_M).astype(int)
    tiles = []
    grid = np.linspace(0.0, _TILE_M, _CELLS + 1)
    for i in range(low[0], high[0]):
        for j in range(low[1], high[1]):
            corner = np.array([i, j]) * _TILE_M
            middle = corner + 0.5 * _TILE_M
            if np.hypot(*(centerline - middle).T).min() > _REACH_M:
                continue
            x, y = (
                values.ravel()
                for values in np.meshgrid(corner[0] + grid, corner[1] + grid, indexing='ij')
            )
            vertices = np.stack([x, y, layout.height(x, y)], axis=1)
            tiles.append(
                SurfaceMesh(
                    f'tile_{i - low[0]}_{j - low[1]}',
                    'ground',
                    vertices,
                    vertices[:, :2] / _TILE_M,
                    _grid_faces(_CELLS + 1, _CELLS + 1),
                )
            )
    return tiles


def surface_segments(layout: RoadLayout) -> list[SurfaceMesh]:
    """Return the segments of the road's surface, from edge to edge."""
    row, length = round(_ROW_M / STEP_M), round(_SEGMENT_M / STEP_M)
    across = np.linspace(-1.0, 1.0, 5)
    last = len(layout.centerline) - 1
    segments = []
    for number, first in enumerate(range(0, last + 1 - row, length)):
        part = np.arange(first, min(first + length, last) + 1, row)
        x, y, heading, _ = layout.centerline[part].T
        offset = layout.half_width_m * across[None, :]
        east = x[:, None] - offset * np.sin(heading)[:, None]
        north = y[:, None] + offset * np.cos(heading)[:, None]
        vertices = np.stack([east, north, layout.height(east, north) + _SURFACE_OFFSET_M], axis=2)
        along = np.repeat((part * STEP_M / _REPEAT_M)[:, None], len(across), axis=1)
        coordinates = np.stack(
            [np.repeat(0.5 * (1.0 - across)[None, :], len(part), axis=0), along], axis=2
        )
        segments.append(
            SurfaceMesh(
                f'road_{number}',
                'road',
                vertices.reshape(-1, 3),
                coordinates.reshape(-1, 2),
                _grid_faces(len(part), len(across)),
            )
        )
    return segments


def _grid_faces(rows: int, columns: int) -> npt.NDArray[np.int64]:
    """Return the (m, 3) triangles of a grid of vertices, facing upwards."""
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    faces = np.concatenate(
        [
            np.stack([a, a + columns, a + columns + 1], axis=1),
            np.stack([a, a + columns + 1, a + 1], axis=1),
        ]
    )
    return faces


def _mesh_asset(mesh: SurfaceMesh) -> str:
    def numbers(values: np.ndarray, form: str) -> str:
        return ' '.join(form % value for value in values.ravel())

    return (
        f'<mesh name="{mesh.name}" inertia="shell" vertex="{numbers(mesh.vertices, "%.3f")}" '
        f'texcoord="{numbers(mesh.texture_coordinates, "%.3f")}" '
        f'face="{numbers(mesh.faces, "%d")}"/>'
    )


def road_texture(layout: RoadLayout) -> bytes:
    """Return the texture of _REPEAT_M of road as PNG, from the left edge to the right edge."""
    rng = random_stream(layout.seed, 'asphalt')
    base = np.array(_ASPHALTS[rng.integers(len(_ASPHALTS))]) * rng.uniform(0.85, 1.15)
    paint = np.array(_PAINTS[rng.integers(len(_PAINTS))])
    width, height = 128, 128
    texture = base * rng.uniform(0.85, 1.15, (height, width, 1)) * np.ones(3)
    metres = (np.arange(width) + 0.5) / width * 2.0 * layout.half_width_m - layout.half_width_m
    if layout.markings in ('edges', 'both'):
        texture[:, np.abs(np.abs(metres) - layout.half_width_m + 0.2) < 0.07] = paint
    if layout.markings in ('dashes', 'both'):
        texture[: height // 2, np.abs(metres) < 0.07] = paint
    # Sand and grass cover the edges.
    verge = np.abs(metres) > layout.half_width_m - 0.1
    texture[:, verge] *= 0.7
    return encode_texture(texture)
