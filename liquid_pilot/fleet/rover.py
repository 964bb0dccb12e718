"""The rover, which keeps to a road to its end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from liquid_pilot.interfaces import VehicleLimits
from liquid_pilot.onboard.vehicles.coding import CURVATURE, Coding
from liquid_pilot.onboard.vehicles.handling import BUGGY
from liquid_pilot.onboard.vehicles.vehicle_class import VehicleClass

if TYPE_CHECKING:
    from liquid_pilot.simulation.task import Task

VEHICLE = VehicleClass(
    limits=VehicleLimits(
        maximum=(9.0, 0.0, 0.0, 3.0),
        slew=(6.0, 1.0, 1.0, 20.0),
        command_timeout_s=0.5,
        safe_command=(0.0, 0.0, 0.0, 0.0),  # brake, and stand
    ),
    coding=Coding(scale=(8.0, 1.0, 1.0, 0.12), steering=CURVATURE),
    pilot='road-ltc', adapters=('cmd_vel',), gazebo='cmd_vel', handling=BUGGY)


def task() -> Task:
    """In simulation."""
    from liquid_pilot.simulation import gazebo_road, gazebo_rover, road_layout, road_scene
    from liquid_pilot.simulation.conditions import FAMILIES, WORLD
    from liquid_pilot.simulation.disturbance import Disturbance
    from liquid_pilot.simulation.driver import Driver, RoadWay
    from liquid_pilot.simulation.mission import MissionRules
    from liquid_pilot.simulation.rover import Rover
    from liquid_pilot.simulation.task import GazeboPlace, Task

    return Task(
        vehicle=Rover, layout=road_layout.of_conditions,
        scene=road_scene.road, way=RoadWay, demonstrator=Driver,
        rules=MissionRules(arrival_m=0.0, time_limit_s=90.0, area_radius_m=math.inf,
                           ceiling_m=math.inf, reached='drove the road to its end'),
        families=frozenset(FAMILIES) - WORLD - {'motor'},
        disturbance=Disturbance(sigma=(1.0, 0.0, 0.0, 0.7), correlation_s=0.4, burst_s=0.8),
        gazebo=GazeboPlace(gazebo_road.furnish, gazebo_rover.steer_to_start,
                           gazebo_rover.at_start, gazebo_rover.SKY_M))
