"""Where one road runs and what stands beside it: drawn from a seed, without any physics engine.

World frame ENU, metres; the road begins near the origin in a random direction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.top_view import TopView
from liquid_pilot.simulation.base.vegetation import Bush, Tree

STEP_M = 0.25
"""Between two points of the centre line."""
LEAD_IN_M, LEAD_OUT_M = 15.0, 45.0
"""Road before the start and beyond the end of the drive: the camera never sees an end."""
_TRIES = 60
_SEARCH_M = 8.0


@dataclass(frozen=True)
class RoadSettings:
    """Ranges that a road is drawn from; metres and radians."""

    length_m: float = 300.0
    radius_m: tuple[float, float] = (9.0, 32.0)
    bend_rad: tuple[float, float] = (0.4, 1.7)
    straight_m: tuple[float, float] = (6.0, 30.0)
    transition_m: float = 7.0
    """Over this length the curvature of a bend comes and goes."""
    width_m: tuple[float, float] = (3.4, 4.6)
    min_separation_m: float = 14.0
    """The road does not come nearer to itself than this."""
    grade: float = 0.045
    """Steepest slope of the ground."""
    verge_m: float = 1.3
    """Nothing stands nearer to the road's edge."""
    trees: int = 130
    bushes: int = 70
    max_plant_distance_m: float = 26.0
    """How far from the road they stand."""


@dataclass(frozen=True)
class TerrainWave:
    """One wave of the ground's height."""

    height_m: float
    east_rad_m: float
    north_rad_m: float
    phase_rad: float


@dataclass(frozen=True, eq=False)
class RoadLayout:
    """One road."""

    seed: int
    line: np.ndarray
    """(n, 4) float64 every STEP_M: x, y, heading (rad), curvature (1/m, positive to the left)."""
    half_width_m: float
    markings: str
    """'edges', 'dashes', 'both' or 'none'."""
    length_m: float
    """To be driven."""
    trees: tuple[Tree, ...]
    bushes: tuple[Bush, ...]
    waves: tuple[TerrainWave, ...]
    grip: float = 1.0
    """Share of dry grip that there is from the start: who knows the map drives for it."""

    @property
    def start_enu_m(self) -> tuple[float, float, float]:
        """On the ground in the middle of the road."""
        x, y = self.line[round(LEAD_IN_M / STEP_M), :2]
        return float(x), float(y), float(self.height(x, y))

    @property
    def start_yaw_rad(self) -> float:
        """Along the road."""
        return float(self.line[round(LEAD_IN_M / STEP_M), 2])

    @property
    def target_distance_m(self) -> float:
        """Along the road."""
        return self.length_m

    def height(self, x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray | float:
        """Of the ground at east and north, metres."""
        return sum(
            w.height_m * np.sin(w.east_rad_m * x + w.north_rad_m * y + w.phase_rad)
            for w in self.waves
        )

    def locate(self, x: float, y: float, near_m: float | None = None) -> tuple[float, float]:
        """Metres driven along the road (0 at the start), and to the left of its middle.

        `near_m`: where it was a moment ago; without, the whole road is searched.
        """
        low, high = 0, len(self.line)
        if near_m is not None:
            middle = self.index(near_m)
            reach = round(_SEARCH_M / STEP_M)
            low, high = max(0, middle - reach), min(high, middle + reach + 1)
        part = self.line[low:high]
        away = np.array([x, y]) - part[:, :2]
        index = int(np.argmin((away**2).sum(1)))
        heading = part[index, 2]
        dx, dy = away[index]
        along = dx * math.cos(heading) + dy * math.sin(heading)
        left = dy * math.cos(heading) - dx * math.sin(heading)
        return (low + index) * STEP_M - LEAD_IN_M + float(along), float(left)

    def index(self, along_m: float) -> int:
        """Of the point of `line` so far along the road from the start."""
        return min(max(round((along_m + LEAD_IN_M) / STEP_M), 0), len(self.line) - 1)

    def point(self, along_m: float) -> np.ndarray:
        """(2,) east and north of the road's middle."""
        return self.line[self.index(along_m), :2]

    def trunks(self) -> np.ndarray:
        """(n, 3) of x, y and radius."""
        return np.array([(t.x_m, t.y_m, t.trunk_radius_m) for t in self.trees]).reshape(-1, 3)

    def decoy_distance_m(self, position_enu_m: tuple[float, ...]) -> float:
        """A road has one end."""
        return math.inf

    def lateral_offsets_m(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) east and north, in the order of the drive -> (n,) to the left of the middle."""
        found, near = [], 0.0
        for x, y in points:
            near, left = self.locate(x, y, near)
            found.append(left)
        return np.array(found)

    def map(self) -> TopView:
        """Road and trees; the star is the end of the drive."""
        first = round(LEAD_IN_M / STEP_M)
        last = first + round(self.length_m / STEP_M)
        crowns = np.array([(t.x_m, t.y_m, t.crown_radius_m) for t in self.trees])
        return TopView(
            (('#d5e8d4', crowns),),
            (('#c8c8c8', 2.0 * self.half_width_m, self.line[::4, :2]),),
            (('#d1242f', 'white', tuple(self.line[last, :2])),),
            self.line[first:last:8, :2],
        )

    @cached_property
    def coarse_centerline(self) -> np.ndarray:
        """(m, 2): every metre of the road."""
        return self.line[:: round(1.0 / STEP_M), :2]


def road_for_conditions(seed: int, strengths: Mapping[str, float]) -> RoadLayout:
    """The road of a seed, and how slippery it is."""
    return replace(generate_road(seed), grip=1.0 - strengths.get('friction', 0.0))


def generate_road(seed: int, settings: RoadSettings | None = None) -> RoadLayout:
    """Draw the road of a seed."""
    s = settings or RoadSettings()
    rng = random_stream(seed, 'road')
    line = _line(rng, s)
    half = 0.5 * rng.uniform(*s.width_m)
    markings = ('edges', 'dashes', 'both', 'none')[rng.choice(4, p=(0.3, 0.2, 0.35, 0.15))]
    waves = _waves(random_stream(seed, 'relief'), s.grade, 3)
    bare = RoadLayout(int(seed), line, half, markings, s.length_m, (), (), waves)
    trees, bushes = _plants(random_stream(seed, 'plants'), bare, s)
    return replace(bare, trees=trees, bushes=bushes)


def _line(rng: np.random.Generator, s: RoadSettings) -> np.ndarray:
    """Bends and straights, until the road keeps clear of itself."""
    turn = rng.uniform(-math.pi, math.pi)
    for _ in range(_TRIES):
        curvature = _curvature(rng, s)
        heading = turn + np.concatenate(
            [[0.0], np.cumsum(0.5 * (curvature[1:] + curvature[:-1]) * STEP_M)]
        )
        middle = 0.5 * (heading[1:] + heading[:-1])
        x, y = (
            np.concatenate([[0.0], np.cumsum(STEP_M * way(middle))]) for way in (np.cos, np.sin)
        )
        line = np.stack([x, y, heading, curvature], axis=1)
        if _clear_of_itself(line, s.min_separation_m):
            return line
    raise LiquidPilotError('no road was found that keeps clear of itself; allow wider bends')


def _curvature(rng: np.random.Generator, s: RoadSettings) -> np.ndarray:
    """(n,) 1/m: bends turn back when the road has turned far, and come and go smoothly."""
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


def _clear_of_itself(line: np.ndarray, min_separation_m: float) -> bool:
    points = line[:: round(2.0 / STEP_M), :2]
    gaps = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    along = 2.0 * np.abs(np.subtract.outer(np.arange(len(points)), np.arange(len(points))))
    return bool((gaps[along > 1.6 * min_separation_m] > min_separation_m).all())


def _waves(rng: np.random.Generator, grade: float, count: int) -> tuple[TerrainWave, ...]:
    found = []
    for _ in range(count):
        length, direction = rng.uniform(45.0, 95.0), rng.uniform(-math.pi, math.pi)
        k = 2.0 * math.pi / length
        slope = grade / count * rng.uniform(0.3, 1.0)
        found.append(
            TerrainWave(
                slope / k,
                k * math.cos(direction),
                k * math.sin(direction),
                rng.uniform(-math.pi, math.pi),
            )
        )
    return tuple(found)


def _plants(
    rng: np.random.Generator, road: RoadLayout, s: RoadSettings
) -> tuple[tuple[Tree, ...], tuple[Bush, ...]]:
    trees: list[Tree] = []
    bushes: list[Bush] = []
    for index in range(s.trees + s.bushes):
        at = int(rng.integers(len(road.line)))
        x, y, heading, _ = road.line[at]
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
