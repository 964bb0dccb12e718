"""The tasks of the embedded simulator's vehicles, by the name of the vehicle ."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import replace

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base import condition as weather
from liquid_pilot.simulation.base.action_noise import ActionNoiseSettings
from liquid_pilot.simulation.base.condition import Condition, check_combination
from liquid_pilot.simulation.base.task import GazeboTask, Layout, Task
from liquid_pilot.simulation.conditions.severities import strength
from liquid_pilot.utils.entry_points import load_extensions

GROUP = 'liquid_pilot.tasks'
"""Entry-point group by which another package brings the task of its vehicle."""


@functools.cache
def _tasks() -> dict[str, Callable[[], Task]]:
    # Imported late: a task brings MuJoCo along.
    from liquid_pilot.simulation.tasks import forest_flight, road_driving

    built_in = {'quadrotor': forest_flight.task, 'rover': road_driving.task}
    return {**built_in, **load_extensions(GROUP, 'task', None, built_in)}


def task_of(vehicle: str) -> Task:
    """Return the task of a vehicle; LiquidPilotError names the vehicles that have one."""
    known = _tasks()
    if vehicle not in known:
        raise LiquidPilotError(
            f'no vehicle named {vehicle!r} in simulation; there is: {", ".join(sorted(known))}'
        )
    return known[vehicle]()


def gazebo_task_of(vehicle: str) -> GazeboTask:
    """LiquidPilotError for a vehicle that has no world there."""
    place = task_of(vehicle).gazebo
    if place is None:
        raise LiquidPilotError(f'the {vehicle} has no world in Gazebo')
    return place


def action_noise_of(vehicle: str, level: float) -> ActionNoiseSettings:
    """The noise of a vehicle's demonstrations, at a level."""
    return replace(task_of(vehicle).disturbance, level=level)


def check_conditions(vehicle: str, conditions: tuple[Condition, ...]) -> None:
    """LiquidPilotError for a condition that a vehicle's world does not have."""
    check_combination(conditions)
    known = task_of(vehicle).families
    unknown = [each.family for each in conditions if each.family not in known]
    if unknown:
        raise LiquidPilotError(
            f'the world of a {vehicle} has no {", ".join(unknown)}; there is: '
            f'{", ".join(sorted(known))}'
        )


def layout_of(vehicle: str, seed: int, conditions: tuple[Condition, ...]) -> Layout:
    """Where things stand for a seed in these conditions, of which a later one is no part yet."""
    check_conditions(vehicle, conditions)
    return task_of(vehicle).layout(
        seed, {c.family: strength(c) for c in conditions if not c.onset_s}
    )


_SEVERITY_RANGE_PATTERN = re.compile(
    r'(?P<family>[a-z_]+):(?P<low>\d+)(-(?P<high>\d+))?(?P<onset>@[^+]*)?'
)


def expand_conditions(text: str, vehicle: str = 'quadrotor') -> list[str]:
    """Labels of a comma-separated list of conditions, each once, in its order.

    Besides what `conditions.parse` reads: 'snow:1-5' for a range of severities, 'all:3' for every
    family that the vehicle's world has. LiquidPilotError says what is wrong.
    """
    labels: dict[str, None] = {}
    for part in text.split(','):
        match = _SEVERITY_RANGE_PATTERN.fullmatch(part.strip())
        single = match is None or (match['family'] != 'all' and match['high'] is None)
        for one in [part] if single else _expand_severity_range(match, vehicle):
            labels[weather.label(weather.parse(one))] = None
    return list(labels)


def _expand_severity_range(match: re.Match[str], vehicle: str) -> list[str]:
    low, high = int(match['low']), int(match['high'] or match['low'])
    if low > high or high - low >= len(weather.SEVERITIES):
        raise LiquidPilotError(
            f'{match.group()!r}: write the severities as LOW-HIGH within 1 to 5, such as snow:1-5'
        )
    families = (
        [match['family']]
        if match['family'] != 'all'
        else [
            family
            for family in weather.FAMILIES
            if family in task_of(vehicle).families and family not in weather.MEMORY_COURSES
        ]
    )
    return [
        f'{family}:{severity}{match["onset"] or ""}'
        for family in families
        for severity in range(low, high + 1)
    ]
