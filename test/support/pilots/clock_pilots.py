"""A pilot whose predictor is fitted to its own core, and readings that such a pilot sees.

All readings follow the same two hidden signals, with noise: a core that lags behind them predicts
the next ones worse, and so does one that follows the noise.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from lrc_pilots import with_lrc_core
from statistics_makers import make_statistics

from liquid_pilot import pilot_file
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput
from liquid_pilot.onboard.inference.recurrent_cores import make_core

GRID = (2, 4)
PERIOD_S = 0.05
HIDDEN, SIZE, NOISE = 2, 0.3, 0.4
SMOOTHING_S = (0.3, 0.6)
"""Time constants of the two filters that make a hidden signal of white noise."""


def readings(pilot, ticks, seed):
    """Return features (T, F) and IMU (T, 6) of a flight."""
    rng, specification = np.random.default_rng(seed), pilot.specification
    channels = specification.features + 6
    mixed = np.random.default_rng(77).normal(size=(HIDDEN, channels)) / np.sqrt(HIDDEN)
    hidden = rng.normal(size=(ticks, HIDDEN))
    for tau_s in SMOOTHING_S:
        keep, last = np.exp(-PERIOD_S / tau_s), np.zeros(HIDDEN)
        for k, now in enumerate(hidden):
            last = hidden[k] = keep * last + np.sqrt(1.0 - keep**2) * now
    hidden *= SIZE
    signals = hidden @ mixed + NOISE * rng.normal(size=(ticks, channels))
    features = 0.5 + signals[:, : specification.features]
    imu = np.array(specification.imu_mean) + np.array(specification.imu_scale) * signals[:, -6:]
    return features.astype(np.float32), imu


def core_inputs(pilot, features, imu):
    """Return the inputs of the core, (T, F + 6)."""
    specification = pilot.specification
    normalised = (imu - np.array(specification.imu_mean)) / np.array(specification.imu_scale)
    return np.concatenate([features, normalised], axis=1).astype(np.float32)


def flight(pilot, ticks, seed, told=1.0, first=1, **changes):
    """Return the learner's inputs of a flight whose stamps run `told` times too fast."""
    features, imu = readings(pilot, ticks, seed)
    error = pilot.training_statistics.filter_error
    zeros = np.zeros_like(error)
    return [
        LearnerInput(
            first + k,
            told * PERIOD_S,
            error,
            zeros,
            False,
            dt_s=told * PERIOD_S,
            features=features[k],
            imu=imu[k],
            **changes,
        )
        for k in range(ticks)
    ]


def fitted_statistics(pilot):
    """Return statistics whose predictor is fitted to the states of the pilot's core."""
    core = make_core(pilot)
    states, targets, changes = [], [], []
    for seed in range(100, 116):
        features, imu = readings(pilot, 200, seed)
        inputs, v = core_inputs(pilot, features, imu), core.initial_state()
        for x, following in itertools.pairwise(inputs):
            v, _ = core.step(v, x, PERIOD_S)
            states.append(np.append(v, 1.0))
            targets.append(following)
        changes.append(np.diff(features, axis=0))
    states, targets, changes = np.array(states), np.array(targets), np.concatenate(changes)
    weights = np.linalg.lstsq(states, targets, rcond=None)[0].T
    residual = np.sqrt(np.mean((targets - states @ weights.T) ** 2, axis=0))
    covariance = changes.T @ changes / len(changes) + 1e-3 * np.eye(changes.shape[1])
    return make_statistics(
        pilot.specification.features,
        core.neurons,
        GRID,
        change_whitening=np.linalg.inv(np.linalg.cholesky(covariance)),
        predictor=weights,
        predictor_residual=residual,
    )


def _saved(pilot, folder):
    """Save a pilot with such statistics, and the widest trust region."""
    return pilot_file.save(
        folder,
        replace(pilot.specification, capacitance_scale_range=(0.125, 16.0)),
        pilot.wiring,
        pilot.parameters,
        pilot.encoder,
        training_statistics=fitted_statistics(pilot),
    )


@pytest.fixture(scope='session')
def clock_pilot(pilot, tmp_path_factory):
    """The small pilot with such statistics, and the widest trust region."""
    return _saved(pilot, tmp_path_factory.mktemp('pilots') / 'clock')


@pytest.fixture(scope='session')
def lrc_clock_pilot(pilot, tmp_path_factory):
    """The same with an LRC core, whose time constants are about those of the LTC.

    A core that is too slow for the signals predicts better the faster it runs, at any clock.
    """
    made = with_lrc_core(pilot)
    quick = replace(made.parameters, cm=made.parameters.cm * np.float32(0.1))
    folder = tmp_path_factory.mktemp('pilots') / 'lrc-clock'
    return _saved(replace(made, parameters=quick), folder)
