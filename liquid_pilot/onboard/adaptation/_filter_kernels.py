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


@compiled(fastmath=_FASTMATH_FLAGS)
def estimated_filter_step(
    image: Float32Array,
    potential: Float32Array,
    top: IndexArray,
    left: IndexArray,
    right: int,
    down: int,
    dt_s: float,
    weight: float,
    negligible: float,
    min_tau_s: Float32Array,
    max_tau_s: Float32Array,
    noise_share: Float32Array,
    potential_after: Float32Array,
    noise_share_after: Float32Array,
    noise: Float32Array,
    gain: Float32Array,
    tau_s: Float32Array,
    error: Float32Array,
    texture: Float32Array,
) -> None:
    """Run one step of the temporal filter with estimated gains; `gain_estimate` has the equations.

    The old potential is shifted first. Pixels for which the shift leaves none take the frame as it
    is, and do not count for the estimate.

    Args:
        image: (3*H*W,) the frame.
        potential: (3*H*W,) potentials before the step.
        top: (R + 1,) first row of each row of blocks, and H.
        left: (C + 1,) first column of each column of blocks, and W.
        right: shift of the potential to the right, pixels.
        down: shift of the potential down, pixels.
        dt_s: elapsed time, s.
        weight: weight of noise against motion.
        negligible: variance of noise that is not worth a delay.
        min_tau_s: (R, C) lower bound of the time constant of each block, s.
        max_tau_s: (R, C) upper bound, s.
        noise_share: (R, C) variance of the noise in the potential, relative to that of a frame.
        potential_after: (3*H*W,) is filled.
        noise_share_after: (R, C) is filled.
        noise: (R, C) is filled with the standard deviation of the noise of the frame.
        gain: (R, C) is filled.
        tau_s: (R, C) is filled with the time constants of these gains.
        error: (R, C) is filled.
        texture: (R, C) is filled.
    """
    # The innovations of one row of blocks are kept, so that its gains can follow from them before
    # they are used. About offsets and small loops see `filter_step`.
    rows, columns = gain.shape
    height, width = top[-1], left[-1]
    across, begin = np.uint64(width), min(max(right, 0), width)
    count = np.uint64(max(min(width + right, width) - begin, 0))
    skip = np.uint64(begin)
    tallest = 0
    for r in range(rows):
        tallest = max(tallest, top[r + 1] - top[r])
    e = np.empty(3 * tallest * width, np.float32)
    squares, curvature, total, power, v, w, keep = np.empty((7, width), np.float32)
    one, two, twice = np.uint64(1), np.uint64(2), np.float32(2.0)
    for r in range(rows):
        tall = top[r + 1] - top[r]
        first, last = max(top[r], down), min(top[r + 1], height + down)
        seen_rows = max(last - first, 0) if count > 0 else 0
        squares[:], curvature[:] = 0.0, 0.0
        for c in range(columns):
            texture[r, c] = 0.0
        for channel in range(3):
            total[:], power[:] = 0.0, 0.0
            for row in range(top[r], top[r + 1]):
                base = np.uint64((channel * height + row) * width)
                at = np.uint64((channel * tall + row - top[r]) * width)
                for i in range(across):
                    total[i] += image[base + i]
                for i in range(across):
                    power[i] += image[base + i] * image[base + i]
                inside = seen_rows > 0 and first <= row < last
                if not inside or count < across:
                    for i in range(across):
                        e[at + i] = 0.0
                if not inside:
                    continue
                to, here = base + skip, at + skip
                of = np.uint64((channel * height + row - down) * width + begin - right)
                for i in range(count):
                    e[here + i] = image[to + i] - potential[of + i]
                for i in range(count):
                    squares[skip + i] += e[here + i] * e[here + i]
            for row in range(first + 1, last - 1):
                if count < 3:
                    break
                here = np.uint64((channel * tall + row - top[r]) * width) + skip
                for i in range(count):
                    v[i] = e[here - across + i] + e[here + across + i] - twice * e[here + i]
                for i in range(count - two):
                    w[i] = v[i] + v[i + two] - twice * v[i + one]
                for i in range(count - two):
                    curvature[skip + one + i] += w[i] * w[i]
            for c in range(columns):
                pixels = np.float32(tall * (left[c + 1] - left[c]))
                mean = total[left[c] : left[c + 1]].sum() / pixels
                variance = power[left[c] : left[c + 1]].sum() / pixels - mean * mean
                texture[r, c] += max(variance, np.float32(0.0)) / 3
        end = begin + np.int64(count)
        for c in range(columns):
            texture[r, c] = math.sqrt(texture[r, c])
            wide = left[c + 1] - left[c]
            seen = min(left[c + 1], end) - max(left[c], begin)
            inner = min(left[c + 1], end - 1) - max(left[c], begin + 1)
            sum_of_squares = squares[left[c] : left[c + 1]].sum()
            error[r, c] = sum_of_squares / np.float32(3 * tall * wide)
            share = noise_share[r, c]
            slowest = -math.expm1(-dt_s / max_tau_s[r, c])
            fastest = -math.expm1(-dt_s / min_tau_s[r, c])
            k = fastest
            noise[r, c] = 0.0
            # A block that the shift has nearly emptied takes the frame.
            if seen_rows > 2 and inner > 0:
                bend = curvature[left[c] : left[c + 1]].sum() / (3 * (seen_rows - 2) * inner)
                variance = bend / (36 * (1 + share))
                motion = sum_of_squares / (3 * seen_rows * seen) - (1 + share) * variance
                # This form of the comparison leaves NaN out too.
                if 0.0 <= variance < 1e6 and motion < 1e6:
                    noise[r, c] = math.sqrt(variance)
                    predicted = max(motion, 0.0) + weight * share * variance + negligible
                    k = min(max(predicted / (predicted + weight * variance), slowest), fastest)
            # A gain that rounds to one has no logarithm.
            tau_s[r, c] = max_tau_s[r, c] if k <= slowest else min_tau_s[r, c]
            if slowest < k < fastest:
                tau_s[r, c] = -dt_s / math.log1p(-k)
            gain[r, c] = k
            noise_share_after[r, c] = (1 - k) * (1 - k) * share + k * k
            for i in range(np.uint64(left[c]), np.uint64(left[c + 1])):
                keep[i] = 1.0 - k
        for channel in range(3):
            for row in range(top[r], top[r + 1]):
                base = np.uint64((channel * height + row) * width)
                at = np.uint64((channel * tall + row - top[r]) * width)
                for i in range(across):
                    potential_after[base + i] = image[base + i] - keep[i] * e[at + i]
