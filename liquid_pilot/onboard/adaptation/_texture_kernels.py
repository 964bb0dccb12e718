"""Compiled loops over pixels that measure the texture and the sharpness of an image."""

from __future__ import annotations

import math

import numpy as np

from liquid_pilot.liquid._jit import compiled
from liquid_pilot.onboard.adaptation._filter_kernels import (
    _FASTMATH_FLAGS,
    Float32Array,
    IndexArray,
)


@compiled(fastmath=_FASTMATH_FLAGS)
def block_texture(
    image: Float32Array, top: IndexArray, left: IndexArray, texture: Float32Array
) -> None:
    """Measure the standard deviation of each block about each colour's mean, as `filter_step` does.

    Args:
        image: (3*H*W,) the frame.
        top: (R + 1,) first row of each row of blocks, and H.
        left: (C + 1,) first column of each column of blocks, and W.
        texture: (R, C) is filled.
    """
    rows, columns = texture.shape
    height, width = top[-1], left[-1]
    across = np.uint64(width)
    total, power = np.empty((2, width), np.float32)
    for r in range(rows):
        texture[r] = 0.0
        for channel in range(3):
            total[:], power[:] = 0.0, 0.0
            for row in range(top[r], top[r + 1]):
                base = np.uint64((channel * height + row) * width)
                for i in range(across):
                    total[i] += image[base + i]
                for i in range(across):
                    power[i] += image[base + i] * image[base + i]
            for c in range(columns):
                value = square = np.float32(0.0)
                for i in range(np.uint64(left[c]), np.uint64(left[c + 1])):
                    value += total[i]
                    square += power[i]
                pixels = np.float32((top[r + 1] - top[r]) * (left[c + 1] - left[c]))
                mean = value / pixels
                texture[r, c] += max(square / pixels - mean * mean, np.float32(0.0)) / 3
        for c in range(columns):
            texture[r, c] = math.sqrt(texture[r, c])


@compiled(fastmath=_FASTMATH_FLAGS)
def difference_squares(plane: Float32Array) -> tuple[float, float, float, float]:
    """Return mean square differences of pixels.

    Args:
        plane: (H, W) float32, of at least 3 x 3 pixels.

    Returns:
        Those over one pixel and over two across the image, then those down the image.
    """
    height, width = plane.shape
    count, one_less, two_less = np.uint64(width), np.uint64(width - 1), np.uint64(width - 2)
    first, second = np.uint64(1), np.uint64(2)
    across_one = across_two = down_one = down_two = 0.0
    for row in range(height):
        now = plane[row]
        one = two = np.float32(0.0)
        for i in range(one_less):
            one += (now[i + first] - now[i]) ** 2
        for i in range(two_less):
            two += (now[i + second] - now[i]) ** 2
        across_one += float(one)
        across_two += float(two)
        one = two = np.float32(0.0)
        if row >= 1:
            above = plane[row - 1]
            for i in range(count):
                one += (now[i] - above[i]) ** 2
        if row >= 2:
            above = plane[row - 2]
            for i in range(count):
                two += (now[i] - above[i]) ** 2
        down_one += float(one)
        down_two += float(two)
    return (
        across_one / (height * (width - 1)),
        across_two / (height * (width - 2)),
        down_one / ((height - 1) * width),
        down_two / ((height - 2) * width),
    )
