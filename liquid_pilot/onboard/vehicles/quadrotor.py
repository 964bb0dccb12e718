"""The quadrotor, whose task is to fly through a forest to a red chair."""

from __future__ import annotations

from liquid_pilot.interfaces import VehicleLimits
from liquid_pilot.onboard.vehicles.action_scaling import ActionScaling
from liquid_pilot.onboard.vehicles.spec import VehicleSpec

VEHICLE = VehicleSpec(
    limits=VehicleLimits(
        maximum=(2.5, 1.5, 1.0, 1.5),
        slew=(8.0, 8.0, 8.0, 10.0),
        command_timeout_s=0.5,
        safe_command=(0.0, 0.0, 0.0, 0.0),  # hover
    ),
    action_scaling=ActionScaling(scale=(2.0, 1.0, 0.6, 1.0)),
    default_pilot='forest-ltc',
    adapters=('cmd_vel', 'attitude_thrust'),
    gazebo_adapter='gazebo',
)
