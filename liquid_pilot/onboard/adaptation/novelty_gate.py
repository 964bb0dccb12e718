"""The novelty gate, which finds frames that are unlike training (out of distribution).

Three Mahalanobis distances, whitened by the covariances of training, are compared with thresholds:
the distance of the features from those of training, that of the features from the last accepted
ones, and that of the texture of the image's blocks from training's. A frame is novel when one of
them exceeds both what training shows and the baseline of the flight. Novelty that lasts longer than
the limit is taken for a new environment: the frame is accepted, and its distances become the
baseline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.onboard.adaptation.learner_messages import FloatArray
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.utils.settings import setting

_TEXTURE_FLOOR = 0.5 / 255.0
"""Texture that is negligible; it keeps the logarithm finite."""
_MIN_LOG_DISTANCE = -14.0
"""Logarithm of the distance of features that have not changed."""
LogDistances = tuple[float, float, float]
"""Logarithms of the distances of the features, of their change and of the texture."""


@dataclass(frozen=True)
class NoveltyGateSettings:
    """Settings of the novelty gate."""

    training_threshold_factor: float = setting(
        1.2,
        'factor on the distances that one frame in a thousand of training exceeds; a frame beyond '
        'it may be novel',
        low=1.0,
        high=100.0,
        live=True,
    )
    baseline_threshold_factor: float = setting(
        1.5,
        'factor on the baseline distances of this flight; a frame beyond it may be novel',
        low=1.0,
        high=100.0,
        live=True,
    )
    max_rejection_s: float = setting(
        2.0,
        'time after which novel frames are taken for a new environment and accepted',
        's',
        low=0.0,
        high=60.0,
        live=True,
    )
    change_growth_exponent: float = setting(
        0.7,
        'exponent of the elapsed time, in frame periods, by which features may change',
        low=0.0,
        high=10.0,
    )
    baseline_time_constant_s: float = setting(
        1.0, 'time constant of the baseline distances of this flight', 's', low=0.01, high=100.0
    )


class NoveltyGateState(NamedTuple):
    """The state of the novelty gate."""

    last_accepted: npt.NDArray[np.float32]
    """(F,) the features of the last accepted frame."""
    log_baseline: LogDistances
    """Logarithms of the distances, smoothed over accepted frames."""
    rejected_s: float
    """Time since the last accepted frame, s."""


class GateVerdict(NamedTuple):
    """The verdict of the novelty gate on one frame."""

    novel: bool
    """Whether the frame is unlike training."""
    state: NoveltyGateState | None
    """The state after the frame; None for a gate that is off."""
    log_distances: LogDistances
    """Logarithms of the distances of the frame."""


class GateStage(Protocol):
    """The part of the frontend that evaluates the novelty of frames."""

    def evaluate(
        self,
        features: npt.NDArray[np.float32],
        texture: FloatArray,
        state: NoveltyGateState | None,
        dt_s: float,
    ) -> GateVerdict:
        """Evaluate one frame; see `NoveltyGate.evaluate`."""
        ...


class OpenGate:
    """The null stage: no frame is novel."""

    def evaluate(
        self,
        features: npt.NDArray[np.float32],
        texture: FloatArray,
        state: NoveltyGateState | None,
        dt_s: float,
    ) -> GateVerdict:
        """Report every frame as not novel; see `NoveltyGate.evaluate`."""
        return GateVerdict(False, None, (0.0, 0.0, 0.0))


def log_texture(texture: FloatArray) -> FloatArray:
    """Return the logarithm of the texture (R, C) of the blocks, (R*C,)."""
    logarithm: FloatArray = np.log(texture.ravel() + np.float32(_TEXTURE_FLOOR))
    return logarithm


class NoveltyGate:
    """The novelty gate of one pilot.

    Args:
        statistics: training statistics of the pilot.
        period_s: frame period of training, s.
        settings: settings of the gate; None for the defaults.
    """

    def __init__(
        self,
        statistics: TrainingStatistics,
        period_s: float,
        settings: NoveltyGateSettings | None = None,
    ) -> None:
        self.settings = settings or NoveltyGateSettings()
        self._period_s = period_s
        self._mean, self._texture = statistics.feature_mean, statistics.texture_mean.ravel()
        self._whiten, self._whiten_change, self._whiten_texture = (
            whitening / np.float32(math.sqrt(len(whitening)))
            for whitening in (
                statistics.feature_whitening,
                statistics.change_whitening,
                statistics.texture_whitening,
            )
        )
        features, change, texture_threshold = np.log(statistics.ood_thresholds).tolist()
        self._log_thresholds: LogDistances = (features, change, texture_threshold)

    def evaluate(
        self,
        features: npt.NDArray[np.float32],
        texture: FloatArray,
        state: NoveltyGateState | None,
        dt_s: float,
    ) -> GateVerdict:
        """Evaluate one frame.

        Args:
            features: (F,) the encoder's output.
            texture: (R, C) texture of the image's blocks.
            state: the last state; None for the first frame.
            dt_s: elapsed time since the frame before it, s.
        """
        settings = self.settings
        distance = _log_norm(self._whiten @ (features - self._mean))
        texture_distance = _log_norm(self._whiten_texture @ (log_texture(texture) - self._texture))
        if state is None:
            # Nothing has been accepted yet. A start unlike training is rejected until the limit.
            state, change = NoveltyGateState(features, self._log_thresholds, 0.0), _MIN_LOG_DISTANCE
        else:
            change = _log_norm(self._whiten_change @ (features - state.last_accepted))
        rejected_s = state.rejected_s + dt_s
        # The longer ago the last accepted frame is, the more may have changed.
        change -= settings.change_growth_exponent * math.log(max(rejected_s / self._period_s, 1.0))
        distances = distance, change, texture_distance
        is_far, has_changed, texture_is_far = (
            value
            > max(
                threshold + math.log(settings.training_threshold_factor),
                baseline + math.log(settings.baseline_threshold_factor),
            )
            for value, threshold, baseline in zip(
                distances, self._log_thresholds, state.log_baseline, strict=True
            )
        )
        # A return towards training is not novel, however sudden.
        leaves = distance > state.log_baseline[0] or texture_distance > state.log_baseline[2]
        novel = is_far or texture_is_far or (has_changed and leaves)
        if novel and rejected_s <= settings.max_rejection_s:
            return GateVerdict(True, state._replace(rejected_s=rejected_s), distances)
        # Novelty that has lasted for so long becomes the baseline.
        smoothing = 1.0 if novel else -math.expm1(-dt_s / settings.baseline_time_constant_s)
        f, c, t = (
            old + smoothing * (new - old)
            for old, new in zip(state.log_baseline, distances, strict=True)
        )
        return GateVerdict(False, NoveltyGateState(features, (f, c, t), 0.0), distances)


def _log_norm(whitened: npt.NDArray[np.floating]) -> float:
    """Return the logarithm of the norm of a vector."""
    return 0.5 * math.log(float(whitened @ whitened) + 1e-12)
