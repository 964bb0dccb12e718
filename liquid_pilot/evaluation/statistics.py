"""Intervals and tests for success rates."""

from __future__ import annotations

import math
from collections.abc import Sequence


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """Return Wilson's score interval of a rate (Wilson 1927), 95 % by default.

    Args:
        successes: number of trials that succeeded.
        trials: number of trials; with none the interval is all of [0, 1].
        z: quantile of the normal distribution.

    Returns:
        (lower, upper).

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


def poisson_interval(events: int) -> tuple[float, float]:
    """Return the exact 95 % interval of the expected number of events (Garwood 1936).

    Args:
        events: number of events that occurred; with none the interval is 0 to 3.69.

    Returns:
        (lower, upper).

    Raises:
        ValueError: when the count is negative.
    """
    if events < 0:
        raise ValueError(f'{events} events')

    def cumulative_probability(count: int, expected: float) -> float:
        return math.fsum(
            math.exp(k * math.log(expected) - expected - math.lgamma(k + 1))
            for k in range(count + 1)
        )

    def expectation(count: int, probability: float) -> float:
        """Return the expected number for which `count` or fewer occur with that probability."""
        low, high = 0.0, 20.0 + 2.0 * count
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (
                (middle, high)
                if cumulative_probability(count, middle) > probability
                else (low, middle)
            )
        return low

    return expectation(events - 1, 0.975) if events else 0.0, expectation(events, 0.025)


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the two-sided exact conditional p-value of McNemar's test (McNemar 1947).

    Only the pairs count in which one side succeeded and the other did not. If both sides are
    equally good, each of these pairs is a toss of a fair coin.

    Args:
        only_first: number of pairs in which only the first side succeeded.
        only_second: number of pairs in which only the second side succeeded.

    Raises:
        ValueError: when a count is negative.
    """
    if min(only_first, only_second) < 0:
        raise ValueError(f'{only_first} and {only_second} pairs')
    tosses = only_first + only_second
    # Integers: no power of one half underflows.
    tail, ways = 0, 1
    for k in range(min(only_first, only_second) + 1):
        tail += ways
        ways = ways * (tosses - k) // (k + 1)
    return min(1.0, 2 * tail / 2**tosses)


def paired_difference(
    only_first: int, only_second: int, pairs: int, z: float = 1.959964
) -> tuple[float, float, float]:
    """Return the second minus the first rate of paired trials (Bonett and Price 2012).

    Args:
        only_first: number of pairs in which only the first side succeeded.
        only_second: number of pairs in which only the second side succeeded.
        pairs: number of all pairs.
        z: quantile of the normal distribution; 95 % by default.

    Returns:
        (difference, lower, upper); without a pair (0, -1, 1).

    Raises:
        ValueError: when the counts do not fit together.
    """
    if min(only_first, only_second) < 0 or only_first + only_second > pairs:
        raise ValueError(f'{only_first} and {only_second} of {pairs} pairs')
    if not pairs:
        return 0.0, -1.0, 1.0
    first, second = ((count + 1) / (pairs + 2) for count in (only_first, only_second))
    half = z * math.sqrt((first + second - (second - first) ** 2) / (pairs + 2))
    return (
        (only_second - only_first) / pairs,
        max(-1.0, second - first - half),
        min(1.0, second - first + half),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that are corrected for multiple comparisons (Holm 1979), in the same order.

    If the differences with an adjusted value of at most `a` are called significant, the probability
    that any of them is a false positive is at most `a`, whatever the dependence between the tests.

    Args:
        p_values: the p-values of all tests.

    Raises:
        ValueError: when one of them lies outside [0, 1].
    """
    if not all(0.0 <= p <= 1.0 for p in p_values):
        raise ValueError(f'p-values must lie in [0, 1]: {p_values}')
    adjusted, running = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
