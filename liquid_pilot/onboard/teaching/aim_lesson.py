"""The lesson that learns where the camera looks, and what the vehicle does by itself.

Two things make a well trained pilot err that a person sees at once: its camera is turned against
the vehicle, or the vehicle moves without being told to. The first is undone by turning the picture
back (`onboard.inference.aimed_encoder`), the second by adding a constant to the outputs. So the
lesson learns three angles a and M offsets b. With y the outputs of a tick that was flown with the
angles a0 and no offset, h the hand and J = dy/da, the outputs would be

    y + J (a - a0) + b

and the lesson minimises, over all ticks in which a hand commanded,

    sum (dt / c) |h - y - J (a - a0) - b|^2 / s_y^2  +  |a|^2 / s_a^2  +  |b|^2 / s_b^2

in closed form (recursive least squares; Gauss-Newton, since J changes with what is learned). Errors
closer to each other than c are one. The last two terms hold the pilot to its training. J is taken
through the recurrent core: copies of it read the same flight in pictures that are turned a little
further, so that it counts what a turned camera has done to the state in all ticks before.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from liquid_pilot.onboard.inference.aimed_encoder import TURN_RAD, TURNS
from liquid_pilot.onboard.inference.correction import Correction
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.onboard.perception.camera_mount import CameraMount
from liquid_pilot.onboard.teaching.lesson import FloatArray, LessonTick
from liquid_pilot.onboard.teaching.settings import AimSettings
from liquid_pilot.pilot_file import PilotFile

Float64Array = npt.NDArray[np.float64]
_ANGLES = len(TURNS)


class AimLesson:
    """Learns angles of the camera and offsets of the outputs, for a core of any kind.

    Args:
        pilot: the pilot.
        settings: settings; None for the defaults.
    """

    def __init__(self, pilot: PilotFile, settings: AimSettings | None = None) -> None:
        self._core = make_core(pilot)
        self.settings = settings or AimSettings()
        self.reset()

    def reset(self) -> None:
        """Return to a straight camera and no offsets, with nothing learned."""
        s, motors = self.settings, self._core.motors
        expected = [math.radians(s.aim_deg)] * _ANGLES + [s.trim] * motors
        self._weight: Float64Array = np.diag(1.0 / np.square(expected))
        self._wanted: Float64Array = np.zeros(_ANGLES + motors)
        self._learned: Float64Array = np.zeros(_ANGLES + motors)
        self._taught_s = 0.0
        self.begin_flight()

    def begin_flight(self) -> None:
        """Expect a core with another past; what was learned stays."""
        self._states: list[object] = []

    @property
    def taught_s(self) -> float:
        """How long a hand has taught, s."""
        return self._taught_s

    @property
    def correction(self) -> Correction:
        """What has been learned so far."""
        readout = np.zeros((self._core.motors, self._core.neurons + 1), np.float32)
        s = self.settings
        readout[:, -1] = np.clip(self._learned[_ANGLES:], -s.max_trim, s.max_trim)
        largest = math.radians(s.max_aim_deg)
        yaw, pitch, roll = np.clip(self._learned[:_ANGLES], -largest, largest).tolist()
        return Correction(readout, aim=CameraMount(yaw, pitch, roll))

    def observe(self, tick: LessonTick) -> None:
        """Learn from one tick; see `Lesson.observe`."""
        if tick.hand is None:
            self._states = []
            return
        jacobian = self._jacobian(tick)
        flown = np.array([*tick.aim, *np.zeros(self._core.motors)])
        error = np.asarray(tick.hand, np.float64) - tick.output + jacobian @ flown
        s = self.settings
        share = tick.dt_s / s.correlation_s / s.hand_error**2
        self._weight += share * jacobian.T @ jacobian
        self._wanted += share * jacobian.T @ error
        self._taught_s += tick.dt_s
        step = np.linalg.solve(self._weight, self._wanted) - self._learned
        rates = [math.radians(s.max_aim_rate_deg_s)] * _ANGLES
        rates += [s.max_trim_rate_1_s] * self._core.motors
        allowed = tick.dt_s * np.array(rates)
        self._learned += np.clip(step, -allowed, allowed)

    def _jacobian(self, tick: LessonTick) -> Float64Array:
        """Return the derivatives (M, 3 + M) of the outputs by what is learned, after a tick."""
        inputs = [tick.core_inputs, *tick.turned_inputs]
        if not self._states:
            self._states = [self._first_state(tick) for _ in inputs]
        outputs = []
        for k, read in enumerate(inputs):
            stepped = self._core.step(self._states[k], np.asarray(read, np.float32), tick.dt_s)
            self._states[k] = stepped[0]
            outputs.append(np.array(stepped[1], np.float64))
        columns = [(turned - outputs[0]) / TURN_RAD for turned in outputs[1:]]
        return np.column_stack([*columns, np.eye(self._core.motors)])

    def _first_state(self, tick: LessonTick) -> object:
        """Return where all copies begin: where the pilot is, if its neurons are its whole state."""
        state = self._core.initial_state()
        neurons = np.asarray(tick.state, np.float32)
        return neurons.copy() if np.shape(state) == neurons.shape else state

    def save(self) -> dict[str, FloatArray]:
        """Return the arrays of all that was learned, by name."""
        return {
            'weight': self._weight.copy(),
            'wanted': self._wanted.copy(),
            'learned': self._learned.copy(),
            'taught_s': np.array(self._taught_s),
        }

    def restore(self, parts: dict[str, FloatArray]) -> None:
        """Take over what `save` returned."""
        self._weight = np.array(parts['weight'], np.float64)
        self._wanted = np.array(parts['wanted'], np.float64)
        self._learned = np.array(parts['learned'], np.float64)
        self._taught_s = float(parts['taught_s'])
        self.begin_flight()
