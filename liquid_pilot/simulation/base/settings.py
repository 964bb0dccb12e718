"""Settings of the embedded simulator."""

from __future__ import annotations

import math
from dataclasses import dataclass

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.simulation.base.condition import Condition


@dataclass(frozen=True)
class SimulationSettings:
    """Vehicle, rates, camera and conditions of a simulation.

    Raises:
        LiquidPilotError: if the rates do not divide each other, or the vehicle is unknown.

    >>> SimulationSettings(vehicle='rover', camera_rate_hz=10).camera_width
    256
    """

    vehicle: str = 'quadrotor'
    """Name of the vehicle."""
    camera_width: int = 256
    """Width of the camera's picture, pixels."""
    camera_height: int = 144
    """Height of the camera's picture, pixels."""
    camera_vertical_fov_rad: float = math.radians(52.0)
    """Vertical field of view of the camera, rad."""
    physics_rate_hz: int = 200
    """Rate of the physics steps, Hz."""
    imu_rate_hz: int = 100
    """Rate of the IMU samples, Hz."""
    camera_rate_hz: int = 20
    """Rate of the camera frames and of the control periods, Hz."""
    command_timeout_s: float = 0.5
    """Time without a new setpoint after which the vehicle's own failsafe stops it, s."""
    conditions: tuple[Condition, ...] = ()
    """Conditions of every flight for which `Simulation.reset` is given no others."""

    def __post_init__(self) -> None:
        """Check that frames and samples share instants, and that the vehicle is known."""
        if self.physics_rate_hz % self.imu_rate_hz or self.imu_rate_hz % self.camera_rate_hz:
            raise LiquidPilotError(
                'simulation: physics_rate_hz must be a multiple of imu_rate_hz, and that of '
                f'camera_rate_hz (got {self.physics_rate_hz}, {self.imu_rate_hz}, '
                f'{self.camera_rate_hz})'
            )
        get_vehicle(self.vehicle)
