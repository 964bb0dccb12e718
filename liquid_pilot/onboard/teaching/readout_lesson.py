"""The lesson that learns a read-out: recursive least squares, weighed against what training wants.

With f = (state, 1) and the error e = hand - output of each tick, both weighted by its elapsed time,
the read-out A minimises

    sum dt |e - A f|^2  +  w T tr(A S A')  +  r |A|^2

T is how long the hand has taught, in s. S = E[f f'] is the second moment of the state in training,
so that the second term is what A would add to the outputs in training: it holds the pilot to what
it can do already, and is a replay of training in closed form. The minimum is

    A = B' (H + w T S + r I)^-1,   H = sum dt f f',   B = sum dt f e'

Sources: the recursive least squares of adaptive control, with the penalty on outputs in place of a
forgetting factor; J. Kirkpatrick et al., 'Overcoming catastrophic forgetting', PNAS 2017, for such
quadratic penalties.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from liquid_pilot.onboard.inference.correction import Correction
from liquid_pilot.onboard.teaching.lesson import FloatArray, LessonTick
from liquid_pilot.onboard.teaching.settings import ReadoutSettings

Float64Array = npt.NDArray[np.float64]


class ReadoutLesson:
    """Learns what is added to the outputs of a core of any kind.

    >>> lesson = ReadoutLesson(np.diag([0.1, 1.0]), motors=1)
    >>> for k in range(200):
    ...     state, hand = np.array([0.1 * (k % 2)]), np.array([0.2])
    ...     lesson.observe(LessonTick(0.05, state, state, state, hand))
    >>> bool(lesson.correction.readout[0, 1] > 0.05), round(lesson.taught_s)
    (True, 10)

    Args:
        moment: (N + 1, N + 1) second moment of the core's state, with a one appended, in training.
        motors: number of outputs M.
        settings: settings; None for the defaults.
    """

    def __init__(
        self, moment: FloatArray, motors: int, settings: ReadoutSettings | None = None
    ) -> None:
        self._moment = np.array(moment, np.float64)
        self._motors = motors
        self.settings = settings or ReadoutSettings()
        self.reset()

    def reset(self) -> None:
        """Return to a read-out of zero, with nothing learned."""
        size = len(self._moment)
        self._seen: Float64Array = np.zeros((size, size))
        self._wanted: Float64Array = np.zeros((size, self._motors))
        self._readout: Float64Array = np.zeros((self._motors, size))
        self._taught_s = 0.0

    def begin_flight(self) -> None:
        """Do nothing: the state of the core comes with each tick."""

    @property
    def taught_s(self) -> float:
        """How long a hand has taught, s."""
        return self._taught_s

    @property
    def correction(self) -> Correction:
        """What has been learned so far."""
        return Correction(self._readout.astype(np.float32))

    def observe(self, tick: LessonTick) -> None:
        """Learn from one tick; see `Lesson.observe`."""
        if tick.hand is None:
            return
        state = np.append(np.asarray(tick.state, np.float64), 1.0)
        error = np.asarray(tick.hand, np.float64) - tick.output
        self._seen += tick.dt_s * np.outer(state, state)
        self._wanted += tick.dt_s * np.outer(state, error)
        self._taught_s += tick.dt_s
        self._approach(self._best(), tick.dt_s)

    def _best(self) -> Float64Array:
        """Return the read-out (M, N + 1) that the whole lesson asks for."""
        s = self.settings
        weight = self._seen + s.replay_weight * self._taught_s * self._moment
        weight.flat[:: len(weight) + 1] += s.ridge_s
        return np.asarray(np.linalg.solve(weight, self._wanted).T, np.float64)

    def _approach(self, target: Float64Array, dt_s: float) -> None:
        """Move the read-out to a target, as far as it may in this time.

        The distance is the root mean square of what the move adds to an output, over the states of
        the lesson and of training alike.
        """
        step = target - self._readout
        moment = self._moment + self._seen / self._taught_s
        distance = math.sqrt(max(float(np.einsum('mi,ij,mj->m', step, moment, step).max()), 0.0))
        allowed = self.settings.max_rate_1_s * dt_s
        self._readout += step * min(1.0, allowed / max(distance, 1e-12))

    def save(self) -> dict[str, FloatArray]:
        """Return the arrays of all that was learned, by name."""
        return {
            'seen': self._seen.copy(),
            'wanted': self._wanted.copy(),
            'readout': self._readout.copy(),
            'taught_s': np.array(self._taught_s),
        }

    def restore(self, parts: dict[str, FloatArray]) -> None:
        """Take over what `save` returned."""
        self._seen = np.array(parts['seen'], np.float64)
        self._wanted = np.array(parts['wanted'], np.float64)
        self._readout = np.array(parts['readout'], np.float64)
        self._taught_s = float(parts['taught_s'])
