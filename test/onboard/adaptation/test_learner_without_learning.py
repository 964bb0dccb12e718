"""What the shipped learner does and says while the pilot makes the filter's gain by itself."""

import dataclasses
import math

import numpy as np
import pytest
from statistics_makers import make_statistics

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner import LearnerInput, TimeScaleLearner

GRID, NEURONS, DT_S = (2, 3), 5, 0.05
STATISTICS = make_statistics(
    8,
    NEURONS,
    GRID,
    receptor_tau_s=np.full(GRID, 0.0125),
    receptor_error=np.full(GRID, 1e-3),
    receptor_pull=(-0.8, 0.2),
)
GAIN = np.array([[0.4, 0.5, 0.6], [0.7, 0.8, 0.9]])


def learner_input(sequence, **more):
    """A tick of flicker, from which a learner would learn to slow the filter."""
    gradient = np.full(GRID, -1e-3 * 4.0 * math.exp(-4.0))
    return LearnerInput(sequence, DT_S, np.full(GRID, 1e-3), gradient, False, **more)


def test_it_proposes_trained_values_and_says_what_the_pilot_does():
    learner = TimeScaleLearner(STATISTICS, NEURONS)
    for k in range(60):
        learned = learner.update(learner_input(k))
    assert learned.temporal_filter.min() > 0.5 and learner.describe()[0] == 'slowing'
    noise = np.array([[3.0, 3.0, 3.0], [5.0, 5.0, 5.0]])
    update = learner.update(learner_input(60, filter_gain=GAIN, filter_noise=noise))
    assert update.sequence == 60 and not update.temporal_filter.any()
    state, reason = learner.describe()
    assert state == 'estimated'
    assert 'noise of 4.1 grey levels' in reason and 'gain 0.65 (blocks 0.40 to 0.90)' in reason
    learner.update(learner_input(61, filter_gain=GAIN))
    state, reason = learner.describe()
    assert state == 'constant' and 'gain 0.65' in reason and 'noise' not in reason
    # And on again, from trained values.
    learned = learner.update(learner_input(62))
    assert 0.0 < learned.temporal_filter.max() < 0.3
    assert learner.describe()[0] == 'slowing'


@pytest.mark.parametrize(
    'change',
    [
        {'filter_gain': np.zeros(5)},
        {'filter_gain': np.full(GRID, math.nan)},
        {'filter_gain': GAIN, 'filter_noise': np.zeros(7)},
        {'filter_gain': GAIN, 'filter_noise': np.full(GRID, math.inf)},
    ],
)
def test_gains_and_noise_that_do_not_fit_are_refused(change):
    learner = TimeScaleLearner(STATISTICS, NEURONS)
    with pytest.raises(LiquidPilotError, match='gains or noise of the temporal filter'):
        learner.update(dataclasses.replace(learner_input(0), **change))
    assert learner.sequence == -1 and learner.describe()[0] == 'waiting'
