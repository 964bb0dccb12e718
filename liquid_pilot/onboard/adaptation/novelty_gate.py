"""The surprise gate: whether this frame's features may be believed.

Three distances tell (all Mahalanobis, whitened by training's covariances): of the features from
those of training, of the features from the last that were believed, and of the texture of the
picture's blocks from training's. A frame is a surprise when one of them is
beyond what training has and beyond what is usual in this flight by now. A surprise that lasts
longer than the hold limit is the new world: it is believed, and becomes usual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from liquid_pilot.pilot_file.training_statistics import TrainingStatistics

_TEXTURE_FLOOR = 0.5 / 255.0
"""Texture that hardly counts."""
_MIN_LOG_DISTANCE = -14.0


@dataclass(frozen=True)
class NoveltyGateSettings:
    """How easily the gate shuts, and for how long."""

    margin: float = 1.2
    """Factor on the distances of training."""
    relative: float = 1.5
    """Factor on the distances that are usual in this flight."""
    max_rejection_s: float = 2.0
    """A surprise is taken for the new world after this long."""
    growth: float = 0.7
    """Power of the elapsed time by which features may change."""
    baseline_time_constant_s: float = 1.0
    """Time constant of what is usual."""


class NoveltyGateState(NamedTuple):
    """What the gate remembers."""

    believed: np.ndarray
    """(F,) float32: the last features that were believed."""
    log_baseline: tuple[float, float, float]
    """Logarithms of the usual distances, smoothed over believed frames."""
    held_s: float
    """For how long it has been shut."""


def log_texture(texture: np.ndarray) -> np.ndarray:
    """(R, C) texture of the blocks -> (R*C,) as it is compared."""
    return np.log(texture.ravel() + np.float32(_TEXTURE_FLOOR))


class NoveltyGate:
    """Judges frames against one pilot's training."""

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
        self._usual = np.log(statistics.usual).tolist()

    def judge(
        self, features: np.ndarray, texture: np.ndarray, state: NoveltyGateState | None, dt_s: float
    ) -> tuple[bool, NoveltyGateState, tuple[float, float, float]]:
        """Whether a frame with (F,) features and (R, C) texture is a surprise; the gate after it;
        logarithms of the three distances.
        """
        settings = self.settings
        distance = _log_norm(self._whiten @ (features - self._mean))
        texture_away = _log_norm(self._whiten_texture @ (log_texture(texture) - self._texture))
        if state is None:
            # Nothing has been believed yet: an unfamiliar beginning is waited for, or got used to.
            state, changed = NoveltyGateState(features, tuple(self._usual), 0.0), _MIN_LOG_DISTANCE
        else:
            changed = _log_norm(self._whiten_change @ (features - state.believed))
        held_s = state.held_s + dt_s
        # The longer ago the last believed frame is, the more may have changed.
        changed -= settings.growth * math.log(max(held_s / self._period_s, 1.0))
        found = distance, changed, texture_away
        away, moved, patterned = (
            value > max(trained + math.log(settings.margin), usual + math.log(settings.relative))
            for value, trained, usual in zip(found, self._usual, state.log_baseline, strict=True)
        )
        # To come back to what is familiar is no surprise, however sudden.
        leaves = distance > state.log_baseline[0] or texture_away > state.log_baseline[2]
        novel = away or patterned or (moved and leaves)
        if novel and held_s <= settings.max_rejection_s:
            return True, state._replace(held_s=held_s), found
        # What was a surprise for so long is usual from now on.
        share = 1.0 if novel else -math.expm1(-dt_s / settings.baseline_time_constant_s)
        usual = tuple(
            old + share * (new - old) for old, new in zip(state.log_baseline, found, strict=True)
        )
        return False, NoveltyGateState(features, usual, 0.0), found


def _log_norm(whitened: np.ndarray) -> float:
    return 0.5 * math.log(float(whitened @ whitened) + 1e-12)
