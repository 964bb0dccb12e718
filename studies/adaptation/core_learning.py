"""A learner that also tunes the time scales of a liquid core, and the core that it needs.

The package does not ship it, since it brought at most 6 percentage points
(docs/explanation/evidence.md).

A linear read-out of the core's state, fitted to training, predicts the inputs of the next tick:
encoder features and normalised IMU. Once these have arrived, half the mean square of the error, in
units of training's own residuals, has exact gradients with respect to log(cm) and log(gleak) of
every neuron, by the sensitivities that the core carries (`liquid.sensitivity`). `PredictiveCore`
carries them; it replaces the core of the engine. `CoreLearner` divides each gradient by its own
running RMS and lets both log-scales follow slowly. They stay in a trust region about the trained
value and decay back to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.sensitivity import LtcSensitivity, StateWithSensitivities
from liquid_pilot.onboard.adaptation.learner import LearnerSettings, TimeScaleLearner
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate
from liquid_pilot.onboard.adaptation.settings import MODE, parse_mode
from liquid_pilot.onboard.adaptation.time_scales import CORE_LOG_SCALE_RANGE, CoreScales
from liquid_pilot.onboard.inference.engine import Tick, learner_input_of
from liquid_pilot.onboard.inference.stages import Stages
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics
from liquid_pilot.simulation.rollout import InProcessPilot
from liquid_pilot.simulation.simulator import Simulation

_RMS_SMOOTHING_S = 10.0
"""Time constant of the running mean square of the core's gradients, s."""
_MAX_ABS_GRADIENT = 1e6
_MAX_ABS_ERROR = 5.0
"""Bound of a prediction error, in units of training's residual: a wild reading counts no more than
a large one."""
CORE_LEARNING_MODES = {'off': 0, 'cm': 1, 'cm_gleak': 2}
"""Number of log(cm) and log(gleak) that are learned, by the name of the mode."""


class PredictionLoss(NamedTuple):
    """The loss of one prediction."""

    error: np.ndarray
    """(2,) mean square over the features and over the IMU; 1 is that of training."""
    gradient: np.ndarray
    """(2, N) gradient of half the mean of the two, with respect to log(cm) and log(gleak)."""


class NextInputPredictor:
    """The linear read-out of one pilot.

    Args:
        statistics: training statistics with a predictor.
    """

    def __init__(self, statistics: TrainingStatistics) -> None:
        self._features = statistics.features
        scale = 1.0 / statistics.predictor_residual
        self._weights = statistics.predictor[:, :-1] * scale[:, None]
        self._offset = statistics.predictor[:, -1] * scale
        self._scale = scale
        loss_weights = np.full(len(scale), 0.5 / (len(scale) - self._features), np.float32)
        loss_weights[: self._features] = 0.5 / self._features
        self._loss_weights = loss_weights

    def evaluate(self, before: StateWithSensitivities, inputs: np.ndarray) -> PredictionLoss:
        """Return the loss of the prediction of one tick's inputs.

        Args:
            before: the core's state after the tick before it.
            inputs: (F + 6,) inputs of the tick.
        """
        error = inputs * self._scale - self._weights @ before.v - self._offset
        error = np.clip(error, -_MAX_ABS_ERROR, _MAX_ABS_ERROR)
        slope = -(error * self._loss_weights) @ self._weights
        gradient = np.stack([slope @ before.by_log_cm, slope @ before.by_log_gleak])
        squares = error * error
        return PredictionLoss(
            np.array([squares[: self._features].mean(), squares[self._features :].mean()]), gradient
        )


class PredictiveState(NamedTuple):
    """The state of a `PredictiveCore`."""

    sensitivities: StateWithSensitivities
    """Potentials of the neurons and their derivatives."""
    loss: PredictionLoss | None = None
    """The loss of the prediction of the last tick's inputs; None before the first tick."""


class PredictiveCore:
    """A liquid core that carries its sensitivities and predicts its inputs.

    It is a `recurrent_cores.Core`. The potentials are those of the shipped liquid core, to the bit.

    Args:
        parameters: weights of the core.
        unfolds: solver steps per tick.
        statistics: training statistics with a predictor.
    """

    liquid = True

    def __init__(
        self, parameters: LtcParameters, unfolds: int, statistics: TrainingStatistics
    ) -> None:
        self.neurons, self.inputs = parameters.neurons, parameters.inputs
        self.motors = parameters.motors
        self._dynamics = LtcSensitivity(parameters, unfolds)
        self._predictor = NextInputPredictor(statistics)

    def initial_state(self) -> PredictiveState:
        """Return the state at rest, without dependence on the time constants."""
        return PredictiveState(self._dynamics.initial_state())

    def neuron_states(self, state: PredictiveState) -> np.ndarray:
        """Return the potentials (N,)."""
        return state.sensitivities.v

    def step(
        self,
        state: PredictiveState,
        inputs: np.ndarray,
        dt_s: float,
        scales: CoreScales | None = None,
    ) -> tuple[PredictiveState, np.ndarray]:
        """Evaluate the last prediction and advance the core by one tick; see `Core.step`."""
        loss = self._predictor.evaluate(state.sensitivities, inputs)
        after = self._dynamics.step_sensitivity(
            state.sensitivities, inputs, dt_s, *(scales or (None, None))
        )
        return PredictiveState(after, loss), self._dynamics.output(after.v)

    def time_constants(
        self, state: PredictiveState, inputs: np.ndarray, scales: CoreScales | None = None
    ) -> np.ndarray:
        """Return the time constants (N,), s; see `Core.time_constants`."""
        return self._dynamics.time_constants(
            state.sensitivities.v, inputs, *(scales or (None, None))
        )

    def warm_up(self) -> None:
        """Compile or load everything that a step needs."""
        self._dynamics.warm_up()


def predictive_stages(pilot: PilotFile) -> Callable[[Stages], Stages]:
    """Return the function that replaces the core of a pilot's engine by a `PredictiveCore`.

    Raises:
        LiquidPilotError: the pilot has no liquid core, or no predictor.
    """
    statistics, parameters = pilot.require_statistics(), pilot.parameters
    if parameters is None or not statistics.has_predictor:
        raise LiquidPilotError(
            f'{pilot.path}: has no liquid core with a predictor, so its core cannot be learned'
        )
    core = PredictiveCore(parameters, pilot.specification.unfolds, statistics)
    return lambda stages: stages._replace(core=core)


@dataclass(frozen=True, eq=False)
class CoreLearnerInput(LearnerInput):
    """The data of one tick of a pilot with a `PredictiveCore`, for a learner."""

    core_gradient: np.ndarray
    """(2, N) gradient of the prediction loss with respect to log(cm) and log(gleak); or empty."""

    def validated_core(self, neurons: int) -> np.ndarray:
        """Return the gradient of the core (2, N); (0, N) where it is empty.

        Raises:
            LiquidPilotError: its size does not fit, or a value is not finite or absurdly large.
        """
        gradient = np.asarray(self.core_gradient, float)
        if gradient.size not in (0, 2 * neurons):
            raise LiquidPilotError(
                f'trace: a core gradient of {gradient.size} numbers does not fit this pilot'
            )
        if not (np.isfinite(gradient).all() and (np.abs(gradient) < _MAX_ABS_GRADIENT).all()):
            raise LiquidPilotError('trace: gradients of the core are not finite, or absurd')
        return gradient.reshape((2 if gradient.size else 0, neurons))


def core_learner_input(tick: Tick, sequence: int) -> CoreLearnerInput:
    """Return the input of a `CoreLearner` from a tick; see `learner_input_of`."""
    loss = tick.state.core.loss
    return CoreLearnerInput(
        **vars(learner_input_of(tick, sequence)),
        core_gradient=np.empty(0) if loss is None else loss.gradient,
    )


@dataclass(frozen=True)
class CoreLearningSettings:
    """Settings of the part that learns the core."""

    learn_core: str = 'off'
    """Parts of the core that are learned; one of CORE_LEARNING_MODES."""
    core_learning_rate: float = 0.02
    """Change of log(cm) and log(gleak) per second, at a gradient of its own RMS, 1/s."""

    def __post_init__(self) -> None:
        """Check the settings; LiquidPilotError for an unknown mode."""
        if self.learn_core not in CORE_LEARNING_MODES:
            raise LiquidPilotError(
                f'learn_core must be one of {", ".join(CORE_LEARNING_MODES)}, not '
                f'{self.learn_core!r}'
            )


class CoreLearner(TimeScaleLearner):
    """The shipped learner, which also tunes the time scales of the core.

    Args:
        statistics: training statistics of the pilot.
        neurons: number of neurons N of the liquid core.
        settings: settings of the shipped learner; None for the defaults.
        core_settings: settings of the part that learns the core; None for the defaults.
    """

    NON_NEGATIVE_PARTS = ('error', 'squares')

    def __init__(
        self,
        statistics: TrainingStatistics,
        neurons: int,
        settings: LearnerSettings | None = None,
        core_settings: CoreLearningSettings | None = None,
    ) -> None:
        self._core_neurons = neurons
        self.core_settings = core_settings or CoreLearningSettings()
        super().__init__(statistics, neurons, settings)

    def reset(self) -> None:
        """Return to the state before the first tick: trained time scales, nothing learned."""
        super().reset()
        self._core_log_scale, self._gradient_squares = np.zeros((2, 2, self._core_neurons))

    def update(self, learner_input: CoreLearnerInput) -> TimeScaleUpdate:
        """Learn from one tick; see `Learner.update`."""
        gradient = learner_input.validated_core(self._core_neurons)
        super().update(learner_input)
        if not learner_input.novel:
            self._learn_core(gradient, learner_input.elapsed_s)
        return self.time_scale_update

    def _learn_core(self, gradient: np.ndarray, dt_s: float) -> None:
        rates = np.zeros(self._core_log_scale.shape)
        if gradient.size:
            smoothing = -math.expm1(-dt_s / _RMS_SMOOTHING_S)
            self._gradient_squares += smoothing * (gradient**2 - self._gradient_squares)
            rms = np.sqrt(self._gradient_squares) + 1e-9
            rows = CORE_LEARNING_MODES[self.core_settings.learn_core]
            rate = self.core_settings.core_learning_rate
            rates[:rows] = -rate * np.clip(gradient / rms, -3.0, 3.0)[:rows]
        decay_s = self.settings.decay_to_trained_s
        self._core_log_scale += dt_s * (rates - self._core_log_scale / decay_s)
        np.clip(self._core_log_scale, *CORE_LOG_SCALE_RANGE, out=self._core_log_scale)

    @property
    def time_scale_update(self) -> TimeScaleUpdate:
        """The time scales that answer the last tick that was learned from."""
        log_cm, log_gleak = self._core_log_scale.astype(np.float32)
        return super().time_scale_update._replace(log_cm=log_cm, log_gleak=log_gleak)

    def describe(self) -> tuple[str, str]:
        """Return the state in one word, and the reason in one sentence."""
        state, reason = super().describe()
        if self._core_log_scale.any():
            percent = 100 * math.expm1(np.abs(self._core_log_scale).max())
            reason += f', core scaled by up to {percent:.0f} %'
        return state, reason

    def restore(self, text: str, digest: str) -> None:
        """Take over the state of a snapshot; see `PersistentLearner.restore`."""
        super().restore(text, digest)
        np.clip(self._core_log_scale, *CORE_LOG_SCALE_RANGE, out=self._core_log_scale)

    def parts(self) -> dict[str, np.ndarray]:
        """Return the arrays of the state by their name in a snapshot."""
        return {
            **super().parts(),
            'core': self._core_log_scale,
            'squares': self._gradient_squares,
        }


class CoreLearningPilot(InProcessPilot):
    """A pilot whose core carries its sensitivities, and whose learner tunes it by them."""

    def learner_input(self, tick: Tick) -> LearnerInput:
        """Return the input of the learner from the last tick, with the gradient of the core."""
        return CoreLearnerInput(
            **vars(super().learner_input(tick)), core_gradient=tick.state.core.loss.gradient
        )


def make_pilot(
    file: PilotFile, simulation: Simulation, adapter: str, parts: str, settings: str = ''
) -> CoreLearningPilot:
    """Make a pilot that learns its core.

    Args:
        file: the pilot file.
        simulation: the simulation.
        adapter: name of the vehicle adapter.
        parts: parts of the core that are learned; one of CORE_LEARNING_MODES.
        settings: the other settings of adaptation, 'NAME=VALUE,...'.

    Raises:
        LiquidPilotError: the pilot has no liquid core with a predictor, or a setting is wrong.
    """
    adapting = parse_mode(f'{MODE}:{settings}' if settings else MODE)
    assert adapting is not None
    learner = CoreLearner(
        file.require_statistics(),
        0 if file.parameters is None else file.parameters.neurons,
        adapting.learner,
        CoreLearningSettings(parts),
    )
    return CoreLearningPilot(
        file,
        simulation,
        adapter,
        adapting=adapting,
        learner=learner,
        replace_stages=predictive_stages(file),
    )
