"""What adapters have to know of the vehicle."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.vehicles.action_scaling import MIN_SPEED_M_S


@dataclass(frozen=True)
class AdapterSettings:
    """Only what the chosen adapter uses matters."""

    hover_thrust: float = 0.5
    """Share of full thrust that hovers, for autopilots that take a normalised thrust."""
    wheelbase_m: float = 0.33
    """Front axle to rear axle."""
    max_steering_angle_rad: float = 0.42
    """Largest steering angle to either side."""
    min_speed_m_s: float = MIN_SPEED_M_S
    """Below this speed a yaw rate stands for the curvature that it would be at this speed."""
    climb_lookahead_s: float = 0.5
    """A climb rate becomes a height this far ahead, for vehicles that take a height."""

    def __post_init__(self) -> None:
        """Refuse what is not a vehicle."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not math.isfinite(value) or value <= 0.0:
                raise LiquidPilotError(f'{field.name} must be a number above 0, not {value}')
        if self.hover_thrust >= 1.0:
            raise LiquidPilotError('hover_thrust must be below 1: nothing would be left to climb')
        if self.max_steering_angle_rad >= 1.5:
            raise LiquidPilotError('max_steering_angle_rad must be below 1.5')
