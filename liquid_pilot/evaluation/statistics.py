"""Intervals and tests for rates of success."""

from __future__ import annotations

import math


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a rate (Wilson 1927), 95 % by default.

    Args:
        successes: how many of the trials succeeded.
        trials: how many there were; with none the interval is all of [0, 1].
        z: quantile of the normal distribution.

    Raises:
        ValueError: unless 0 <= successes <= trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f'{successes} successes of {trials} trials')
    if trials == 0:
        return 0.0, 1.0
    rate = successes / trials
    centre = rate + z * z / (2 * trials)
    half = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
