"""The temporal filter against its equations in float64, its derivatives against differences."""

import numpy as np
import pytest

from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter

# Sizes that divide by the grid, and sizes that do not.
SIZES = [(72, 128), (50, 70)]
GRID = (4, 8)
DT_S = (0.05, 0.012, 0.2, 0.033, 0.07, 0.003, 0.05)


def flight(height, width, seed=0):
    """Frames (T, 3, H, W) in [0, 1], time constants and scales (R, C)."""
    rng = np.random.default_rng(seed)
    frames = rng.uniform(size=(len(DT_S), 3, height, width)).astype(np.float32)
    tau_s = np.exp(rng.uniform(np.log(0.005), np.log(0.2), GRID)).astype(np.float32)
    return frames, tau_s, rng.uniform(-0.5, 1.5, GRID).astype(np.float32)


def owners(height, width):
    """(H, W): the block of each pixel, found out by slowing one block at a time."""
    frames, tau_s, _ = flight(height, width)
    temporal_filter = TemporalFilter(tau_s, height, width)
    first = temporal_filter.step(frames[0], None, 0.05).state
    plain = temporal_filter.step(frames[1], first, 0.05)
    owner = np.full((height, width), -1)
    for block in np.ndindex(GRID):
        scale = np.zeros(GRID, np.float32)
        scale[block] = 1.0
        slowed = temporal_filter.step(frames[1], first, 0.05, scale)
        touched = (slowed.state.potential != plain.state.potential).any(0)
        assert (owner[touched] == -1).all(), 'a pixel belongs to two blocks'
        owner[touched] = np.ravel_multi_index(block, GRID)
        # Error and texture are of the frame, whatever the time constant.
        np.testing.assert_array_equal(slowed.error, plain.error)
        np.testing.assert_array_equal(slowed.texture, plain.texture)
    return owner


def run(frames, tau_s, log_scale, owner):
    """Held (T, 3, H, W), in float64, by the formula."""
    tau = (tau_s.astype(float) * np.exp(log_scale.astype(float))).ravel()[owner]
    held = [frames[0].astype(float)]
    for frame, dt_s in zip(frames[1:], DT_S[1:], strict=True):
        a = 1 - np.exp(-dt_s / tau)
        held.append(held[-1] + a * (frame - held[-1]))
    return np.array(held)


def block_means(values, owner):
    """(3, H, W) -> (R, C)."""
    return np.array([values[:, owner == k].mean() for k in range(np.prod(GRID))]).reshape(GRID)


@pytest.mark.parametrize('size', SIZES)
def test_blocks_are_independent_and_cover_the_frame_evenly(size):
    owner = owners(*size)
    assert (owner >= 0).all()
    height, width = size
    for k in range(np.prod(GRID)):
        rows, columns = (np.unique(index) for index in np.nonzero(owner == k))
        # One rectangle, within a pixel of the average.
        assert (owner[np.ix_(rows, columns)] == k).all()
        assert abs(len(rows) - height / GRID[0]) < 1
        assert abs(len(columns) - width / GRID[1]) < 1


@pytest.mark.parametrize('size', SIZES)
def test_steps_and_derivatives_are_those_of_the_equations(size):
    frames, tau_s, log_scale = flight(*size)
    owner = owners(*size)
    exact = run(frames, tau_s, log_scale, owner)
    h = 1e-5
    # Blocks do not touch each other, so all may be moved at once.
    above, below = (run(frames, tau_s, log_scale.astype(float) + shift, owner) for shift in (h, -h))
    slopes = (above - below) / (2 * h)
    temporal_filter, state = TemporalFilter(tau_s, *size), None
    for t, dt_s in enumerate(DT_S):
        found = temporal_filter.step(frames[t], state, dt_s, log_scale)
        if t:
            error_of_pixels = frames[t] - exact[t - 1]
            error = block_means(error_of_pixels**2, owner)
            np.testing.assert_allclose(found.error, error, rtol=1e-5)
            gradient = block_means(
                ((frames[t] - above[t - 1]) ** 2 - (frames[t] - below[t - 1]) ** 2) / (4 * h), owner
            )
            np.testing.assert_allclose(
                found.gradient, gradient, rtol=1e-4, atol=1e-5 * np.abs(gradient).max() + 1e-8
            )
        np.testing.assert_allclose(found.state.potential, exact[t], atol=1e-6)
        np.testing.assert_allclose(found.state.sensitivity, slopes[t], atol=1e-6)
        state = found.state
    assert np.abs(slopes[-1]).max() > 0.1
    assert np.abs(gradient).max() > 1e-3


def test_the_first_frame_is_held_and_depends_on_nothing():
    frames, tau_s, log_scale = flight(50, 70)
    found = TemporalFilter(tau_s, 50, 70).step(frames[0], None, 0.05, log_scale)
    np.testing.assert_array_equal(found.state.potential, frames[0])
    assert not found.state.sensitivity.any()
    assert not found.error.any()
    assert not found.gradient.any()
    # The camera writes the next frame into the same memory.
    assert not np.shares_memory(found.state.potential, frames)


def test_what_is_passed_in_is_left_as_it_was():
    frames, tau_s, log_scale = flight(50, 70)
    temporal_filter = TemporalFilter(tau_s, 50, 70)
    state = temporal_filter.step(frames[0], None, 0.05).state
    state = temporal_filter.step(frames[1], state, 0.05).state
    given = (frames[2], state.potential, state.sensitivity, log_scale)
    kept = [array.copy() for array in given]
    once = temporal_filter.step(frames[2], state, 0.05, log_scale)
    again = temporal_filter.step(frames[2], state, 0.05, log_scale)
    for array, copy in zip(given, kept, strict=True):
        np.testing.assert_array_equal(array, copy)
    for ours, theirs in zip((*once.state, *once[1:]), (*again.state, *again[1:]), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize('size', SIZES)
def test_texture_is_the_deviation_about_each_colours_mean(size):
    owner = owners(*size)
    rng = np.random.default_rng(1)
    # Colours apart from each other: about a common mean the deviation would be far larger.
    spread = rng.uniform(0.01, 0.1, GRID).ravel()[owner]
    frame = (
        np.array([0.2, 0.5, 0.8])[:, None, None] + spread * rng.uniform(-1, 1, (3, *size))
    ).astype(np.float32)
    texture = TemporalFilter(np.full(GRID, 0.01), *size).step(frame, None, 0.05).texture
    expected = np.sqrt(
        [frame[:, owner == k].astype(float).var(1).mean() for k in range(np.prod(GRID))]
    ).reshape(GRID)
    np.testing.assert_allclose(texture, expected, atol=2e-4)
    # A blank frame has next to none; what single precision leaves is below what counts as faint.
    blank = np.full((3, *size), 0.9, np.float32)
    assert TemporalFilter(np.full(GRID, 0.01), *size).step(blank, None, 0.05).texture.max() < 1e-3


def shifted(values, right, down, rest):
    """(3, H, W) moved by whole pixels; `rest` where that leaves nothing."""
    after = np.array(np.broadcast_to(rest, values.shape))
    height, width = values.shape[1:]
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                after[:, row, column] = values[:, row - down, column - right]
    return after


@pytest.mark.parametrize(
    'pixels', [(3, 0), (-2, 5), (0, -7), (-40, 11), (69, -49), (70, 0), (0, -50), (-500, 900)]
)
def test_what_is_held_moves_with_the_picture(pixels):
    frames, tau_s, log_scale = flight(50, 70)
    owner = owners(50, 70)
    temporal_filter, state = TemporalFilter(tau_s, 50, 70), None
    for t in range(3):
        state = temporal_filter.step(frames[t], state, DT_S[t], log_scale).state
    found = temporal_filter.step(frames[3], state, 0.05, log_scale, pixels)
    # Where nothing was held the frame is taken, as the first one is.
    known = shifted(np.ones((3, 50, 70)), *pixels, 0.0) > 0
    held = shifted(state.potential.astype(float), *pixels, frames[3])
    slope = shifted(state.sensitivity.astype(float), *pixels, 0.0)
    ratio = 0.05 / (tau_s.astype(float) * np.exp(log_scale)).ravel()[owner]
    error_of_pixels = frames[3] - held
    np.testing.assert_allclose(
        found.state.potential, held + (1 - np.exp(-ratio)) * error_of_pixels, atol=1e-6
    )
    np.testing.assert_allclose(
        found.state.sensitivity,
        known * (np.exp(-ratio) * slope - ratio * np.exp(-ratio) * error_of_pixels),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        found.error, block_means(error_of_pixels**2, owner), rtol=1e-5, atol=1e-9
    )
    np.testing.assert_allclose(
        found.gradient, block_means(-error_of_pixels * slope, owner), rtol=1e-4, atol=1e-7
    )
    np.testing.assert_allclose(
        found.texture, temporal_filter.step(frames[3], None, 0.05).texture, atol=1e-6
    )


def test_parts_of_pixels_add_up():
    frames, tau_s, _ = flight(50, 70)
    temporal_filter = TemporalFilter(tau_s, 50, 70)
    start = temporal_filter.step(frames[0], None, 0.05).state
    state, frozen = start, np.full(GRID, 12.0)
    for _ in range(20):
        state = temporal_filter.step(frames[0], state, 1e-6, frozen, (0.2, -0.35)).state
    assert state.subpixel_shift_px == pytest.approx((0.0, 0.0), abs=1e-9)
    # Four to the right and seven up, whatever was in between; away from what came in at the edge.
    np.testing.assert_allclose(state.potential[:, :-7, 4:], start.potential[:, 7:, :-4], atol=1e-6)


def test_the_first_frame_is_held_wherever_the_camera_turned_before_it():
    frames, tau_s, _ = flight(50, 70)
    found = TemporalFilter(tau_s, 50, 70).step(frames[0], None, 0.05, None, (5.0, -3.0))
    np.testing.assert_array_equal(found.state.potential, frames[0])
    assert not found.state.sensitivity.any()
    assert not found.error.any()
