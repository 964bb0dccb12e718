"""What training looked like, measured: the statistics that a pilot adapts by.

Episodes are replayed through the front of the pilot as it flies, frozen, with the encoder that it
flies, so that what flight is compared with was made by the same code.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.onboard.adaptation import _filter_kernels
from liquid_pilot.onboard.adaptation.learner import NormalisedGradient
from liquid_pilot.onboard.adaptation.novelty_gate import log_texture
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.utils.progress import ProgressCallback

BLOCK_GRID = (4, 8)
"""Rows and columns of receptor blocks."""
TRAINED_TAU_S = 0.0125
"""As trained: at 20 frames/s a receptor takes 98 % of each frame."""
MAX_EPISODES = 80
"""As many as are replayed; what they say does not change with more."""
_OOD_TAIL_PROBABILITY = 1e-3
_BAND_TAIL_PROBABILITY = 1e-2
_RIDGE = 1e-3
_COVARIANCE_SHRINKAGE = 0.05
"""Of the average variance, added to each: a feature that hardly varied in training may not
dominate the distance."""


def fit_statistics(
    pilot: PilotFile, episodes: list[Path], announce: ProgressCallback
) -> TrainingStatistics:
    """The statistics of up to EPISODES of the episodes, evenly spread."""
    specification = pilot.specification
    camera = specification.camera
    encode = Encoder(pilot.encoder, camera.height, camera.width, specification.features)
    dynamics = pilot.parameters and LtcDynamics(pilot.parameters, specification.unfolds)
    tau_s = np.full(BLOCK_GRID, TRAINED_TAU_S, np.float32)
    receptors = TemporalFilter(tau_s, camera.height, camera.width)
    focal = np.array((camera.fx, -camera.fy))
    step = max(1, len(episodes) // MAX_EPISODES)
    chosen = episodes[step // 2 :: step][:MAX_EPISODES]
    features, changes, lights, textures, steps, pairs = [], [], [], [], [], []
    for number, path in enumerate(chosen):
        episode = Episode.load(path)
        if episode.images.shape[1:3] != (camera.height, camera.width):
            raise LiquidPilotError(f'{path}: its pictures are not of the size that the pilot sees')
        state, own = None, []
        steps.append([])
        # Yaw moves the picture right, pitch moves it up; see onboard.front.
        moved = (episode.imu[:, [2, 1]] * focal * episode.dt_s[:, None]).tolist()
        for picture, dt_s, pixels in zip(episode.images, episode.dt_s.tolist(), moved, strict=True):
            image = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / np.float32(255)
            mean, contrast = _filter_kernels.luminance_stats(image)
            lights.append((mean, math.log(max(contrast, 1e-3))))
            found = receptors.step(image, state, dt_s, None, pixels)
            textures.append(log_texture(found.texture))
            state = found.state
            own.append(encode(state.held[None]))
            steps[-1].append((found.error, found.gradient, dt_s))
        own = np.array(own)
        if dynamics is not None:
            imu = (episode.imu - specification.imu_mean) / specification.imu_scale
            inputs = np.concatenate([own, imu], 1).astype(np.float32)
            pairs.append(_next_input_pairs(dynamics, inputs, episode.dt_s))
        features.append(own)
        changes.append(np.diff(own, axis=0))
        announce('familiarity', number + 1, len(chosen), math.nan)
    features, changes = np.concatenate(features), np.concatenate(changes)
    mean = features.mean(0)
    whiten, whiten_change = _whitening(features - mean), _whitening(changes)
    textures = np.array(textures)
    texture_mean = textures.mean(0)
    whiten_texture = _whitening(textures - texture_mean)
    usual = [
        np.quantile(np.sqrt(np.mean((rows @ whitening.T) ** 2, axis=1)), 1 - _OOD_TAIL_PROBABILITY)
        for rows, whitening in (
            (features - mean, whiten),
            (changes, whiten_change),
            (textures - texture_mean, whiten_texture),
        )
    ]
    lights = np.array(lights)
    error = np.mean([error for flight in steps for error, _, _ in flight], axis=0)
    pulls, still = [], np.zeros(BLOCK_GRID)
    for flight in steps:
        pull = NormalisedGradient(tau_s, error)
        pulls += [pull.add(error, gradient, still, dt_s).mean() for error, gradient, dt_s in flight]
    statistics = {
        'receptor_tau_s': tau_s,
        'receptor_error': error,
        'receptor_pull': np.quantile(pulls, (_BAND_TAIL_PROBABILITY, 1 - _BAND_TAIL_PROBABILITY)),
        'light': np.stack([lights.mean(0), lights.std(0)]),
        'feature_mean': mean,
        'feature_whitening': whiten,
        'change_whitening': whiten_change,
        'texture_mean': texture_mean.reshape(BLOCK_GRID),
        'texture_whitening': whiten_texture,
        'usual': np.array(usual),
        **_fit_predictor(pairs, specification.features + 6),
    }
    return TrainingStatistics.from_tensors(
        {name: np.asarray(value, np.float32) for name, value in statistics.items()},
        specification.features,
        pilot.parameters.neurons if pilot.parameters else 0,
    )


def save_with_statistics(pilot: PilotFile, statistics: TrainingStatistics, path: Path) -> PilotFile:
    """The same pilot with these statistics, saved as the folder `path`."""
    return pilot_file.save(
        path,
        pilot.specification,
        pilot.wiring,
        pilot.parameters,
        pilot.encoder,
        pilot.core_graph,
        statistics,
    )


def _next_input_pairs(
    dynamics: LtcDynamics, inputs: np.ndarray, dt_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """States (T - 1, N) after each tick but the last, and the inputs of the tick after each."""
    v, states = np.zeros(dynamics.neurons, np.float32), []
    for x, elapsed in zip(inputs[:-1], dt_s[:-1].tolist(), strict=True):
        v = dynamics.step(v, x, elapsed)
        states.append(v)
    return np.array(states), inputs[1:]


def _fit_predictor(
    pairs: list[tuple[np.ndarray, np.ndarray]], outputs: int
) -> dict[str, np.ndarray]:
    """Ridge regression of the next inputs on the state and a one, and its residuals."""
    if not pairs:
        return {'predictor': np.zeros((outputs, 0)), 'predictor_residual': np.ones(outputs)}
    states, wanted = (np.concatenate(part).astype(float) for part in zip(*pairs, strict=True))
    given = np.concatenate([states, np.ones((len(states), 1))], 1)
    moment = given.T @ given / len(given)
    moment += _RIDGE * np.diag(np.diag(moment))
    weights = np.linalg.solve(moment, given.T @ wanted / len(given)).T
    residual = np.sqrt(np.mean((wanted - given @ weights.T) ** 2, axis=0))
    return {'predictor': weights, 'predictor_residual': np.maximum(residual, 1e-4)}


def _whitening(rows: np.ndarray) -> np.ndarray:
    """(F, F) W with W C W' = 1 for the shrunk covariance C of rows (n, F) about zero."""
    covariance = rows.T.astype(np.float64) @ rows / len(rows)
    covariance += np.eye(len(covariance)) * max(
        _COVARIANCE_SHRINKAGE * np.trace(covariance) / len(covariance), 1e-8
    )
    return np.linalg.inv(np.linalg.cholesky(covariance))
