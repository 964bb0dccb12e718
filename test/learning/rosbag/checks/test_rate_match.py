"""The delay of the gyroscope is found where there is one, and nowhere else."""

import numpy as np
import pytest

from liquid_pilot.learning.rosbag.checks.rate_match import match_rate

PERIOD_S = 0.05


def signal(seed, seconds, rate_hz=100.0):
    """Return times, s, and a yaw rate that turns at random over about half a second."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    width = np.hanning(round(0.6 * rate_hz))
    rates = np.convolve(rng.normal(0.0, 1.0, len(times) + len(width)), width, 'same')
    rates = rates[len(width) // 2 :][: len(times)]
    return times, 0.5 * rates / rates.std()


def spans(seconds, times, rates, noise=0.0, seed=0):
    """Return starts and ends of pairs of frames, and the turn that is measured between them."""
    start = np.arange(0.1, seconds - 0.1, PERIOD_S)
    angles = np.concatenate(([0.0], np.cumsum(0.5 * (rates[1:] + rates[:-1]) * np.diff(times))))
    turn = (np.interp(start + PERIOD_S, times, angles) - np.interp(start, times, angles)) / PERIOD_S
    turn += noise * np.random.default_rng(seed).standard_normal(len(turn))
    return start, start + PERIOD_S, turn


@pytest.mark.parametrize('delay_s', [-3.0, -0.9, -0.2, 0.0, 0.03, 0.9, 4.2])
@pytest.mark.parametrize('gain', [1.0, -1.0, 57.3])
def test_a_delay_is_found_with_its_sign_and_scale(delay_s, gain):
    times, rates = signal(1, 40.0)
    start, end, turn = spans(40.0, times, rates, noise=0.25)
    match = match_rate(start, end, turn, times + delay_s, gain * rates)
    assert match.certain
    assert match.delay_s == pytest.approx(delay_s, abs=0.02)
    assert np.sign(match.correlation) == np.sign(gain)
    assert match.gain == pytest.approx(gain, rel=0.25)


def test_one_beyond_its_reach_is_found_near_a_guess():
    times, rates = signal(2, 40.0)
    start, end, turn = spans(40.0, times, rates, noise=0.25)
    assert not match_rate(start, end, turn, times + 3600.0, rates).certain
    match = match_rate(start, end, turn, times + 3600.0, rates, 3601.0, 2.0)
    assert match.certain
    assert match.delay_s == pytest.approx(3600.0, abs=0.02)


@pytest.mark.parametrize('seconds', [8.0, pytest.param(40.0, marks=pytest.mark.slow)])
def test_rates_that_have_nothing_to_do_with_each_other_are_not_matched(seconds):
    certain = 0
    for seed in range(25):
        times, rates = signal(100 + seed, seconds)
        _, other = signal(500 + seed, seconds)
        certain += match_rate(*spans(seconds, times, rates), times, other).certain
    assert certain == 0


def test_a_steady_weave_and_a_straight_way_tell_nothing():
    times = np.arange(4000) / 100
    weave = np.sin(2 * np.pi * times / 2.0)
    start, end, turn = spans(40.0, times, weave)
    assert not match_rate(start, end, turn, times, weave).certain
    assert not match_rate(start, end, 0.01 * turn, times, 0.01 * weave).certain
    assert not match_rate(start, end, turn, times, 0.0 * weave).certain
    assert not match_rate(start, end, turn, times, np.nan * weave).certain
    assert not match_rate(start[:20], end[:20], turn[:20], times, weave).certain


def test_a_hole_in_the_samples_is_left_out():
    times, rates = signal(3, 40.0)
    start, end, turn = spans(40.0, times, rates)
    kept = (times < 15.0) | (times > 22.0)
    match = match_rate(start, end, turn, times[kept] + 0.5, rates[kept])
    assert match.certain
    assert match.delay_s == pytest.approx(0.5, abs=0.02)
    assert match.correlation > 0.97
