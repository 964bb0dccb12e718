"""The rover, whose task is to follow a road to its end."""

from __future__ import annotations

from liquid_pilot.interfaces import VehicleLimits
from liquid_pilot.onboard.vehicles.action_scaling import CURVATURE, ActionScaling
from liquid_pilot.onboard.vehicles.car_model import BUGGY
from liquid_pilot.onboard.vehicles.spec import VehicleSpec

VEHICLE = VehicleSpec(
    limits=VehicleLimits(
        maximum=(9.0, 0.0, 0.0, 3.0),
        slew=(6.0, 1.0, 1.0, 20.0),
        command_timeout_s=0.5,
        safe_command=(0.0, 0.0, 0.0, 0.0),  # brake, then stand
    ),
    action_scaling=ActionScaling(scale=(8.0, 1.0, 1.0, 0.12), steering=CURVATURE),
    default_pilot='road-ltc',
    adapters=('cmd_vel',),
    gazebo_adapter='cmd_vel',
    car_model=BUGGY,
    camera_pitch_rad=0.14,
)
