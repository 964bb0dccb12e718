"""Whether the gyroscope turns as the commands do: its sign, its scale and its delay.

Pure functions on arrays, as in `imu_checks`, for the samples of a bag and of a vehicle that moves.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from liquid_pilot.onboard.safety.imu_checks import (
    DEFAULT_LIMITS,
    FloatArray,
    ImuFinding,
    ImuLimits,
)

_UNIT_RATIO = math.sqrt(180.0 / math.pi)
"""Ratio of two yaw rates above which one of them is in degrees: half of it, on a scale of
ratios."""
_MIN_STEPS = 20
"""Number of steps below which nothing can be said."""


class TurnResponse(NamedTuple):
    """How a measured yaw rate goes with another one."""

    correlation: float
    """Correlation at the delay where its magnitude is largest; NaN: it cannot be told."""
    delay_s: float
    """That delay of the measured yaw rate, s."""
    gain: float
    """Ratio of the measured to the other yaw rate, with the sign of the correlation."""


def turn_response(
    commanded_rad_s: FloatArray,
    measured_rad_s: FloatArray,
    period_s: float,
    limits: ImuLimits = DEFAULT_LIMITS,
) -> TurnResponse:
    """Return how the measured yaw rate follows the commanded one.

    >>> turn = np.sin(np.arange(200) * 0.1)
    >>> response = turn_response(turn[10:], -turn[:-10], 0.05)
    >>> round(response.correlation, 2), round(response.delay_s, 2)
    (-1.0, 0.5)

    Args:
        commanded_rad_s: (n,) commanded yaw rate at equal steps of time, rad/s.
        measured_rad_s: (n,) yaw rate of the gyroscope at the same times, rad/s.
        period_s: the step, s.
        limits: the limits.
    """
    unknown = TurnResponse(math.nan, math.nan, math.nan)
    best = unknown
    steps = min(round(limits.max_turn_delay_s / period_s), len(commanded_rad_s) // 2)
    for delay in range(steps + 1):
        cause = commanded_rad_s[: len(commanded_rad_s) - delay]
        effect = measured_rad_s[delay:]
        if len(cause) < _MIN_STEPS or not (np.isfinite(cause).all() and np.isfinite(effect).all()):
            return unknown
        spread = float(cause.std())
        if spread < limits.min_turn_rad_s:
            continue
        response = float(effect.std())
        together = float(((cause - cause.mean()) * (effect - effect.mean())).mean())
        correlation = together / (spread * response) if response > 0.0 else 0.0
        if math.isnan(best.correlation) or abs(correlation) > abs(best.correlation):
            gain = math.copysign(response / spread, correlation)
            best = TurnResponse(correlation, delay * period_s, gain)
    return best


def turn_findings(
    commanded_rad_s: FloatArray,
    measured_rad_s: FloatArray,
    period_s: float,
    limits: ImuLimits = DEFAULT_LIMITS,
) -> list[ImuFinding]:
    """Return what is wrong with the yaw rate that a commanded one brings about.

    >>> turn = np.sin(np.arange(200) * 0.1)
    >>> [finding.check for finding in turn_findings(turn, -turn, 0.05)]
    ['turn']
    >>> turn_findings(turn, 0.9 * turn, 0.05)
    []

    Args:
        commanded_rad_s: (n,) commanded yaw rate at equal steps of time, rad/s, of several seconds.
        measured_rad_s: (n,) yaw rate of the gyroscope at the same times, rad/s.
        period_s: the step, s.
        limits: the limits.

    Returns:
        The findings; none where the commands turn too little to tell.
    """
    response = turn_response(commanded_rad_s, measured_rad_s, period_s, limits)
    return response_findings(response, 'the commanded yaw rate', limits)


def response_findings(
    response: TurnResponse, other: str, limits: ImuLimits = DEFAULT_LIMITS
) -> list[ImuFinding]:
    """Return what a response says about sign and scale of the gyroscope.

    Args:
        response: the response.
        other: name of the yaw rate that the gyroscope was compared with.
        limits: the limits.
    """
    if math.isnan(response.correlation):
        return []
    if response.gain == 0.0:
        return [
            ImuFinding(
                'turn', f'the gyroscope does not move with {other}; look at the driver of the IMU'
            )
        ]
    text = f'(correlation {response.correlation:.2f})'
    found = []
    if response.correlation < -limits.max_opposite_correlation:
        found.append(
            ImuFinding(
                'turn',
                f'the gyroscope turns against {other} {text}; rotate the axes of the IMU to '
                'forward, left, up, or reverse the sign of the other',
            )
        )
    if abs(response.correlation) > limits.max_opposite_correlation:
        ratio = abs(response.gain)
        if ratio > _UNIT_RATIO:
            found.append(
                ImuFinding(
                    'turn',
                    f'the gyroscope reads {ratio:.3g} times {other} {text}; it is in degrees/s: '
                    'make the driver publish rad/s',
                )
            )
        elif ratio < 1.0 / _UNIT_RATIO:
            found.append(
                ImuFinding(
                    'turn',
                    f'the gyroscope reads {ratio:.3g} times {other} {text}; make the driver '
                    'publish rad/s, and the command as well',
                )
            )
    return found
