"""The novelty gate: outliers are novel, and novelty that lasts becomes the baseline."""

import dataclasses
import math

import numpy as np
from statistics_makers import make_statistics

from liquid_pilot.onboard.adaptation.novelty_gate import (
    NoveltyGate,
    NoveltyGateSettings,
    log_texture,
)

FEATURES, GRID = 16, (2, 3)
SIGMA = 0.2
PERIOD_S = 0.05
TEXTURE = np.full(GRID, 0.1, np.float32)
STATISTICS = make_statistics(
    FEATURES,
    0,
    GRID,
    feature_whitening=np.eye(FEATURES) / SIGMA,
    # From one frame to the next features change less than over all of training.
    change_whitening=np.eye(FEATURES) / (0.25 * SIGMA),
    texture_mean=log_texture(TEXTURE).reshape(GRID),
    texture_whitening=np.eye(6) / 0.3,
    usual=(1.0, 1.0, 1.0),
)


def at(distance, axis=0):
    """Features that far from the mean of training, in the gate's measure."""
    direction = np.roll(np.where(np.arange(FEATURES) < 4, 2.0, 0.0), axis)
    return (STATISTICS.feature_mean + distance * SIGMA * direction).astype(np.float32)


def opened(**settings):
    """A gate that has accepted one ordinary frame, and its state."""
    gate = NoveltyGate(STATISTICS, PERIOD_S, NoveltyGateSettings(**settings))
    novel, state, _ = gate.evaluate(at(0.1), TEXTURE, None, PERIOD_S)
    assert not novel
    return gate, state


def test_distances_are_root_mean_squares_in_units_of_training():
    gate, state = opened()
    found = gate.evaluate(at(0.7), 2 * TEXTURE, state, PERIOD_S)[2]
    texture = abs(log_texture(2 * TEXTURE)[0] - log_texture(TEXTURE)[0]) / 0.3
    np.testing.assert_allclose(found, np.log([0.7, (0.7 - 0.1) / 0.25, texture]), atol=1e-3)


def test_frames_like_training_are_accepted():
    gate, state = opened()
    rng = np.random.default_rng(0)
    features = at(0.0)
    for _ in range(300):
        # A walk within the box, in steps of up to 0.2 of its half width.
        features = features + 0.2 * SIGMA * rng.uniform(-1, 1, FEATURES)
        features = np.clip(features, at(0.0) - SIGMA, at(0.0) + SIGMA).astype(np.float32)
        texture = (TEXTURE * np.exp(0.25 * rng.uniform(-1, 1, GRID))).astype(np.float32)
        novel, state, _ = gate.evaluate(features, texture, state, PERIOD_S)
        assert not novel
        np.testing.assert_array_equal(state.last_accepted, features)
        assert state.rejected_s == 0.0


def test_an_outlier_is_novel_and_the_state_before_it_is_kept():
    gate, state = opened()
    kept = state.last_accepted.copy()
    for k in range(1, 6):
        novel, after, _ = gate.evaluate(at(5.0), TEXTURE, state, PERIOD_S)
        assert novel
        assert after.last_accepted is state.last_accepted
        assert after.log_baseline == state.log_baseline
        assert math.isclose(after.rejected_s, k * PERIOD_S)
        state = after
    np.testing.assert_array_equal(state.last_accepted, kept)


def test_a_covered_lens_is_seen_by_its_texture_alone():
    gate, state = opened()
    assert gate.evaluate(at(0.1), 0 * TEXTURE, state, PERIOD_S)[0]
    assert not gate.evaluate(at(0.1), TEXTURE, state, PERIOD_S)[0]


def test_what_lasts_longer_than_the_limit_becomes_the_baseline():
    gate, state = opened(max_rejection_s=0.52)
    for _ in range(10):
        novel, state, _ = gate.evaluate(at(5.0), TEXTURE, state, PERIOD_S)
        assert novel
    novel, state, found = gate.evaluate(at(5.0), TEXTURE, state, PERIOD_S)
    assert not novel
    np.testing.assert_array_equal(state.last_accepted, at(5.0))
    assert state.rejected_s == 0.0
    assert math.isclose(state.log_baseline[0], found[0])
    # It stays accepted from now on, but more may still be novel.
    assert not gate.evaluate(at(5.1), TEXTURE, state, PERIOD_S)[0]
    assert gate.evaluate(at(12.0), TEXTURE, state, PERIOD_S)[0]


def test_a_return_to_training_is_not_novel():
    gate, state = opened(max_rejection_s=0.5)
    for _ in range(60):
        novel, state, _ = gate.evaluate(at(8.0), TEXTURE, state, PERIOD_S)
    # Elsewhere by now, and used to hardly any change.
    assert not novel
    assert state.log_baseline[1] < 0.0
    novel, after, found = gate.evaluate(at(0.1), TEXTURE, state, PERIOD_S)
    assert found[1] > math.log(30.0)
    assert not novel
    np.testing.assert_array_equal(after.last_accepted, at(0.1))
    # As large a step the other way is one.
    assert gate.evaluate(at(15.9), TEXTURE, state, PERIOD_S)[0]


def test_a_slow_camera_does_not_jump():
    # Not too far from training, but a large step from the last frame.
    gate, state = opened()
    assert gate.evaluate(at(1.15), TEXTURE, state, PERIOD_S)[0]
    assert not gate.evaluate(at(1.15), TEXTURE, state, 1.0)[0]
    # The elapsed time does it and not the limit of rejection; further away it is novel still.
    assert gate.evaluate(at(5.0), TEXTURE, state, 1.0)[0]


def test_a_novel_start_is_rejected_until_the_limit():
    gate = NoveltyGate(
        STATISTICS, PERIOD_S, dataclasses.replace(NoveltyGateSettings(), max_rejection_s=0.12)
    )
    state, judged = None, []
    for _ in range(3):
        novel, state, _ = gate.evaluate(at(5.0), TEXTURE, state, PERIOD_S)
        judged.append(novel)
    assert judged == [True, True, False]
