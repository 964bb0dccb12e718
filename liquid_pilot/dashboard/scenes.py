"""The scene of a mission from above, as plain data for the page."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError

_SEED = re.compile(r'seed (\d{1,16})')
_MAX_GAP_M = 0.05
"""Largest distance of a point of a cloud from the surface of the obstacle that it is of, m."""
_MAX_POINTS = 4000
"""Most points of an obstacle cloud that are drawn."""


def seed_of(mission: str) -> int | None:
    """Return the seed in the text of `mission`; None where there is none.

    >>> seed_of('seed 7'), seed_of('end success')
    (7, None)
    """
    match = _SEED.fullmatch(mission)
    return int(match[1]) if match else None


def changes_of(condition: str) -> list[tuple[float, str]]:
    """Return the onset (s) of each condition of a flight, and the condition in words.

    Args:
        condition: the conditions, as `simulation.base.condition.parse` reads them; of a package
            that is not installed here nothing is known.
    """
    from liquid_pilot.evaluation.flight_report.story import describe
    from liquid_pilot.simulation.base.condition import parse

    try:
        return [(each.onset_s, describe(each)) for each in parse(condition)]
    except LiquidPilotError:
        return []


def scene_of(
    vehicle: str, seed: int, condition: str, cloud: list[list[float]] | None = None
) -> dict[str, Any]:
    """Return the scene of a seed.

    Args:
        vehicle: class of the vehicle.
        seed: the seed.
        condition: the conditions, as `simulation.base.condition.parse` reads them.
        cloud: (n, 2) points on the obstacles that are there, m; None: they are not known.

    Returns:
        Plain data; empty where the vehicle has no such scene, or the obstacles are others, as in
        conditions that are not known here.
    """
    # The tasks import all scenes, and a page of a real vehicle needs none.
    from liquid_pilot.simulation.base.condition import parse
    from liquid_pilot.simulation.tasks.registry import layout_of, task_of

    try:
        layout = layout_of(vehicle, seed, parse(condition))
        radius_m = task_of(vehicle).rules.arrival_radius_m
    except (LiquidPilotError, ImportError):
        return {}
    if cloud and not _fits(layout.obstacle_discs(), np.array(cloud)):
        return {}
    view = layout.top_view()
    return {
        'discs': [
            {'label': discs.label, 'places': np.round(discs.places, 3).tolist()}
            for discs in view.discs
        ],
        'lines': [
            {
                'label': line.label,
                'width_m': float(line.width),
                'points': np.round(line.points, 3).tolist(),
            }
            for line in view.lines
        ],
        'landmarks': [
            {'label': mark.label, 'position': list(map(float, mark.position)), 'goal': mark.is_goal}
            for mark in view.landmarks
        ],
        'arrival_radius_m': float(radius_m),
    }


def _fits(discs: npt.NDArray[np.float64], points: npt.NDArray[np.float64]) -> bool:
    """Return whether points (n, 2) are on the surfaces of obstacles (m, 3): x, y and radius, m."""
    if not len(discs):
        return False
    gaps = np.hypot(*(points[:, None] - discs[:, :2]).transpose(2, 0, 1)) - discs[:, 2]
    return bool((np.abs(gaps).min(axis=1) < _MAX_GAP_M).all())


def scene_of_points(points: npt.NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Return the scene of a cloud of obstacles.

    Args:
        points: (n, 3) points on their surfaces, world frame ENU, m.
    """
    low = points[points[:, 2] <= points[:, 2].min() + 0.1] if len(points) else points
    step = max(len(low) // _MAX_POINTS, 1)
    return {'cloud': np.round(low[::step, :2], 3).tolist()}
