"""What a liquid core foresees, and how its time constants bear on that.

A linear read-out of the core's state, fitted to training, predicts the next tick's inputs: encoder
features and normalised IMU. When they have come, half the mean square of the error, in units of
training's own residuals, has the exact gradients by log(cm) and log(gleak) of every neuron that the
carried sensitivities give (`liquid.sensitivity`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from liquid_pilot.liquid.sensitivity import StateWithSensitivities
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics


class PredictionLoss(NamedTuple):
    """What became of one prediction."""

    error: np.ndarray
    """(2,) mean square over the features and over the IMU; 1 is as in training."""
    gradient: np.ndarray
    """(2, N) of half the mean of the two, by log(cm) and log(gleak)."""


class NextInputPredictor:
    """The read-out of one pilot; `statistics.predictor` must be there."""

    def __init__(self, statistics: TrainingStatistics) -> None:
        self._features = statistics.features
        scale = 1.0 / statistics.predictor_residual
        self._weights = statistics.predictor[:, :-1] * scale[:, None]
        self._offset = statistics.predictor[:, -1] * scale
        self._scale = scale
        shares = np.full(len(scale), 0.5 / (len(scale) - self._features), np.float32)
        shares[: self._features] = 0.5 / self._features
        self._loss_weights = shares

    def judge(self, before: StateWithSensitivities, inputs: np.ndarray) -> PredictionLoss:
        """The core's state after the last tick, and the inputs (F + 6,) of this one."""
        error = inputs * self._scale - self._weights @ before.v - self._offset
        # A wild reading may say no more than a large one.
        error = np.clip(error, -5.0, 5.0)
        pull = -(error * self._loss_weights) @ self._weights
        gradient = np.stack([pull @ before.by_log_cm, pull @ before.by_log_gleak])
        squares = error * error
        return PredictionLoss(
            np.array([squares[: self._features].mean(), squares[self._features :].mean()]), gradient
        )
