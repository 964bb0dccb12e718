"""Learning of the core: exact gradients of the predictions, and a learner within its bounds."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_parameters import random_parameters
from statistics_makers import make_statistics

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import ImageBuffer, ImuSample, LiquidPilotError, Observation
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.sensitivity import LtcSensitivity
from liquid_pilot.onboard.adaptation.frontend import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import LearnerSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import (
    CORE_LOG_SCALE_RANGE,
    FILTER_LOG_SCALE_RANGE,
    CoreScales,
    TimeScales,
)
from liquid_pilot.onboard.inference.engine import Engine
from studies.adaptation.core_learning import (
    CoreLearner,
    CoreLearnerInput,
    CoreLearningSettings,
    NextInputPredictor,
    core_learner_input,
    predictive_stages,
)

ROOT = Path(__file__).resolve().parents[2]
NET_FEATURES = 9
NET = wiring.ncp(NET_FEATURES + 6, 7, 5, 4, 3, 3, 4, 2, seed=5)
INTERVALS_S = (0.05, 0.03, 0.11, 0.05, 0.07)
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


def flown(seed=0):
    """Inputs (T + 1, F + 6) and scales log_cm, log_gleak (N,)."""
    rng = np.random.default_rng(seed)
    x = (0.7 * rng.normal(size=(len(INTERVALS_S) + 1, NET.inputs))).astype(np.float32)
    return x, *(0.3 * rng.normal(size=(2, NET.neurons))).astype(np.float32)


def misses(statistics, v, inputs):
    """(F + 6,): what the prediction missed, in units of training's residuals, in float64."""
    predicted = statistics.predictor.astype(float) @ np.append(v.astype(float), 1.0)
    return (inputs - predicted) / statistics.predictor_residual


def test_gradients_are_those_of_the_flight_up_to_now():
    parameters = random_parameters(NET)
    statistics = make_statistics(NET_FEATURES, NET.neurons)
    x, *scales = flown()
    core = LtcSensitivity(parameters, 6)
    state = core.initial_state()
    for inputs, dt_s in zip(x, INTERVALS_S, strict=False):
        state = core.step_sensitivity(state, inputs, dt_s, *scales)
    found = NextInputPredictor(statistics).evaluate(state, x[-1])

    plain = LtcDynamics(parameters, 6)

    def loss(which, neuron, shift):
        moved = [scale.copy() for scale in scales]
        moved[which][neuron] += shift
        v = np.zeros(NET.neurons, np.float32)
        for inputs, dt_s in zip(x, INTERVALS_S, strict=False):
            v = plain.step(v, inputs, dt_s, *moved)
        missed = misses(statistics, v, x[-1])
        assert np.abs(missed).max() < 5.0, 'nothing may be clipped here'
        squares = missed**2
        return 0.5 * (squares[:NET_FEATURES].mean() + squares[NET_FEATURES:].mean()) / 2

    h = 0.03  # wide enough for single precision
    exact = np.array(
        [
            [
                (loss(which, neuron, h) - loss(which, neuron, -h)) / (2 * h)
                for neuron in range(NET.neurons)
            ]
            for which in (0, 1)
        ]
    )
    for ours, theirs in zip(found.gradient, exact, strict=True):
        assert np.abs(theirs).max() > 1e-4
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=3e-3 * np.abs(theirs).max())


def test_errors_are_mean_squares_of_features_and_of_imu():
    statistics = make_statistics(NET_FEATURES, NET.neurons)
    x, *_ = flown(1)
    core = LtcSensitivity(random_parameters(NET), 6)
    state = core.step_sensitivity(core.initial_state(), x[0], 0.05)
    squares = misses(statistics, state.v, x[1]) ** 2
    found = NextInputPredictor(statistics).evaluate(state, x[1])
    np.testing.assert_allclose(
        found.error, [squares[:NET_FEATURES].mean(), squares[NET_FEATURES:].mean()], rtol=1e-5
    )


def test_a_wild_reading_says_no_more_than_a_large_one():
    statistics = make_statistics(NET_FEATURES, NET.neurons)
    x, *_ = flown(2)
    core = LtcSensitivity(random_parameters(NET), 6)
    state = core.step_sensitivity(core.initial_state(), x[0], 0.05)
    predictor = NextInputPredictor(statistics)
    x[1, -1] = 100.0
    large = predictor.evaluate(state, x[1])
    x[1, -1] = np.inf
    wild = predictor.evaluate(state, x[1])
    np.testing.assert_array_equal(wild.error, large.error)
    np.testing.assert_array_equal(wild.gradient, large.gradient)
    assert np.isfinite(wild.gradient).all()


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


def test_what_was_learned_of_the_core_leaks_away_when_nothing_comes_to_learn_it_from():
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
def test_whatever_is_told_what_is_proposed_stays_within_bounds(given_ones):
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


# In the engine, with the shipped pilot.


def observations():
    """Frames of a pattern that drifts, three blank ones, with irregular stamps."""
    blank = np.zeros((72, 128, 3), np.uint8)
    x, y = np.arange(128), np.arange(72)[:, None]
    for k in range(1, 20):
        planes = [np.sin(x / 9 + y / (7 + c) + 0.05 * k) for c in range(3)]
        rgb = blank if 10 <= k < 13 else (127 + 60 * np.stack(planes, -1)).astype(np.uint8)
        stamp_ns = k * 50_000_000 + (k % 3) * 7_000_000
        imu = ImuSample(stamp_ns, (0.3 * math.sin(0.3 * k), 0.1, -0.2), (0.3, 0.0, 9.7))
        yield Observation(stamp_ns, ImageBuffer(rgb.tobytes(), 128, 72, 384, 'rgb8'), (imu,))


def test_the_core_that_carries_sensitivities_flies_the_same_to_the_bit():
    pilot = pilot_file.load(ROOT / 'pilots' / 'forest-ltc')
    grid, neurons = pilot.training_statistics.filter_tau_s.shape, pilot.parameters.neurons
    adaptation = AdaptationSettings(FrontendSettings(gate=NoveltyGateSettings(max_rejection_s=0.3)))
    rng = np.random.default_rng(3)
    core = (0.3 * rng.normal(size=(2, neurons))).astype(np.float32)
    scales = TimeScales(rng.uniform(0, 1, grid).astype(np.float32), CoreScales(*core))
    plain = Engine(pilot, adaptation=adaptation)
    carrying = Engine(pilot, adaptation=adaptation, replace_stages=predictive_stages(pilot))
    ours, theirs, novel = carrying.initial_state(), plain.initial_state(), set()
    for sequence, seen in enumerate(observations(), 1):
        tick, again = carrying.tick(ours, seen, scales), carrying.tick(ours, seen, scales)
        expected = plain.tick(theirs, seen, scales)
        assert tick.command == expected.command
        assert tick.state.core.sensitivities.v.tobytes() == expected.state.core.tobytes()
        np.testing.assert_array_equal(
            carrying.time_constants(tick, scales), plain.time_constants(expected, scales)
        )
        gradient = core_learner_input(tick, sequence).core_gradient
        assert gradient.tobytes() == core_learner_input(again, sequence).core_gradient.tobytes()
        novel.add(tick.frontend_output.novel)
        ours, theirs = tick.state, expected.state
    assert novel == {False, True}
    assert gradient.shape == (2, neurons)
    assert gradient.all(1).any()


def test_a_pilot_without_a_predictor_cannot_learn_its_core():
    pilot = pilot_file.load(ROOT / 'pilots' / 'forest-ltc')
    other = pilot_file.PilotFile(**{**vars(pilot), 'parameters': None})
    with pytest.raises(LiquidPilotError, match='its core cannot be learned'):
        predictive_stages(other)
