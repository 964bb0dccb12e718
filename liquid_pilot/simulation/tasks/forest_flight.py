"""The task of the quadrotor: flight through a forest to a red chair."""

from __future__ import annotations

from liquid_pilot.simulation.base.condition import FAMILIES, FRICTION_FAMILIES
from liquid_pilot.simulation.base.task import GazeboTask, MissionRules, Task
from liquid_pilot.simulation.forest.expert import ForestExpert
from liquid_pilot.simulation.forest.layout import ForestLayout
from liquid_pilot.simulation.forest.memory_courses import ForestRouteProgress, forest_for_conditions
from liquid_pilot.simulation.forest.scene import build_forest_scene
from liquid_pilot.simulation.gazebo import forest as gazebo_forest
from liquid_pilot.simulation.gazebo import quadrotor as gazebo_quadrotor
from liquid_pilot.simulation.vehicles.quadrotor import Quadrotor


def task() -> Task[ForestLayout]:
    """Return the task of the quadrotor."""
    return Task(
        vehicle=Quadrotor,
        layout=forest_for_conditions,
        scene=build_forest_scene,
        route_progress=ForestRouteProgress,
        expert=ForestExpert,
        rules=MissionRules(),
        families=frozenset(FAMILIES) - {*FRICTION_FAMILIES},
        gazebo=GazeboTask(
            gazebo_forest.add_models,
            gazebo_quadrotor.steer_to_start,
            gazebo_quadrotor.at_start,
            gazebo_quadrotor.SKY_RADIUS_M,
        ),
    )
