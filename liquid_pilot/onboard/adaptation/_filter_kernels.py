"""Compiled loops over pixels, for the temporal filter and the photometric match."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from liquid_pilot.liquid._jit import compiled

Float32Array = npt.NDArray[np.float32]
IndexArray = npt.NDArray[np.int64]
# Sums may be reordered for the vector unit. NaN and infinities keep their meaning, so that values
# that are not finite are still found.
_FASTMATH_FLAGS = {'reassoc', 'contract', 'nsz'}


@compiled(fastmath=_FASTMATH_FLAGS)
def luminance_stats(image: Float32Array) -> tuple[float, float]:
    """Return mean and standard deviation of the luminance (ITU-R BT.601) of (3, H, W) float32."""
    height, width = image.shape[1:]
    total = squares = np.float32(0.0)
    for row in range(height):
        red, green, blue = image[0, row], image[1, row], image[2, row]
        row_total = row_squares = np.float32(0.0)
        for column in range(width):
            value = (
                np.float32(0.299) * red[column]
                + np.float32(0.587) * green[column]
                + np.float32(0.114) * blue[column]
            )
            row_total += value
            row_squares += value * value
        total += row_total
        squares += row_squares
    count = height * width
    mean = total / count
    return mean, math.sqrt(max(squares / count - mean * mean, 0.0))


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


@compiled(fastmath=_FASTMATH_FLAGS)
def apply_gain_offset(image: Float32Array, gain: float, offset: float) -> None:
    """Replace an image by gain * image + offset, clipped to [0, 1].

    Args:
        image: (3, H, W) float32, which is changed in place.
        gain: the gain.
        offset: the offset.
    """
    a, b = np.float32(gain), np.float32(offset)
    flat = image.reshape(-1)
    for i in range(flat.size):
        flat[i] = min(max(a * flat[i] + b, np.float32(0.0)), np.float32(1.0))


@compiled(fastmath=_FASTMATH_FLAGS)
def filter_step(
    image: Float32Array,
    potential: Float32Array,
    sensitivity: Float32Array,
    top: IndexArray,
    left: IndexArray,
    right: int,
    down: int,
    alpha: Float32Array,
    alpha_slope: Float32Array,
    potential_after: Float32Array,
    sensitivity_after: Float32Array,
    error: Float32Array,
    gradient: Float32Array,
    texture: Float32Array,
) -> None:
    """Run one step of the temporal filter; `temporal_filter` has the equations.

    The old potential is shifted first. Pixels for which the shift leaves none take the frame as it
    is.

    Args:
        image: (3*H*W,) the frame.
        potential: (3*H*W,) potentials before the step.
        sensitivity: (3*H*W,) their derivatives with respect to log(tau).
        top: (R + 1,) first row of each row of blocks, and H.
        left: (C + 1,) first column of each column of blocks, and W.
        right: shift of the potential to the right, pixels.
        down: shift of the potential down, pixels.
        alpha: (R, C) the gain a of each block.
        alpha_slope: (R, C) da/dlog(tau).
        potential_after: (3*H*W,) is filled.
        sensitivity_after: (3*H*W,) is filled.
        error: (R, C) is filled.
        gradient: (R, C) is filled.
        texture: (R, C) is filled.
    """
    # Flat arrays, unsigned offsets and one small loop for each statement: so LLVM sees that nothing
    # overlaps, and uses vectors. Slices of arrays, or one loop for all, take 5 times as long.
    rows, columns = alpha.shape
    height, width = top[-1], left[-1]
    across, begin = np.uint64(width), min(max(right, 0), width)
    count = np.uint64(max(min(width + right, width) - begin, 0))
    skip = np.uint64(begin)
    gain, gain_slope, keep, e, squares, slope, total, power = np.empty((8, width), np.float32)
    for r in range(rows):
        for c in range(columns):
            texture[r, c] = 0.0
            for i in range(np.uint64(left[c]), np.uint64(left[c + 1])):
                gain[i], gain_slope[i] = alpha[r, c], alpha_slope[r, c]
                keep[i] = np.float32(1.0) - alpha[r, c]
        squares[:], slope[:] = 0.0, 0.0
        for channel in range(3):
            total[:], power[:] = 0.0, 0.0
            for row in range(top[r], top[r + 1]):
                source = row - down
                base = np.uint64((channel * height + row) * width)
                inside = 0 <= source < height and count > 0
                for i in range(across):
                    total[i] += image[base + i]
                for i in range(across):
                    power[i] += image[base + i] * image[base + i]
                if not inside or count < across:
                    for i in range(across):
                        potential_after[base + i] = image[base + i]
                    for i in range(across):
                        sensitivity_after[base + i] = 0.0
                if not inside:
                    continue
                to = base + skip
                of = np.uint64((channel * height + source) * width + begin - right)
                for i in range(count):
                    e[skip + i] = image[to + i] - potential[of + i]
                for i in range(count):
                    squares[skip + i] += e[skip + i] * e[skip + i]
                for i in range(count):
                    slope[skip + i] += e[skip + i] * sensitivity[of + i]
                for i in range(count):
                    potential_after[to + i] = potential[of + i] + gain[skip + i] * e[skip + i]
                for i in range(count):
                    sensitivity_after[to + i] = (
                        keep[skip + i] * sensitivity[of + i] + gain_slope[skip + i] * e[skip + i]
                    )
            for c in range(columns):
                pixels = np.float32((top[r + 1] - top[r]) * (left[c + 1] - left[c]))
                mean = total[left[c] : left[c + 1]].sum() / pixels
                variance = power[left[c] : left[c + 1]].sum() / pixels - mean * mean
                texture[r, c] += max(variance, np.float32(0.0)) / 3
        for c in range(columns):
            pixels = np.float32(3 * (top[r + 1] - top[r]) * (left[c + 1] - left[c]))
            error[r, c] = squares[left[c] : left[c + 1]].sum() / pixels
            gradient[r, c] = -slope[left[c] : left[c + 1]].sum() / pixels
            texture[r, c] = math.sqrt(texture[r, c])
