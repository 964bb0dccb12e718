"""The learner: flicker slows the receptors, smooth motion quickens them, nonsense does neither."""

import contextlib
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_makers import make_statistics

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner import LearnerInput, LearnerSettings, TimeScaleLearner
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


def pulling(pull, sequence=0, novel=False, core=(), log_scale=0.0):
    """LearnerInput of a pull that is approached when it stays; made at that scale."""
    gradient = np.full(GRID, pull * ERROR * bend(log_scale))
    return LearnerInput(sequence, DT_S, np.full(GRID, ERROR), gradient, novel, np.array(core))


def feed(adaptation, pull, ticks):
    """So many ticks of that pull -> the last proposal."""
    for k in range(ticks):
        log_scale = adaptation.proposal.receptors.astype(float)
        proposal = adaptation.add(pulling(pull, k, log_scale=log_scale))
    return proposal


def some_evidence(count, seed=0):
    """Unlike each other, of flickering blocks, with gradients of the core."""
    rng = np.random.default_rng(seed)
    return [
        LearnerInput(
            k,
            float(rng.uniform(0.01, 0.1)),
            ERROR * rng.uniform(0.5, 2.0, GRID),
            ERROR * bend() * rng.uniform(0.5, 3.0, GRID),
            bool(rng.random() < 0.1),
            rng.normal(size=(2, NEURONS)),
        )
        for k in range(count)
    ]


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


def assert_sound(proposal):
    assert proposal.receptors.shape == GRID
    for values, (low, high) in (
        (proposal.receptors, FILTER_LOG_SCALE_RANGE),
        (proposal.log_cm, CORE_LOG_SCALE_RANGE),
        (proposal.log_gleak, CORE_LOG_SCALE_RANGE),
    ):
        assert np.isfinite(values).all()
        assert (values >= np.float32(low)).all()
        assert (values <= np.float32(high)).all()


def test_flicker_slows_the_receptors_and_smooth_motion_brings_them_back():
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
    receptors = TemporalFilter(statistics.receptor_tau_s, height, width)
    adaptation = TimeScaleLearner(statistics, 0)
    state, proposal, scales = None, adaptation.proposal, []
    for k in range(360):
        noisy = 80 <= k < 160
        frame = rng.uniform(size=(3, height, width)).astype(np.float32) if noisy else wave(k)
        found = receptors.step(frame, state, DT_S, proposal.receptors)
        state = found.state
        proposal = adaptation.add(
            LearnerInput(k, DT_S, found.error, found.gradient, False, np.empty(0))
        )
        scales.append(proposal.receptors)
    assert not np.any(scales[:80])
    assert scales[159].min() > 1.5
    assert scales[-1].max() < 0.05


def test_within_the_calm_band_nothing_moves_at_all():
    for pull in (-0.75, 0.0, 0.19):
        adaptation = learner(learn_core='off')
        proposal = feed(adaptation, pull, 200)
        assert adaptation.calm
        assert adaptation.pull == pytest.approx(pull, abs=0.02)
        assert not proposal.receptors.any()
    proposal = feed(adaptation, 0.3, 200)
    assert not adaptation.calm
    assert proposal.receptors.min() > 0.1


def test_the_rate_is_that_of_the_settings_and_off_is_off():
    slow, fast, off = (
        learner(filter_learning_rate=0.1),
        learner(filter_learning_rate=0.2),
        learner(learn_temporal_filter=False),
    )
    for k in range(60):
        # A pull above 1 counts as 1.
        last = [adaptation.add(pulling(30.0, k)).receptors for adaptation in (slow, fast, off)]
    assert last[0] == pytest.approx(0.1 * 60 * DT_S, rel=0.15)
    assert last[1] == pytest.approx(2 * last[0], rel=1e-2)
    assert not last[2].any()


def test_what_was_learned_leaks_away_in_calm():
    adaptation = learner(decay_to_trained_s=5.0)
    for k in range(60):
        moved = adaptation.add(pulling(30.0, k)).receptors
    for k in range(400):
        left = adaptation.add(pulling(0.0, k)).receptors
        if not adaptation.calm:
            moved, started = left, k
    assert moved.min() > 0.5
    expected = moved * (1 - DT_S / 5.0) ** (399 - started)
    np.testing.assert_allclose(left, expected, rtol=1e-4)


def test_surprised_ticks_teach_nothing():
    adaptation = learner(learn_core='cm_gleak')
    for evidence in some_evidence(30):
        before = adaptation.add(evidence)
    known, pull = adaptation.snapshot(DIGEST), adaptation.pull.copy()
    after = adaptation.add(pulling(100.0, 31, True, np.full(2 * NEURONS, 1e3)))
    assert after.sequence == 31
    assert_same(after[1:], before[1:])
    assert adaptation.snapshot(DIGEST) == known
    np.testing.assert_array_equal(adaptation.pull, pull)


@pytest.mark.parametrize(
    ('core', 'moves'), [('off', (False, False)), ('cm', (True, False)), ('cm_gleak', (True, True))]
)
def test_of_the_core_only_what_is_set_moves_and_against_its_gradient(core, moves):
    adaptation = learner(learn_core=core)
    sign = np.array([[1, -1, 1, -1, 1], [-1, 1, 1, 1, -1]])
    for k in range(40):
        proposal = adaptation.add(pulling(0.0, k, core=1e-3 * sign))
    for values, signs, may in zip(proposal[2:], sign, moves, strict=True):
        if may:
            # Whatever the size of a gradient, about its rate: here 0.02 to 0.06 a second.
            np.testing.assert_array_equal(np.sign(values), -signs)
            assert 0.02 < np.abs(values).min() <= np.abs(values).max() < 0.12
        else:
            assert not values.any()
    # Without gradients there is nothing to learn from, and the receptors still learn.
    alone = learner(learn_core=core)
    for k in range(40):
        proposal = alone.add(pulling(0.8, k))
    assert proposal.receptors.all()
    assert not np.any(proposal[2:])


def test_what_was_learned_of_the_core_leaks_away_when_nothing_comes_to_learn_it_from():
    adaptation = learner(learn_core='off')
    adaptation.restore(taught().snapshot(DIGEST), DIGEST)
    before = np.abs(adaptation.proposal[2:]).max()
    assert before > 0.01
    # The core's gradients are no longer made: a minute is three time constants of the leak.
    feed(adaptation, 0.0, 1200)
    assert np.abs(adaptation.proposal[2:]).max() < 0.1 * before


def test_an_unknown_part_of_the_core_is_refused():
    with pytest.raises(LiquidPilotError, match='one of off, cm, cm_gleak, not'):
        LearnerSettings(learn_core='everything')


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'error': np.zeros(5)}, r'sections of \[5, 6, 0\] numbers'),
        ({'gradient': np.zeros(0)}, r'\[6, 0, 0\]'),
        ({'core_gradient': np.zeros(NEURONS)}, r'\[6, 6, 5\]'),
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
        adaptation.add(pulling(0.0)._replace(**change))
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
    st.one_of(st.just(np.empty(0)), numbers(2 * NEURONS)),
)


@settings(max_examples=150, deadline=None)
@given(given_ones=st.lists(EVIDENCE, min_size=1, max_size=5))
def test_whatever_is_told_what_is_proposed_stays_within_bounds(given_ones):
    adaptation = learner(learn_core='cm_gleak')
    for evidence in some_evidence(3):
        proposal = adaptation.add(evidence)
    for evidence in given_ones:
        known = adaptation.snapshot(DIGEST)
        try:
            proposal = adaptation.add(evidence)
        except LiquidPilotError:
            assert adaptation.snapshot(DIGEST) == known
            assert_same(adaptation.proposal, proposal)
        else:
            assert proposal.sequence == evidence.sequence
        assert_sound(proposal)


def test_an_error_below_zero_does_no_lasting_harm():
    # No mean of squares is negative, but this one makes the divisor of the pull nothing.
    statistics = make_statistics(8, NEURONS, GRID, receptor_error=np.zeros(GRID))
    adaptation = TimeScaleLearner(statistics, NEURONS)
    crafted = np.full(GRID, -2e-9 / -math.expm1(-0.01))
    with contextlib.suppress(LiquidPilotError):
        adaptation.add(LearnerInput(0, 0.01, crafted, np.zeros(GRID), False, np.empty(0)))
    assert_sound(adaptation.add(pulling(0.5, 1)))


def test_a_restored_learner_goes_on_as_the_one_that_was_kept():
    first, other = learner(learn_core='cm_gleak'), learner(learn_core='cm_gleak')
    evidence = some_evidence(120)
    for one in evidence[:60]:
        kept = first.add(one)
    # Something else was learned here before.
    for one in some_evidence(20, seed=1):
        other.add(one)
    text = first.snapshot(DIGEST)
    json.loads(text)
    other.restore(text, DIGEST)
    assert_same(other.proposal[1:], kept[1:])
    assert other.snapshot(DIGEST) == text
    for one in evidence[60:]:
        assert_same(first.add(one), other.add(one))
        np.testing.assert_array_equal(first.pull, other.pull)
    assert kept.receptors.any()
    assert kept.log_gleak.any()


def taught():
    adaptation = learner(learn_core='cm_gleak')
    for evidence in some_evidence(20):
        adaptation.add(evidence)
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
    name=st.sampled_from(['receptors', 'core', 'squares', 'error', 'slope']),
    value=st.sampled_from([-1e-3, -ERROR / 2, -1.0, 1e300, -1e300, 1.7e308]),
    where=st.integers(0, 4),
    gradient=st.floats(-10.0, 10.0),
)
@pytest.mark.filterwarnings('ignore::RuntimeWarning')
def test_whatever_a_snapshot_holds_what_is_proposed_stays_within_bounds(
    name, value, where, gradient
):
    adaptation = taught()
    known = adaptation.snapshot(DIGEST)
    content = json.loads(known)
    content[name][where % 2][where % 3] = value
    try:
        adaptation.restore(json.dumps(content), DIGEST)
    except LiquidPilotError:
        assert adaptation.snapshot(DIGEST) == known
    for k in range(3):
        assert_sound(adaptation.add(pulling(0.5, k, core=np.full(2 * NEURONS, gradient))))
        assert_sound(adaptation.proposal)


def test_it_says_how_it_is():
    adaptation = learner()
    assert adaptation.describe() == ('waiting', 'nothing has been seen yet')
    told = []
    for pull, ticks in ((0.0, 40), (0.8, 60), (0.0, 60), (-3.0, 60)):
        feed(adaptation, pull, ticks)
        told.append(adaptation.describe())
    assert [word for word, _ in told] == ['calm', 'slowing', 'settled', 'quickening']
    assert 'pull 0.00, in training -0.80 to 0.20' in told[0][1]
    assert 'receptors 1.00 times as slow as trained' in told[0][1]
    assert 'flicker more than in training' in told[1][1]
    assert 'more smoothly than in training' in told[3][1]
    assert all('core' not in why for _, why in told)
    moved = learner(learn_core='cm')
    for k in range(40):
        moved.add(pulling(0.0, k, core=np.full(2 * NEURONS, -1.0)))
    percent = 100 * math.expm1(moved.proposal.log_cm.max())
    assert f'core moved by up to {percent:.0f} %' in moved.describe()[1]


def test_reset_forgets_everything():
    adaptation = taught()
    adaptation.reset()
    assert adaptation.snapshot(DIGEST) == learner(learn_core='cm_gleak').snapshot(DIGEST)
    assert adaptation.describe()[0] == 'waiting'
