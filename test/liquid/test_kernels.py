from __future__ import annotations

import numpy as np

from liquid_pilot.liquid._kernels import sigmoid_of


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


def test_nan_stays_nan_in_every_lane():
    for k in range(37):
        x = np.zeros(37, np.float32)
        x[k] = np.nan
        s = _sigmoid(x)
        assert np.isnan(s[k]) and np.isfinite(np.delete(s, k)).all()
