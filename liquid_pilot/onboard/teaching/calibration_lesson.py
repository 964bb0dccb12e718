"""The lesson without a teacher: how the camera is turned, and how the vehicle turns by itself.

Two things are known to the vehicle without anybody who shows them.

The gyroscope and the picture see the same turn g of the vehicle, in rad/s. A camera that is turned
by a mount R sees c, and R c = g in the optical axes of a straight camera, but for a constant b: the
flight itself moves the picture too, and a gyroscope has a bias. Hand-eye calibration finds R from
many such pairs (R. Tsai and R. Lenz 1989; of a camera and an IMU: T. Qin, P. Li and S. Shen,
'VINS-Mono', 2018). Here it is Gauss-Newton on the three angles a of the mount, for the sum

    sum w dt |g - R(a) c - b|^2 / (s^2 t)  +  |a|^2 / s_a^2

with s^2 the variance that is left over, t the time within which errors are one, and w falling with
the error (Cauchy). Sums of products of c and g are all that is kept; they fade within a minute, so
that a camera that is straightened again is found too. A vehicle that turns about one axis alone
tells nothing of the angle about it, which then stays as it is.

The turn that was commanded and the one that is felt differ by what the vehicle does by itself, once
its delays have averaged out. The mean difference is subtracted from what it will command.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.onboard.inference.correction import Correction
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.onboard.perception.camera_mount import CameraMount
from liquid_pilot.onboard.teaching.lesson import FloatArray, LessonTick
from liquid_pilot.onboard.teaching.settings import CalibrationSettings
from liquid_pilot.onboard.vehicles.action_scaling import ActionScaling
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.pilot_file import PilotFile

Float64Array = npt.NDArray[np.float64]
_TO_OPTICAL = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""Rotation of body axes (FLU) into the optical axes of a straight camera."""
_MAX_RATE_RAD_S = 4.0
"""A turn that is faster than this is not used, rad/s."""
_MIN_NOISE_RAD_S = 0.03
"""Least deviation of a turn that a picture tells, rad/s."""
_MIN_TURN_NOISE = 0.05
"""Least deviation of the turn that is felt from the one that is commanded, as a share of the full
turn."""
_STEP_RAD = 1e-4


class _Centred(NamedTuple):
    """Sums over time, about the means."""

    weight_s: float
    """The time, weighted, s."""
    mean_seen: Float64Array
    """(3,) mean of c."""
    mean_felt: Float64Array
    """(3,) mean of g."""
    seen: Float64Array
    """(3, 3) sum of c c'."""
    pairs: Float64Array
    """(3, 3) sum of c g'."""
    felt: float
    """Sum of |g|^2."""

    def variance(self, mount: Float64Array) -> float:
        """Return the variance of one axis of g - R c, (rad/s)^2."""
        left = self.felt + np.trace(self.seen) - 2.0 * np.trace(mount @ self.pairs)
        return max(float(left) / (3.0 * self.weight_s), _MIN_NOISE_RAD_S**2)


class CalibrationLesson:
    """Learns angles of the camera and the trim of the turn, for a core of any kind.

    Args:
        pilot: the pilot.
        settings: settings; None for the defaults.
    """

    def __init__(self, pilot: PilotFile, settings: CalibrationSettings | None = None) -> None:
        core, specification = make_core(pilot), pilot.specification
        self._neurons, self._motors = core.neurons, core.motors
        self._base = CameraMount.from_degrees(*specification.camera_aim_deg)
        pitch_rad = get_vehicle(specification.vehicle).camera_pitch_rad
        self._as_trained = CameraMount(pitch_rad=pitch_rad).to_straight
        self._scaling = ActionScaling.of(specification)
        self.settings = settings or CalibrationSettings()
        self.reset()

    def reset(self) -> None:
        """Return to a straight camera and no trim, with nothing learned."""
        self._products: Float64Array = np.zeros((7, 7))
        """Sums of the products of (1, c, g) with each other, over time."""
        self._turn: Float64Array = np.zeros(3)
        """Sums of 1, of the difference of the turns, and of its square, over time."""
        self._angles: Float64Array = np.zeros(3)
        self._trim, self._taught_s = 0.0, 0.0

    def begin_flight(self) -> None:
        """Nothing is carried from tick to tick that a new flight ends."""

    @property
    def taught_s(self) -> float:
        """How long there was something to learn from, s."""
        return self._taught_s

    @property
    def correction(self) -> Correction:
        """What has been learned so far."""
        readout = np.zeros((self._motors, self._neurons + 1), np.float32)
        readout[-1, -1] = self._trim
        return Correction(readout, aim=CameraMount(*self._angles.tolist()))

    def observe(self, tick: LessonTick) -> None:
        """Learn from one tick; see `Lesson.observe`."""
        learns = self._observe_picture(tick)
        learns |= self._observe_turn(tick)
        if not learns:
            return
        self._taught_s += tick.dt_s
        s = self.settings
        allowed = tick.dt_s * math.radians(s.max_aim_rate_deg_s)
        self._angles += np.clip(self._wanted_angles() - self._angles, -allowed, allowed)
        allowed = tick.dt_s * s.max_trim_rate_1_s
        self._trim += min(max(self._wanted_trim() - self._trim, -allowed), allowed)

    def _observe_picture(self, tick: LessonTick) -> bool:
        """Count the turn that the picture and the gyroscope tell; returns whether they do."""
        if tick.picture_rates_rad_s is None:
            return False
        seen = np.asarray(tick.picture_rates_rad_s, np.float64)
        felt = _TO_OPTICAL @ np.asarray(tick.rates_rad_s, np.float64)
        # Written so that NaN is refused too.
        if not (np.abs([seen, felt]) < _MAX_RATE_RAD_S).all():
            return False
        s = self.settings
        before = self._centred()
        left = felt - before.mean_felt
        left -= self._mount(self._angles) @ (seen - before.mean_seen)
        weight = tick.dt_s / (1.0 + float(left @ left) / s.outlier_rad_s**2)
        fade = math.exp(-tick.dt_s / s.memory_s)
        row = np.array([1.0, *seen, *felt])
        self._products = fade * self._products + weight * np.outer(row, row)
        return True

    def _centred(self) -> _Centred:
        """Return the sums about the means."""
        weight = self._products[0, 0]
        means = self._products[0, 1:] / max(weight, 1e-9)
        about = self._products[1:, 1:] - weight * np.outer(means, means)
        return _Centred(
            weight,
            means[:3],
            means[3:],
            about[:3, :3],
            about[:3, 3:],
            float(np.trace(about[3:, 3:])),
        )

    def _observe_turn(self, tick: LessonTick) -> bool:
        """Count the turn that was commanded and is felt; returns whether one was."""
        if tick.flown is None:
            return False
        command = np.array(tick.flown, np.float64)
        felt = command.copy()
        felt[3] = tick.rates_rad_s[2]
        commanded, turned = self._scaling.to_outputs(np.array([command, felt]))[:, 3]
        difference = float(commanded - turned)
        if not abs(difference) < self.settings.max_turn_error:
            return False
        fade = math.exp(-tick.dt_s / self.settings.memory_s)
        self._turn = fade * self._turn + tick.dt_s * difference ** np.arange(3)
        return True

    def _mount(self, angles: Float64Array) -> Float64Array:
        """Return the rotation of this camera's axes into those of a camera that looks ahead."""
        turned = self._base.plus(CameraMount(*angles.tolist()))
        mount: Float64Array = self._as_trained @ turned.to_straight
        return mount

    def _wanted_angles(self) -> Float64Array:
        """Return the angles one step of Gauss-Newton nearer to the minimum of the errors."""
        s, angles, sums = self.settings, self._angles, self._centred()
        if sums.weight_s < s.correlation_s:
            return angles
        prior = np.eye(3) / math.radians(s.aim_deg) ** 2
        mount = self._mount(angles)
        steps = [(self._mount(angles + step) - mount) / _STEP_RAD for step in _STEP_RAD * np.eye(3)]
        information = np.array([[np.trace(a @ sums.seen @ b.T) for b in steps] for a in steps])
        left = sums.pairs - sums.seen @ mount.T
        gradient = np.array([np.trace(step @ left) for step in steps])
        weight = 1.0 / (sums.variance(mount) * s.correlation_s)
        step = np.linalg.solve(weight * information + prior, weight * gradient - prior @ angles)
        wanted: Float64Array = angles + step
        return wanted

    def _wanted_trim(self) -> float:
        """Return the offset of the turn that cancels what the vehicle does by itself."""
        seconds, total, squares = self._turn
        if seconds < self.settings.turn_correlation_s:
            return self._trim
        mean = total / seconds
        variance = max(squares / seconds - mean**2, _MIN_TURN_NOISE**2)
        # The mean of so many errors that are not one, against what one expects of a vehicle.
        samples = seconds / self.settings.turn_correlation_s
        trust = samples / variance
        return float(mean * trust / (trust + 1.0 / self.settings.trim**2))

    def save(self) -> dict[str, FloatArray]:
        """Return the arrays of all that was learned, by name."""
        return {
            'products': self._products.copy(),
            'turn': self._turn.copy(),
            'learned': np.array([*self._angles, self._trim]),
            'taught_s': np.array(self._taught_s),
        }

    def restore(self, parts: dict[str, FloatArray]) -> None:
        """Take over what `save` returned."""
        self._products = np.array(parts['products'], np.float64)
        self._turn = np.array(parts['turn'], np.float64)
        *angles, self._trim = np.asarray(parts['learned'], np.float64).tolist()
        self._angles = np.array(angles)
        self._taught_s = float(parts['taught_s'])
