"""Foresight: its errors written out, its gradients against differences of whole flights."""

import numpy as np
from statistics_makers import make_statistics

from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.sensitivity import LtcSensitivity
from liquid_pilot.onboard.adaptation.next_input_predictor import NextInputPredictor

FEATURES = 9
NET = wiring.ncp(FEATURES + 6, 7, 5, 4, 3, 3, 4, 2, seed=5)
DT_S = (0.05, 0.03, 0.11, 0.05, 0.07)


def flight(seed=0):
    """Inputs (T + 1, F + 6) and scales log_cm, log_gleak (N,)."""
    rng = np.random.default_rng(seed)
    x = (0.7 * rng.normal(size=(len(DT_S) + 1, NET.inputs))).astype(np.float32)
    return x, *(0.3 * rng.normal(size=(2, NET.neurons))).astype(np.float32)


def misses(statistics, v, inputs):
    """(F + 6,): what the prediction missed, in units of training's residuals, in float64."""
    foreseen = statistics.predictor.astype(float) @ np.append(v.astype(float), 1.0)
    return (inputs - foreseen) / statistics.predictor_residual


def test_gradients_are_those_of_the_flight_up_to_now(make_parameters):
    parameters = make_parameters(NET)
    statistics = make_statistics(FEATURES, NET.neurons)
    x, *scales = flight()
    core = LtcSensitivity(parameters, 6)
    state = core.initial_state()
    for inputs, dt_s in zip(x, DT_S, strict=False):
        state = core.step_sensitivity(state, inputs, dt_s, *scales)
    found = NextInputPredictor(statistics).judge(state, x[-1])

    plain = LtcDynamics(parameters, 6)

    def loss(which, neuron, shift):
        moved = [scale.copy() for scale in scales]
        moved[which][neuron] += shift
        v = np.zeros(NET.neurons, np.float32)
        for inputs, dt_s in zip(x, DT_S, strict=False):
            v = plain.step(v, inputs, dt_s, *moved)
        missed = misses(statistics, v, x[-1])
        assert np.abs(missed).max() < 5.0, 'nothing may be clipped here'
        squares = missed**2
        return 0.5 * (squares[:FEATURES].mean() + squares[FEATURES:].mean()) / 2

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


def test_errors_are_mean_squares_of_features_and_of_imu(make_parameters):
    statistics = make_statistics(FEATURES, NET.neurons)
    x, *_ = flight(1)
    core = LtcSensitivity(make_parameters(NET), 6)
    state = core.step_sensitivity(core.initial_state(), x[0], 0.05)
    squares = misses(statistics, state.v, x[1]) ** 2
    found = NextInputPredictor(statistics).judge(state, x[1])
    np.testing.assert_allclose(
        found.error, [squares[:FEATURES].mean(), squares[FEATURES:].mean()], rtol=1e-5
    )


def test_a_wild_reading_says_no_more_than_a_large_one(make_parameters):
    statistics = make_statistics(FEATURES, NET.neurons)
    x, *_ = flight(2)
    core = LtcSensitivity(make_parameters(NET), 6)
    state = core.step_sensitivity(core.initial_state(), x[0], 0.05)
    foreseer = NextInputPredictor(statistics)
    x[1, -1] = 100.0
    large = foreseer.judge(state, x[1])
    x[1, -1] = np.inf
    wild = foreseer.judge(state, x[1])
    np.testing.assert_array_equal(wild.error, large.error)
    np.testing.assert_array_equal(wild.gradient, large.gradient)
    assert np.isfinite(wild.gradient).all()
