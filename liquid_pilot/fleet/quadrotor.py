"""The quadrotor, which flies through a forest to a red chair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liquid_pilot.interfaces import VehicleLimits
from liquid_pilot.onboard.vehicles.coding import Coding
from liquid_pilot.onboard.vehicles.vehicle_class import VehicleClass

if TYPE_CHECKING:
    from liquid_pilot.simulation.task import Task

VEHICLE = VehicleClass(
    limits=VehicleLimits(
        maximum=(2.5, 1.5, 1.0, 1.5),
        slew=(8.0, 8.0, 8.0, 10.0),
        command_timeout_s=0.5,
        safe_command=(0.0, 0.0, 0.0, 0.0),  # hover
    ),
    coding=Coding(scale=(2.0, 1.0, 0.6, 1.0)),
    pilot='forest-ltc', adapters=('cmd_vel', 'attitude_thrust'), gazebo='gazebo')


def task() -> Task:
    """In simulation."""
    from liquid_pilot.simulation import gazebo_forest, gazebo_vehicle, scene
    from liquid_pilot.simulation.conditions import FAMILIES, GROUND
    from liquid_pilot.simulation.courses import Way, forest
    from liquid_pilot.simulation.expert import Expert
    from liquid_pilot.simulation.mission import MissionRules
    from liquid_pilot.simulation.task import GazeboPlace, Task
    from liquid_pilot.simulation.vehicles import Quadrotor

    return Task(
        vehicle=Quadrotor, layout=forest, scene=scene.forest, way=Way, demonstrator=Expert,
        rules=MissionRules(), families=frozenset(FAMILIES) - {*GROUND},
        gazebo=GazeboPlace(gazebo_forest.furnish, gazebo_vehicle.steer_to_start,
                           gazebo_vehicle.at_start, gazebo_vehicle.SKY_M))
