"""Wilson's interval against values published for it."""

import pytest

from liquid_pilot.evaluation.statistics import wilson_interval


@pytest.mark.parametrize(('successes', 'trials', 'low', 'high'), [
    (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0),
    (95, 100, 0.8882, 0.9785), (81, 263, 0.2553, 0.3662),  # the last: Newcombe 1998, table I
])
def test_known_intervals(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


def test_no_trials_say_nothing():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(('successes', 'trials'), [(-1, 4), (5, 4)])
def test_impossible_counts_are_refused(successes, trials):
    with pytest.raises(ValueError):
        wilson_interval(successes, trials)
