from __future__ import annotations

import numpy as np
import pytest

from liquid_pilot.liquid._jit import compiled
from liquid_pilot.liquid._kernels import sigmoid_of
from liquid_pilot.liquid._lanes import exp, tanh


@compiled()
def exp_of(x: np.ndarray, out: np.ndarray) -> None:
    for k in range(x.shape[0]):
        out[k] = exp(x[k])


@compiled()
def tanh_of(x: np.ndarray, out: np.ndarray) -> None:
    for k in range(x.shape[0]):
        out[k] = tanh(x[k])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    out = np.empty_like(x)
    sigmoid_of(x, out)
    return out


def test_the_sigmoid_is_within_a_millionth_and_never_leaves_0_to_1():
    x = np.concatenate([np.linspace(-40, 40, 1_000_001), np.geomspace(1e-30, 1e4, 10_001)])
    x = x.astype(np.float32)
    s = _sigmoid(x)
    with np.errstate(over='ignore'):
        exact = 1.0 / (1.0 + np.exp(-x.astype(np.float64)))
    assert np.abs(s - exact).max() < 1e-6
    assert s.min() >= 0.0 and s.max() <= 1.0


def test_the_sigmoid_saturates_for_huge_arguments():
    # An odd length, so that the loop's scalar remainder is run too.
    x = np.array([1e3, 1e30, 3.4e38, np.inf, 17.0] * 7, np.float32)
    np.testing.assert_allclose(_sigmoid(x), 1.0, atol=1e-6)
    np.testing.assert_allclose(_sigmoid(-x), 0.0, atol=1e-6)


def test_the_exponential_is_exact_to_its_digits_and_clipped_before_it_overflows():
    x = np.concatenate([np.linspace(-87, 87, 1_000_001), np.geomspace(1e-30, 1, 1001)])
    x = x.astype(np.float32)
    out = np.empty_like(x)
    exp_of(x, out)
    assert np.abs(out / np.exp(x.astype(np.float64)) - 1.0).max() < 3e-7
    # An odd length, so that the loop's scalar remainder is run too.
    far = np.array([88.0, 1e4, 3e38, np.inf, 87.0] * 7, np.float32)
    for sign in (1.0, -1.0):
        out = np.empty_like(far)
        exp_of(sign * far, out)
        np.testing.assert_allclose(out, np.exp(np.float64(sign * 87.0)), rtol=3e-7)


def test_tanh_is_odd_and_keeps_its_digits_near_zero():
    x = np.concatenate([np.linspace(0, 40, 1_000_001), np.geomspace(1e-30, 1, 1001)])
    x = x.astype(np.float32)
    out, negative = np.empty_like(x), np.empty_like(x)
    tanh_of(x, out)
    tanh_of(-x, negative)
    exact = np.tanh(x.astype(np.float64))
    assert np.abs(out - exact).max() < 5e-7 and np.array_equal(out, -negative)
    small = (x > 0) & (x < 0.1)
    assert np.abs(out[small] / exact[small] - 1.0).max() < 2e-6


@pytest.mark.parametrize('function', [sigmoid_of, exp_of, tanh_of])
def test_nan_stays_nan_in_every_lane(function):
    for k in range(37):
        x, out = np.zeros(37, np.float32), np.empty(37, np.float32)
        x[k] = np.nan
        function(x, out)
        assert np.isnan(out[k]) and np.isfinite(np.delete(out, k)).all()
