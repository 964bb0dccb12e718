"""Whether the IMU of a vehicle that flies can be believed, from one tick to the next.

`imu_checks` and `turn_checks` look at arrays of samples; here they are asked again and again:

- `ImuPlausibility`: readings beyond any IMU's, samples that repeat, a turn that no vehicle keeps
  up, and a mean specific force that is not gravity's
- `TurnPlausibility`: whether the vehicle turns as it was commanded to

Times are seconds of a clock that never jumps back, and are arguments.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from liquid_pilot.interfaces import ImuSample
from liquid_pilot.onboard.safety.imu_checks import (
    FloatArray,
    ImuLimits,
    gravity_findings,
    range_findings,
    rest_findings,
)
from liquid_pilot.onboard.safety.turn_checks import response_findings, turn_response
from liquid_pilot.utils.persistence import Persistence
from liquid_pilot.utils.settings import setting

IN_FLIGHT = ImuLimits(gravity_tolerance=0.7, max_tilt_deg=75.0)
"""Limits of the mean specific force in flight, where a vehicle tilts, climbs and brakes."""
_MEAN_TIME_S = 0.3
"""Time constant of the means in flight, s."""
_HOLD_S = 0.5
"""Time for which a mean must be wrong before it is a fault, s."""
_MIN_TICKS = 5
"""Number of ticks in a row that are needed for a fault."""
_REST_WINDOW_S = 1.0
"""Time over which samples at rest are looked at, s."""
_TURN_WINDOW_S = 6.0
"""Time over which commanded and measured yaw rate are compared, s."""
_TURN_STEP_S = 0.05
"""Step of that comparison, s."""
_TURN_PERIOD_S = 1.0
"""Time from one comparison to the next, s."""
_MAX_TURN_GAP_S = 1.0
"""Time without a tick after which a comparison begins anew, s."""


@dataclass(frozen=True)
class ImuFlightLimits:
    """Limits of the checks in flight that `ImuLimits` does not have."""

    max_frozen_imu_s: float = setting(
        0.5,
        'IMU samples whose six readings repeat are not flown on after this time',
        's',
        low=0.1,
        high=60.0,
    )
    max_sustained_turn_rad_s: float = setting(
        8.0,
        'angular velocity that no vehicle keeps up; a mean above it is not flown on',
        'rad/s',
        low=0.5,
        high=1000.0,
    )
    sensor_recovery_s: float = setting(
        0.5,
        'a picture or an IMU that was not flown on must be good for this time before it is again',
        's',
        low=0.0,
        high=60.0,
    )


class ImuPlausibility:
    """Looks at the IMU samples of each tick."""

    def __init__(
        self, limits: ImuLimits | None = None, in_flight: ImuFlightLimits | None = None
    ) -> None:
        """Start without samples.

        Args:
            limits: limits of the readings, and at rest; None: the default ones.
            in_flight: further limits in flight; None: the default ones.
        """
        self.limits = limits or ImuLimits()
        self.in_flight = in_flight or ImuFlightLimits()
        recovery_s = self.in_flight.sensor_recovery_s
        self._range = Persistence(_HOLD_S, recovery_s, _MIN_TICKS)
        self._frozen = Persistence(self.in_flight.max_frozen_imu_s, recovery_s, _MIN_TICKS)
        self._turning = Persistence(_HOLD_S, recovery_s, _MIN_TICKS)
        self._gravity = Persistence(_HOLD_S, recovery_s, _MIN_TICKS)
        self._at_rest: deque[tuple[float, ImuSample]] = deque()
        self.reset()

    def reset(self) -> None:
        """Forget the means and the faults; the samples at rest are kept."""
        self._last: ImuSample | None = None
        self._mean: tuple[float, ...] | None = None
        self._last_s: float | None = None
        self._range_text = self._gravity_text = ''
        for fault in (self._range, self._frozen, self._turning, self._gravity):
            fault.reset()

    def add(self, sample: ImuSample, now_s: float) -> None:
        """Keep a sample for `rest_problems`.

        Args:
            sample: the sample.
            now_s: time of its arrival, s.
        """
        kept = self._at_rest
        kept.append((now_s, sample))
        while kept[0][0] < now_s - _REST_WINDOW_S:
            kept.popleft()

    def rest_problems(self, now_s: float, flew: bool = False) -> list[str]:
        """Return what is wrong with the IMU of a vehicle that stands or hovers, a line each.

        Args:
            now_s: the time, s.
            flew: whether the vehicle flew a moment ago, and may still turn and tilt.
        """
        recent = [sample for at_s, sample in self._at_rest if at_s >= now_s - _REST_WINDOW_S]
        stamps_ns = np.array([sample.stamp_ns for sample in recent], np.int64)
        # The guard checks the rate, by its own parameter.
        limits = self.limits
        if flew:
            limits = replace(
                limits,
                gravity_tolerance=IN_FLIGHT.gravity_tolerance,
                max_tilt_deg=IN_FLIGHT.max_tilt_deg,
                max_gyro_bias_rad_s=self.in_flight.max_sustained_turn_rad_s,
                max_gyro_noise_rad_s=math.inf,
                max_force_noise_m_s2=math.inf,
            )
        found = rest_findings(stamps_ns, _rows(recent), limits)
        return [finding.message for finding in found if finding.check != 'rate']

    def update(self, samples: Sequence[ImuSample], now_s: float, moving: bool = True) -> str:
        """Return why the IMU cannot be believed; empty when it can, or is not finite.

        Args:
            samples: the samples since the last tick, one or more.
            now_s: the time, s.
            moving: whether the vehicle may be moving, in which case readings cannot repeat.
        """
        rows = _rows(samples)
        peaks = np.abs(rows).max(axis=0).tolist()
        if not all(map(math.isfinite, peaks)):
            return ''
        limits = self.limits
        outside = (
            max(peaks[:3]) > limits.max_angular_velocity_rad_s
            or max(peaks[3:]) > limits.max_specific_force_m_s2
        )
        if outside:
            self._range_text = range_findings(rows, limits)[0].message
        repeats = self._repeats(samples)
        self._frozen.update(repeats and (moving or self._frozen.fault), now_s)
        if self._range.update(outside, now_s) or outside:
            # Such readings would stay in the means for long.
            self._mean = None
            return f'imu: {self._range_text}'
        means = rows.mean(axis=0)
        self._update_means(means.tolist(), now_s)
        if self._frozen.fault:
            return (
                'imu: its readings repeat to the last bit under new stamps; restart the driver of '
                'the IMU'
            )
        return self._means_problem(means[3:], now_s)

    def _repeats(self, samples: Sequence[ImuSample]) -> bool:
        """Return whether there are new samples, and all have the readings of the last one."""
        last = self._last
        self._last = samples[-1]
        if last is None or samples[-1].stamp_ns == last.stamp_ns:
            return self._frozen.fault
        return all(sample[1:] == last[1:] for sample in samples)

    def _update_means(self, means: list[float], now_s: float) -> None:
        """Smooth the mean readings of a tick."""
        elapsed_s = 0.0 if self._last_s is None else max(now_s - self._last_s, 0.0)
        self._last_s = now_s
        old = self._mean
        if old is None:
            self._mean = tuple(means)
            return
        keep = math.exp(-elapsed_s / _MEAN_TIME_S)
        self._mean = tuple(
            keep * was + (1.0 - keep) * now for was, now in zip(old, means, strict=True)
        )

    def _means_problem(self, force_m_s2: FloatArray, now_s: float) -> str:
        """Return what is wrong with the smoothed readings; empty when nothing is.

        Args:
            force_m_s2: (3,) mean specific force of this tick, m/s^2, which the message is about.
            now_s: the time, s.
        """
        assert self._mean is not None
        turns = math.hypot(*self._mean[:3]) > self.in_flight.max_sustained_turn_rad_s
        force = self._mean[3:]
        size = math.hypot(*force)
        # What most ticks show is decided without the arrays of `gravity_findings`.
        is_gravity = 3.0 <= size <= 16.0 and force[2] >= 0.3 * size
        found = [] if is_gravity else gravity_findings(np.array(force), IN_FLIGHT)
        if found:
            found = gravity_findings(force_m_s2, IN_FLIGHT) or found
        if self._turning.update(turns, now_s):
            return (
                'imu: the gyroscope reads more than '
                f'{self.in_flight.max_sustained_turn_rad_s:g} rad/s on average, which no vehicle '
                'keeps up; is it in degrees/s? Make the driver publish rad/s'
            )
        if found:
            self._gravity_text = found[0].message
        return f'imu: {self._gravity_text}' if self._gravity.update(bool(found), now_s) else ''


class TurnPlausibility:
    """Compares the yaw rate that is measured with the commanded one.

    A fault stays until `reset`, since a vehicle that is stopped shows no turn.
    """

    def __init__(self, limits: ImuLimits | None = None) -> None:
        """Start without a command.

        Args:
            limits: limits of the comparison; None: the default ones.
        """
        self._limits = limits or ImuLimits()
        self._rows: deque[tuple[float, float, float]] = deque()
        self.reset()

    def reset(self) -> None:
        """Forget what was compared, and the fault."""
        self.problem = ''
        """Why the yaw rate cannot be believed; empty when it can."""
        self._suspected = False
        self.restart()

    def restart(self) -> None:
        """Begin to compare anew: the vehicle has not followed the commands."""
        self._rows.clear()
        self._compared_s: float | None = None

    def update(self, now_s: float, commanded_rad_s: float, measured_rad_s: float) -> str:
        """Take a command that the vehicle follows, and return why its turn cannot be believed.

        Args:
            now_s: the time, s.
            commanded_rad_s: commanded yaw rate, rad/s.
            measured_rad_s: yaw rate of the gyroscope since the last tick, rad/s.
        """
        rows = self._rows
        if rows and not 0.0 < now_s - rows[-1][0] <= _MAX_TURN_GAP_S:
            self.restart()
        rows.append((now_s, commanded_rad_s, measured_rad_s))
        while rows[0][0] < now_s - _TURN_WINDOW_S:
            rows.popleft()
        if self._compared_s is None:
            self._compared_s = now_s + _TURN_WINDOW_S - _TURN_PERIOD_S
        if now_s - self._compared_s >= _TURN_PERIOD_S:
            self._compared_s = now_s
            self._compare(np.array(rows))
        return self.problem

    def _compare(self, rows: FloatArray) -> None:
        """Compare the yaw rates of a window; a fault is what two windows in a row show."""
        at_s = np.arange(rows[0, 0], rows[-1, 0], _TURN_STEP_S)
        commanded, measured = (np.interp(at_s, rows[:, 0], rows[:, k]) for k in (1, 2))
        response = turn_response(commanded, measured, _TURN_STEP_S, self._limits)
        found = []
        # A vehicle that turns less than it was commanded to is slow, or holds against a wind.
        if response.correlation < 0.0 or abs(response.gain) > 1.0:
            found = response_findings(response, 'the commanded yaw rate', self._limits)
        if found and self._suspected and not self.problem:
            self.problem = f'imu: {found[0].message}, then call pilot/reset'
        self._suspected = bool(found)


def _rows(samples: Sequence[ImuSample]) -> FloatArray:
    """Return samples as an array (n, 6), rad/s and m/s^2."""
    rows = [(*s.angular_velocity_flu_rad_s, *s.specific_force_flu_m_s2) for s in samples]
    return np.array(rows, np.float64).reshape(-1, 6)
