"""Colours, textures and lighting of a scene, drawn from its seed in random streams of their own.

Textures are computed with numpy from smoothed noise. Nothing is read from disk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.utils.png import encode_png

Vec3 = tuple[float, float, float]

_GROUNDS = (  # pairs of colours that the noise of the ground blends
    ((0.28, 0.38, 0.16), (0.42, 0.48, 0.22)),  # meadow
    ((0.34, 0.28, 0.18), (0.30, 0.36, 0.17)),  # forest floor
    ((0.50, 0.46, 0.28), (0.40, 0.42, 0.22)),  # dry grass
    ((0.22, 0.32, 0.14), (0.33, 0.28, 0.17)),  # moss and earth
)
_SKIES = (  # (zenith, horizon)
    ((0.25, 0.47, 0.80), (0.74, 0.84, 0.93)),
    ((0.35, 0.55, 0.83), (0.82, 0.87, 0.90)),
    ((0.55, 0.63, 0.72), (0.80, 0.82, 0.83)),
    ((0.30, 0.42, 0.68), (0.90, 0.83, 0.72)),
)
_TARGET_COLOURS = ((0.10, 0.25, 0.80), (0.90, 0.80, 0.10), (0.92, 0.92, 0.92), (0.45, 0.12, 0.60))
_LEAF_FACTORS = ((1.9, 1.25, 0.8), (0.6, 0.75, 1.6), (1.5, 1.5, 1.4))
"""Factors on the colour of leaves in other forests: autumn larch, blue spruce, pale birch."""
_RECOLOURING_SHARE = 0.6
"""Share at which the target has reached its other colour. Its shape changes only beyond it."""


@dataclass(frozen=True)
class Appearance:
    """The parts of a scene that a condition may change; `DEFAULT_APPEARANCE` changes nothing.

    Colours are red, green and blue.
    """

    leaves: Vec3 = (1.0, 1.0, 1.0)
    """Factors on the colour of leaves."""
    bark: Vec3 = (1.0, 1.0, 1.0)
    """Factors on the colour of bark."""
    ground: Vec3 = (1.0, 1.0, 1.0)
    """Factors on the colour of the ground."""
    target_colour: Vec3 = (0.86, 0.07, 0.08)
    """Colour of the target, in [0, 1]."""
    target_scale: tuple[float, float] = (1.0, 1.0)
    """Factors on the width and the height of the target."""

    def towards_other_forest(self, rng: np.random.Generator, share: float) -> Appearance:
        """Return this appearance, moved towards that of a forest drawn from `rng`.

        Args:
            rng: source of the other forest.
            share: 0 for this appearance, 1 for the other forest.
        """
        leaves = _LEAF_FACTORS[rng.integers(len(_LEAF_FACTORS))]
        bark = rng.uniform(0.6, 1.9) * rng.uniform(0.8, 1.2, 3)
        ground = rng.uniform(0.6, 1.9) * rng.uniform(0.8, 1.2, 3)
        return replace(
            self,
            leaves=_blend_colours(self.leaves, leaves, share),
            bark=_blend_colours(self.bark, bark, share),
            ground=_blend_colours(self.ground, ground, share),
        )

    def towards_other_target(self, rng: np.random.Generator, share: float) -> Appearance:
        """Return this appearance, moved towards a target drawn from `rng`: its colour first.

        Args:
            rng: source of the other target.
            share: 0 for this appearance, 1 for the other target.
        """
        colour = _TARGET_COLOURS[rng.integers(len(_TARGET_COLOURS))]
        width, height = (2.2, 0.5) if rng.random() < 0.5 else (0.4, 1.8)
        shape_share = max(0.0, (share - _RECOLOURING_SHARE) / (1.0 - _RECOLOURING_SHARE))
        return replace(
            self,
            target_colour=_blend_colours(
                self.target_colour, colour, min(1.0, share / _RECOLOURING_SHARE)
            ),
            target_scale=(
                _blend(self.target_scale[0], width, shape_share),
                _blend(self.target_scale[1], height, shape_share),
            ),
        )


DEFAULT_APPEARANCE = Appearance()


def _blend(start: float, end: float, share: float) -> float:
    return float(start + share * (end - start))


def _blend_colours(start: Vec3, end: Vec3 | npt.NDArray[np.float64], share: float) -> Vec3:
    red, green, blue = (_blend(a, b, share) for a, b in zip(start, end, strict=True))
    return red, green, blue


class Lighting(NamedTuple):
    """The sky and the sun of one scene. Colours are (3,) red, green and blue, not clipped to 1."""

    zenith: npt.NDArray[np.float64]
    """Colour of the sky overhead."""
    horizon: npt.NDArray[np.float64]
    """Colour of the sky at the horizon."""
    sun_enu: Vec3
    """Unit vector along which sunlight travels, world frame ENU."""
    ambient: float
    """Brightness of the ambient light, in [0, 1]."""
    diffuse: float
    """Brightness of the sunlight, in [0, 1]."""


def sample_lighting(seed: int) -> Lighting:
    """Return the lighting of a seed's scene."""
    rng = random_stream(seed, 'light')
    zenith, horizon = (np.array(colour) for colour in _SKIES[rng.integers(len(_SKIES))])
    brightness = rng.uniform(0.88, 1.08)
    azimuth, elevation = rng.uniform(-math.pi, math.pi), rng.uniform(0.6, 1.25)
    sun = (
        -math.cos(elevation) * math.cos(azimuth),
        -math.cos(elevation) * math.sin(azimuth),
        -math.sin(elevation),
    )
    ambient, diffuse = rng.uniform(0.50, 0.62), rng.uniform(0.50, 0.75)
    return Lighting(zenith * brightness, horizon * brightness, sun, ambient, diffuse)


def _noise(
    rng: np.random.Generator, size: int, octaves: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """Return (size, size) values in [0, 1]: a sum of smoothed noise that tiles at the edges.

    Args:
        rng: source of the noise.
        size: edge length, pixels.
        octaves: number of cells along an edge, for each layer of noise.
    """
    total = np.zeros((size, size), np.float32)
    for weight, cells in enumerate(octaves, start=1):
        grid = rng.random((cells, cells), dtype=np.float32)
        grid = np.pad(grid, ((0, 1), (0, 1)), mode='wrap')
        total += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) / weight
    total -= total.min()
    return total / total.max()


def encode_texture(rgb: npt.NDArray[Any]) -> bytes:
    """Return an (H, W, 3) picture with values in [0, 1] as the content of a PNG file."""
    return encode_png((np.clip(rgb, 0, 1) * 255).astype(np.uint8))


def sample_textures(seed: int, appearance: Appearance = DEFAULT_APPEARANCE) -> dict[str, bytes]:
    """Return PNG files of ground, leaves and bark, keyed by file name.

    Args:
        seed: seed of the scene.
        appearance: factors on the colour of the ground.
    """
    rng = random_stream(seed, 'textures')
    first, second = (np.array(colour) for colour in _GROUNDS[rng.integers(len(_GROUNDS))])
    tint = rng.uniform(0.85, 1.15, 3)
    blend = _noise(rng, 256, (4, 9, 23, 61))[..., None]
    grain = rng.uniform(0.86, 1.14, (256, 256, 1))
    ground = (first * blend + second * (1 - blend)) * tint * grain * np.array(appearance.ground)
    leaves = 0.55 + 0.45 * _noise(rng, 64, (9, 21))[..., None] * np.ones(3)
    stripes = 0.6 + 0.4 * _noise(rng, 64, (16, 32))[..., None] * np.ones(3)
    bark = cv2.resize(stripes[:8], (64, 64), interpolation=cv2.INTER_LINEAR)
    return {
        'ground.png': encode_texture(ground),
        'leaves.png': encode_texture(leaves),
        'bark.png': encode_texture(bark),
    }
