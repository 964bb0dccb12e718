"""The lesson that moves parameters of an LTC core, by real-time recurrent learning.

The lesson steps the core itself, with the parameters that it has learned so far, and carries the
exact derivatives of its state by them along (`liquid.recurrent_learning`). While a hand commands,
it descends the gradient of |output - hand|^2 / 2, with Adam (Kingma and Ba 2015). A second core
runs on a stream with the statistics of training (`replay`), and its difference from the core as
trained counts too, against forgetting.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.recurrent_learning.ltc_learning import LtcLearning
from liquid_pilot.onboard.inference.correction import Correction, TrustRegion
from liquid_pilot.onboard.teaching.lesson import FloatArray, LessonTick
from liquid_pilot.onboard.teaching.replay import ReplayStream
from liquid_pilot.onboard.teaching.settings import GradientSettings
from liquid_pilot.pilot_file import PilotFile

_FIRST_DECAY, _SECOND_DECAY, _EPSILON = 0.9, 0.99, 1e-6
"""Constants of Adam."""


class GradientLesson:
    """Learns changes of an LTC core's parameters.

    Args:
        pilot: the pilot, with training statistics.
        groups: groups of parameters that are learned, see `Columns`.
        settings: settings; None for the defaults.
        max_change: largest change of a parameter, see `TrustRegion`.

    Raises:
        LiquidPilotError: the core is no LTC, there are no statistics, or no such group.
    """

    def __init__(
        self,
        pilot: PilotFile,
        groups: tuple[str, ...],
        settings: GradientSettings | None = None,
        max_change: float = TrustRegion().max_taught_change,
    ) -> None:
        self._max_change = max_change
        parameters, specification = pilot.ltc_parameters, pilot.specification
        if parameters is None:
            raise LiquidPilotError(
                f'{pilot.path}: the parameters of a {specification.core["type"]} core cannot be '
                'taught; teach its read-out'
            )
        self._trained = parameters
        self._statistics = pilot.require_statistics()
        self._period_s = 1.0 / specification.rate_hz
        self._core = LtcLearning(parameters, specification.unfolds, groups)
        self._replayed = LtcLearning(parameters, specification.unfolds, groups)
        self._as_trained = LtcDynamics(parameters, specification.unfolds)
        self.settings = settings or GradientSettings()
        self.reset()

    def reset(self) -> None:
        """Return to the parameters of training, with nothing learned."""
        count, neurons = self._core.columns.count, self._core.neurons
        self._change, self._first, self._second = np.zeros((3, count))
        self._steps = 0
        self._taught_s = 0.0
        self._stream = ReplayStream(self._statistics)
        self._replayed_v, self._trained_v = np.zeros((2, neurons), np.float32)
        self._replayed.forget()
        self._load()
        self.begin_flight()

    def begin_flight(self) -> None:
        """Start the core from rest; what was learned stays."""
        self._v: npt.NDArray[np.float32] = np.zeros(self._core.neurons, np.float32)
        self._core.forget()

    @property
    def taught_s(self) -> float:
        """How long a hand has taught, s."""
        return self._taught_s

    @property
    def correction(self) -> Correction:
        """What has been learned so far."""
        columns = self._core.columns
        readout = np.zeros((self._core.motors, self._core.neurons + 1), np.float32)
        return Correction(readout, columns.groups, self._change.astype(np.float32))

    def observe(self, tick: LessonTick) -> None:
        """Learn from one tick; see `Lesson.observe`."""
        inputs = np.asarray(tick.core_inputs, np.float32)
        self._v = self._core.advance(self._v, inputs, tick.dt_s)
        if tick.hand is None:
            return
        error = self._core.output(self._v) - tick.hand
        gradient = self._core.gradient(self._v, error).astype(np.float64)
        gradient += self.settings.replay_weight * self._gradient_of_replay()
        self._descend(gradient)
        self._taught_s += tick.dt_s

    def _gradient_of_replay(self) -> npt.NDArray[np.float64]:
        """Return the gradient of the difference from training, one tick of the stream on."""
        inputs = self._stream.next()
        self._replayed_v = self._replayed.advance(self._replayed_v, inputs, self._period_s)
        self._trained_v = self._as_trained.step(self._trained_v, inputs, self._period_s)
        error = self._replayed.output(self._replayed_v) - self._as_trained.output(self._trained_v)
        return self._replayed.gradient(self._replayed_v, error).astype(np.float64)

    def _descend(self, gradient: npt.NDArray[np.float64]) -> None:
        self._steps += 1
        self._first += (1.0 - _FIRST_DECAY) * (gradient - self._first)
        self._second += (1.0 - _SECOND_DECAY) * (gradient**2 - self._second)
        mean = self._first / (1.0 - _FIRST_DECAY**self._steps)
        size = np.sqrt(self._second / (1.0 - _SECOND_DECAY**self._steps))
        s = self.settings
        self._change -= s.learning_rate * mean / (size + _EPSILON)
        np.clip(self._change, -self._max_change, self._max_change, out=self._change)
        self._load()

    def _load(self) -> None:
        """Go on with the changed parameters."""
        parameters = self._core.columns.changed(self._trained, self._change)
        self._core.load(parameters)
        self._replayed.load(parameters)

    def save(self) -> dict[str, FloatArray]:
        """Return the arrays of all that was learned, by name."""
        return {
            'change': self._change.copy(),
            'first': self._first.copy(),
            'second': self._second.copy(),
            'steps': np.array(float(self._steps)),
            'taught_s': np.array(self._taught_s),
        }

    def restore(self, parts: dict[str, FloatArray]) -> None:
        """Take over what `save` returned."""
        self._change = np.array(parts['change'], np.float64)
        self._first = np.array(parts['first'], np.float64)
        self._second = np.array(parts['second'], np.float64)
        self._steps = int(parts['steps'])
        self._taught_s = float(parts['taught_s'])
        self._load()
