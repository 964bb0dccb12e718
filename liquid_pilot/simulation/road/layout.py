"""The course of one road and the plants beside it, drawn from a seed, without a physics engine.

World frame ENU, metres. The road begins near the origin in a random direction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.top_view import Discs, Landmark, Line, TopView
from liquid_pilot.simulation.base.vegetation import Bush, Tree
from liquid_pilot.utils.palette import LIGHT_GREY, ORANGE, PALE_GREY

STEP_M = 0.25
"""Distance between two points of the centerline."""
LEAD_IN_M, LEAD_OUT_M = 15.0, 45.0
"""Length of road before the start and beyond the end of the drive: no end is ever in view."""
_MAX_TRIES = 60
_SEARCH_M = 8.0
"""Half the length of road that `RoadLayout.locate` searches around the last position."""


@dataclass(frozen=True)
class RoadSettings:
    """Ranges that a road is drawn from."""

    length_m: float = 300.0
    """Length of the drive."""
    radius_m: tuple[float, float] = (9.0, 32.0)
    """Min and max radius of a bend."""
    bend_rad: tuple[float, float] = (0.4, 1.7)
    """Min and max change of heading in a bend."""
    straight_m: tuple[float, float] = (6.0, 30.0)
    """Min and max length of a straight."""
    transition_m: float = 7.0
    """Length over which the curvature at the ends of a bend changes."""
    width_m: tuple[float, float] = (3.4, 4.6)
    """Min and max width."""
    min_separation_m: float = 14.0
    """Min distance between two separate parts of the road."""
    max_grade: float = 0.045
    """Max slope of the ground."""
    verge_m: float = 1.3
    """Min distance of plants to the edge of the road."""
    trees: int = 130
    """Number of trees that are drawn. Those too close to the road are left out."""
    bushes: int = 70
    """Number of bushes that are drawn. Those too close to the road are left out."""
    max_plant_distance_m: float = 26.0
    """Max distance of plants to the edge of the road."""


@dataclass(frozen=True)
class TerrainWave:
    """One sine wave of the height of the ground."""

    height_m: float
    """Amplitude of the wave, m."""
    east_rad_m: float
    """Wave number along east."""
    north_rad_m: float
    """Wave number along north."""
    phase_rad: float
    """Phase at the origin."""


@dataclass(frozen=True, eq=False)
class RoadLayout:
    """One road: its centerline, the relief of the ground, and the plants."""

    seed: int
    centerline: npt.NDArray[np.float64]
    """(n, 4) every STEP_M: x, y (m), heading (rad), curvature (1/m, positive to the left)."""
    half_width_m: float
    """Half the width of the road."""
    markings: str
    """Lines on the road: 'edges', 'dashes', 'both' or 'none'."""
    length_m: float
    """Length of the drive."""
    trees: tuple[Tree, ...]
    bushes: tuple[Bush, ...]
    waves: tuple[TerrainWave, ...]
    friction_factor: float = 1.0
    """Share of dry friction from the start of the drive. The expert knows it."""

    @property
    def start_enu_m(self) -> tuple[float, float, float]:
        """Start of the drive: a point of the ground on the centerline."""
        x, y = self.centerline[round(LEAD_IN_M / STEP_M), :2]
        return float(x), float(y), float(self.height(x, y))

    @property
    def start_yaw_rad(self) -> float:
        """Heading of the road at the start."""
        return float(self.centerline[round(LEAD_IN_M / STEP_M), 2])

    @property
    def target_distance_m(self) -> float:
        """Length of the drive."""
        return self.length_m

    @overload
    def height(self, x: float, y: float) -> float: ...

    @overload
    def height(
        self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]: ...

    def height(
        self, x: float | npt.NDArray[np.float64], y: float | npt.NDArray[np.float64]
    ) -> float | npt.NDArray[np.float64]:
        """Return the height of the ground at east x and north y, m."""
        return sum(
            w.height_m * np.sin(w.east_rad_m * x + w.north_rad_m * y + w.phase_rad)
            for w in self.waves
        )

    def locate(self, x: float, y: float, near_m: float | None = None) -> tuple[float, float]:
        """Return the position along the road and the offset to the left of its centerline, m.

        Args:
            x: east, m.
            y: north, m.
            near_m: last known position along the road; None: the whole road is searched.

        Returns:
            The distance along the road from the start, and the offset.
        """
        low, high = 0, len(self.centerline)
        if near_m is not None:
            middle = self.index(near_m)
            reach = round(_SEARCH_M / STEP_M)
            low, high = max(0, middle - reach), min(high, middle + reach + 1)
        part = self.centerline[low:high]
        away = np.array([x, y]) - part[:, :2]
        index = int(np.argmin((away**2).sum(1)))
        heading = part[index, 2]
        dx, dy = away[index]
        along = dx * math.cos(heading) + dy * math.sin(heading)
        left = dy * math.cos(heading) - dx * math.sin(heading)
        return (low + index) * STEP_M - LEAD_IN_M + float(along), float(left)

    def index(self, along_m: float) -> int:
        """Return the index of the point of `centerline` at a distance along the road, m."""
        return min(max(round((along_m + LEAD_IN_M) / STEP_M), 0), len(self.centerline) - 1)

    def point(self, along_m: float) -> npt.NDArray[np.float64]:
        """Return (2,) east and north of the centerline at a distance along the road, m."""
        return self.centerline[self.index(along_m), :2]

    def obstacle_discs(self) -> npt.NDArray[np.float64]:
        """Return (n, 3) x, y and radius of all trunks, m."""
        return np.array([(t.x_m, t.y_m, t.trunk_radius_m) for t in self.trees]).reshape(-1, 3)

    def decoy_distance_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Return infinity: a road has no decoy."""
        return math.inf

    def lateral_offsets_m(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the (n,) offsets of a path to the left of the centerline, m.

        Args:
            points: (n, 2) east and north, in the order of the drive, m.
        """
        offsets, near = [], 0.0
        for x, y in points:
            near, left = self.locate(x, y, near)
            offsets.append(left)
        return np.array(offsets)

    def top_view(self) -> TopView:
        """Return road and trees seen from above, with a mark at the end of the drive."""
        first = round(LEAD_IN_M / STEP_M)
        last = first + round(self.length_m / STEP_M)
        crowns = np.array([(t.x_m, t.y_m, t.crown_radius_m) for t in self.trees])
        end = float(self.centerline[last, 0]), float(self.centerline[last, 1])
        return TopView(
            (Discs('tree crown', PALE_GREY, crowns),),
            (Line('road', LIGHT_GREY, 2.0 * self.half_width_m, self.centerline[::4, :2]),),
            (Landmark('end of the road', '*', ORANGE, end, is_goal=True),),
            self.centerline[first:last:8, :2],
        )

    @cached_property
    def coarse_centerline(self) -> npt.NDArray[np.float64]:
        """(m, 2) east and north of the centerline, one point per metre."""
        return self.centerline[:: round(1.0 / STEP_M), :2]


def road_for_conditions(seed: int, strengths: Mapping[str, float]) -> RoadLayout:
    """Return the road of a seed in conditions.

    Args:
        seed: seed of the road.
        strengths: strengths of the conditions from the start, by family.
    """
    return replace(generate_road(seed), friction_factor=1.0 - strengths.get('friction', 0.0))


def generate_road(seed: int, settings: RoadSettings | None = None) -> RoadLayout:
    """Return the road of a seed.

    Args:
        seed: seed of the road.
        settings: ranges to draw from; None: the default ones.

    Raises:
        LiquidPilotError: if no road was found that keeps clear of itself.
    """
    s = settings or RoadSettings()
    rng = random_stream(seed, 'road')
    centerline = _centerline(rng, s)
    half = 0.5 * rng.uniform(*s.width_m)
    markings = ('edges', 'dashes', 'both', 'none')[rng.choice(4, p=(0.3, 0.2, 0.35, 0.15))]
    waves = _waves(random_stream(seed, 'relief'), s.max_grade, 3)
    bare = RoadLayout(int(seed), centerline, half, markings, s.length_m, (), (), waves)
    trees, bushes = _plants(random_stream(seed, 'plants'), bare, s)
    return replace(bare, trees=trees, bushes=bushes)


def _centerline(rng: np.random.Generator, s: RoadSettings) -> npt.NDArray[np.float64]:
    """Return bends and straights that keep clear of each other."""
    first_heading = rng.uniform(-math.pi, math.pi)
    for _ in range(_MAX_TRIES):
        curvature = _curvature(rng, s)
        heading = first_heading + np.concatenate(
            [[0.0], np.cumsum(0.5 * (curvature[1:] + curvature[:-1]) * STEP_M)]
        )
        middle = 0.5 * (heading[1:] + heading[:-1])
        x, y = (
            np.concatenate([[0.0], np.cumsum(STEP_M * part)])
            for part in (np.cos(middle), np.sin(middle))
        )
        centerline = np.stack([x, y, heading, curvature], axis=1)
        if _clear_of_itself(centerline, s.min_separation_m):
            return centerline
    raise LiquidPilotError('no road was found that keeps clear of itself; allow wider bends')


def _curvature(rng: np.random.Generator, s: RoadSettings) -> npt.NDArray[np.float64]:
    """Return the (n,) curvature, 1/m. Bends begin and end smoothly, and limit the total turn."""
    total = LEAD_IN_M + s.length_m + LEAD_OUT_M
    pieces, heading, done = [np.zeros(round((LEAD_IN_M + 8.0) / STEP_M))], 0.0, LEAD_IN_M + 8.0
    while done < total + s.transition_m:
        # Tight bends are as likely as wide ones by their curvature, not by their radius.
        low, high = 1.0 / s.radius_m[1], 1.0 / s.radius_m[0]
        curvature, angle = rng.uniform(low, high), rng.uniform(*s.bend_rad)
        side = 1.0 if rng.random() < 0.5 else -1.0
        if abs(heading + side * angle) > 1.9:
            side = -side
        heading += side * angle
        for value, length in (
            (side * curvature, angle / curvature),
            (0.0, rng.uniform(*s.straight_m)),
        ):
            pieces.append(np.full(max(1, round(length / STEP_M)), value))
            done += length
    raw = np.concatenate(pieces)
    window = np.hanning(round(s.transition_m / STEP_M) + 2)
    smooth = np.convolve(raw, window / window.sum(), mode='same')
    return smooth[: round(total / STEP_M) + 1]


def _clear_of_itself(centerline: npt.NDArray[np.float64], min_separation_m: float) -> bool:
    points = centerline[:: round(2.0 / STEP_M), :2]
    gaps = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    along = 2.0 * np.abs(np.subtract.outer(np.arange(len(points)), np.arange(len(points))))
    return bool((gaps[along > 1.6 * min_separation_m] > min_separation_m).all())


def _waves(rng: np.random.Generator, max_grade: float, count: int) -> tuple[TerrainWave, ...]:
    waves = []
    for _ in range(count):
        length, direction = rng.uniform(45.0, 95.0), rng.uniform(-math.pi, math.pi)
        k = 2.0 * math.pi / length
        slope = max_grade / count * rng.uniform(0.3, 1.0)
        waves.append(
            TerrainWave(
                slope / k,
                k * math.cos(direction),
                k * math.sin(direction),
                rng.uniform(-math.pi, math.pi),
            )
        )
    return tuple(waves)


def _plants(
    rng: np.random.Generator, road: RoadLayout, s: RoadSettings
) -> tuple[tuple[Tree, ...], tuple[Bush, ...]]:
    trees: list[Tree] = []
    bushes: list[Bush] = []
    for index in range(s.trees + s.bushes):
        at = int(rng.integers(len(road.centerline)))
        x, y, heading, _ = road.centerline[at]
        away = (
            road.half_width_m
            + s.verge_m
            + (s.max_plant_distance_m - s.verge_m) * rng.random() ** 1.7
        )
        away *= 1.0 if rng.random() < 0.5 else -1.0
        x, y = x - away * math.sin(heading), y + away * math.cos(heading)
        is_tree = index < s.trees
        size = rng.uniform(0.10, 0.28) if is_tree else rng.uniform(0.25, 0.7)
        gap = float(np.hypot(*(road.coarse_centerline - (x, y)).T).min())
        if gap < road.half_width_m + s.verge_m + size:
            continue
        if not is_tree:
            bushes.append(Bush(x, y, size, rng.uniform(0.2, 0.6), rng.uniform()))
            continue
        kind = 'pine' if rng.random() < 0.5 else 'broadleaf'
        trees.append(
            Tree(
                x,
                y,
                size,
                rng.uniform(5.0, 10.0),
                crown_base_m=rng.uniform(1.8, 3.2),
                crown_radius_m=rng.uniform(0.9, 1.4) * (1.0 if kind == 'pine' else 1.3),
                kind=kind,
                shade=rng.uniform(),
                backdrop=gap > 10.0,
            )
        )
    return tuple(trees), tuple(bushes)
