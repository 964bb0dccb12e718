"""The online learner over the time constants: what ticks tell -> scales for the next one.

Receptors. For every block the pull on its gain a is the gradient of the frame-prediction error by
a, by that error, both smoothed: without unit, 1 for white noise at a = 1, where a smaller gain
would lower the error, and negative for smooth motion. While the mean pull is within what training
shows (the calm band), nothing is learned; beyond it log(tau) follows the pull.

Core (off by default). The gradients of the core's own prediction errors (next IMU, next features)
by log(cm) and log(gleak), each divided by its own running RMS, move both scales slowly.

Everything stays in a trust region about the trained value and leaks back to it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate
from liquid_pilot.onboard.adaptation.temporal_filter import filter_gain
from liquid_pilot.onboard.adaptation.time_scales import CORE_LOG_SCALE_RANGE, FILTER_LOG_SCALE_RANGE
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics

_GRADIENT_SMOOTHING_S = 1.0
"""Smoothing of errors and gradients."""
_RMS_SMOOTHING_S = 10.0
"""Smoothing of the square of the core's gradients."""
CORE_LEARNING_MODES = {'off': 0, 'cm': 1, 'cm_gleak': 2}
"""How many of log(cm) and log(gleak) are learned."""
SNAPSHOT_FORMAT = 'liquid_pilot.adaptation'


@dataclass(frozen=True)
class LearnerSettings:
    """How fast, and which part."""

    learn_temporal_filter: bool = True
    filter_learning_rate: float = 4.0
    """Change of log(tau) a second, for a pull of 1."""
    learn_core: str = 'off'
    """One of CORE_PARTS: what of the core is learned."""
    core_rate: float = 0.02
    """Change of log(cm) and log(gleak) a second, for a gradient of its own usual size."""
    decay_to_trained_s: float = 20.0
    """Time constant of the way back to the trained value."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.learn_core not in CORE_LEARNING_MODES:
            raise LiquidPilotError(
                f'learn_core must be one of {", ".join(CORE_LEARNING_MODES)}, not '
                f'{self.learn_core!r}'
            )


class NormalisedGradient:
    """The smoothed pull of the frame-prediction error on the gain of each block."""

    def __init__(self, tau_s: np.ndarray, training_error: np.ndarray) -> None:
        self._tau_s = tau_s.astype(float)
        # Blocks where less happens than in training say little.
        self._usual = 0.5 * training_error.astype(float)
        self.error, self.slope = np.zeros((2, *self._tau_s.shape))

    def add(
        self, error: np.ndarray, gradient: np.ndarray, log_scale: np.ndarray, dt_s: float
    ) -> np.ndarray:
        """One tick's error and gradient by log(tau) (R, C), made at that scale -> the pull."""
        ratio = np.clip(dt_s / (self._tau_s * np.exp(log_scale)), 1e-6, 20.0)
        _, bend = filter_gain(ratio)
        share = -math.expm1(-dt_s / _GRADIENT_SMOOTHING_S)
        self.error += share * (0.5 * error - self.error)
        self.slope += share * (gradient / bend - self.slope)
        return self.value

    @property
    def value(self) -> np.ndarray:
        """The pull, (R, C)."""
        return self.slope / (self.error + self._usual + 1e-9)


class TimeScaleLearner:
    """The learner of one pilot of N liquid neurons (0: of another kind). No clock, no I/O."""

    def __init__(
        self, statistics: TrainingStatistics, neurons: int, settings: LearnerSettings | None = None
    ) -> None:
        self._statistics = statistics
        self._neurons = neurons
        self._low, self._high = statistics.receptor_pull.tolist()
        self.settings = settings or LearnerSettings()
        self.reset()

    def reset(self) -> None:
        """As trained, nothing seen."""
        grid = self._statistics.receptor_tau_s.shape
        self._smoothed = NormalisedGradient(
            self._statistics.receptor_tau_s, self._statistics.receptor_error
        )
        self._receptors = np.zeros(grid)
        self._core, self._squares = np.zeros((2, 2, self._neurons))
        self.pull = np.zeros(grid)
        """(R, C), smoothed."""
        self.sequence = -1

    @property
    def calm(self) -> bool:
        """Whether the frames change as they did in training."""
        return self._low <= float(self.pull.mean()) <= self._high

    def check(self, evidence: LearnerInput) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Errors and gradients as arrays; LiquidPilotError when they cannot be learned from."""
        parts = [
            np.asarray(part, float)
            for part in (evidence.error, evidence.gradient, evidence.core_gradient)
        ]
        sizes = [part.size for part in parts]
        if sizes[:2] != [self._receptors.size] * 2 or sizes[2] not in (0, self._core.size):
            raise LiquidPilotError(f'trace: sections of {sizes} numbers do not fit this pilot')
        if not all(np.isfinite(part).all() and (np.abs(part) < 1e6).all() for part in parts):
            raise LiquidPilotError('trace: errors or gradients are not finite, or absurd')
        if parts[0].min() < 0.0:
            raise LiquidPilotError('trace: a mean square below zero')
        if not 0.0 < evidence.elapsed_s <= 10.0:
            raise LiquidPilotError(f'trace: an elapsed time of {evidence.elapsed_s} s')
        error, gradient, core_gradient = parts
        shape = self._receptors.shape
        given = self._core.shape if core_gradient.size else (0, self._neurons)
        return error.reshape(shape), gradient.reshape(shape), core_gradient.reshape(given)

    def add(self, evidence: LearnerInput) -> TimeScaleUpdate:
        """One tick. LiquidPilotError, and nothing changes, when it cannot be learned from."""
        error, gradient, core_gradient = self.check(evidence)
        self.sequence = evidence.sequence
        if not evidence.novel:
            self._learn_temporal_filter(error, gradient, evidence.elapsed_s)
            self._learn_core(core_gradient, evidence.elapsed_s)
        return self.proposal

    def _learn_temporal_filter(self, error: np.ndarray, gradient: np.ndarray, dt_s: float) -> None:
        s = self.settings
        self.pull = self._smoothed.add(error, gradient, self._receptors, dt_s)
        drive = 0.0
        if s.learn_temporal_filter and not self.calm:
            drive = s.filter_learning_rate * np.clip(self.pull, -1.0, 1.0)
        self._receptors += dt_s * (drive - self._receptors / s.decay_to_trained_s)
        np.clip(self._receptors, *FILTER_LOG_SCALE_RANGE, out=self._receptors)

    def _learn_core(self, gradient: np.ndarray, dt_s: float) -> None:
        s = self.settings
        moved = np.zeros(self._core.shape)
        if gradient.size:
            share = -math.expm1(-dt_s / _RMS_SMOOTHING_S)
            self._squares += share * (gradient**2 - self._squares)
            usual = np.sqrt(self._squares) + 1e-9
            rows = CORE_LEARNING_MODES[s.learn_core]
            moved[:rows] = -s.core_rate * np.clip(gradient / usual, -3.0, 3.0)[:rows]
        self._core += dt_s * (moved - self._core / s.decay_to_trained_s)
        np.clip(self._core, *CORE_LOG_SCALE_RANGE, out=self._core)

    @property
    def proposal(self) -> TimeScaleUpdate:
        """For the tick after the last one that was learned from."""
        log_cm, log_gleak = self._core.astype(np.float32)
        return TimeScaleUpdate(self.sequence, self._receptors.astype(np.float32), log_cm, log_gleak)

    def describe(self) -> tuple[str, str]:
        """The state in one word, and the reason in a sentence."""
        factor = math.exp(float(self._receptors.mean()))
        pull = float(self.pull.mean())
        moved = f'receptors {factor:.2f} times as slow as trained'
        if self._core.any():
            moved += f', core moved by up to {100 * math.expm1(np.abs(self._core).max()):.0f} %'
        band = f'pull {pull:.2f}, in training {self._low:.2f} to {self._high:.2f}'
        if self.sequence < 0:
            return 'waiting', 'nothing has been seen yet'
        if self.calm:
            state = 'calm' if factor < 1.01 else 'settled'
            return state, f'frames change as in training ({band}); {moved}'
        if pull > self._high:
            return 'slowing', f'frames flicker more than in training ({band}); {moved}'
        return 'quickening', f'frames move more smoothly than in training ({band}); {moved}'

    def snapshot(self, digest: str) -> str:
        """All that was learned, as JSON; `digest` is the pilot's."""
        content = {
            'format': SNAPSHOT_FORMAT,
            'version': 1,
            'pilot': digest,
            **{name: part.tolist() for name, part in self._parts().items()},
        }
        return json.dumps(content)

    def restore(self, text: str, digest: str) -> None:
        """Take a snapshot of this pilot; LiquidPilotError, and nothing changes, if it is none."""
        try:
            content = json.loads(text)
            if content['format'] != SNAPSHOT_FORMAT or content['version'] != 1:
                raise ValueError('another format')
            if content['pilot'] != digest:
                raise LiquidPilotError(
                    f'snapshot: of the pilot {content["pilot"]:.12}, not of {digest[:12]}'
                )
            parts = {name: np.array(content[name], float) for name in self._parts()}
            for name, part in self._parts().items():
                if parts[name].shape != part.shape or not (np.abs(parts[name]) < 1e12).all():
                    raise ValueError(f'{name} does not fit')
            if min(parts[name].min(initial=0.0) for name in ('squares', 'error')) < 0.0:
                raise ValueError('a mean square below zero')
        except LiquidPilotError:
            raise
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise LiquidPilotError(f'snapshot: cannot be read ({error})') from None
        for name, part in self._parts().items():
            part[...] = parts[name]
        np.clip(self._receptors, *FILTER_LOG_SCALE_RANGE, out=self._receptors)
        np.clip(self._core, *CORE_LOG_SCALE_RANGE, out=self._core)
        self.pull = self._smoothed.value

    def _parts(self) -> dict[str, np.ndarray]:
        return {
            'receptors': self._receptors,
            'core': self._core,
            'squares': self._squares,
            'error': self._smoothed.error,
            'slope': self._smoothed.slope,
        }
