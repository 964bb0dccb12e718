"""Colours, textures and light of a forest, drawn from its seed in streams of their own.

Textures are made here, with numpy, from smoothed noise; nothing is read from disk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from liquid_pilot.simulation.base.random_streams import random_stream

Vec3 = tuple[float, float, float]

_GROUNDS = (  # pairs of colours that the ground's noise blends
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
_TARGET_CLOTHS = ((0.10, 0.25, 0.80), (0.90, 0.80, 0.10), (0.92, 0.92, 0.92), (0.45, 0.12, 0.60))
_LEAVES = ((1.9, 1.25, 0.8), (0.6, 0.75, 1.6), (1.5, 1.5, 1.4))
"""What another forest's leaves are multiplied by: larch in autumn, blue spruce, pale birch."""
_RECOLOURING_SHARE = 0.6
"""Another target has its colour by this share of the way; its shape changes after that."""


@dataclass(frozen=True)
class Appearance:
    """What a condition may change about the scene; `FAIR` changes nothing."""

    leaves: Vec3 = (1.0, 1.0, 1.0)
    """Factors on the red, green and blue of leaves."""
    bark: Vec3 = (1.0, 1.0, 1.0)
    ground: Vec3 = (1.0, 1.0, 1.0)
    cloth: Vec3 = (0.86, 0.07, 0.08)
    """Colour of the target."""
    stretch: tuple[float, float] = (1.0, 1.0)
    """Factors on the width and the height of the target."""

    def towards_other_forest(self, rng: np.random.Generator, share: float) -> Appearance:
        """This look, a share of the way to a forest that is drawn."""
        leaves = _LEAVES[rng.integers(len(_LEAVES))]
        bark, ground = (tuple(rng.uniform(0.6, 1.9) * rng.uniform(0.8, 1.2, 3)) for _ in range(2))
        return replace(
            self,
            **{
                name: _between(getattr(self, name), end, share)
                for name, end in (('leaves', leaves), ('bark', bark), ('ground', ground))
            },
        )

    def towards_other_target(self, rng: np.random.Generator, share: float) -> Appearance:
        """This look, a share of the way to another target that is drawn: first its colour."""
        cloth = _TARGET_CLOTHS[rng.integers(len(_TARGET_CLOTHS))]
        stretch = (2.2, 0.5) if rng.random() < 0.5 else (0.4, 1.8)
        shape = max(0.0, (share - _RECOLOURING_SHARE) / (1.0 - _RECOLOURING_SHARE))
        return replace(
            self,
            cloth=_between(self.cloth, cloth, min(1.0, share / _RECOLOURING_SHARE)),
            stretch=_between(self.stretch, stretch, shape),
        )


DEFAULT_APPEARANCE = Appearance()


def _between(start: tuple[float, ...], end: tuple[float, ...], share: float) -> tuple[float, ...]:
    return tuple(float(a + share * (b - a)) for a, b in zip(start, end, strict=True))


class Lighting(NamedTuple):
    """The sky and the sun of one forest; colours are red, green and blue in [0, 1], unclipped."""

    zenith: np.ndarray
    horizon: np.ndarray
    sun_enu: Vec3
    """The direction that sunlight travels in."""
    ambient: float
    diffuse: float


def sample_lighting(seed: int) -> Lighting:
    """Of the forest of a seed."""
    rng = random_stream(seed, 'light')
    zenith, horizon = (np.array(c) for c in _SKIES[rng.integers(len(_SKIES))])
    brightness = rng.uniform(0.88, 1.08)
    azimuth, elevation = rng.uniform(-math.pi, math.pi), rng.uniform(0.6, 1.25)
    sun = (
        -math.cos(elevation) * math.cos(azimuth),
        -math.cos(elevation) * math.sin(azimuth),
        -math.sin(elevation),
    )
    ambient, diffuse = rng.uniform(0.50, 0.62), rng.uniform(0.50, 0.75)
    return Lighting(zenith * brightness, horizon * brightness, sun, ambient, diffuse)


def _noise(rng: np.random.Generator, size: int, octaves: tuple[int, ...]) -> np.ndarray:
    """(size, size) float32 in [0, 1]: sums of smoothed noise, tiling at the edges."""
    total = np.zeros((size, size), np.float32)
    for weight, cells in enumerate(octaves, start=1):
        grid = rng.random((cells, cells), dtype=np.float32)
        grid = np.pad(grid, ((0, 1), (0, 1)), mode='wrap')
        total += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) / weight
    total -= total.min()
    return total / total.max()


def encode_png(rgb: np.ndarray) -> bytes:
    """(h, w, 3) in [0, 1] as a file."""
    return cv2.imencode('.png', (np.clip(rgb, 0, 1)[..., ::-1] * 255).astype(np.uint8))[1].tobytes()


def textures(seed: int, look: Appearance = DEFAULT_APPEARANCE) -> dict[str, bytes]:
    """PNG images of ground, leaves and bark, keyed by file name."""
    rng = random_stream(seed, 'textures')
    first, second = (np.array(c) for c in _GROUNDS[rng.integers(len(_GROUNDS))])
    tint = rng.uniform(0.85, 1.15, 3)
    blend = _noise(rng, 256, (4, 9, 23, 61))[..., None]
    grain = rng.uniform(0.86, 1.14, (256, 256, 1))
    ground = (first * blend + second * (1 - blend)) * tint * grain * np.array(look.ground)
    leaves = 0.55 + 0.45 * _noise(rng, 64, (9, 21))[..., None] * np.ones(3)
    stripes = 0.6 + 0.4 * _noise(rng, 64, (16, 32))[..., None] * np.ones(3)
    stripes = cv2.resize(stripes[:8], (64, 64), interpolation=cv2.INTER_LINEAR)
    return {
        'ground.png': encode_png(ground),
        'leaves.png': encode_png(leaves),
        'bark.png': encode_png(stripes),
    }
