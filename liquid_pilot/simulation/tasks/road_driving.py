"""The task of the rover: a drive along a road to its end."""

from __future__ import annotations

import math

from liquid_pilot.simulation.base.action_noise import ActionNoiseSettings
from liquid_pilot.simulation.base.condition import FAMILIES, WORLD_FAMILIES
from liquid_pilot.simulation.base.task import GazeboTask, MissionRules, Task
from liquid_pilot.simulation.gazebo import road as gazebo_road
from liquid_pilot.simulation.gazebo import rover as gazebo_rover
from liquid_pilot.simulation.road.expert import RoadExpert, RoadRouteProgress
from liquid_pilot.simulation.road.layout import RoadLayout, road_for_conditions
from liquid_pilot.simulation.road.scene import build_road_scene
from liquid_pilot.simulation.vehicles.rover import Rover


def task() -> Task[RoadLayout]:
    """Return the task of the rover."""
    return Task(
        vehicle=Rover,
        layout=road_for_conditions,
        scene=build_road_scene,
        route_progress=RoadRouteProgress,
        expert=RoadExpert,
        rules=MissionRules(
            arrival_radius_m=0.0,
            time_limit_s=90.0,
            area_radius_m=math.inf,
            ceiling_m=math.inf,
            success_reason='drove the road to its end',
        ),
        families=frozenset(FAMILIES) - WORLD_FAMILIES - {'motor'},
        action_noise=ActionNoiseSettings(
            sigma=(1.0, 0.0, 0.0, 0.7), correlation_s=0.4, burst_s=0.8
        ),
        gazebo=GazeboTask(
            gazebo_road.add_models,
            gazebo_rover.steer_to_start,
            gazebo_rover.at_start,
            gazebo_rover.SKY_RADIUS_M,
        ),
    )
