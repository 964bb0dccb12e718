"""The delay at which the gyroscope turns as something else does: the pictures, or the commands."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

_COARSE_STEP_S, _STEP_S = 0.05, 0.01
"""Steps of the delay at first, and near the best one, s."""
_MIN_PAIRS = 100
"""Number of intervals below which nothing can be said."""
_MIN_SHARE = 0.3
"""Share of the intervals that must lie within the samples, at any delay that is looked at."""
_MIN_SPREAD_RAD_S = 0.05
"""Standard deviation of a yaw rate below which nothing turns, rad/s."""
_MIN_CORRELATION = 0.5
"""Correlation below which no delay is certain."""
_MAX_SECOND = 0.75
"""Share of the best correlation that any other delay may reach."""
_MIN_SIGNIFICANCE = 4.0
"""Best correlation, in standard deviations of that of unrelated rates, from which it is certain."""
_LOBE_S = 0.6
"""Distance from the best delay from which on another one is another one, s."""
_MAX_MEMORY = 100
"""Number of intervals over which a rate may be related to itself."""
_MAX_HOLE_S = 0.2
"""Time between two samples above which an interval within it is not used, s."""


class RateMatch(NamedTuple):
    """How the gyroscope goes with another yaw rate."""

    delay_s: float
    """Time by which the gyroscope turns later, s, by the stamps."""
    correlation: float
    """Correlation at that delay."""
    gain: float
    """Ratio of the gyroscope's reading to the other yaw rate, with the sign of the correlation."""
    certain: bool
    """Whether the correlation is high there and nowhere else."""


UNKNOWN = RateMatch(math.nan, math.nan, math.nan, False)
"""What is returned where nothing can be said."""


def match_rate(
    start_s: np.ndarray,
    end_s: np.ndarray,
    rate_rad_s: np.ndarray,
    times_s: np.ndarray,
    gyro_rad_s: np.ndarray,
    around_s: float = 0.0,
    reach_s: float = 5.0,
) -> RateMatch:
    """Return the delay of the gyroscope behind a yaw rate.

    Args:
        start_s: (n,) starts of the intervals in which the yaw rate was measured, s.
        end_s: (n,) their ends, s.
        rate_rad_s: (n,) mean yaw rate in each of them, rad/s.
        times_s: (m,) stamps of the gyroscope in their order, s.
        gyro_rad_s: (m,) its readings about z, rad/s.
        around_s: delay about which it is looked for, s.
        reach_s: how far from it, s.
    """
    finite = np.isfinite(gyro_rad_s)
    times_s, gyro_rad_s = times_s[finite], gyro_rad_s[finite]
    if len(start_s) < _MIN_PAIRS or len(times_s) < 2:
        return UNKNOWN
    steps = np.diff(times_s)
    angles = np.concatenate(
        (
            [0.0],
            np.cumsum(0.5 * (gyro_rad_s[1:] + gyro_rad_s[:-1]) * np.minimum(steps, _MAX_HOLE_S)),
        )
    )
    hole = np.concatenate(([True], steps > _MAX_HOLE_S, [True]))
    needed = max(_MIN_PAIRS, _MIN_SHARE * len(start_s))

    def at(delay: float) -> tuple[float, float, float]:
        """Return correlation, gain and significance at a delay; NaN where too little is known."""
        first, last = start_s + delay, end_s + delay
        usable = ~hole[np.searchsorted(times_s, first, 'right')]
        usable &= ~hole[np.searchsorted(times_s, last, 'left')]
        if np.count_nonzero(usable) < needed:
            return math.nan, math.nan, 0.0
        first, last = first[usable], last[usable]
        measured = np.interp(last, times_s, angles) - np.interp(first, times_s, angles)
        return _correlation(rate_rad_s[usable], measured / (last - first))

    delays = around_s + np.arange(-reach_s, reach_s + 0.5 * _COARSE_STEP_S, _COARSE_STEP_S)
    correlations = np.array([at(float(delay))[0] for delay in delays])
    if np.isnan(correlations).all():
        return UNKNOWN
    coarse = int(np.nanargmax(np.abs(correlations)))
    far = np.abs(correlations[np.abs(delays - delays[coarse]) > _LOBE_S])
    second = float(np.nanmax(far)) if np.isfinite(far).any() else math.inf
    finer = round(_COARSE_STEP_S / _STEP_S)
    near = delays[coarse] + np.arange(-finer, finer + 1) * _STEP_S
    found = [(float(delay), *at(float(delay))) for delay in near]
    delay_s, correlation, gain, significance = max(
        (entry for entry in found if not math.isnan(entry[1])), key=lambda entry: abs(entry[1])
    )
    return RateMatch(
        delay_s,
        correlation,
        gain,
        0 < coarse < len(delays) - 1
        and abs(correlation) >= _MIN_CORRELATION
        and significance >= _MIN_SIGNIFICANCE
        and second <= _MAX_SECOND * abs(correlation),
    )


def _correlation(cause: np.ndarray, effect: np.ndarray) -> tuple[float, float, float]:
    """Return correlation, gain and significance of two rates; NaN where one does not turn."""
    spread, response = float(cause.std()), float(effect.std())
    if spread < _MIN_SPREAD_RAD_S or response < 1e-9 or not math.isfinite(response):
        return math.nan, math.nan, 0.0
    together = float(((cause - cause.mean()) * (effect - effect.mean())).mean())
    correlation = together / (spread * response)
    significance = 0.0
    if abs(correlation) >= _MIN_CORRELATION:
        significance = abs(correlation) * math.sqrt(_independent_samples(cause, effect))
    return correlation, math.copysign(response / spread, correlation), significance


def _independent_samples(first: np.ndarray, second: np.ndarray) -> float:
    """Return the number of independent samples in two series, by their autocorrelations.

    By that number the variance of the correlation of unrelated series is 1 over it (Bartlett 1946).
    """
    count = len(first)
    reach = min(count // 4, _MAX_MEMORY)
    first, second = ((series - series.mean()) / series.std() for series in (first, second))
    products = [
        float(first[step:] @ first[:-step]) * float(second[step:] @ second[:-step])
        for step in range(1, reach + 1)
    ]
    return count / max(1.0, 1.0 + 2.0 * sum(products) / count**2)
