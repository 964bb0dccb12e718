"""The learner: flicker slows the temporal filter, smooth motion speeds it up again."""

import contextlib
import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_makers import make_statistics

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner import (
    ConfigurableLearner,
    LearnerInput,
    LearnerSettings,
    PersistentLearner,
    TimeScaleLearner,
)
from liquid_pilot.onboard.adaptation.learner_messages import trained_time_scales
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter
from liquid_pilot.onboard.adaptation.time_scales import CORE_LOG_SCALE_RANGE, FILTER_LOG_SCALE_RANGE

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


def bend(log_scale=0.0):
    """da/dlog(tau), by which a gradient of log(tau) becomes one of the gain."""
    ratio = DT_S / (TAU_S * np.exp(log_scale))
    return -ratio * np.exp(-ratio)


def learner(**settings):
    return TimeScaleLearner(STATISTICS, NEURONS, LearnerSettings(**settings))


def learner_input(gradient_of_gain, sequence=0, novel=False, log_scale=0.0):
    """Return the input whose normalised gradient tends to a value, made at a log-scale."""
    gradient = np.full(GRID, gradient_of_gain * ERROR * bend(log_scale))
    return LearnerInput(sequence, DT_S, np.full(GRID, ERROR), gradient, novel)


def feed(adaptation, value, ticks):
    """Feed a number of ticks of one normalised gradient and return the last update."""
    for k in range(ticks):
        log_scale = adaptation.time_scale_update.temporal_filter.astype(float)
        proposal = adaptation.update(learner_input(value, k, log_scale=log_scale))
    return proposal


def some_evidence(count, seed=0):
    """Unlike each other, of flickering blocks."""
    rng = np.random.default_rng(seed)
    return [
        LearnerInput(
            k,
            float(rng.uniform(0.01, 0.1)),
            ERROR * rng.uniform(0.5, 2.0, GRID),
            ERROR * bend() * rng.uniform(0.5, 3.0, GRID),
            bool(rng.random() < 0.1),
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


def test_flicker_slows_the_temporal_filter_and_smooth_motion_brings_them_back():
    height, width = 16, 24
    rng = np.random.default_rng(0)
    # In this training a wave passed by, at a tenth of a radian a frame.
    angle = np.linspace(0, 9, width)[None, None, :] + np.linspace(0, 4, height)[:, None]

    def wave(k):
        return np.repeat(0.5 + 0.4 * np.sin(angle + 0.1 * k), 3, 0).astype(np.float32)

    statistics = make_statistics(
        8,
        0,
        GRID,
        receptor_tau_s=np.full(GRID, TAU_S),
        receptor_error=np.full(GRID, ERROR),
        receptor_pull=(-0.9, 0.1),
    )
    temporal_filter = TemporalFilter(statistics.filter_tau_s, height, width)
    adaptation = TimeScaleLearner(statistics, 0)
    state, proposal, scales = None, adaptation.time_scale_update, []
    for k in range(360):
        noisy = 80 <= k < 160
        frame = rng.uniform(size=(3, height, width)).astype(np.float32) if noisy else wave(k)
        found = temporal_filter.step(frame, state, DT_S, proposal.temporal_filter)
        state = found.state
        proposal = adaptation.update(LearnerInput(k, DT_S, found.error, found.gradient, False))
        scales.append(proposal.temporal_filter)
    assert not np.any(scales[:80])
    assert scales[159].min() > 1.5
    assert scales[-1].max() < 0.05


def test_within_the_calm_band_nothing_moves_at_all():
    for value in (-0.75, 0.0, 0.19):
        adaptation = learner()
        proposal = feed(adaptation, value, 200)
        assert adaptation.within_training_range
        assert adaptation.normalised_gradient == pytest.approx(value, abs=0.02)
        assert not proposal.temporal_filter.any()
    proposal = feed(adaptation, 0.3, 200)
    assert not adaptation.within_training_range
    assert proposal.temporal_filter.min() > 0.1


def test_the_rate_is_that_of_the_settings_and_off_is_off():
    slow, fast, off = (
        learner(filter_learning_rate=0.1),
        learner(filter_learning_rate=0.2),
        learner(learn_temporal_filter=False),
    )
    for k in range(60):
        # A normalised gradient above 1 counts as 1.
        last = [
            adaptation.update(learner_input(30.0, k)).temporal_filter
            for adaptation in (slow, fast, off)
        ]
    assert last[0] == pytest.approx(0.1 * 60 * DT_S, rel=0.15)
    assert last[1] == pytest.approx(2 * last[0], rel=1e-2)
    assert not last[2].any()


def test_what_was_learned_leaks_away_in_calm():
    adaptation = learner(decay_to_trained_s=5.0)
    for k in range(60):
        moved = adaptation.update(learner_input(30.0, k)).temporal_filter
    for k in range(400):
        left = adaptation.update(learner_input(0.0, k)).temporal_filter
        if not adaptation.within_training_range:
            moved, started = left, k
    assert moved.min() > 0.5
    expected = moved * (1 - DT_S / 5.0) ** (399 - started)
    np.testing.assert_allclose(left, expected, rtol=1e-4)


def test_novel_ticks_teach_nothing():
    adaptation = learner()
    for evidence in some_evidence(30):
        before = adaptation.update(evidence)
    known, gradient = adaptation.snapshot(DIGEST), adaptation.normalised_gradient.copy()
    after = adaptation.update(learner_input(100.0, 31, True))
    assert after.sequence == 31
    assert_same(after[1:], before[1:])
    assert adaptation.snapshot(DIGEST) == known
    np.testing.assert_array_equal(adaptation.normalised_gradient, gradient)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'error': np.zeros(5)}, r'sections of \[5, 6\] numbers'),
        ({'gradient': np.zeros(0)}, r'\[6, 0\]'),
        ({'gradient': np.full(GRID, math.nan)}, 'not finite, or absurd'),
        ({'error': np.full(GRID, 1e7)}, 'not finite, or absurd'),
        ({'elapsed_s': 0.0}, r'elapsed time of 0\.0 s'),
        ({'elapsed_s': math.nan}, 'elapsed time'),
        ({'elapsed_s': math.inf}, 'elapsed time'),
        ({'elapsed_s': -1.0}, 'elapsed time'),
    ],
)
def test_a_refusal_says_what_cannot_be_learned_from(change, words):
    adaptation = learner()
    with pytest.raises(LiquidPilotError, match=words):
        adaptation.update(dataclasses.replace(learner_input(0.0), **change))
    assert adaptation.sequence == -1


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
    LearnerInput,
    st.integers(-2, 99),
    st.one_of(st.floats(1e-9, 10.0), st.sampled_from([0.05, 0.0, -0.05, 11.0, math.nan, math.inf])),
    numbers(math.prod(GRID)),
    numbers(math.prod(GRID)),
    st.booleans(),
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


def test_an_error_below_zero_does_no_lasting_harm():
    # No mean of squares is negative, but this one makes the divisor of the gradient zero.
    statistics = make_statistics(8, NEURONS, GRID, receptor_error=np.zeros(GRID))
    adaptation = TimeScaleLearner(statistics, NEURONS)
    crafted = np.full(GRID, -2e-9 / -math.expm1(-0.01))
    with contextlib.suppress(LiquidPilotError):
        adaptation.update(LearnerInput(0, 0.01, crafted, np.zeros(GRID), False))
    assert_sound(adaptation.update(learner_input(0.5, 1)))


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
        {'slope': math.inf},
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


@pytest.mark.parametrize(
    'text',
    [
        '',
        'null',
        '[]',
        '3',
        '"text"',
        '{}',
        '{"format"',
        '\0',
        'NaN',
        pytest.param('[' * 100_000, id='deep'),
    ],
)
def test_what_is_no_snapshot_is_refused(text):
    adaptation = taught()
    known = adaptation.snapshot(DIGEST)
    for hostile in (text, known[:-10]):
        with pytest.raises(LiquidPilotError, match='snapshot: '):
            adaptation.restore(hostile, DIGEST)
    assert adaptation.snapshot(DIGEST) == known


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(['receptors', 'error', 'slope']),
    value=st.sampled_from([-1e-3, -ERROR / 2, -1.0, 1e300, -1e300, 1.7e308]),
    where=st.integers(0, 4),
)
@pytest.mark.filterwarnings('ignore::RuntimeWarning')
def test_proposals_stay_within_bounds_for_any_snapshot(name, value, where):
    adaptation = taught()
    known = adaptation.snapshot(DIGEST)
    content = json.loads(known)
    content[name][where % 2][where % 3] = value
    try:
        adaptation.restore(json.dumps(content), DIGEST)
    except LiquidPilotError:
        assert adaptation.snapshot(DIGEST) == known
    for k in range(3):
        assert_sound(adaptation.update(learner_input(0.5, k)))
        assert_sound(adaptation.time_scale_update)


def test_it_says_how_it_is():
    adaptation = learner()
    assert adaptation.describe() == ('waiting', 'no tick has been received yet')
    descriptions = []
    for value, ticks in ((0.0, 40), (0.8, 60), (0.0, 60), (-3.0, 60)):
        feed(adaptation, value, ticks)
        descriptions.append(adaptation.describe())
    assert [word for word, _ in descriptions] == ['nominal', 'slowing', 'recovering', 'speeding_up']
    assert 'normalised gradient 0.00, in training -0.80 to 0.20' in descriptions[0][1]
    assert 'temporal filter 1.00 times as slow as trained' in descriptions[0][1]
    assert 'flicker more than in training' in descriptions[1][1]
    assert 'more smoothly than in training' in descriptions[3][1]
    assert all('core' not in why for _, why in descriptions)


def test_reset_forgets_everything():
    adaptation = taught()
    adaptation.reset()
    assert adaptation.snapshot(DIGEST) == learner().snapshot(DIGEST)
    assert adaptation.describe()[0] == 'waiting'


def test_the_core_stays_as_trained_and_a_snapshot_with_more_is_read():
    adaptation = taught()
    update = adaptation.time_scale_update
    trained = trained_time_scales(update.sequence, GRID, NEURONS)
    assert_same(update[2:], trained[2:])
    assert trained.temporal_filter.shape == GRID and not trained.temporal_filter.any()
    # Earlier versions wrote what they had learned of the core as well.
    content = json.loads(adaptation.snapshot(DIGEST))
    more = {**content, 'core': [[0.0] * NEURONS] * 2, 'squares': [[0.0] * NEURONS] * 2}
    other = learner()
    other.restore(json.dumps(more), DIGEST)
    assert_same(other.time_scale_update[1:], update[1:])


def test_it_takes_other_settings_between_two_ticks():
    adaptation = learner()
    assert isinstance(adaptation, ConfigurableLearner)
    assert isinstance(adaptation, PersistentLearner)
    adaptation.configure(LearnerSettings(learn_temporal_filter=False))
    for k in range(60):
        update = adaptation.update(learner_input(30.0, k))
    assert not update.temporal_filter.any()
