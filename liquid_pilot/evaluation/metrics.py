"""The figures of one mission that an evaluation stores and compares."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, Command, SensorPacket
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.base.task import Layout, MissionRules
from liquid_pilot.simulation.rollout import MissionPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

Trajectory = list[tuple[float, float, float, float]]
"""(time in s, x, y, z in m) of each tick, in the world frame (ENU)."""


@dataclass(frozen=True)
class FlightMetrics:
    """The figures of one mission; its seed, pilot and condition are the key it is stored by.

    Floats are rounded to four decimals, so that figures that are read back equal those that were
    stored.
    """

    outcome: str
    """'success', 'crash' or 'timeout'."""
    reason: str
    """Why the mission ended, as one sentence."""
    duration_s: float
    flown_m: float
    """Length of the path."""
    target_distance_m: float
    """Horizontal distance to the target at the end."""
    path_ratio: float | None
    """Distance flown over distance gained towards the target, 1 for a straight path; None unless
    the mission succeeded."""
    clearance_m: float | None
    """Smallest horizontal gap between hull and trunks, 0 on contact; None without trunks."""
    command_change_m_s2: float
    """RMS rate of change of the commanded velocity, as it left the guard."""
    command_turn_rad_s2: float
    """RMS rate of change of the commanded yaw rate, as it left the guard."""
    path: Trajectory | None = None
    """The path; None unless it was asked for."""
    lateral_rms_m: float | None = None
    """RMS distance from the middle of the road; None for a task without a road."""
    headings_rad: list[float] | None = None
    """Heading at each point of the path, counter-clockwise from east; None without the path."""

    def __post_init__(self) -> None:
        """Round all floats to four decimals."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float):
                object.__setattr__(self, field.name, round(value, 4))

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values, without a path, headings or road that do not exist."""
        content = asdict(self)
        for name in ('path', 'lateral_rms_m', 'headings_rad'):
            if content[name] is None:
                del content[name]
        return content


@dataclass(frozen=True)
class RolloutTiming:
    """The cost of one mission in the process that flew it."""

    ticks: int
    start_s: float
    """Start on the clock `time.monotonic`, which all processes of a machine share."""
    end_s: float
    """End on the same clock."""
    render_s: float
    """Wall time spent in rendering."""


def fly_and_measure(
    seed: int,
    simulation: Simulation,
    pilot: MissionPilot,
    rules: MissionRules | None,
    conditions: tuple[Condition, ...],
    keep_path: bool = False,
    on_packet: Callable[[SensorPacket], None] | None = None,
) -> FlightMetrics:
    """Fly one mission and return its figures.

    Args:
        seed: seed of the forest or road, and of all random numbers of the mission.
        simulation: the simulation.
        pilot: the pilot.
        rules: the rules of success and failure.
        conditions: the conditions of this mission.
        keep_path: whether the figures include the path.
        on_packet: callback, called with each packet before the pilot answers it.
    """
    commands: list[Command] = []
    result = fly_mission(seed, simulation, pilot, rules, on_packet, conditions, commands.append)
    layout = _layout_of(result)
    hull_radius_m = simulation.vehicle.settings.collision_radius_m
    change, turn = command_rate_rms(commands)
    lateral_m = layout.lateral_offsets_m(np.array(result.path)[:, 1:3])
    return FlightMetrics(
        result.outcome,
        result.reason,
        result.duration_s,
        result.distance_flown_m,
        result.target_distance_m,
        path_ratio(result),
        clearance_m(result.path, layout.obstacle_discs(), hull_radius_m),
        change,
        turn,
        result.path if keep_path else None,
        None if lateral_m is None else math.sqrt(float((lateral_m**2).mean())),
        [round(heading, 4) for heading in result.headings_rad] if keep_path else None,
    )


def _layout_of(result: MissionResult) -> Layout:
    if result.layout is None:
        raise ValueError('this mission has no layout')
    return result.layout


def path_ratio(result: MissionResult) -> float | None:
    """Return the distance flown over the distance gained towards the target.

    Returns:
        1 for a straight path; None unless the mission succeeded.
    """
    if result.outcome != 'success':
        return None
    gained_m = _layout_of(result).target_distance_m - result.target_distance_m
    return result.distance_flown_m / gained_m


def clearance_m(
    path: Sequence[tuple[float, ...]], trunks: np.ndarray, hull_radius_m: float
) -> float | None:
    """Return the smallest horizontal gap between the hull and any trunk along the path.

    Args:
        path: (time, x, y, z) of each tick, joined by straight lines.
        trunks: (n, 3) of x, y and radius, in metres.
        hull_radius_m: radius of the vehicle's hull.

    Returns:
        The gap in metres, negative when they overlap; None without trunks or without a path.
    """
    if not len(trunks) or not path:
        return None
    points = np.array(path)[:, 1:3]
    starts, ends = (points[:-1], points[1:]) if len(points) > 1 else (points, points)
    along = ends - starts  # (m, 2)
    to_trunk = trunks[None, :, :2] - starts[:, None]  # (m, n, 2)
    squared = (along**2).sum(axis=1)[:, None]
    projected = (to_trunk * along[:, None]).sum(axis=2)
    # A vehicle that stands still between two ticks is at the start of the segment.
    fraction = np.divide(projected, squared, out=np.zeros_like(projected), where=squared > 0.0)
    fraction = np.clip(fraction, 0.0, 1.0)
    gap = np.linalg.norm(to_trunk - fraction[..., None] * along[:, None], axis=2)
    return float((gap - trunks[:, 2]).min()) - hull_radius_m


def command_rate_rms(commands: Sequence[Command]) -> tuple[float, float]:
    """Return the RMS rate of change of a sequence of commands.

    Returns:
        The RMS rates of the velocity, m/s^2, and of the yaw rate, rad/s^2; 0 for fewer than two
        commands.
    """
    # A command that the guard repeats, because no newer one has come, has the stamp of the last.
    newest = {command.stamp_ns: command.values for command in commands}
    if len(newest) < 2:
        return 0.0, 0.0
    values = np.array(list(newest.values()))
    stamps = np.array(list(newest), np.int64)
    rates = np.diff(values, axis=0) / (np.diff(stamps) / NANOSECONDS_PER_SECOND)[:, None]
    velocity = math.sqrt(float((rates[:, :3] ** 2).sum(axis=1).mean()))
    return velocity, math.sqrt(float((rates[:, 3] ** 2).mean()))
