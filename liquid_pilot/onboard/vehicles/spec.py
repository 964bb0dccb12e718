"""What a class of vehicle is, to whoever flies it."""

from __future__ import annotations

from typing import NamedTuple

from liquid_pilot.interfaces import VehicleLimits
from liquid_pilot.onboard.vehicles.action_scaling import ActionScaling
from liquid_pilot.onboard.vehicles.car_model import CarModel


class VehicleSpec(NamedTuple):
    """Limits, time-out and safe command, and what its pilots' outputs mean."""

    limits: VehicleLimits
    """Forward, left, up in m/s and yaw rate in rad/s."""
    coding: ActionScaling
    """Of the pilots that are trained for it."""
    pilot: str
    """The shipped one, or a folder; empty: there is none yet."""
    adapters: tuple[str, ...]
    """What its embedded simulation takes; the first unless another is asked for."""
    gazebo: str = ''
    """What it takes in Gazebo; empty: it has no world there."""
    handling: CarModel | None = None
    """Of a car, by which its grip is judged."""
