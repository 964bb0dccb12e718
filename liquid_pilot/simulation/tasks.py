"""The tasks of the embedded simulator's vehicles, by the name of the vehicle (`fleet`)."""

from __future__ import annotations

from dataclasses import replace

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.vehicles.classes import MODULES
from liquid_pilot.simulation.conditions import Condition, check
from liquid_pilot.simulation.disturbance import Disturbance
from liquid_pilot.simulation.severities import strength
from liquid_pilot.simulation.task import GazeboPlace, Layout, Task


def task_of(vehicle: str) -> Task:
    """LiquidPilotError naming those that there are."""
    known = {name: each for name, each in MODULES.items() if hasattr(each, 'task')}
    if vehicle not in known:
        raise LiquidPilotError(
            f'no vehicle named {vehicle!r} in simulation; there is: {", ".join(sorted(known))}')
    return known[vehicle].task()


def gazebo_of(vehicle: str) -> GazeboPlace:
    """LiquidPilotError for a vehicle that has no world there."""
    place = task_of(vehicle).gazebo
    if place is None:
        raise LiquidPilotError(f'the {vehicle} has no world in Gazebo')
    return place


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
    """Where things stand for a seed in these conditions, of which a later one is no part yet."""
    check_conditions(vehicle, conditions)
    return task_of(vehicle).layout(
        seed, {c.family: strength(c) for c in conditions if not c.onset_s})
