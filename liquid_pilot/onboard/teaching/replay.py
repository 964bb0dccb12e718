"""A stream of inputs with the statistics of training, by which a core is asked what it knows.

The features are Gaussian, with the mean and the covariance of training (pilot file), and follow
each other as smoothly as frames do. The IMU is normalised, so that its covariance is one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from liquid_pilot.onboard.inference.recurrent_cores import IMU_INPUTS, Core
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics

_KEPT = 0.95
"""Correlation of one input of the stream with the next."""
_SETTLING_TICKS = 100
_MOMENT_TICKS = 2000


class ReplayStream:
    """Inputs of a core as training had them; the same for a seed.

    Args:
        statistics: training statistics of the pilot.
        seed: seed of the stream.
    """

    def __init__(self, statistics: TrainingStatistics, seed: int = 0) -> None:
        whitening = statistics.feature_whitening.astype(np.float64)
        covariance = np.linalg.inv(whitening.T @ whitening)
        self._mean = statistics.feature_mean.astype(np.float64)
        self._root = np.linalg.cholesky(covariance)
        self._rng = np.random.default_rng(seed)
        self._white = self._rng.normal(size=len(self._mean) + IMU_INPUTS)

    def next(self) -> npt.NDArray[np.float32]:
        """Return the next inputs (I,)."""
        fresh = self._rng.normal(size=self._white.shape)
        self._white = _KEPT * self._white + math.sqrt(1.0 - _KEPT**2) * fresh
        features = self._mean + self._root @ self._white[:-IMU_INPUTS]
        return np.concatenate([features, self._white[-IMU_INPUTS:]]).astype(np.float32)


def replayed_moment(
    core: Core, statistics: TrainingStatistics, period_s: float, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Return the second moment of a core's state over a stream with the statistics of training.

    It stands in for the moment of training itself where the pilot file does not hold it.

    Args:
        core: the core.
        statistics: training statistics of the pilot.
        period_s: elapsed time of a tick, s.
        seed: seed of the stream.

    Returns:
        (N + 1, N + 1) mean of f f', f = (state, 1).
    """
    stream, state = ReplayStream(statistics, seed), core.initial_state()
    rows = np.ones((_MOMENT_TICKS, core.neurons + 1))
    for k in range(-_SETTLING_TICKS, _MOMENT_TICKS):
        state, _ = core.step(state, stream.next(), period_s)
        if k >= 0:
            rows[k, :-1] = core.neuron_states(state)
    moment: npt.NDArray[np.float64] = rows.T @ rows / _MOMENT_TICKS
    return moment
