"""A road as MJCF: ground in tiles that follow its relief, the road's surface upon them, plants.

Tiles and pieces are small because what is outside of the camera's view is not drawn, piece by piece
(`rendering`). The vehicle's tyres know the ground's height by themselves (`rover`): only what
stands beside the road can be touched.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from liquid_pilot.simulation.base import appearance as looks
from liquid_pilot.simulation.base import shapes
from liquid_pilot.simulation.base.appearance import DEFAULT_APPEARANCE, Appearance
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.shapes import Shape
from liquid_pilot.simulation.base.task import SceneParts
from liquid_pilot.simulation.mujoco.mjcf import flat_square_mesh, geom, plant_assets
from liquid_pilot.simulation.road.layout import STEP_M, RoadLayout

_TILE_M, _CELLS = 16.0, 6
_REACH_M = 50.0
"""Ground is drawn so far from the road; farther away it is flat."""
_PIECE_M, _ROW_M = 12.0, 1.0
_SURFACE_OFFSET_M = 0.03
"""The road's surface lies so far above the ground, lest they be drawn through each other."""
_REPEAT_M = 6.0
"""Length of road that one picture of it covers."""
_ASPHALTS = ((0.30, 0.30, 0.32), (0.42, 0.41, 0.40), (0.24, 0.24, 0.26), (0.52, 0.46, 0.38))
"""Fresh, old, wet-dark asphalt and gravel."""
_PAINTS = ((0.92, 0.92, 0.90), (0.90, 0.75, 0.20))


def build_road_scene(layout: RoadLayout, look: Appearance = DEFAULT_APPEARANCE) -> SceneParts:
    """Everything but the vehicle."""
    assets, bodies = _surfaces(layout)
    textures = {**looks.textures(layout.seed, look), 'road.png': road_texture(layout)}
    assets += f"""<texture name="ground" type="2d" file="ground.png"/>
    <texture name="road" type="2d" file="road.png"/>
    <material name="ground" texture="ground" specular="0"/>
    <material name="road" texture="road" specular="0"/>
    {plant_assets()}"""
    return SceneParts(
        assets,
        bodies + ''.join(map(geom, plant_shapes(layout, look))),
        textures,
        looks.sample_lighting(layout.seed),
    )


def plant_shapes(layout: RoadLayout, look: Appearance = DEFAULT_APPEARANCE) -> list[Shape]:
    """Trees and bushes, on the ground."""
    found = [
        shape
        for index, tree in enumerate(layout.trees)
        for shape in _on_ground(shapes.tree_shapes(tree, index, look), layout, tree.x_m, tree.y_m)
    ]
    return found + [
        shape
        for index, bush in enumerate(layout.bushes)
        for shape in _on_ground([shapes.bush_shape(bush, index, look)], layout, bush.x_m, bush.y_m)
    ]


def _on_ground(parts: list[Shape], layout: RoadLayout, x: float, y: float) -> list[Shape]:
    """The same, standing on the ground."""
    up = float(layout.height(x, y))
    return [
        replace(part, position_m=(*part.position_m[:2], round(part.position_m[2] + up, 4)))
        for part in parts
    ]


def _surfaces(layout: RoadLayout) -> tuple[str, str]:
    """Meshes of ground and road, and their geoms."""
    assets, bodies = [], []
    for name, material, mesh in (*ground_tiles(layout), *surface_segments(layout)):
        assets.append(_mesh(name, *mesh))
        bodies.append(f'<geom class="visual" type="mesh" mesh="{name}" material="{material}"/>')
    low = min(-0.4, float(layout.height(*layout.line[::8, :2].T).min()) - 0.4)
    assets.append(flat_square_mesh('far', 400.0, 1.0))
    bodies.append(
        f'<geom class="visual" type="mesh" mesh="far" pos="0 0 {low:.3f}" material="ground"/>'
    )
    return ''.join(assets), ''.join(bodies)


def ground_tiles(layout: RoadLayout) -> list[tuple[str, str, tuple[np.ndarray, ...]]]:
    """The ground, wherever the road is near: name, material, and points, places and triangles."""
    line = layout.coarse_centerline
    low = np.floor((line.min(0) - _REACH_M) / _TILE_M).astype(int)
    high = np.ceil((line.max(0) + _REACH_M) / _TILE_M).astype(int)
    found = []
    grid = np.linspace(0.0, _TILE_M, _CELLS + 1)
    for i in range(low[0], high[0]):
        for j in range(low[1], high[1]):
            corner = np.array([i, j]) * _TILE_M
            middle = corner + 0.5 * _TILE_M
            if np.hypot(*(line - middle).T).min() > _REACH_M:
                continue
            x, y = (
                values.ravel()
                for values in np.meshgrid(corner[0] + grid, corner[1] + grid, indexing='ij')
            )
            points = np.stack([x, y, layout.height(x, y)], axis=1)
            found.append(
                (
                    f'tile_{i - low[0]}_{j - low[1]}',
                    'ground',
                    (points, points[:, :2] / _TILE_M, _faces(_CELLS + 1, _CELLS + 1)),
                )
            )
    return found


def surface_segments(layout: RoadLayout) -> list[tuple[str, str, tuple[np.ndarray, ...]]]:
    """The road's surface, edge to edge, likewise."""
    row, piece = round(_ROW_M / STEP_M), round(_PIECE_M / STEP_M)
    across = np.linspace(-1.0, 1.0, 5)
    found = []
    for number, first in enumerate(range(0, len(layout.line) - row, piece)):
        part = np.arange(first, min(first + piece, len(layout.line) - 1) + 1, row)
        x, y, heading, _ = layout.line[part].T
        away = layout.half_width_m * across[None, :]
        east = x[:, None] - away * np.sin(heading)[:, None]
        north = y[:, None] + away * np.cos(heading)[:, None]
        points = np.stack([east, north, layout.height(east, north) + _SURFACE_OFFSET_M], axis=2)
        along = np.repeat((part * STEP_M / _REPEAT_M)[:, None], len(across), axis=1)
        places = np.stack(
            [np.repeat(0.5 * (1.0 - across)[None, :], len(part), axis=0), along], axis=2
        )
        found.append(
            (
                f'road_{number}',
                'road',
                (points.reshape(-1, 3), places.reshape(-1, 2), _faces(len(part), len(across))),
            )
        )
    return found


def _faces(rows: int, columns: int) -> np.ndarray:
    """(m, 3) triangles of a grid of points, row by row, that look up."""
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    faces = np.concatenate(
        [
            np.stack([a, a + columns, a + columns + 1], axis=1),
            np.stack([a, a + columns + 1, a + 1], axis=1),
        ]
    )
    return faces


def _mesh(name: str, points: np.ndarray, places: np.ndarray, faces: np.ndarray) -> str:
    def numbers(values: np.ndarray, form: str) -> str:
        return ' '.join(form % value for value in values.ravel())

    return (
        f'<mesh name="{name}" inertia="shell" vertex="{numbers(points, "%.3f")}" '
        f'texcoord="{numbers(places, "%.3f")}" face="{numbers(faces, "%d")}"/>'
    )


def road_texture(layout: RoadLayout) -> bytes:
    """_REPEAT_M of the road from above: left edge to right edge across, PNG."""
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
    # Sand and grass have eaten into the edges.
    verge = np.abs(metres) > layout.half_width_m - 0.1
    texture[:, verge] *= 0.7
    return looks.encode_png(texture)
