"""One flight as an evaluation keeps it: its outcome and the figures that are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, Command
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

Trajectory = list[tuple[float, float, float, float]]


@dataclass(frozen=True)
class FlightMetrics:
    """The figures of one flight; the seed, pilot and condition are the key it is kept by."""

    outcome: str
    reason: str
    duration_s: float
    flown_m: float
    target_distance_m: float
    """Horizontal, at the end."""
    path_ratio: float | None
    """Distance flown by the distance come nearer to the target; 1 is straight. None without."""
    clearance_m: float | None
    """Smallest horizontal gap between hull and trunk; 0 touches. None in a forest without."""
    command_change_m_s2: float
    """RMS rate of change of the commanded velocity, as it left the guard."""
    command_turn_rad_s2: float
    """RMS rate of change of the commanded yaw rate."""
    path: Trajectory | None = None
    """(time s, x, y, z) of each tick, ENU metres, when it was asked for."""
    lateral_rms_m: float | None = None
    """RMS distance from the middle of the way, of a vehicle that has one to keep to."""

    def __post_init__(self) -> None:
        """Four decimals: what was read back equals what was flown."""
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, float):
                object.__setattr__(self, each.name, round(value, 4))

    def to_json(self) -> dict[str, Any]:
        """For one line of a file."""
        content = asdict(self)
        for name in ('path', 'lateral_rms_m'):
            if content[name] is None:
                del content[name]
        return content


@dataclass(frozen=True)
class RolloutTiming:
    """What a flight cost: wall time of one process."""

    ticks: int
    began_s: float
    """On the clock `time.monotonic`, which all processes of a machine share."""
    end_s: float
    render_s: float


def fly_and_measure(
    seed: int,
    simulation: Simulation,
    pilot: InProcessPilot,
    rules: MissionRules | None,
    conditions: tuple[Condition, ...],
    keep_path: bool = False,
    on_packet: Any = None,
) -> FlightMetrics:
    """Fly one mission (see `fly_mission`) and take its figures."""
    commands: list[Command] = []
    result = fly_mission(seed, simulation, pilot, rules, on_packet, conditions, commands.append)
    hull_m = simulation.vehicle.settings.collision_radius_m
    change, turn = command_rate_rms(commands)
    aside_m = result.layout.lateral_offsets_m(np.array(result.path)[:, 1:3])
    return FlightMetrics(
        result.outcome,
        result.reason,
        result.duration_s,
        result.distance_flown_m,
        result.target_distance_m,
        path_ratio(result),
        clearance_m(result.path, result.layout.trunks(), hull_m),
        change,
        turn,
        result.path if keep_path else None,
        None if aside_m is None else math.sqrt(float((aside_m**2).mean())),
    )


def path_ratio(result: MissionResult) -> float | None:
    """Distance flown by the distance come nearer to the target; None unless it arrived."""
    if result.outcome != 'success':
        return None
    return result.distance_flown_m / (result.layout.target_distance_m - result.target_distance_m)


def clearance_m(
    path: Sequence[tuple[float, ...]], trunks: np.ndarray, hull_m: float
) -> float | None:
    """Smallest horizontal gap between a hull of radius `hull_m` and any trunk, along the path.

    Args:
        path: (time, x, y, z) of each tick; straight in between.
        trunks: (n, 3) of x, y and radius.
        hull_m: radius of the vehicle, in metres.
    """
    if not len(trunks) or not path:
        return None
    points = np.array(path)[:, 1:3]
    starts, ends = (points[:-1], points[1:]) if len(points) > 1 else (points, points)
    along = ends - starts  # (m, 2)
    to_trunk = trunks[None, :, :2] - starts[:, None]  # (m, n, 2)
    squared = np.maximum((along**2).sum(axis=1), 1e-12)[:, None]
    share = np.clip((to_trunk * along[:, None]).sum(axis=2) / squared, 0.0, 1.0)
    gap = np.linalg.norm(to_trunk - share[..., None] * along[:, None], axis=2)
    return float((gap - trunks[:, 2]).min()) - hull_m


def command_rate_rms(commands: Sequence[Command]) -> tuple[float, float]:
    """RMS rate of change of (velocity in m/s^2, yaw rate in rad/s^2); 0 with under two."""
    # What a guard holds for want of a good command has the stamp of the last one.
    newest = {command.stamp_ns: command.values for command in commands}
    if len(newest) < 2:
        return 0.0, 0.0
    values = np.array(list(newest.values()))
    stamps = np.array(list(newest), np.int64)
    rates = np.diff(values, axis=0) / (np.diff(stamps) / NANOSECONDS_PER_SECOND)[:, None]
    velocity = math.sqrt(float((rates[:, :3] ** 2).sum(axis=1).mean()))
    return velocity, math.sqrt(float((rates[:, 3] ** 2).mean()))
