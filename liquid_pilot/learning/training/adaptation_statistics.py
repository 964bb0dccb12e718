"""Fits the training statistics of a pilot, by which it adapts.

Episodes are replayed through the pilot's own temporal filter and encoder, without adaptation, so
that the same code computes these statistics and the figures of a later flight.

Shapes: T frames of an episode, F features, N neurons, an (R, C) grid of image blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.data.episode import Episode
from liquid_pilot.onboard.adaptation import _filter_kernels
from liquid_pilot.onboard.adaptation.learner import NormalisedGradient
from liquid_pilot.onboard.adaptation.novelty_gate import log_texture
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.inference.recurrent_cores import Core, make_core
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.utils.progress import ProgressCallback

BLOCK_GRID = (4, 8)
"""Rows and columns of image blocks, each with a time constant of the temporal filter."""
TRAINED_TAU_S = 0.0125
"""Trained time constant of the temporal filter, s: at 20 Hz it takes 98 % of each frame."""
MAX_EPISODES = 80
"""Largest number of episodes that are replayed; more do not change the statistics."""
_OOD_TAIL_PROBABILITY = 1e-3
"""Share of the training frames that lie beyond a threshold of the novelty gate."""
_BAND_TAIL_PROBABILITY = 1e-2
"""Share of the training frames below, and of those above, the range of the gradient."""
_RIDGE = 1e-3
"""Regularisation of the next-input predictor, relative to the mean square of each regressor."""
_MIN_MEAN_SQUARE = 1e-8
"""Least mean square that this is relative to: a neuron that training silenced gets no weight."""
_COVARIANCE_SHRINKAGE = 0.05
"""Share of the mean variance that is added to each variance, so that a feature that hardly varied
in training does not dominate the distance."""
_MIN_CONTRAST = 1e-3
_MIN_RESIDUAL = 1e-4


@dataclass
class _Replay:
    """The results of the replay of one episode of T frames."""

    features: np.ndarray
    """(T, F) features of the encoder."""
    luminance: list[tuple[float, float]] = field(default_factory=list)
    """Mean luminance and logarithm of its standard deviation, by frame."""
    textures: list[np.ndarray] = field(default_factory=list)
    """(R*C,) logarithm of the texture of the blocks, by frame."""
    filter_steps: list[tuple[np.ndarray, np.ndarray, float]] = field(default_factory=list)
    """Error (R, C), gradient (R, C) and elapsed time in s of the temporal filter, by frame."""
    states: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    """(T - 1, N) states of the core after each tick but the last."""
    next_inputs: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    """(T - 1, F + 6) inputs of the tick after each state."""


def fit_statistics(
    pilot: PilotFile, episodes: Sequence[Path], report_progress: ProgressCallback
) -> TrainingStatistics:
    """Fit the statistics of a pilot to at most MAX_EPISODES of its training episodes.

    Args:
        pilot: the trained pilot.
        episodes: files of its training episodes; those that are replayed are evenly spread.
        report_progress: callback, called after each episode.

    Raises:
        LiquidPilotError: an episode is broken or has images of another size than the pilot's.
    """
    specification = pilot.specification
    camera = specification.camera
    encoder = Encoder(pilot.encoder, camera.height, camera.width, specification.features)
    tau_s = np.full(BLOCK_GRID, TRAINED_TAU_S, np.float32)
    temporal_filter = TemporalFilter(tau_s, camera.height, camera.width)
    step = max(1, len(episodes) // MAX_EPISODES)
    chosen = episodes[step // 2 :: step][:MAX_EPISODES]
    replays: list[_Replay] = []
    for number, path in enumerate(chosen):
        episode = Episode.load(path)
        if episode.images.shape[1:3] != (camera.height, camera.width):
            raise LiquidPilotError(f'{path}: its images are not of the size that the pilot takes')
        replays.append(_replay(pilot, episode, encoder, temporal_filter))
        report_progress('statistics', number + 1, len(chosen), math.nan)
    features = np.concatenate([replay.features for replay in replays])
    changes = np.concatenate([np.diff(replay.features, axis=0) for replay in replays])
    textures = np.array([row for replay in replays for row in replay.textures])
    luminance = np.array([row for replay in replays for row in replay.luminance])
    feature_mean, texture_mean = features.mean(0), textures.mean(0)
    deviations = (features - feature_mean, changes, textures - texture_mean)
    whitenings = [_whitening(rows) for rows in deviations]
    thresholds = [
        np.quantile(np.sqrt(np.mean((rows @ whitening.T) ** 2, axis=1)), 1 - _OOD_TAIL_PROBABILITY)
        for rows, whitening in zip(deviations, whitenings, strict=True)
    ]
    error = np.mean([error for replay in replays for error, _, _ in replay.filter_steps], axis=0)
    # The keys are the names of the tensors in the file.
    tensors = {
        'receptor_tau_s': tau_s,
        'receptor_error': error,
        'receptor_pull': _gradient_range(replays, tau_s, error),
        'light': np.stack([luminance.mean(0), luminance.std(0)]),
        'feature_mean': feature_mean,
        'feature_whitening': whitenings[0],
        'change_whitening': whitenings[1],
        'texture_mean': texture_mean.reshape(BLOCK_GRID),
        'texture_whitening': whitenings[2],
        'usual': np.array(thresholds),
        **_fit_states(replays, pilot.parameters is not None),
    }
    return TrainingStatistics.from_tensors(
        {name: np.asarray(value, np.float32) for name, value in tensors.items()},
        specification.features,
        pilot.parameters.neurons if pilot.parameters else 0,
    )


def save_with_statistics(pilot: PilotFile, statistics: TrainingStatistics, path: Path) -> PilotFile:
    """Save a pilot with these statistics.

    Args:
        pilot: the pilot; its own statistics, if any, are left out.
        statistics: statistics of its training.
        path: folder to write, which may be that of the pilot itself.

    Returns:
        The pilot that was saved.
    """
    return pilot_file.save(
        path,
        pilot.specification,
        pilot.wiring,
        pilot.parameters,
        pilot.encoder,
        pilot.core_graph,
        statistics,
    )


def _replay(
    pilot: PilotFile, episode: Episode, encoder: Encoder, temporal_filter: TemporalFilter
) -> _Replay:
    """Run an episode through temporal filter, encoder and core."""
    specification = pilot.specification
    camera = specification.camera
    focal_px = np.array((camera.fx, -camera.fy))
    # Yaw shifts the image right and pitch shifts it up; see onboard.adaptation.frontend.
    shifts_px = (episode.imu[:, [2, 1]] * focal_px * episode.dt_s[:, None]).tolist()
    replay = _Replay(np.empty(0))
    features, state = [], None
    for pixels, dt_s, (right_px, down_px) in zip(
        episode.images, episode.dt_s.tolist(), shifts_px, strict=True
    ):
        image = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / np.float32(255)
        mean, contrast = _filter_kernels.luminance_stats(image)
        replay.luminance.append((mean, math.log(max(contrast, _MIN_CONTRAST))))
        step = temporal_filter.step(image, state, dt_s, None, (right_px, down_px))
        replay.textures.append(log_texture(step.texture))
        state = step.state
        features.append(encoder(state.potential[None]))
        replay.filter_steps.append((step.error, step.gradient, dt_s))
    replay.features = np.array(features)
    imu = (episode.imu - specification.imu_mean) / specification.imu_scale
    inputs = np.concatenate([replay.features, imu], 1).astype(np.float32)
    replay.states, replay.next_inputs = _next_input_pair(make_core(pilot), inputs, episode.dt_s)
    return replay


def _gradient_range(replays: Sequence[_Replay], tau_s: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return the range (2,) of the mean normalised gradient over the training frames."""
    no_scale = np.zeros(BLOCK_GRID)
    values: list[float] = []
    for replay in replays:
        normalised = NormalisedGradient(tau_s, error)
        values += [
            normalised.update(step_error, gradient, no_scale, dt_s).mean()
            for step_error, gradient, dt_s in replay.filter_steps
        ]
    return np.quantile(values, (_BAND_TAIL_PROBABILITY, 1 - _BAND_TAIL_PROBABILITY))


def _next_input_pair(
    core: Core, inputs: np.ndarray, dt_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the states after each tick but the last, and the inputs of the tick after each."""
    state, states = core.initial_state(), []
    for x, elapsed_s in zip(inputs[:-1], dt_s[:-1].tolist(), strict=True):
        state, _ = core.step(state, x, elapsed_s)
        states.append(core.neuron_states(state))
    return np.array(states), inputs[1:]


def _fit_states(replays: Sequence[_Replay], is_liquid: bool) -> dict[str, np.ndarray]:
    """Fit what the states of the core tell: their second moment, and the next inputs.

    The next inputs are fitted to the state and a one by ridge regression, of a liquid core only.

    Args:
        replays: the replayed episodes.
        is_liquid: whether the core is liquid.

    Returns:
        The tensors of the predictor, of its residual and of the moment.
    """
    states = np.concatenate([replay.states for replay in replays]).astype(float)
    targets = np.concatenate([replay.next_inputs for replay in replays]).astype(float)
    regressors = np.concatenate([states, np.ones((len(states), 1))], 1)
    moment = regressors.T @ regressors / len(regressors)
    if not is_liquid:
        outputs = targets.shape[1]
        predictor, residual = np.zeros((outputs, 0)), np.ones(outputs)
    else:
        ridge = _RIDGE * np.diag(np.maximum(np.diag(moment), _MIN_MEAN_SQUARE))
        predictor = np.linalg.solve(moment + ridge, regressors.T @ targets / len(regressors)).T
        residual = np.sqrt(np.mean((targets - regressors @ predictor.T) ** 2, axis=0))
        residual = np.maximum(residual, _MIN_RESIDUAL)
    return {'predictor': predictor, 'predictor_residual': residual, 'state_moment': moment}


def _whitening(rows: np.ndarray) -> np.ndarray:
    """Return W, (F, F), with W C W' = 1 for the shrunk covariance C of rows (n, F) about zero."""
    covariance = rows.T.astype(np.float64) @ rows / len(rows)
    covariance += np.eye(len(covariance)) * max(
        _COVARIANCE_SHRINKAGE * np.trace(covariance) / len(covariance), 1e-8
    )
    return np.linalg.inv(np.linalg.cholesky(covariance))
