"""The vehicles of the embedded simulator, each with its task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation import road_layout, road_scene, scene
from liquid_pilot.simulation.conditions import COURSES, FAMILIES, GROUND, WORLD, Condition, check
from liquid_pilot.simulation.courses import Way, lay
from liquid_pilot.simulation.disturbance import Disturbance
from liquid_pilot.simulation.driver import Driver, RoadWay
from liquid_pilot.simulation.expert import Expert
from liquid_pilot.simulation.layout import ForestLayout, ForestSettings
from liquid_pilot.simulation.mission import MissionRules
from liquid_pilot.simulation.road_layout import RoadLayout
from liquid_pilot.simulation.rover import Rover
from liquid_pilot.simulation.severities import strength
from liquid_pilot.simulation.task import Layout, Task
from liquid_pilot.simulation.vehicles import Quadrotor


def _forest(seed: int, strengths: Mapping[str, float]) -> ForestLayout:
    """With its course, if the conditions name one."""
    settings = ForestSettings()
    further, other = strengths.get('range', 0.0), strengths.get('forest', 0.0)
    if further or other:
        low, high = settings.target_distance_m
        thin, thick = settings.trunk_radius_m
        settings = replace(
            settings, target_distance_m=(low + further, high + further),
            tree_spacing_m=settings.tree_spacing_m * (1.0 - 0.25 * other),
            trunk_radius_m=(thin * (1.0 + 0.5 * other), thick * (1.0 + 0.5 * other)),
        )
    course = next((family for family in COURSES if family in strengths), None)
    return lay(seed, settings, course, strengths.get(course, 0.0))


def _road(seed: int, strengths: Mapping[str, float]) -> RoadLayout:
    return road_layout.generate(seed)


TASKS: dict[str, Task] = {
    'quadrotor': Task(
        vehicle=Quadrotor, layout=_forest, scene=scene.forest, way=Way, demonstrator=Expert,
        rules=MissionRules(), families=frozenset(FAMILIES) - {*GROUND}),
    'rover': Task(
        vehicle=Rover, layout=_road, scene=road_scene.road, way=RoadWay, demonstrator=Driver,
        rules=MissionRules(arrival_m=0.0, time_limit_s=90.0, area_radius_m=math.inf,
                           ceiling_m=math.inf, reached='drove the road to its end'),
        families=frozenset(FAMILIES) - WORLD - {'motor'},
        disturbance=Disturbance(sigma=(1.0, 0.0, 0.0, 0.7), correlation_s=0.4, burst_s=0.8)),
}
"""By the name that the user gives."""


def task_of(vehicle: str) -> Task:
    """LiquidPilotError naming those that there are."""
    if vehicle not in TASKS:
        raise LiquidPilotError(
            f'no vehicle named {vehicle!r}; there is: {", ".join(sorted(TASKS))}')
    return TASKS[vehicle]


def disturbance_of(vehicle: str, level: float) -> Disturbance:
    """The noise of a vehicle's demonstrations, at a level."""
    return replace(task_of(vehicle).disturbance, level=level)


def check_conditions(vehicle: str, conditions: tuple[Condition, ...]) -> None:
    """LiquidPilotError for a condition that a vehicle's world does not have."""
    check(conditions)
    known = task_of(vehicle).families
    unknown = [each.family for each in conditions if each.family not in known]
    if unknown:
        raise LiquidPilotError(
            f'the world of a {vehicle} has no {", ".join(unknown)}; there is: '
            f'{", ".join(sorted(known))}')


def layout_of(vehicle: str, seed: int, conditions: tuple[Condition, ...]) -> Layout:
    """Where things stand for a seed in these conditions."""
    check_conditions(vehicle, conditions)
    return task_of(vehicle).layout(seed, {c.family: strength(c) for c in conditions})
