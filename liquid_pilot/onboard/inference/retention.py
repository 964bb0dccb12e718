"""Retention: the core's time passes slowly while another holds the vehicle and nothing happens.

What a core remembers fades by its time constants, whether anything happens or not. While the pilot
does not have the vehicle (a human overrides it, the guard is stopped, the simulator holds it) it
has nothing to steer, and while the picture stays the same it has nothing to learn. In such ticks
the core is stepped by a fraction of the elapsed time. For a liquid core that is the same as larger
capacitances, and any other core that reads the elapsed time is told less of it.

Features are compared with those of the last significant change, as a sensor that sends on a delta
compares its readings (Miskowicz 2006, 'Send-on-delta concept'). The distance is that of Mahalanobis
by the covariance of training: two frames of training are about 1.4 apart. A core needs a while to
take in what has changed, so that its time is slowed only a settling time after the last change. It
runs at its own speed at once when the pilot gets the vehicle or the picture changes.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics


class RetentionState(NamedTuple):
    """The state of the retention."""

    reference: npt.NDArray[np.float32]
    """(F,) features at the last significant change."""
    settled_s: float
    """Time since that change, s."""


class RetentionStage(Protocol):
    """The stage of the engine that decides how fast the core's time passes."""

    def process(
        self,
        features: npt.NDArray[np.float32],
        state: Any,
        dt_s: float,
        has_authority: bool,
    ) -> tuple[float, Any]:
        """Decide for one tick; see `Retention.process`."""
        ...


class NoRetention:
    """The null stage: the core's time is the elapsed time."""

    def process(
        self,
        features: npt.NDArray[np.float32],
        state: Any,
        dt_s: float,
        has_authority: bool,
    ) -> tuple[float, Any]:
        """Return no scale and no state; see `Retention.process`."""
        return 0.0, None


class Retention:
    """The retention of one pilot.

    Args:
        statistics: training statistics of the pilot.
        settings: settings of the frontend; None for the defaults.
    """

    def __init__(
        self, statistics: TrainingStatistics, settings: FrontendSettings | None = None
    ) -> None:
        settings = settings or FrontendSettings()
        self._whiten = statistics.feature_whitening / np.float32(math.sqrt(statistics.features))
        self._threshold = settings.scene_change_threshold
        self._settling_time_s = settings.settling_time_s
        self._log_time_scale = math.log(settings.core_time_scale_while_held)

    def process(
        self,
        features: npt.NDArray[np.float32],
        state: RetentionState | None,
        dt_s: float,
        has_authority: bool,
    ) -> tuple[float, RetentionState | None]:
        """Decide how fast the core's time passes in one tick.

        Args:
            features: (F,) features that the core reads; of a rejected frame: the last accepted.
            state: the state after the last tick; None before the first.
            dt_s: elapsed time, s.
            has_authority: whether the pilot's commands fly the vehicle.

        Returns:
            The logarithm of the factor by which the core's time is slowed, and the state after the
            tick.
        """
        if state is None or self.distance(features, state.reference) > self._threshold:
            return 0.0, RetentionState(features, 0.0)
        state = state._replace(settled_s=state.settled_s + dt_s)
        waits = not has_authority and state.settled_s >= self._settling_time_s
        return self._log_time_scale if waits else 0.0, state

    def distance(
        self, features: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]
    ) -> float:
        """Return the distance of two features (F,), in deviations of training."""
        whitened = self._whiten @ (features - reference)
        return math.sqrt(float(whitened @ whitened))
