"""The speed limit of a car on a slippery road, from its estimated friction ratio.

The limiter is not part of the network. It lowers the commanded speed and keeps the commanded path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from liquid_pilot.interfaces import STANDARD_GRAVITY_M_S2
from liquid_pilot.onboard.vehicles.action_scaling import (
    curvature_to_yaw_rate,
    yaw_rate_to_curvature,
)
from liquid_pilot.onboard.vehicles.car_model import CarModel
from liquid_pilot.onboard.vehicles.friction_estimator import FrictionState


@dataclass(frozen=True)
class SpeedLimiterSettings:
    """Settings of the limiter."""

    max_brake_fraction: float = 0.25
    """Largest fraction of the friction circle that braking may take, since a car that brakes hard
    does not turn."""


class SpeedLimitStage(Protocol):
    """The stage of the engine that limits the speed."""

    def limit_speed(
        self, values: tuple[float, ...], friction: FrictionState | None
    ) -> tuple[float, ...]:
        """Return the command with its speed limited.

        Args:
            values: forward, left, up (m/s) and yaw rate (rad/s) for a dry road.
            friction: the friction estimate; None: there is none.
        """
        ...


class NoSpeedLimit:
    """The stage of a vehicle whose speed is not limited: commands pass unchanged."""

    def limit_speed(
        self, values: tuple[float, ...], friction: FrictionState | None
    ) -> tuple[float, ...]:
        """Return the command unchanged."""
        return values


class SpeedLimiter:
    """The speed limiter of one car.

    Args:
        car_model: the car on a dry road.
        settings: settings of the limiter; None for the defaults.
    """

    def __init__(self, car_model: CarModel, settings: SpeedLimiterSettings | None = None) -> None:
        self._car_model, self.settings = car_model, settings or SpeedLimiterSettings()

    def limit_speed(
        self, values: Sequence[float], friction: FrictionState | None
    ) -> tuple[float, ...]:
        """Return the command with its speed limited by the friction ratio.

        In a bend the side force grows with the square of the speed, so the speed is scaled by the
        square root of the ratio. The curvature of the path stays. Speed is never added, and braking
        leaves most of the tyres' force to steer with.

        Args:
            values: forward, left, up (m/s) and yaw rate (rad/s) for a dry road.
            friction: the friction estimate; None: the command stays as it is.
        """
        forward, left, up, yaw_rate = values
        if friction is None:
            return forward, left, up, yaw_rate
        h, ratio = self._car_model, friction.friction_ratio
        curvature = yaw_rate_to_curvature(yaw_rate, forward)
        max_brake_m_s2 = (
            self.settings.max_brake_fraction
            * ratio
            * h.friction_coefficient
            * STANDARD_GRAVITY_M_S2
        )
        min_speed_m_s = friction.speed_m_s - max_brake_m_s2 / h.speed_gain_1_s
        if forward > 0.0:
            forward = min(forward, max(forward * math.sqrt(ratio), min_speed_m_s))
        return forward, left, up, curvature_to_yaw_rate(curvature, forward)
