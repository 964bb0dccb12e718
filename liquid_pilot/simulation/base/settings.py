"""Settings of the embedded simulator."""

from __future__ import annotations

import math
from dataclasses import dataclass

from liquid_pilot.interfaces import (
    LiquidPilotError,
)
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.simulation.base.condition import Condition


@dataclass(frozen=True)
class SimulationSettings:
    """Rates, camera and world of a simulation."""

    vehicle: str = 'quadrotor'
    camera_width: int = 256
    camera_height: int = 144
    camera_vertical_fov_rad: float = math.radians(52.0)
    physics_rate_hz: int = 200
    imu_rate_hz: int = 100
    camera_rate_hz: int = 20
    command_timeout_s: float = 0.5
    """Without a new setpoint for this long the vehicle's own failsafe hovers."""
    conditions: tuple[Condition, ...] = ()
    """Of every flight, unless `Simulation.reset` is given others."""

    def __post_init__(self) -> None:
        """Refuse rates that do not divide each other: frames and samples must share instants."""
        if self.physics_rate_hz % self.imu_rate_hz or self.imu_rate_hz % self.camera_rate_hz:
            raise LiquidPilotError(
                'simulation: physics_rate_hz must be a multiple of imu_rate_hz, and that of '
                f'camera_rate_hz (got {self.physics_rate_hz}, {self.imu_rate_hz}, '
                f'{self.camera_rate_hz})'
            )
        get_vehicle(self.vehicle)
