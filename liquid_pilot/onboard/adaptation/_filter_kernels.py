"""The loops over pixels of the receptors and the photometric match, compiled."""

from __future__ import annotations

import math

import numpy as np

from liquid_pilot.liquid._jit import compiled

# A sum in another order than written may use the vector unit; NaN and infinities stay what they
# are, so that what is not finite is still seen.
_FASTMATH_FLAGS = {'reassoc', 'contract', 'nsz'}


@compiled(fastmath=_FASTMATH_FLAGS)
def luminance_stats(image: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the luminance (ITU-R BT.601) of (3, H, W) float32."""
    height, width = image.shape[1:]
    total = squares = np.float32(0.0)
    for row in range(height):
        red, green, blue = image[0, row], image[1, row], image[2, row]
        part = part_squares = np.float32(0.0)
        for column in range(width):
            value = (
                np.float32(0.299) * red[column]
                + np.float32(0.587) * green[column]
                + np.float32(0.114) * blue[column]
            )
            part += value
            part_squares += value * value
        total += part
        squares += part_squares
    count = height * width
    mean = total / count
    return mean, math.sqrt(max(squares / count - mean * mean, 0.0))


@compiled(fastmath=_FASTMATH_FLAGS)
def apply_gain_offset(image: np.ndarray, gain: float, offset: float) -> None:
    """Image <- gain*image + offset within [0, 1], in place; (3, H, W) float32."""
    gain, offset = np.float32(gain), np.float32(offset)
    flat = image.reshape(-1)
    for i in range(flat.size):
        flat[i] = min(max(gain * flat[i] + offset, np.float32(0.0)), np.float32(1.0))


@compiled(fastmath=_FASTMATH_FLAGS)
def filter_step(
    image: np.ndarray,
    held: np.ndarray,
    slope: np.ndarray,
    top: np.ndarray,
    left: np.ndarray,
    right: int,
    down: int,
    share: np.ndarray,
    bend: np.ndarray,
    potential_after: np.ndarray,
    sensitivity_after: np.ndarray,
    error: np.ndarray,
    gradient: np.ndarray,
    texture: np.ndarray,
) -> None:
    """One step of all receptors; see `receptors`.

    What was held moves by `right` and `down` pixels first; where that leaves nothing, the frame is
    taken as it is. image, held, slope, potential_after and sensitivity_after are (3*H*W,) float32. Block
    k = (r, c) of an (R, C) grid has the rows top[r] to top[r + 1] and the columns left[c] to
    left[c + 1]; share and bend (R, C) are a and da/dlog(tau); error, gradient and texture (R, C)
    are filled.
    """
    # Flat arrays, unsigned offsets and one small loop for each thing: so LLVM sees that nothing
    # overlaps and works in vectors. Slices of arrays, or one loop for all, take 5 times as long.
    rows, columns = share.shape
    height, width = top[-1], left[-1]
    across, begin = np.uint64(width), min(max(right, 0), width)
    count = np.uint64(max(min(width + right, width) - begin, 0))
    skip = np.uint64(begin)
    gain, turn, keep, e, squares, pull, total, power = np.empty((8, width), np.float32)
    for r in range(rows):
        for c in range(columns):
            texture[r, c] = 0.0
            for i in range(np.uint64(left[c]), np.uint64(left[c + 1])):
                gain[i], turn[i] = share[r, c], bend[r, c]
                keep[i] = np.float32(1.0) - share[r, c]
        squares[:], pull[:] = 0.0, 0.0
        for channel in range(3):
            total[:], power[:] = 0.0, 0.0
            for row in range(top[r], top[r + 1]):
                source = row - down
                base = np.uint64((channel * height + row) * width)
                there = 0 <= source < height and count > 0
                for i in range(across):
                    total[i] += image[base + i]
                for i in range(across):
                    power[i] += image[base + i] * image[base + i]
                if not there or count < across:
                    for i in range(across):
                        potential_after[base + i] = image[base + i]
                    for i in range(across):
                        sensitivity_after[base + i] = 0.0
                if not there:
                    continue
                to = base + skip
                of = np.uint64((channel * height + source) * width + begin - right)
                for i in range(count):
                    e[skip + i] = image[to + i] - held[of + i]
                for i in range(count):
                    squares[skip + i] += e[skip + i] * e[skip + i]
                for i in range(count):
                    pull[skip + i] += e[skip + i] * slope[of + i]
                for i in range(count):
                    potential_after[to + i] = held[of + i] + gain[skip + i] * e[skip + i]
                for i in range(count):
                    sensitivity_after[to + i] = (
                        keep[skip + i] * slope[of + i] + turn[skip + i] * e[skip + i]
                    )
            for c in range(columns):
                pixels = np.float32((top[r + 1] - top[r]) * (left[c + 1] - left[c]))
                mean = total[left[c] : left[c + 1]].sum() / pixels
                variance = power[left[c] : left[c + 1]].sum() / pixels - mean * mean
                texture[r, c] += max(variance, np.float32(0.0)) / 3
        for c in range(columns):
            pixels = np.float32(3 * (top[r + 1] - top[r]) * (left[c + 1] - left[c]))
            error[r, c] = squares[left[c] : left[c + 1]].sum() / pixels
            gradient[r, c] = -pull[left[c] : left[c + 1]].sum() / pixels
            texture[r, c] = math.sqrt(texture[r, c])
