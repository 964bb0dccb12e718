"""Settings of the adapters: the properties of the vehicle that they need."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.vehicles.action_scaling import MIN_SPEED_M_S
from liquid_pilot.utils.settings import setting


@dataclass(frozen=True)
class AdapterSettings:
    """Properties of the vehicle; each adapter uses some of them."""

    hover_thrust: float = setting(
        0.5,
        'share of full thrust that hovers (mavros_attitude, px4_attitude, mavlink_attitude)',
        low=0.05,
        high=0.95,
    )
    max_thrust_correction: float = setting(
        0.25,
        'share of hover_thrust by which it is corrected at most, slowly, by the vertical speed; '
        '0: not corrected (mavros_attitude, px4_attitude, mavlink_attitude)',
        low=0.0,
        high=0.5,
    )
    wheelbase_m: float = setting(
        0.33, 'distance between the axles (ackermann)', 'm', low=0.01, high=20.0
    )
    max_steering_angle_rad: float = setting(
        0.42, 'largest steering angle to either side (ackermann)', 'rad', low=0.01, high=1.4
    )
    min_speed_m_s: float = setting(
        MIN_SPEED_M_S,
        'below this speed a yaw rate is steered as the curvature at this speed (ackermann, '
        'mavlink_rover)',
        'm/s',
        low=0.01,
        high=10.0,
    )
    climb_lookahead_s: float = setting(
        0.5,
        'a climb rate becomes the height that it reaches in this time (crazyflie)',
        's',
        low=0.05,
        high=5.0,
    )

    def __post_init__(self) -> None:
        """Refuse values that no vehicle has.

        Raises:
            LiquidPilotError: names the field that is wrong.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == 'max_thrust_correction':
                continue
            if not math.isfinite(value) or value <= 0.0:
                raise LiquidPilotError(f'{field.name} must be a number above 0, not {value}')
        if not 0.0 <= self.max_thrust_correction <= 0.5:
            raise LiquidPilotError(
                f'max_thrust_correction must lie in 0 to 0.5, not {self.max_thrust_correction}'
            )
        if self.hover_thrust >= 1.0:
            raise LiquidPilotError('hover_thrust must be below 1: nothing would be left to climb')
        if self.max_steering_angle_rad >= 1.5:
            raise LiquidPilotError('max_steering_angle_rad must be below 1.5')
