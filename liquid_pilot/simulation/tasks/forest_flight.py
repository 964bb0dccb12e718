"""The task of the quadrotor: it flies through a forest to a red chair."""

from __future__ import annotations

from liquid_pilot.simulation.base.condition import FAMILIES, GROUND
from liquid_pilot.simulation.base.task import GazeboPlace, MissionRules, Task
from liquid_pilot.simulation.forest.expert import Expert
from liquid_pilot.simulation.forest.memory_courses import Way, forest
from liquid_pilot.simulation.forest.scene import build_forest_scene
from liquid_pilot.simulation.gazebo import forest as gazebo_forest
from liquid_pilot.simulation.gazebo import quadrotor as gazebo_quadrotor
from liquid_pilot.simulation.vehicles.quadrotor import Quadrotor


def task() -> Task:
    """Return the forest flight of the quadrotor."""
    return Task(
        vehicle=Quadrotor, layout=forest, scene=build_forest_scene, way=Way, demonstrator=Expert,
        rules=MissionRules(), families=frozenset(FAMILIES) - {*GROUND},
        gazebo=GazeboPlace(gazebo_forest.furnish, gazebo_quadrotor.steer_to_start,
                           gazebo_quadrotor.at_start, gazebo_quadrotor.SKY_M))
