"""What a pilot node checks of picture and IMU beside their form: whether they can be believed.

It is plain Python on `onboard.perception.picture_checks` and `onboard.safety.sensor_plausibility`,
without ROS. In lock-step nothing is checked: a seed flies the same through ROS as in one process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import ImuSample, ObservationError
from liquid_pilot.nodes.common.health import format_number
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.onboard.inference.engine import Tick
from liquid_pilot.onboard.perception.picture_checks import PictureCheck, PictureLimits
from liquid_pilot.onboard.safety.guard import DISENGAGED, ENGAGED, SAFE, SILENT_STATES, STOPPED
from liquid_pilot.onboard.safety.preflight import PROBLEM_SEPARATOR
from liquid_pilot.onboard.safety.sensor_plausibility import (
    ImuFlightLimits,
    ImuPlausibility,
    TurnPlausibility,
)
from liquid_pilot.utils.settings import extract

_STANDSTILL_S = 3.0
"""Time after a flight, a stop or an override after which a vehicle is at rest, s."""
_GUARD_MEMORY_S = 3.0
"""Time after which the last report of the guard says nothing, s."""


class SensorChecks:
    """The checks of one pilot's sensors. Times are steady, in seconds."""

    def __init__(self, settings: PilotParameters) -> None:
        """Start without a picture and without a sample.

        Args:
            settings: parameters of the node.
        """
        self.active = settings.check_sensors and not settings.lockstep
        """Whether anything is checked."""
        limits = settings.imu_limits()
        in_flight = extract(ImuFlightLimits, settings)
        self.picture = PictureCheck(in_flight.sensor_recovery_s, extract(PictureLimits, settings))
        self._imu = ImuPlausibility(limits, in_flight)
        self._turn = TurnPlausibility(limits)
        self._guard_state, self._guard_s = '', -_GUARD_MEMORY_S
        self._flew_s = -math.inf

    def reset(self) -> None:
        """Forget pictures and faults, as at the start of a flight."""
        for check in (self.picture, self._imu, self._turn):
            check.reset()

    def on_guard(self, values: Mapping[str, str], now_s: float) -> None:
        """Take the values of the guard's status on /diagnostics."""
        self._guard_state, self._guard_s = values.get('state', ''), now_s
        if self._guard_state != DISENGAGED:
            self._flew_s = now_s

    def _guard_says(self, now_s: float) -> str:
        """Return the state of the guard; empty when it is not known."""
        return self._guard_state if now_s - self._guard_s < _GUARD_MEMORY_S else ''

    def pilot_has_authority(self, now_s: float) -> bool:
        """Return whether the pilot's commands fly the vehicle; True where it is not known.

        In the state SAFE they fly it again as soon as one is good.
        """
        return self._guard_says(now_s) not in (STOPPED, *SILENT_STATES)

    def hand_has_vehicle(self, now_s: float) -> bool:
        """Return whether the guard surely sends nothing of the pilot, as a human may fly."""
        return self._guard_says(now_s) in SILENT_STATES

    def on_imu(self, sample: ImuSample, now_s: float) -> None:
        """Take a sample that has arrived."""
        if self.active:
            self._imu.add(sample, now_s)

    def on_picture(self, picture: npt.NDArray[np.float32]) -> None:
        """Take the encoder's input of a tick, before `check_tick`."""
        if self.active:
            self.picture.measure(picture)

    def check_imu(self, samples: tuple[ImuSample, ...], now_s: float) -> None:
        """Check the samples of a tick, before it.

        Raises:
            ObservationError: the IMU cannot be believed.
        """
        if not self.active:
            return
        # A vehicle that the guard does not fly may stand on a simulated ground, without any noise.
        moving = self._guard_says(now_s) in ('', ENGAGED)
        if problem := self._imu.update(samples, now_s, moving):
            raise ObservationError(problem)

    def check_tick(self, tick: Tick, now_s: float) -> None:
        """Check the picture of a tick, and the turn, before its command is used.

        Raises:
            ObservationError: the picture or the IMU cannot be believed.
        """
        if not self.active:
            return
        rates_rad_s = tick.imu.tolist()
        problem = self.picture.update(now_s, rates_rad_s[:3])
        if self._guard_says(now_s) == ENGAGED and not problem:
            commanded_rad_s = tick.command.yaw_rate_rad_s
            problem = self._turn.update(now_s, commanded_rad_s, rates_rad_s[2])
        else:
            self._turn.restart()
        if problem or self._turn.problem:
            raise ObservationError(problem or self._turn.problem)

    def values(self, now_s: float) -> dict[str, str]:
        """Return the values of /diagnostics as text, by their keys.

        Units and axes of the IMU at rest, by which the guard refuses to engage, are empty while the
        vehicle flies.
        """
        if not self.active:
            return {}
        flies = self._guard_says(now_s) in (ENGAGED, SAFE)
        flew = now_s - self._flew_s < _STANDSTILL_S
        at_rest = [] if flies else self._imu.rest_problems(now_s, flew)
        return {
            'imu_at_rest': PROBLEM_SEPARATOR.join(at_rest),
            'picture_texture': format_number(self.picture.texture, 4),
            'picture_coherence': format_number(self.picture.coherence, 2),
        }
