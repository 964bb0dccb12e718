"""The learner of the core: it stays within its bounds and continues from a snapshot."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_makers import make_statistics

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner import LearnerSettings
from liquid_pilot.onboard.adaptation.time_scales import CORE_LOG_SCALE_RANGE, FILTER_LOG_SCALE_RANGE
from studies.adaptation.core_learning import CoreLearner, CoreLearnerInput, CoreLearningSettings

GRID, NEURONS = (2, 3), 5
ERROR, TAU_S, DT_S = 1e-3, 0.0125, 0.05
DIGEST = 'ab' * 32
STATISTICS = make_statistics(
    8,
    NEURONS,
    GRID,
    receptor_tau_s=np.full(GRID, TAU_S),
    receptor_error=np.full(GRID, ERROR),
    receptor_pull=(-0.8, 0.2),
)


def gain_slope(log_scale=0.0):
    """da/dlog(tau), by which a gradient of log(tau) becomes one of the gain."""
    ratio = DT_S / (TAU_S * np.exp(log_scale))
    return -ratio * np.exp(-ratio)


def learner(core='cm_gleak', **settings):
    return CoreLearner(STATISTICS, NEURONS, LearnerSettings(**settings), CoreLearningSettings(core))


def learner_input(gradient_of_gain, sequence=0, novel=False, core=(), log_scale=0.0):
    """Return the input whose normalised gradient tends to a value, made at a log-scale."""
    gradient = np.full(GRID, gradient_of_gain * ERROR * gain_slope(log_scale))
    return CoreLearnerInput(sequence, DT_S, np.full(GRID, ERROR), gradient, novel, np.array(core))


def feed(adaptation, value, ticks):
    """Feed a number of ticks of one normalised gradient and return the last update."""
    for k in range(ticks):
        log_scale = adaptation.time_scale_update.temporal_filter.astype(float)
        proposal = adaptation.update(learner_input(value, k, log_scale=log_scale))
    return proposal


def some_evidence(count, seed=0):
    """Unlike each other, of flickering blocks, with gradients of the core."""
    rng = np.random.default_rng(seed)
    return [
        CoreLearnerInput(
            k,
            float(rng.uniform(0.01, 0.1)),
            ERROR * rng.uniform(0.5, 2.0, GRID),
            ERROR * gain_slope() * rng.uniform(0.5, 3.0, GRID),
            bool(rng.random() < 0.1),
            rng.normal(size=(2, NEURONS)),
        )
        for k in range(count)
    ]


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_sound(proposal):
    assert proposal.temporal_filter.shape == GRID
    for values, (low, high) in (
        (proposal.temporal_filter, FILTER_LOG_SCALE_RANGE),
        (proposal.log_cm, CORE_LOG_SCALE_RANGE),
        (proposal.log_gleak, CORE_LOG_SCALE_RANGE),
    ):
        assert np.isfinite(values).all()
        assert (values >= np.float32(low)).all()
        assert (values <= np.float32(high)).all()


def test_novel_ticks_teach_nothing():
    adaptation = learner()
    for evidence in some_evidence(30):
        before = adaptation.update(evidence)
    known, gradient = adaptation.snapshot(DIGEST), adaptation.normalised_gradient.copy()
    after = adaptation.update(learner_input(100.0, 31, True, np.full(2 * NEURONS, 1e3)))
    assert after.sequence == 31
    assert_same(after[1:], before[1:])
    assert adaptation.snapshot(DIGEST) == known
    np.testing.assert_array_equal(adaptation.normalised_gradient, gradient)


@pytest.mark.parametrize(
    ('core', 'moves'), [('off', (False, False)), ('cm', (True, False)), ('cm_gleak', (True, True))]
)
def test_of_the_core_only_what_is_set_moves_and_against_its_gradient(core, moves):
    adaptation = learner(core)
    sign = np.array([[1, -1, 1, -1, 1], [-1, 1, 1, 1, -1]])
    for k in range(40):
        proposal = adaptation.update(learner_input(0.0, k, core=1e-3 * sign))
    for values, signs, may in zip(proposal[2:], sign, moves, strict=True):
        if may:
            # Whatever the size of a gradient, about its rate: here 0.02 to 0.06 a second.
            np.testing.assert_array_equal(np.sign(values), -signs)
            assert 0.02 < np.abs(values).min() <= np.abs(values).max() < 0.12
        else:
            assert not values.any()
    # Without gradients there is nothing to learn from, and the temporal filter still learns.
    alone = learner(core)
    for k in range(40):
        proposal = alone.update(learner_input(0.8, k))
    assert proposal.temporal_filter.all()
    assert not np.any(proposal[2:])


def test_what_was_learned_of_the_core_decays_when_nothing_comes_to_learn_it_from():
    adaptation = learner('off')
    adaptation.restore(taught().snapshot(DIGEST), DIGEST)
    before = np.abs(adaptation.time_scale_update[2:]).max()
    assert before > 0.01
    # The core's gradients are no longer made: a minute is three time constants of the leak.
    feed(adaptation, 0.0, 1200)
    assert np.abs(adaptation.time_scale_update[2:]).max() < 0.1 * before


def test_an_unknown_part_of_the_core_is_refused():
    with pytest.raises(LiquidPilotError, match='one of off, cm, cm_gleak, not'):
        CoreLearningSettings('everything')


def test_a_restored_learner_goes_on_as_the_one_that_was_kept():
    first, other = learner(), learner()
    evidence = some_evidence(120)
    for one in evidence[:60]:
        kept = first.update(one)
    # Something else was learned here before.
    for one in some_evidence(20, seed=1):
        other.update(one)
    text = first.snapshot(DIGEST)
    json.loads(text)
    other.restore(text, DIGEST)
    assert_same(other.time_scale_update[1:], kept[1:])
    assert other.snapshot(DIGEST) == text
    for one in evidence[60:]:
        assert_same(first.update(one), other.update(one))
        np.testing.assert_array_equal(first.normalised_gradient, other.normalised_gradient)
    assert kept.temporal_filter.any()
    assert kept.log_gleak.any()


def taught():
    adaptation = learner()
    for evidence in some_evidence(20):
        adaptation.update(evidence)
    return adaptation


@pytest.mark.parametrize(
    'change',
    [
        {'format': 'another'},
        {'version': 2},
        {'pilot': 'cd' * 32},
        {'pilot': None},
        {'pilot': [1]},
        {'pilot': 3},
        {'receptors': None},
        {'receptors': [[0.0] * 3]},
        {'receptors': 'x'},
        {'core': [[0.0] * NEURONS, [math.nan] * NEURONS]},
        {'squares': math.inf},
        {'error': {}},
        {'slope': [[0.0, 0.0, '?']] * 2},
        {'slope': [[0.0] * 3, [0.0]]},
        {'receptors': [[10**400] * 3] * 2},
    ],
)
def test_a_snapshot_that_does_not_fit_is_refused(change):
    adaptation = taught()
    known = adaptation.snapshot(DIGEST)
    with pytest.raises(LiquidPilotError, match='snapshot: '):
        adaptation.restore(json.dumps({**json.loads(known), **change}), DIGEST)
    assert adaptation.snapshot(DIGEST) == known


def numbers(size):
    """Arrays of that size, or near it, of any numbers."""
    wild = st.sampled_from([0.0, 1e-3, -1e-3, 1.0, -1.0, 9.9e5, -9.9e5, 1e-300])
    worse = st.sampled_from([0.0, 2e6, -1e300, math.nan, math.inf])
    return st.one_of(
        st.lists(wild, min_size=size, max_size=size),
        st.lists(wild, min_size=size, max_size=size),
        st.lists(worse, min_size=size, max_size=size),
        st.lists(wild, max_size=size + 1),
    ).map(np.array)


EVIDENCE = st.builds(
    CoreLearnerInput,
    st.integers(-2, 99),
    st.one_of(st.floats(1e-9, 10.0), st.sampled_from([0.05, 0.0, -0.05, 11.0, math.nan, math.inf])),
    numbers(math.prod(GRID)),
    numbers(math.prod(GRID)),
    st.booleans(),
    st.one_of(st.just(np.empty(0)), numbers(2 * NEURONS)),
)


@settings(max_examples=150, deadline=None)
@given(given_ones=st.lists(EVIDENCE, min_size=1, max_size=5))
def test_proposals_stay_within_bounds_for_any_input(given_ones):
    adaptation = learner()
    for evidence in some_evidence(3):
        proposal = adaptation.update(evidence)
    for evidence in given_ones:
        known = adaptation.snapshot(DIGEST)
        try:
            proposal = adaptation.update(evidence)
        except LiquidPilotError:
            assert adaptation.snapshot(DIGEST) == known
            assert_same(adaptation.time_scale_update, proposal)
        else:
            assert proposal.sequence == evidence.sequence
        assert_sound(proposal)


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(['receptors', 'core', 'squares', 'error', 'slope']),
    value=st.sampled_from([-1e-3, -ERROR / 2, -1.0, 1e300, -1e300, 1.7e308]),
    where=st.integers(0, 4),
    gradient=st.floats(-10.0, 10.0),
)
@pytest.mark.filterwarnings('ignore::RuntimeWarning')
def test_proposals_stay_within_bounds_for_any_snapshot(name, value, where, gradient):
    adaptation = taught()
    known = adaptation.snapshot(DIGEST)
    content = json.loads(known)
    content[name][where % 2][where % 3] = value
    try:
        adaptation.restore(json.dumps(content), DIGEST)
    except LiquidPilotError:
        assert adaptation.snapshot(DIGEST) == known
    for k in range(3):
        assert_sound(adaptation.update(learner_input(0.5, k, core=np.full(2 * NEURONS, gradient))))
        assert_sound(adaptation.time_scale_update)


def test_reset_forgets_everything():
    adaptation = taught()
    adaptation.reset()
    assert adaptation.snapshot(DIGEST) == learner().snapshot(DIGEST)
    assert adaptation.describe()[0] == 'waiting'


@pytest.mark.parametrize('gradient', [np.zeros(NEURONS), np.full(2 * NEURONS, math.nan)])
def test_a_gradient_that_cannot_be_learned_from_is_refused(gradient):
    adaptation = learner()
    with pytest.raises(LiquidPilotError, match='trace: '):
        adaptation.update(learner_input(0.0, core=gradient))
    assert adaptation.sequence == -1


def test_it_says_how_far_the_core_has_moved():
    adaptation = learner('cm')
    for k in range(40):
        adaptation.update(learner_input(0.0, k, core=np.full(2 * NEURONS, -1.0)))
    percent = 100 * math.expm1(adaptation.time_scale_update.log_cm.max())
    assert f'core scaled by up to {percent:.0f} %' in adaptation.describe()[1]
