"""The specification of a vehicle: all that the package needs to know to fly or drive it."""

from __future__ import annotations

from typing import NamedTuple

from liquid_pilot.interfaces import VehicleLimits
from liquid_pilot.onboard.vehicles.action_scaling import ActionScaling
from liquid_pilot.onboard.vehicles.car_model import CarModel


class VehicleSpec(NamedTuple):
    """A vehicle: limits of its commands, meaning of its pilots' outputs, adapters."""

    limits: VehicleLimits
    """Limits, time-out and safe command."""
    action_scaling: ActionScaling
    """Scale and meaning of the motor outputs of pilots that are trained for it."""
    default_pilot: str
    """Name of a shipped pilot, or a folder; empty: there is none yet."""
    adapters: tuple[str, ...]
    """Names of the adapters that its embedded simulation accepts; the first is the default."""
    gazebo_adapter: str = ''
    """Name of the adapter in Gazebo; empty: the vehicle has no world there."""
    car_model: CarModel | None = None
    """Model of a car, from which the friction is estimated; None for other vehicles."""
    camera_pitch_rad: float = 0.0
    """By how much the camera looks down that its pilots are trained with, rad."""

    @property
    def drives(self) -> bool:
        """Whether the vehicle stays on the ground, so that messages say it drives, not flies."""
        return self.limits.maximum[2] == 0.0
