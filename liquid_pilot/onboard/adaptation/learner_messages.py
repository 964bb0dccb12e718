"""The messages between a pilot and its learner: plain arrays, from either process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError

FloatArray = npt.NDArray[np.floating[Any]]
"""An array of floating-point numbers of any precision."""
_MAX_ABS_VALUE = 1e6
_MAX_ELAPSED_S = 10.0
_MAX_ABS_LOG_SCALE = 10.0
_IMU_VALUES = 6


def _no_values() -> FloatArray:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class LearnerInput:
    """The data of one tick of an adapting pilot, for a learner."""

    sequence: int
    """The number of the tick, from 1."""
    elapsed_s: float
    """Time since the last accepted frame, by which the temporal filter was stepped, s."""
    error: FloatArray
    """(R, C) or (R*C,) frame-prediction error of each block (`onboard.adaptation.temporal_filter`).
    Zero for a rejected frame."""
    gradient: FloatArray
    """(R, C) or (R*C,) gradient of half the error with respect to log(tau)."""
    novel: bool
    """Whether the novelty gate found the frame unlike training."""
    dt_s: float = field(default=0.0, kw_only=True)
    """Time by which the core was stepped, s: since the frame before, within the pilot's bounds."""
    features: FloatArray = field(default_factory=_no_values, kw_only=True)
    """(F,) features that the core read; of a rejected frame: those of the last accepted one."""
    imu: FloatArray = field(default_factory=_no_values, kw_only=True)
    """(6,) mean angular velocity (rad/s), then specific force (m/s^2), body FLU."""
    log_core_time_scale: float = field(default=0.0, kw_only=True)
    """Log of the factor by which the frontend scaled the core's time constants in this tick."""
    filter_gain: FloatArray = field(default_factory=_no_values, kw_only=True)
    """(R, C) or (R*C,) gain of the temporal filter, which the pilot makes by itself; empty while it
    follows the learner."""
    filter_noise: FloatArray = field(default_factory=_no_values, kw_only=True)
    """(R, C) or (R*C,) standard deviation of the noise, grey levels of 255; empty unless the pilot
    estimates it."""

    def validated(self, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
        """Return error and gradient as arrays of a shape.

        Args:
            shape: (R, C) of the temporal filter's blocks.

        Raises:
            LiquidPilotError: sizes do not fit, a value is not finite or absurdly large, an error
                is negative, or the elapsed time is not within (0, 10] s. Gain and noise are checked
                too.
        """
        parts = [np.asarray(part, float) for part in (self.error, self.gradient)]
        sizes = [part.size for part in parts]
        if sizes != [int(np.prod(shape))] * 2:
            raise LiquidPilotError(f'trace: sections of {sizes} numbers do not fit this pilot')
        if not all(
            np.isfinite(part).all() and (np.abs(part) < _MAX_ABS_VALUE).all() for part in parts
        ):
            raise LiquidPilotError('trace: errors or gradients are not finite, or absurd')
        for part in (np.asarray(self.filter_gain), np.asarray(self.filter_noise)):
            # Written so that NaN is refused too.
            if part.size not in (0, parts[0].size) or not (np.abs(part) < _MAX_ABS_VALUE).all():
                raise LiquidPilotError('trace: gains or noise of the temporal filter do not fit')
        if parts[0].min() < 0.0:
            raise LiquidPilotError('trace: a mean square is below zero')
        if not 0.0 < self.elapsed_s <= _MAX_ELAPSED_S:
            raise LiquidPilotError(f'trace: an elapsed time of {self.elapsed_s} s is not possible')
        return parts[0].reshape(shape), parts[1].reshape(shape)

    def validated_readings(self, features: int) -> tuple[FloatArray, FloatArray]:
        """Return features and IMU, which the core read in this tick, as arrays.

        Args:
            features: number of features F of the pilot.

        Raises:
            LiquidPilotError: sizes do not fit, a value is not finite or absurdly large, or the
                elapsed time of the core is not within (0, 10] s.
        """
        parts = [np.asarray(part, float).ravel() for part in (self.features, self.imu)]
        sizes = [part.size for part in parts]
        if sizes != [features, _IMU_VALUES]:
            raise LiquidPilotError(f'trace: readings of {sizes} numbers do not fit this pilot')
        # Written so that NaN is refused too.
        if not all((np.abs(part) < _MAX_ABS_VALUE).all() for part in parts):
            raise LiquidPilotError('trace: features or IMU are not finite, or absurd')
        if not 0.0 < self.dt_s <= _MAX_ELAPSED_S:
            raise LiquidPilotError(f'trace: an elapsed time of {self.dt_s} s is not possible')
        if not abs(self.log_core_time_scale) <= _MAX_ABS_LOG_SCALE:
            raise LiquidPilotError(
                f'trace: a log-scale of the core of {self.log_core_time_scale} is not possible'
            )
        return parts[0], parts[1]


class TimeScaleUpdate(NamedTuple):
    """Time scales that a learner proposes in answer to one tick; logarithms of factors."""

    sequence: int
    """The number of the tick that it answers."""
    temporal_filter: FloatArray
    """(R, C) or (R*C,): log of the factor on the trained time constants of the filter's blocks."""
    log_cm: FloatArray
    """(N,): log of the factor on the core's capacitances; or empty for a core as trained."""
    log_gleak: FloatArray
    """(N,): log of the factor on the core's leak conductances; or empty for a core as trained."""


def trained_time_scales(sequence: int, shape: tuple[int, ...], neurons: int) -> TimeScaleUpdate:
    """Return the update that keeps all time constants as trained.

    Args:
        sequence: the number of the tick that it answers.
        shape: (R, C) of the temporal filter's blocks.
        neurons: number of neurons N of a liquid core; 0 for another core.
    """
    log_cm, log_gleak = np.zeros((2, neurons), np.float32)
    return TimeScaleUpdate(sequence, np.zeros(shape, np.float32), log_cm, log_gleak)
