"""The tasks of the simulated vehicles, by the name of the vehicle."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.action_noise import ActionNoiseSettings
from liquid_pilot.simulation.base.condition import (
    ALL_FAMILIES,
    CONDITIONS,
    COURSE_FAMILIES,
    SEVERITIES,
    Condition,
    check_combination,
    label,
    parse,
)
from liquid_pilot.simulation.base.task import GazeboTask, Layout, Task
from liquid_pilot.simulation.conditions.severities import strength
from liquid_pilot.utils.entry_points import ExtensionRegistry, is_callable


def _quadrotor() -> Task[Any]:
    # Imported late, because a task imports its scenes and vehicles.
    from liquid_pilot.simulation.tasks import forest_flight

    return forest_flight.task()


def _rover() -> Task[Any]:
    from liquid_pilot.simulation.tasks import road_driving

    return road_driving.task()


TASKS: ExtensionRegistry[Callable[[], Task[Any]]] = ExtensionRegistry(
    'liquid_pilot.tasks',
    'task',
    'docs/how_to/own_vehicle.md',
    {'quadrotor': _quadrotor, 'rover': _rover},
    is_callable,
)
"""Functions that make the task of a vehicle, by the name of the vehicle."""


def task_of(vehicle: str) -> Task[Any]:
    """Return the task of a vehicle.

    Raises:
        LiquidPilotError: if the vehicle has no task, or that of another package is broken.
    """
    if vehicle not in TASKS:
        raise LiquidPilotError(
            f'no vehicle named {vehicle!r} in simulation; there is: {", ".join(sorted(TASKS))}'
        )
    members = [field.name for field in fields(Task)]
    task: Task[Any] = TASKS.make(vehicle, members, TASKS[vehicle])
    return task


def gazebo_task_of(vehicle: str) -> GazeboTask[Any]:
    """Return the world of a vehicle's task in Gazebo.

    Raises:
        LiquidPilotError: if the vehicle has no task, or its task has no world in Gazebo.
    """
    gazebo_task = task_of(vehicle).gazebo
    if gazebo_task is None:
        raise LiquidPilotError(f'the {vehicle} has no world in Gazebo')
    return gazebo_task


def action_noise_of(vehicle: str, level: float) -> ActionNoiseSettings:
    """Return the noise on the expert's commands in demonstrations of a vehicle, at a level."""
    return replace(task_of(vehicle).action_noise, level=level)


def supported_families(vehicle: str) -> list[str]:
    """Return the families of conditions that the task of a vehicle supports.

    Those of other packages act on pictures and wind, which every task has.
    """
    families = task_of(vehicle).families
    return [family for family in ALL_FAMILIES if family in families or family in CONDITIONS]


def check_conditions(vehicle: str, conditions: tuple[Condition, ...]) -> None:
    """Check that the task of a vehicle supports the conditions.

    Raises:
        LiquidPilotError: if it does not support one of them, or not their combination.
    """
    check_combination(conditions)
    families = supported_families(vehicle)
    unknown = [c.family for c in conditions if c.family not in families]
    if unknown:
        raise LiquidPilotError(
            f'the world of a {vehicle} has no {", ".join(unknown)}; there is: '
            f'{", ".join(sorted(families))}'
        )


def layout_of(vehicle: str, seed: int, conditions: tuple[Condition, ...]) -> Layout:
    """Return the layout of a seed in conditions. Those with a later onset do not affect it.

    Args:
        vehicle: name of the vehicle.
        seed: seed of the layout.
        conditions: the conditions.
    """
    check_conditions(vehicle, conditions)
    return task_of(vehicle).layout(
        seed, {c.family: strength(c) for c in conditions if not c.onset_s}
    )


_SEVERITY_RANGE_PATTERN = re.compile(
    r'(?P<family>[a-z_][a-z0-9_]*):(?P<low>\d+)(-(?P<high>\d+))?(?P<onset>@[^+]*)?'
)


def expand_conditions(text: str, vehicle: str = 'quadrotor') -> list[str]:
    """Return the labels of a comma-separated list of conditions, in order and without repetition.

    In addition to the notation of `condition.parse`, 'snow:1-5' is a range of severities, and
    'all:3' is every family that the vehicle's task supports, except for memory courses.

    Args:
        text: the list.
        vehicle: name of the vehicle.

    Raises:
        LiquidPilotError: if the list is not valid.
    """
    labels: dict[str, None] = {}
    for part in text.split(','):
        match = _SEVERITY_RANGE_PATTERN.fullmatch(part.strip())
        single = match is None or (match['family'] != 'all' and match['high'] is None)
        expanded = [part] if match is None or single else _expand_severity_range(match, vehicle)
        for one in expanded:
            labels[label(parse(one))] = None
    return list(labels)


def _expand_severity_range(match: re.Match[str], vehicle: str) -> list[str]:
    low, high = int(match['low']), int(match['high'] or match['low'])
    if low > high or high - low >= len(SEVERITIES):
        raise LiquidPilotError(
            f'{match.group()!r}: write the severities as LOW-HIGH within 1 to 5, such as snow:1-5'
        )
    families = (
        [match['family']]
        if match['family'] != 'all'
        else [
            family
            for family in supported_families(vehicle)
            if family not in COURSE_FAMILIES and CONDITIONS.is_usable(family)
        ]
    )
    return [
        f'{family}:{severity}{match["onset"] or ""}'
        for family in families
        for severity in range(low, high + 1)
    ]
