"""The task of the rover: it keeps to a road to its end."""

from __future__ import annotations

import math

from liquid_pilot.simulation.base.action_noise import Disturbance
from liquid_pilot.simulation.base.condition import FAMILIES, WORLD
from liquid_pilot.simulation.base.task import GazeboPlace, MissionRules, Task
from liquid_pilot.simulation.gazebo import road as gazebo_road
from liquid_pilot.simulation.gazebo import rover as gazebo_rover
from liquid_pilot.simulation.road.expert import Driver, RoadWay
from liquid_pilot.simulation.road.layout import of_conditions
from liquid_pilot.simulation.road.scene import road
from liquid_pilot.simulation.vehicles.rover import Rover


def task() -> Task:
    """Return the road driving of the rover."""
    return Task(
        vehicle=Rover, layout=of_conditions, scene=road, way=RoadWay, demonstrator=Driver,
        rules=MissionRules(arrival_m=0.0, time_limit_s=90.0, area_radius_m=math.inf,
                           ceiling_m=math.inf, reached='drove the road to its end'),
        families=frozenset(FAMILIES) - WORLD - {'motor'},
        disturbance=Disturbance(sigma=(1.0, 0.0, 0.0, 0.7), correlation_s=0.4, burst_s=0.8),
        gazebo=GazeboPlace(gazebo_road.furnish, gazebo_rover.steer_to_start,
                           gazebo_rover.at_start, gazebo_rover.SKY_M))
