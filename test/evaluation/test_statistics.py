"""Wilson's interval, McNemar's test and Holm's correction against values published for them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.evaluation import statistics
from liquid_pilot.evaluation.statistics import (
    holm,
    mcnemar_exact,
    poisson_interval,
    wilson_interval,
)


@pytest.mark.parametrize(
    ('successes', 'trials', 'low', 'high'),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (95, 100, 0.8882, 0.9785),
        (81, 263, 0.2553, 0.3662),  # the last: Newcombe 1998, table I
    ],
)
def test_known_intervals(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


def test_no_trials_say_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(('successes', 'trials'), [(-1, 4), (5, 4)])
def test_impossible_counts_are_refused(successes, trials):
    with pytest.raises(ValueError):
        wilson_interval(successes, trials)


# Garwood's intervals as tables have them.
@pytest.mark.parametrize(
    ('events', 'low', 'high'),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (8, 3.454, 15.763), (100, 81.364, 121.627)],
)
def test_poisson_intervals(events, low, high):
    assert poisson_interval(events) == pytest.approx((low, high), abs=1e-3)


def test_a_negative_count_of_events_is_refused():
    with pytest.raises(ValueError, match='-1 events'):
        poisson_interval(-1)


@pytest.mark.parametrize(
    ('only_first', 'only_second', 'p'),
    [
        (1, 7, 0.0703),  # Fagerland, Lydersen and Laake 2013, airway hyper-responsiveness
        (0, 0, 1.0),
        (5, 5, 1.0),
        (0, 1, 1.0),
        (0, 5, 0.0625),
        (10, 1, 0.0117),
        (86, 150, 3.716e-05),  # Agresti's approval of the prime minister; scipy.stats.binomtest
    ],
)
def test_mcnemars_exact_test(only_first, only_second, p):
    assert mcnemar_exact(only_first, only_second) == pytest.approx(p, rel=1e-2)
    assert mcnemar_exact(only_second, only_first) == mcnemar_exact(only_first, only_second)


def test_very_many_pairs_do_not_underflow():
    assert mcnemar_exact(3000, 3000) == 1.0
    assert 0.0 < mcnemar_exact(2900, 3100) < 0.02
    with pytest.raises(ValueError):
        mcnemar_exact(-1, 2)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_a_level_of_significance(only_first, only_second):
    """Under equality the chance of a p-value of at most p is at most p."""
    p, tosses = mcnemar_exact(only_first, only_second), only_first + only_second
    chance = (
        sum(math.comb(tosses, k) for k in range(tosses + 1) if mcnemar_exact(k, tosses - k) <= p)
        / 2**tosses
    )
    assert chance <= p * (1 + 1e-9)


def test_holms_correction():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # R: p.adjust(c(.01, .02, .03, .04, .05), 'holm')
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([]) == [] and holm([0.2]) == [0.2] and holm([0.9, 0.8]) == [1.0, 1.0]
    with pytest.raises(ValueError):
        holm([0.5, 1.5])


@given(st.lists(st.floats(0.0, 1.0), max_size=12))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(values):
    adjusted = holm(values)
    for p, one in zip(values, adjusted, strict=True):
        assert p <= one <= 1.0
    ranked = sorted(range(len(values)), key=values.__getitem__)
    assert [adjusted[k] for k in ranked] == sorted(adjusted)
    if values:
        assert min(adjusted) == min(1.0, len(values) * min(values))


def test_paired_difference_of_textbook_counts_and_of_none():
    # Bonett and Price 2012: shrunk by one pair of each kind that differs.
    difference, low, high = statistics.paired_difference(2, 12, 50)
    assert difference == pytest.approx(0.2)
    half = 1.959964 * math.sqrt((16 / 52 - (10 / 52) ** 2) / 52)
    assert (low, high) == pytest.approx((10 / 52 - half, 10 / 52 + half))
    assert statistics.paired_difference(0, 0, 0) == (0.0, -1.0, 1.0)
    assert statistics.paired_difference(0, 10, 10)[2] <= 1.0
    with pytest.raises(ValueError, match='of 3 pairs'):
        statistics.paired_difference(2, 2, 3)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_paired_difference_turns_around_with_its_arms(first, second, both):
    pairs = first + second + both
    difference, low, high = statistics.paired_difference(first, second, pairs)
    other = statistics.paired_difference(second, first, pairs)
    assert (difference, low, high) == pytest.approx((-other[0], -other[2], -other[1]))
    assert -1.0 <= low <= high <= 1.0
    # The interval is about a rate that is shrunk towards none.
    assert low <= difference * pairs / (pairs + 2) + 1e-12 if pairs else True
