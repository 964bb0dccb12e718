"""Learners: rules that adapt time scales in flight, and the one that is the default.

A learner sees one `LearnerInput` for each tick and answers it with a `TimeScaleUpdate` for a later
tick. It has no clock and does no input or output, so that a flight through ROS equals one in
process. Another package adds a learner by an entry point of the group `liquid_pilot.learners`
(`onboard.adaptation.learner_registry`).

The shipped learner, `TimeScaleLearner`, tunes the temporal filter. For every block the gradient of
the frame-prediction error with respect to the filter's gain a is divided by that error, both
smoothed: the normalised gradient has no unit. It is 1 for white noise at a = 1, where a smaller
gain would lower the error, and negative for smooth motion. While its mean over all blocks stays
within the range that training showed, nothing is learned. Outside of that range log(tau) follows
the normalised gradient. It stays in a trust region about the trained value and decays back to it.
While the pilot makes the gain by itself (the setting `filter_gain`) there is nothing to learn: the
learner proposes trained values and says what the pilot does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner_messages import (
    FloatArray,
    LearnerInput,
    TimeScaleUpdate,
)
from liquid_pilot.onboard.adaptation.time_scales import FILTER_LOG_SCALE_RANGE, filter_gain
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.utils.settings import setting

DEFAULT_LEARNER = 'temporal_filter'
"""Name of the shipped learner."""
_GRADIENT_SMOOTHING_S = 1.0
"""Time constant of the smoothing of errors and gradients."""
SNAPSHOT_FORMAT = 'liquid_pilot.adaptation'
"""The `format` of a learner's snapshot."""


class Learner(Protocol):
    """A rule that adapts the time scales of one pilot, tick by tick.

    Its answers are checked and bounded by `time_scales.TimeScaleStore` before the pilot uses them.
    """

    def reset(self) -> None:
        """Return to the state before the first tick: trained time scales, nothing learned."""
        ...

    def update(self, learner_input: LearnerInput) -> TimeScaleUpdate:
        """Learn from one tick and return the time scales that answer it.

        Args:
            learner_input: data of one tick.

        Returns:
            The update, with the sequence of `learner_input`.

        Raises:
            LiquidPilotError: nothing can be learned from the input; the learner has not changed.
        """
        ...

    def describe(self) -> tuple[str, str]:
        """Return the state in one word, and the reason in one sentence."""
        ...


@runtime_checkable
class ConfigurableLearner(Learner, Protocol):
    """A learner whose settings can be replaced between two ticks."""

    def configure(self, settings: LearnerSettings) -> None:
        """Use other settings from the next tick on."""
        ...


@runtime_checkable
class PersistentLearner(Learner, Protocol):
    """A learner whose state can be saved, and restored by another process."""

    def snapshot(self, digest: str) -> str:
        """Return all that was learned as JSON.

        Args:
            digest: the digest of the pilot file.
        """
        ...

    def restore(self, text: str, digest: str) -> None:
        """Take over the state of a snapshot.

        Args:
            text: the snapshot.
            digest: the digest of the pilot file, which must be that of the snapshot.

        Raises:
            LiquidPilotError: it is not a snapshot of this pilot; the learner has not changed.
        """
        ...


@dataclass(frozen=True)
class LearnerSettings:
    """The settings of the shipped learner."""

    learn_temporal_filter: bool = setting(
        True, 'learn the time constants of the temporal filter', live=True
    )
    filter_learning_rate: float = setting(
        4.0,
        'change of log(tau) per second at a normalised gradient of 1',
        '1/s',
        low=0.0,
        high=100.0,
        live=True,
    )
    decay_to_trained_s: float = setting(
        20.0, 'time constant of the decay to the trained values', 's', low=0.1, high=1e6, live=True
    )


class NormalisedGradient:
    """The smoothed gradient of the frame-prediction error, divided by that error, of each block.

    Args:
        tau_s: (R, C) trained time constants of the temporal filter, s.
        training_error: (R, C) mean square of the frame-prediction error in training.
    """

    def __init__(self, tau_s: FloatArray, training_error: FloatArray) -> None:
        self._tau_s = tau_s.astype(float)
        # A block in which less happens than in training says little.
        self._error_floor = 0.5 * training_error.astype(float)
        self.error, self.gain_gradient = np.zeros((2, *self._tau_s.shape))

    def update(
        self, error: FloatArray, gradient: FloatArray, log_scale: FloatArray, dt_s: float
    ) -> FloatArray:
        """Smooth the error and gradient of one tick and return the normalised gradient.

        Args:
            error: (R, C) mean square of the frame-prediction error.
            gradient: (R, C) gradient of half of it with respect to log(tau).
            log_scale: (R, C) logarithm of the factor on tau at which both were made.
            dt_s: elapsed time, s.

        Returns:
            (R, C) normalised gradient.
        """
        ratio = np.clip(dt_s / (self._tau_s * np.exp(log_scale)), 1e-6, 20.0)
        _, gain_slope = filter_gain(ratio)
        smoothing = -math.expm1(-dt_s / _GRADIENT_SMOOTHING_S)
        self.error += smoothing * (0.5 * error - self.error)
        self.gain_gradient += smoothing * (gradient / gain_slope - self.gain_gradient)
        return self.value

    @property
    def value(self) -> FloatArray:
        """The normalised gradient, (R, C)."""
        normalised: FloatArray = self.gain_gradient / (self.error + self._error_floor + 1e-9)
        return normalised


class TimeScaleLearner:
    """The shipped learner: it tunes the temporal filter, and leaves the core as trained.

    Args:
        statistics: training statistics of the pilot.
        neurons: number of neurons N of a liquid core; 0 for another core.
        settings: settings of the learner; None for the defaults.
    """

    NON_NEGATIVE_PARTS: tuple[str, ...] = ('error',)
    """Names of the arrays of a snapshot that have no negative values."""

    def __init__(
        self, statistics: TrainingStatistics, neurons: int, settings: LearnerSettings | None = None
    ) -> None:
        self._statistics = statistics
        self._neurons = neurons
        self._low, self._high = statistics.filter_gradient_range.tolist()
        self.settings = settings or LearnerSettings()
        self.reset()

    def configure(self, settings: LearnerSettings) -> None:
        """Use other settings from the next tick on."""
        self.settings = settings

    def reset(self) -> None:
        """Return to the state before the first tick: trained time scales, nothing learned."""
        tau_s, error = self._statistics.filter_tau_s, self._statistics.filter_error
        self._gradient = NormalisedGradient(tau_s, error)
        self._filter_log_scale: FloatArray = np.zeros(tau_s.shape)
        self.normalised_gradient: FloatArray = np.zeros(tau_s.shape)
        """Normalised gradient of each block, (R, C)."""
        self.sequence = -1
        self._pilots_own: tuple[FloatArray, FloatArray] | None = None
        """Gain and noise of a pilot that makes its gain by itself; None: it follows the learner."""

    @property
    def within_training_range(self) -> bool:
        """Whether the frames change as they did in training."""
        return bool(self._low <= float(self.normalised_gradient.mean()) <= self._high)

    def update(self, learner_input: LearnerInput) -> TimeScaleUpdate:
        """Learn from one tick; see `Learner.update`."""
        shape = self._filter_log_scale.shape
        error, gradient = learner_input.validated(shape)
        self.sequence = learner_input.sequence
        self._pilots_own = None
        if learner_input.filter_gain.size:
            self._pilots_own = learner_input.filter_gain, learner_input.filter_noise
            self._filter_log_scale[:] = 0.0
        elif not learner_input.novel:
            self._learn_temporal_filter(error, gradient, learner_input.elapsed_s)
        return self.time_scale_update

    def _learn_temporal_filter(self, error: FloatArray, gradient: FloatArray, dt_s: float) -> None:
        s = self.settings
        log_scale = self._filter_log_scale
        self.normalised_gradient = self._gradient.update(error, gradient, log_scale, dt_s)
        rate: float | FloatArray = 0.0
        if s.learn_temporal_filter and not self.within_training_range:
            rate = s.filter_learning_rate * np.clip(self.normalised_gradient, -1.0, 1.0)
        log_scale += dt_s * (rate - log_scale / s.decay_to_trained_s)
        np.clip(log_scale, *FILTER_LOG_SCALE_RANGE, out=log_scale)

    @property
    def time_scale_update(self) -> TimeScaleUpdate:
        """The time scales that answer the last tick that was learned from."""
        log_cm, log_gleak = np.zeros((2, self._neurons), np.float32)
        return TimeScaleUpdate(
            self.sequence, self._filter_log_scale.astype(np.float32), log_cm, log_gleak
        )

    def describe(self) -> tuple[str, str]:
        """Return the state in one word, and the reason in one sentence."""
        if self.sequence < 0:
            return 'waiting', 'no tick has been received yet'
        if self._pilots_own is not None:
            return _describe_own_gain(*self._pilots_own)
        factor = math.exp(float(self._filter_log_scale.mean()))
        mean = float(self.normalised_gradient.mean())
        scale = f'temporal filter {factor:.2f} times as slow as trained'
        band = f'normalised gradient {mean:.2f}, in training {self._low:.2f} to {self._high:.2f}'
        if self.within_training_range:
            state = 'nominal' if factor < 1.01 else 'recovering'
            return state, f'frames change as in training ({band}); {scale}'
        if mean > self._high:
            return 'slowing', f'frames flicker more than in training ({band}); {scale}'
        return 'speeding_up', f'frames move more smoothly than in training ({band}); {scale}'

    def snapshot(self, digest: str) -> str:
        """Return all that was learned as JSON; see `PersistentLearner.snapshot`."""
        return snapshot_of(self.parts(), digest)

    def restore(self, text: str, digest: str) -> None:
        """Take over the state of a snapshot; see `PersistentLearner.restore`."""
        restore_parts(text, digest, self.parts(), self.NON_NEGATIVE_PARTS)
        log_scale = self._filter_log_scale
        np.clip(log_scale, *FILTER_LOG_SCALE_RANGE, out=log_scale)
        self.normalised_gradient = self._gradient.value

    def parts(self) -> dict[str, FloatArray]:
        """Return the arrays of the state by their name in a snapshot; a subclass may add some."""
        return {
            'receptors': self._filter_log_scale,
            'error': self._gradient.error,
            'slope': self._gradient.gain_gradient,
        }


def snapshot_of(parts: Mapping[str, FloatArray], digest: str) -> str:
    """Return a snapshot as JSON, which `restore_parts` reads.

    Args:
        parts: the arrays of the state by their name in the snapshot.
        digest: digest of the pilot file.
    """
    content = {
        'format': SNAPSHOT_FORMAT,
        'version': 1,
        'pilot': digest,
        **{name: part.tolist() for name, part in parts.items()},
    }
    return json.dumps(content)


def _describe_own_gain(gain: FloatArray, noise: FloatArray) -> tuple[str, str]:
    """Return state and reason while the pilot makes the gain of its temporal filter by itself.

    Args:
        gain: gains of the blocks.
        noise: standard deviations of the noise in grey levels; empty: the gain is constant.
    """
    gains = f'gain {gain.mean():.2f} (blocks {gain.min():.2f} to {gain.max():.2f})'
    if not noise.size:
        return 'constant', f'the temporal filter of the pilot is constant: {gains}'
    rms = math.sqrt(float(np.square(noise, dtype=float).mean()))
    return 'estimated', f'the pilot sees noise of {rms:.1f} grey levels; temporal filter: {gains}'


def restore_parts(
    text: str, digest: str, parts: Mapping[str, FloatArray], non_negative: tuple[str, ...]
) -> None:
    """Fill arrays from a snapshot, all of them or none.

    Args:
        text: the snapshot as JSON with the keys format, version, pilot, and one for each array.
        digest: digest of the pilot file that the snapshot must be of.
        parts: the arrays by name, which are written in place.
        non_negative: names of arrays without negative values.

    Raises:
        LiquidPilotError: the text is not such a snapshot; no array has changed.
    """
    try:
        content = json.loads(text)
        if content['format'] != SNAPSHOT_FORMAT or content['version'] != 1:
            raise ValueError('another format')
        if content['pilot'] != digest:
            raise LiquidPilotError(
                f'snapshot: it is of the pilot {content["pilot"]:.12}, not of {digest[:12]}'
            )
        missing = [name for name in parts if name not in content]
        if missing:
            raise LiquidPilotError(
                f'snapshot: it holds no {", ".join(missing)}, so it is of another rule; use that '
                'rule, or another file'
            )
        values = {name: np.array(content[name], float) for name in parts}
        for name, part in parts.items():
            if values[name].shape != part.shape or not (np.abs(values[name]) < 1e12).all():
                raise ValueError(f'{name} does not fit')
        if any(values[name].min(initial=0.0) < 0.0 for name in non_negative):
            raise ValueError('a mean square is below zero')
    except LiquidPilotError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise LiquidPilotError(f'snapshot: cannot be read ({error})') from None
    for name, part in parts.items():
        part[...] = values[name]
