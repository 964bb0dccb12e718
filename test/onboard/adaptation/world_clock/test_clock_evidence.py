"""The decision on the clock's factor: hysteresis, a bounded step, and evidence that can turn."""

import math

import numpy as np
import pytest

from liquid_pilot.onboard.adaptation.world_clock.clock_evidence import (
    ClockEvidence,
    ClockSettings,
)

FACTORS = 2.0 ** np.arange(-3, 5)
ONE = 3


def errors(best, worse=1.0):
    """Return errors that grow with the distance from a factor."""
    return 1.0 + worse * np.abs(np.arange(len(FACTORS)) - best)


def feed(evidence, best, ticks, worse=1.0):
    """Add a number of ticks and return the log-scale after each."""
    found = []
    for _ in range(ticks):
        evidence.add(errors(best, worse))
        found.append(evidence.decide())
    return found


@pytest.mark.parametrize('best', range(len(FACTORS)))
def test_the_log_scale_goes_to_the_best_factor_in_bounded_steps(best):
    evidence = ClockEvidence(FACTORS)
    scales = feed(evidence, best, 200)
    assert scales[-1] == pytest.approx(math.log(FACTORS[best]), abs=1e-3)
    assert evidence.doubted == (best != ONE)
    steps = np.abs(np.diff([0.0, *scales]))
    assert steps.max() <= evidence.settings.max_change_per_tick + 1e-12
    if best == ONE:
        assert set(scales) == {0.0}


def test_the_clock_is_believed_until_the_odds_pass_the_margin_and_again_below_it():
    settings = ClockSettings(correlation_ticks=1.0, log_prior=3.0, margin=1.0)
    evidence = ClockEvidence(np.array([1.0, 4.0]), settings)
    for gained, doubted in ((3.9, False), (0.2, True), (-1.5, True), (-0.8, False), (1.5, False)):
        evidence.add(np.array([2.0 * max(gained, 0.0), -2.0 * min(gained, 0.0)]))
        evidence.decide()
        assert evidence.doubted == doubted, gained


def test_a_clock_that_changes_is_followed_because_the_evidence_is_bounded():
    evidence = ClockEvidence(FACTORS)
    feed(evidence, 1, 10_000)
    assert evidence.log_likelihood.min() == -evidence.settings.max_log_likelihood_ratio
    assert feed(evidence, 5, 150)[-1] == pytest.approx(math.log(4.0), abs=1e-3)
    assert feed(evidence, ONE, 150)[-1] == 0.0


def test_errors_that_all_copies_make_alike_say_nothing():
    evidence = ClockEvidence(FACTORS)
    for size in (0.0, 1.0, 1e12):
        evidence.add(np.full(len(FACTORS), size))
        assert evidence.decide() == 0.0
    np.testing.assert_allclose(evidence.log_likelihood, 0.0, atol=1e-9)


def test_between_two_factors_the_estimate_lies_between_them():
    evidence = ClockEvidence(FACTORS)
    feed(evidence, 1.5, 400)
    assert 0.25 < evidence.estimate < 0.5


def test_what_a_snapshot_has_filled_is_brought_within_its_bounds():
    evidence = ClockEvidence(FACTORS)
    parts = evidence.parts()
    parts['clock_log_likelihood'][:] = np.linspace(-1e9, 1e9, len(FACTORS))
    parts['clock_decision'][:] = 5.0, -100.0
    evidence.settle()
    assert evidence.log_likelihood.max() == 0.0
    assert evidence.log_likelihood.min() == -evidence.settings.max_log_likelihood_ratio
    assert evidence.doubted
    assert evidence.log_scale == pytest.approx(math.log(FACTORS[0]))
    evidence.reset()
    assert not evidence.doubted and evidence.log_scale == 0.0 and not evidence.log_likelihood.any()
