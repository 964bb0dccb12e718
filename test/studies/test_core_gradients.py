"""The prediction of the next input: its exact gradients, and the engine that carries them."""

import math
from pathlib import Path

import numpy as np
import pytest
from random_parameters import random_parameters
from statistics_makers import make_statistics

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import ImageBuffer, ImuSample, LiquidPilotError, Observation
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.sensitivity import LtcSensitivity
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import CoreScales, TimeScales
from liquid_pilot.onboard.inference.engine import Engine
from studies.adaptation.core_learning import (
    NextInputPredictor,
    core_learner_input,
    predictive_stages,
)

ROOT = Path(__file__).resolve().parents[2]
NET_FEATURES = 9
NET = wiring.ncp(NET_FEATURES + 6, 7, 5, 4, 3, 3, 4, 2, seed=5)
INTERVALS_S = (0.05, 0.03, 0.11, 0.05, 0.07)


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
