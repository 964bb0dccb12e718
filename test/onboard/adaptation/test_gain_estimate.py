"""The estimated gain against its equations, a Kalman filter, and noise that is known."""

import math

import cv2
import numpy as np
import pytest

from liquid_pilot.onboard.adaptation.gain_estimate import NEGLIGIBLE_NOISE, NOISE_WEIGHT
from liquid_pilot.onboard.adaptation.temporal_filter import (
    ConstantGain,
    EstimatedGain,
    TemporalFilter,
)
from liquid_pilot.onboard.adaptation.time_scales import FILTER_LOG_SCALE_RANGE

GRID, SIZE, TAU_S = (4, 8), (72, 128), 0.0125
GREY = 1.0 / 255.0
DT_S = (0.05, 0.2, 0.5)
"""Frame periods at 20, 5 and 2 Hz, s."""


def smooth(rng, sigma_px, size=SIZE):
    """(3, H, W) of unit variance that changes over some pixels only."""
    drawn = rng.standard_normal((*size, 3)).astype(np.float32)
    planes = cv2.GaussianBlur(drawn, (0, 0), sigma_px).transpose(2, 0, 1)
    return np.ascontiguousarray(planes / planes.std())


def picture(rng, sigma_px=4.0, size=SIZE):
    return 0.5 + 0.15 * smooth(rng, sigma_px, size)


def noisy(rng, frame, sigma):
    return (frame + sigma * rng.standard_normal(frame.shape)).astype(np.float32)


def estimating(size=SIZE, tau_s=TAU_S):
    return EstimatedGain(TemporalFilter(np.full(GRID, tau_s, np.float32), *size))


def run(stage, frames, dt_s, shift_px=(0.0, 0.0)):
    """Return the steps of the filter over some frames."""
    state, steps = None, []
    for frame in frames:
        steps.append(stage.step(frame, state, dt_s, None, shift_px))
        state = steps[-1].state
    return steps


def gains(steps, dt_s):
    """(T, R, C)"""
    return -np.expm1(-dt_s / np.array([step.tau_s for step in steps], float))


def noise_of(steps):
    """(R, C): root of the mean variance over time."""
    return np.sqrt(np.mean([np.square(step.noise, dtype=float) for step in steps], axis=0))


def by_the_equations(frame, potential, share, right, down, dt_s):
    """Return gain, noise (R, C) and potential (3, H, W) in float64; `frame` is of any size."""
    _, height, width = frame.shape
    innovation, known = np.zeros(frame.shape), np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            if 0 <= y - down < height and 0 <= x - right < width:
                known[y, x] = True
                innovation[:, y, x] = (
                    frame[:, y, x].astype(float) - potential[:, y - down, x - right]
                )
    top = np.linspace(0, height, GRID[0] + 1).round().astype(int)
    left = np.linspace(0, width, GRID[1] + 1).round().astype(int)
    gain, noise, after = np.empty(GRID), np.zeros(GRID), frame.astype(float)
    fastest, slowest = (-math.expm1(-dt_s / (TAU_S * math.exp(s))) for s in FILTER_LOG_SCALE_RANGE)
    for r, c in np.ndindex(GRID):
        rows, columns = range(top[r], top[r + 1]), range(left[c], left[c + 1])
        curvature = []
        for y in rows[1:-1]:
            for x in columns:
                around = slice(y - 1, y + 2), slice(x - 1, x + 2)
                if 0 < x < width - 1 and known[around].all():
                    weights = np.outer((1, -2, 1), (1, -2, 1))
                    curvature += [(weights * plane[around]).sum() for plane in innovation]
        block = slice(None), slice(top[r], top[r + 1]), slice(left[c], left[c + 1])
        gain[r, c] = fastest
        if curvature:
            variance = np.mean(np.square(curvature)) / (36 * (1 + share[r, c]))
            total = np.square(innovation[block][:, known[block[1:]]]).mean()
            predicted = max(total - (1 + share[r, c]) * variance, 0.0)
            predicted += NOISE_WEIGHT * share[r, c] * variance + NEGLIGIBLE_NOISE**2
            gain[r, c] = predicted / (predicted + NOISE_WEIGHT * variance)
            gain[r, c] = min(max(gain[r, c], slowest), fastest)
            noise[r, c] = math.sqrt(variance)
        after[block] -= (1 - gain[r, c]) * innovation[block]
    return gain, noise, after


@pytest.mark.parametrize('size', [(72, 128), (50, 70)])
@pytest.mark.parametrize('shift', [(0, 0), (3, -2), (-40, 11), (66, 0), (0, -49), (200, 300)])
def test_a_step_is_that_of_the_equations(size, shift):
    rng = np.random.default_rng(2)
    # The contrast grows from left to right, and what moves with it.
    ramp = np.linspace(0.0, 0.1, size[1], dtype=np.float32)
    stage, base = estimating(size), 0.5 + ramp * smooth(rng, 8.0, size)
    state = run(stage, [noisy(rng, base, 0.05) for _ in range(3)], 0.05)[-1].state
    share = rng.uniform(0.1, 1.0, GRID).astype(np.float32)
    state = state._replace(noise_share=share)
    frame = noisy(rng, base + ramp * smooth(rng, 3.0, size), 0.04)
    found = stage.step(frame, state, 0.05, None, shift)
    gain, noise, potential = by_the_equations(frame, state.potential, share, *shift, 0.05)
    np.testing.assert_allclose(gains([found], 0.05)[0], gain, rtol=2e-3)
    np.testing.assert_allclose(found.noise, noise, rtol=2e-4)
    np.testing.assert_allclose(found.state.potential, potential, atol=2e-5)
    np.testing.assert_allclose(
        found.state.noise_share, (1 - gain) ** 2 * share + gain**2, rtol=2e-3
    )
    if max(map(abs, shift)) < 10:
        assert gain.std() > 0.05, 'the blocks differ, so that one cannot pass for another'
    assert found.error.shape == GRID and not found.gradient.any()


@pytest.mark.parametrize('dt_s', DT_S)
@pytest.mark.parametrize('sigma', [2 * GREY, 20 * GREY])
def test_noise_on_a_still_picture_is_found_and_averaged(sigma, dt_s):
    rng = np.random.default_rng(3)
    frames = [noisy(rng, still, sigma) for still in [picture(rng)] * 40]
    steps = run(estimating(), frames, dt_s)
    np.testing.assert_allclose(noise_of(steps[1:]), sigma, rtol=0.1)
    assert noise_of(steps[1:]).mean() == pytest.approx(sigma, rel=0.02)
    # The second frame already; the variance of one frame of a block is 10 % off.
    np.testing.assert_allclose(steps[1].noise, sigma, rtol=0.35)
    if sigma > 10 * GREY:
        # Nothing moves: as slow as the trust region allows.
        slowest = -math.expm1(-dt_s / (TAU_S * math.exp(FILTER_LOG_SCALE_RANGE[1])))
        late = gains(steps[20:], dt_s)
        assert late.min() == pytest.approx(slowest, rel=1e-3)
        assert np.median(late) == pytest.approx(slowest, abs=0.05)


@pytest.mark.parametrize('dt_s', DT_S)
@pytest.mark.parametrize('pixels_s', [10.0, 60.0])
def test_what_moves_is_not_taken_for_noise(pixels_s, dt_s):
    """At 2 Hz and 60 pixels/s two frames have little in common, as noise does."""
    rng = np.random.default_rng(4)
    wide = picture(rng, 4.0, (72, 128 + 700))
    places = np.round(np.arange(20) * pixels_s * dt_s).astype(int)
    clean = [np.ascontiguousarray(wide[..., at : at + 128]) for at in places]
    steps = run(estimating(), clean, dt_s)
    motion = np.sqrt([step.error for step in steps[1:]]).mean()
    assert motion > 2 * GREY
    assert noise_of(steps[1:]).max() < 0.12 * motion
    assert gains(steps[1:], dt_s).min() > 0.95
    # With noise on top, the noise is found, and the gain lies between.
    sigma = 12 * GREY
    steps = run(estimating(), [noisy(rng, frame, sigma) for frame in clean], dt_s)
    np.testing.assert_allclose(noise_of(steps[1:]), sigma, rtol=0.12)


def riccati(q, r, steps=200):
    """Return the stationary gain of the Kalman filter of a random walk."""
    p = r
    for _ in range(steps):
        p += q
        gain = p / (p + r)
        p *= 1 - gain
    return gain


@pytest.mark.parametrize('dt_s', DT_S)
@pytest.mark.parametrize('ratio', [0.3, 1.0, 3.0])
def test_the_gain_is_that_of_the_kalman_filter(ratio, dt_s):
    rng = np.random.default_rng(5)
    r = (10 * GREY) ** 2
    q = ratio * NOISE_WEIGHT * r
    walk, frames = picture(rng), []
    for _ in range(60):
        walk = walk + math.sqrt(q) * smooth(rng, 3.0)
        frames.append(noisy(rng, walk, math.sqrt(r)))
    # Time constants that leave room for every gain that is asked for here.
    steps = run(estimating(tau_s=0.45 * dt_s), frames, dt_s)
    found = gains(steps[15:], dt_s).mean()
    assert found == pytest.approx(riccati(q, NOISE_WEIGHT * r), rel=0.1)
    assert 0.4 < found < 0.82
    np.testing.assert_allclose(noise_of(steps[1:]).mean(), math.sqrt(r), rtol=0.03)


def test_a_still_picture_with_noise_is_recovered():
    """The estimate is not only a number: the filtered picture is closer to the true one."""
    rng = np.random.default_rng(6)
    true = picture(rng)
    steps = run(estimating(), [noisy(rng, true, 20 * GREY) for _ in range(20)], 0.05)
    left = np.sqrt(np.square(steps[-1].state.potential - true).mean())
    assert left == pytest.approx(20 * GREY * math.sqrt(0.36 / (2 - 0.36)), rel=0.15)
    share = steps[-1].state.noise_share.mean()
    assert math.sqrt(share) * 20 * GREY == pytest.approx(left, rel=0.1)


def test_noise_and_motion_that_begin_act_in_their_own_frame():
    rng = np.random.default_rng(7)
    still, stage = picture(rng), estimating()
    quiet = run(stage, [still] * 10, 0.05)
    assert gains(quiet[-1:], 0.05).min() > 0.9, 'without noise there is nothing to wait for'
    begun = stage.step(noisy(rng, still, 30 * GREY), quiet[-1].state, 0.05, None, (0.0, 0.0))
    # The potential is taken to hold as much of it as the frame, which it does from the next one on.
    np.testing.assert_allclose(begun.noise, 30 * GREY / math.sqrt(2.0), rtol=0.35)
    averaging = run(stage, [noisy(rng, still, 10 * GREY) for _ in range(20)], 0.05)
    before = gains(averaging[-5:], 0.05).mean()
    moved = noisy(rng, picture(rng), 10 * GREY)
    after = stage.step(moved, averaging[-1].state, 0.05, None, (0.0, 0.0))
    assert before < 0.42 and gains([after], 0.05).mean() > 0.9


def test_a_turn_that_is_compensated_is_no_motion():
    rng = np.random.default_rng(8)
    wide = picture(rng, 2.0, (72, 300))
    frames = [noisy(rng, wide[..., 150 - 4 * k : 278 - 4 * k], 15 * GREY) for k in range(30)]
    turning = run(estimating(), frames, 0.05, (4.0, 0.0))
    blind = run(estimating(), frames, 0.05)
    np.testing.assert_allclose(noise_of(turning[1:]), 15 * GREY, rtol=0.12)
    # What comes in at the edge is as the frame shows it, so that its block says little.
    kept = gains(turning[10:], 0.05)[:, :, 1:]
    assert np.median(kept) == pytest.approx(0.36, abs=0.03)
    assert np.median(gains(blind[10:], 0.05)) > 0.6


@pytest.mark.parametrize('level', [0.0, 0.3, 1.0])
def test_constant_pictures_are_harmless(level):
    frames = [np.full((3, *SIZE), level, np.float32)] * 5
    steps = run(estimating(), frames, 0.05)
    for step in steps:
        assert not step.noise.any() and not step.error.any()
        np.testing.assert_array_equal(step.state.potential, frames[0])
    assert gains(steps, 0.05).min() > 0.95
    # From one constant to another: motion, which is followed.
    other = np.full((3, *SIZE), 0.5, np.float32)
    found = estimating().step(other, steps[-1].state, 0.05, None, (0.0, 0.0))
    np.testing.assert_allclose(found.state.potential, 0.5, atol=0.02)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_values_that_are_not_finite_stay_in_their_block_and_frame(value):
    rng = np.random.default_rng(9)
    stage, frames = estimating(), [noisy(rng, picture(rng), 0.03) for _ in range(4)]
    state = run(stage, frames[:3], 0.05)[-1].state
    broken = frames[3].copy()
    broken[1, 4, 5] = value
    found, sound = (stage.step(f, state, 0.05, None, (0.0, 0.0)) for f in (broken, frames[3]))
    assert np.isfinite(found.tau_s).all() and np.isfinite(found.state.noise_share).all()
    assert found.noise[0, 0] == 0.0
    others = np.ones(GRID, bool)
    others[0, 0] = False
    np.testing.assert_array_equal(found.noise[others], sound.noise[others])
    np.testing.assert_array_equal(found.tau_s[others], sound.tau_s[others])
    # The state before it has not changed, and goes on.
    again = stage.step(frames[3], state, 0.05, None, (0.0, 0.0))
    np.testing.assert_array_equal(again.state.potential, sound.state.potential)


def test_the_first_frame_is_held_and_what_is_passed_in_is_left_as_it_was():
    rng = np.random.default_rng(10)
    stage, frame = estimating(), noisy(rng, picture(rng), 0.1)
    first = stage.step(frame, None, 0.05, None, (5.0, -3.0))
    np.testing.assert_array_equal(first.state.potential, frame)
    assert not np.shares_memory(first.state.potential, frame)
    assert first.state.subpixel_shift_px == (0.0, 0.0)
    kept = [first.state.potential.copy(), first.state.noise_share.copy(), frame.copy()]
    once, again = (
        stage.step(noisy(np.random.default_rng(1), frame, 0.1), first.state, 0.05, None, (0.4, 0.7))
        for _ in range(2)
    )
    for ours, theirs in zip((*once.state, *once[1:]), (*again.state, *again[1:]), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for array, copy in zip(
        (first.state.potential, first.state.noise_share, frame), kept, strict=True
    ):
        np.testing.assert_array_equal(array, copy)
    assert once.state.subpixel_shift_px == pytest.approx((0.4, -0.3))


def test_noise_that_is_not_white_is_underestimated_and_averaged_less():
    rng = np.random.default_rng(14)
    still, sigma = picture(rng), 20 * GREY
    white = run(estimating(), [noisy(rng, still, sigma) for _ in range(20)], 0.05)
    blurred = run(estimating(), [still + sigma * smooth(rng, 0.8) for _ in range(20)], 0.05)
    assert noise_of(blurred[1:]).max() < 0.5 * sigma
    assert gains(blurred[5:], 0.05).mean() > gains(white[5:], 0.05).mean() + 0.2


def test_the_time_constants_stay_in_the_trust_region():
    rng = np.random.default_rng(11)
    still = picture(rng)
    low, high = np.exp(FILTER_LOG_SCALE_RANGE)
    for dt_s in (0.005, *DT_S, 10.0):
        for sigma in (0.0, 0.2):
            steps = run(estimating(), [noisy(rng, still, sigma) for _ in range(6)], dt_s)
            tau_s = np.array([step.tau_s for step in steps])
            assert tau_s.min() >= low * TAU_S * (1 - 1e-6)
            assert tau_s.max() <= high * TAU_S * (1 + 1e-6)


def test_a_constant_gain_is_that_of_a_constant_log_scale():
    rng = np.random.default_rng(12)
    temporal_filter = TemporalFilter(np.full(GRID, TAU_S, np.float32), *SIZE)
    frames = [noisy(rng, picture(rng), 0.05) for _ in range(3)]
    steps = run(ConstantGain(temporal_filter, 5.0), frames, 0.05)
    state, log_scale = None, np.full(GRID, math.log(5.0), np.float32)
    for frame, found in zip(frames, steps, strict=True):
        expected = temporal_filter.step(frame, state, 0.05, log_scale)
        state = expected.state
        assert found.state.potential.tobytes() == state.potential.tobytes()
    np.testing.assert_allclose(steps[-1].tau_s, 5.0 * TAU_S, rtol=1e-6)


def test_a_filter_goes_on_from_a_state_of_another_gain():
    rng = np.random.default_rng(13)
    temporal_filter = TemporalFilter(np.full(GRID, TAU_S, np.float32), *SIZE)
    frames = [noisy(rng, picture(rng), 0.05) for _ in range(4)]
    learned = run(temporal_filter, frames[:2], 0.05)[-1].state
    estimated = EstimatedGain(temporal_filter).step(frames[2], learned, 0.05, None, (0.0, 0.0))
    assert estimated.state.noise_share is not None
    back = temporal_filter.step(frames[3], estimated.state, 0.05)
    assert back.state.noise_share is None and back.error.max() > 0.0
