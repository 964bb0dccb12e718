"""The odometry of a vehicle that moves elsewhere: what is new, how old it is, and its faults.

Times are seconds of the steady clock. It has no part of ROS, so that it can be tested alone.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    LiquidPilotError,
    ObservationError,
    VehicleState,
)
from liquid_pilot.onboard.geometry import heading_rad, unit_quaternion
from liquid_pilot.simulation.base.anchor import extrapolate

_MAX_PLAUSIBLE = 1e7
"""Bound on plausible positions, velocities and rates, m, m/s and rad/s."""
_MAX_STAMP_AGE_S = 1.0
"""Age by its stamp up to which a stamp is believed; the arrival counts where it is older, s."""
_MAX_TURN_RAD = 0.7
"""Change of heading in one message, beyond that by the yaw rate, that is a jump."""
_KEPT = 2000
"""Number of ages and intervals that the figures are taken from."""


class OdometryFaultError(LiquidPilotError):
    """The odometry cannot be flown on any more; the message says why."""


class OdometryTrack:
    """Follows the odometry of a vehicle.

    Args:
        topic: full name of the topic, for messages.
        timeout_s: time without odometry after which it has ended, s.
        max_extrapolation_s: longest time that a state is extrapolated, s.
        max_jump_m: distance from the expected position that is a jump, m.
    """

    def __init__(
        self, topic: str, timeout_s: float, max_extrapolation_s: float, max_jump_m: float
    ) -> None:
        self._topic, self._timeout_s = topic, timeout_s
        self._max_extrapolation_s, self._max_jump_m = max_extrapolation_s, max_jump_m
        self.newest: VehicleState | None = None
        """The newest state; None before the first one."""
        self._arrived_s = -math.inf
        self._new: list[VehicleState] = []
        self._fault = ''
        self._ages_s: deque[float] = deque(maxlen=_KEPT)
        self._intervals_s: deque[float] = deque(maxlen=_KEPT)

    def add(self, state: VehicleState, now_s: float) -> None:
        """Take a state that has just arrived.

        Raises:
            ObservationError: it holds numbers that cannot be; it is not taken then.
        """
        state = _checked(state)
        last, interval_s = self.newest, now_s - self._arrived_s
        self.newest, self._arrived_s = state, now_s
        if last is not None:
            self._intervals_s.append(interval_s)
            if interval_s <= self._timeout_s:
                self._fault = self._fault or self._jump(last, state, interval_s)
        self._new.append(state)

    def _jump(self, last: VehicleState, state: VehicleState, interval_s: float) -> str:
        """Return in words what jumped from one message to the next; empty: nothing."""
        seconds = (state.stamp_ns - last.stamp_ns) / NANOSECONDS_PER_SECOND
        if not 0.0 < seconds <= self._timeout_s:
            seconds = interval_s
        expected = extrapolate(last, seconds)
        away_m = math.dist(expected.position_enu_m, state.position_enu_m)
        if away_m > self._max_jump_m:
            return f'the odometry on {self._topic} jumped by {away_m:.1f} m in one message'
        turn = heading_rad(state.orientation_wxyz) - heading_rad(expected.orientation_wxyz)
        turn = abs(math.remainder(turn, 2.0 * math.pi))
        if turn > _MAX_TURN_RAD:
            return (
                f'the heading on {self._topic} jumped by {math.degrees(turn):.0f} degrees in one '
                'message'
            )
        return ''

    def clear(self) -> None:
        """Forget what is new and what was wrong: a mission begins."""
        self._new.clear()
        self._fault = ''

    def pop(self) -> list[VehicleState]:
        """Return the states since the last call."""
        new, self._new = self._new, []
        return new

    def silence_s(self, now_s: float) -> float:
        """Return the time since the newest state arrived, s; infinite before the first one."""
        return now_s - self._arrived_s

    def is_alive(self, now_s: float) -> bool:
        """Return whether odometry arrives."""
        return self.silence_s(now_s) <= self._timeout_s

    def check(self, now_s: float) -> None:
        """Check that odometry arrives and did not jump since `clear`.

        Raises:
            OdometryFaultError: it does not, or it did.
        """
        if self._fault:
            raise OdometryFaultError(self._fault)
        if not self.is_alive(now_s):
            raise OdometryFaultError(
                f'no odometry on {self._topic} for {self.silence_s(now_s):.1f} s'
            )

    def at(self, now_s: float, clock_ns: int) -> VehicleState:
        """Return the newest state, extrapolated to this instant.

        Args:
            now_s: the time, s.
            clock_ns: reading of the clock that the states are stamped with, ns.
        """
        assert self.newest is not None
        age_s = (clock_ns - self.newest.stamp_ns) / NANOSECONDS_PER_SECOND
        if not 0.0 <= age_s <= _MAX_STAMP_AGE_S:
            # The stamps are of another clock.
            age_s = max(0.0, now_s - self._arrived_s)
        self._ages_s.append(age_s)
        seen = extrapolate(self.newest, min(age_s, self._max_extrapolation_s))
        return seen._replace(stamp_ns=clock_ns)

    def age_ms(self, quantile: float) -> float:
        """Return a quantile of the age of the state at the instants of `at`, ms; else NaN."""
        return 1e3 * float(np.quantile(self._ages_s, quantile)) if self._ages_s else math.nan

    @property
    def rate_hz(self) -> float:
        """Mean rate of the messages, Hz; NaN before two of them."""
        total_s = sum(self._intervals_s)
        return len(self._intervals_s) / total_s if total_s > 0.0 else math.nan


def _checked(state: VehicleState) -> VehicleState:
    """Return a state with an orientation of length one.

    Raises:
        ObservationError: a number is not finite or not plausible, or there is no orientation.
    """
    values = (
        *state.position_enu_m,
        *state.orientation_wxyz,
        *state.velocity_flu_m_s,
        *state.angular_velocity_flu_rad_s,
    )
    if not all(abs(value) < _MAX_PLAUSIBLE for value in values):
        raise ObservationError('a number of the odometry is not finite or too large')
    return state._replace(orientation_wxyz=unit_quaternion(state.orientation_wxyz))
