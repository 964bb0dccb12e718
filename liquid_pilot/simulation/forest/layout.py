"""The positions of everything in one forest, drawn from a seed, without a physics engine.

The expert, the plots from above and the scenes of the engines are derived from it. World frame ENU,
metres. The start is near the origin and the target lies in a random direction, so that absolute
positions carry no information.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.top_view import Discs, Landmark, Line, TopView
from liquid_pilot.simulation.base.vegetation import Bush, Tree
from liquid_pilot.utils.palette import BLACK, GREY, LIGHT_GREY, ORANGE, PALE_GREY

_Plant = TypeVar('_Plant', Tree, Bush)


@dataclass(frozen=True)
class ForestSettings:
    """Ranges that a forest is drawn from."""

    target_distance_m: tuple[float, float] = (9.0, 15.0)
    """Min and max distance from the start to the target."""
    heading_offset_rad: tuple[float, float] = (-0.4, 0.4)
    """Min and max bearing from the target to the nose, at the start."""
    start_altitude_m: tuple[float, float] = (1.2, 1.8)
    """Min and max height of the start."""
    tree_spacing_m: float = 2.4
    """Min distance between two trunks."""
    trunk_radius_m: tuple[float, float] = (0.10, 0.24)
    """Min and max radius of a trunk."""
    corridor_m: float = 7.0
    """Max distance of trees to the straight route, to both sides and beyond both ends."""
    clear_start_m: float = 2.2
    """Min distance of trees to the start."""
    clear_target_m: float = 2.2
    """Min distance of trees to the target."""
    path_trees: int = 8
    """Max number of trees close to the straight route, which make a straight flight unsafe."""
    path_tree_spread_m: float = 0.8
    """Standard deviation of the distance of these trees from the straight route."""
    sight_half_width_m: float = 0.12
    """Half the width of the part of the target that no trunk hides from the start."""
    backdrop_trees: int = 36
    """Number of trees outside the flown area."""
    bushes: int = 14
    """Number of bushes that are drawn. Those that hide the target are left out."""


@dataclass(frozen=True)
class Hedge:
    """A straight hedge, given by its centre on the ground, world frame ENU."""

    x_m: float
    y_m: float
    yaw_rad: float
    length_m: float
    thickness_m: float = 0.4
    height_m: float = 2.6

    def discs(self) -> list[tuple[float, float, float]]:
        """Return x, y and radius of discs that cover the hedge, m."""
        count = max(math.ceil(self.length_m / self.thickness_m), 1)
        along = [(k + 0.5) / count * self.length_m - 0.5 * self.length_m for k in range(count)]
        return [
            (
                self.x_m + a * math.cos(self.yaw_rad),
                self.y_m + a * math.sin(self.yaw_rad),
                0.5 * self.thickness_m,
            )
            for a in along
        ]


@dataclass(frozen=True)
class Course:
    """The part of a layout that a memory course adds (`simulation.forest.memory_courses`)."""

    family: str
    """Family of the condition."""
    gate_enu_m: tuple[float, float] | None
    """Centre of the gate to fly through before the target; None: there is no gate."""
    decoy_enu_m: tuple[float, float, float]
    """Position of a chair like the target. Reaching it ends the mission as a crash."""
    hedges: tuple[Hedge, ...] = ()
    """Hedges that hide the chairs."""
    visible_until_s: float = math.inf
    """Time of flight at which the target becomes invisible, s."""
    visible_again_s: float = math.inf
    """Time of flight at which target and decoy become visible, s. With a gate it is behind it."""
    handover_s: float = 0.0
    """Time of flight until which the simulator commands the vehicle, s."""
    forced_turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Begin (s), end (s) and yaw rate (rad/s) of a turn before the handover."""
    hold_s: float = 0.0
    """Time for which the simulator holds the vehicle on its way to the gate, s."""
    hold_gate_distance_m: float = 0.0
    """Distance to the gate at which that begins, m."""


GATE_HALF_M = 1.3
"""Half the distance between the posts of a gate."""
POST_RADIUS_M = 0.06
"""Radius of a post of a gate."""


@dataclass(frozen=True)
class ForestLayout:
    """One forest: trees, bushes, start, target, and the seed of its appearance."""

    seed: int
    trees: tuple[Tree, ...]
    bushes: tuple[Bush, ...]
    start_enu_m: tuple[float, float, float]
    start_yaw_rad: float
    target_enu_m: tuple[float, float, float]
    target_yaw_rad: float
    course: Course | None = None

    @property
    def target_distance_m(self) -> float:
        """Horizontal length of the route from the start through the gate to the target, m."""
        stops = [self.start_enu_m[:2], self.target_enu_m[:2]]
        if self.course is not None and self.course.gate_enu_m is not None:
            stops.insert(1, self.course.gate_enu_m)
        return sum(itertools.starmap(math.dist, itertools.pairwise(stops)))

    @property
    def gate_yaw_rad(self) -> float:
        """Heading of the first leg, counter-clockwise from east.

        Raises:
            LiquidPilotError: if the layout has no gate.
        """
        if self.course is None or self.course.gate_enu_m is None:
            raise LiquidPilotError('this forest has no gate')
        x, y = self.course.gate_enu_m
        return math.atan2(y - self.start_enu_m[1], x - self.start_enu_m[0])

    def gate_posts(self) -> list[tuple[float, float]]:
        """Return x, y of the posts of the gate, left and right of the first leg, m."""
        if self.course is None or self.course.gate_enu_m is None:
            return []
        x, y = self.course.gate_enu_m
        sin, cos = math.sin(self.gate_yaw_rad), math.cos(self.gate_yaw_rad)
        return [(x - side * GATE_HALF_M * sin, y + side * GATE_HALF_M * cos) for side in (1, -1)]

    def obstacle_discs(self) -> npt.NDArray[np.float64]:
        """Return (n, 3) x, y and radius of trunks, posts and hedges in the flown area, m."""
        discs = [(t.x_m, t.y_m, t.trunk_radius_m) for t in self.trees if not t.backdrop]
        discs += [(x, y, POST_RADIUS_M) for x, y in self.gate_posts()]
        if self.course is not None:
            discs += [disc for hedge in self.course.hedges for disc in hedge.discs()]
        return np.array(discs).reshape(-1, 3)

    def decoy_distance_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Return the horizontal distance to the decoy, m; infinite without a decoy."""
        if self.course is None:
            return math.inf
        return math.dist(position_enu_m[:2], self.course.decoy_enu_m[:2])

    def lateral_offsets_m(self, points: npt.NDArray[np.float64]) -> None:
        """Return None: a route through a forest has no centerline."""

    def top_view(self) -> TopView:
        """Return the forest seen from above, with a mark at the target."""
        trees = [tree for tree in self.trees if not tree.backdrop]
        discs = [
            Discs(label, colour, np.array([(t.x_m, t.y_m, getattr(t, radius)) for t in trees]))
            for label, colour, radius in (
                ('tree crown', PALE_GREY, 'crown_radius_m'),
                ('tree trunk', GREY, 'trunk_radius_m'),
            )
        ]
        marks = [Landmark('target', '*', ORANGE, self.target_enu_m[:2], is_goal=True)]
        lines = []
        extent_points = [self.start_enu_m[:2], self.target_enu_m[:2]]
        if self.course is not None:
            hedges = [disc for hedge in self.course.hedges for disc in hedge.discs()]
            if hedges:
                discs.append(Discs('hedge', LIGHT_GREY, np.array(hedges)))
            marks.append(Landmark('wrong target', '*', 'white', self.course.decoy_enu_m[:2]))
            if posts := self.gate_posts():
                lines.append(Line('gate, to be flown through first', BLACK, -1.5, np.array(posts)))
                extent_points += posts
            extent_points.append(self.course.decoy_enu_m[:2])
        return TopView(tuple(discs), tuple(lines), tuple(marks), np.array(extent_points))


def _blocks_view(x: float, y: float, radius: float, distance: float, margin: float) -> bool:
    """Return whether a plant hides part of the target from the start.

    Args:
        x: position along the route, m.
        y: position across the route, m.
        radius: radius of the plant, m.
        distance: distance to the target, m.
        margin: half the width of the part of the target that must be visible, m.
    """
    if not 0.0 < x < distance:
        return False
    return abs(y) < radius + margin * x / distance


def _crowded(x: float, y: float, trunks: list[tuple[float, float, float]], spacing: float) -> bool:
    """Return whether one of the trunks is nearer to (x, y) than `spacing`, m."""
    for a, b, _ in trunks:
        # Nearly all trunks are too far along one axis alone.
        if abs(x - a) < spacing and abs(y - b) < spacing and math.hypot(x - a, y - b) < spacing:
            return True
    return False


def _draw_tree(rng: np.random.Generator, x: float, y: float, radius: float, backdrop: bool) -> Tree:
    kind = 'pine' if rng.random() < 0.55 else 'broadleaf'
    height = rng.uniform(5.0, 9.0) if kind == 'pine' else rng.uniform(4.5, 7.0)
    return Tree(
        x,
        y,
        radius,
        height,
        crown_base_m=rng.uniform(2.4, 3.2),
        crown_radius_m=rng.uniform(0.9, 1.4) * (1.0 if kind == 'pine' else 1.2),
        kind=kind,
        shade=rng.uniform(),
        backdrop=backdrop,
    )


def generate_forest(seed: int, settings: ForestSettings | None = None) -> ForestLayout:
    """Return the forest of a seed.

    Trunks keep `tree_spacing_m` from each other (dart throwing). None of them hides the target from
    the start.

    Args:
        seed: seed of the forest.
        settings: ranges to draw from; None: the default ones.

    >>> forest = generate_forest(7)
    >>> round(forest.target_distance_m, 1), len(forest.trees)
    (12.2, 75)
    """
    s = settings or ForestSettings()
    rng = random_stream(seed, 'layout')
    distance = rng.uniform(*s.target_distance_m)
    low, high = (
        np.array([-s.corridor_m, -s.corridor_m]),
        np.array([distance + s.corridor_m, s.corridor_m]),
    )
    trunks: list[tuple[float, float, float]] = []
    for trial in range(600):
        x, y = rng.uniform(low, high)
        if trial < s.path_trees:
            x, y = rng.uniform(0.2, 0.9) * distance, s.path_tree_spread_m * rng.standard_normal()
        radius = rng.uniform(*s.trunk_radius_m)
        if math.hypot(x, y) < s.clear_start_m or math.hypot(x - distance, y) < s.clear_target_m:
            continue
        if _blocks_view(x, y, radius, distance, s.sight_half_width_m):
            continue
        if _crowded(x, y, trunks, s.tree_spacing_m):
            continue
        trunks.append((x, y, radius))
    trees = [_draw_tree(rng, x, y, radius, backdrop=False) for x, y, radius in trunks]
    middle, reach = 0.5 * distance, 0.5 * distance + s.corridor_m
    for _ in range(s.backdrop_trees):
        angle = rng.uniform(-math.pi, math.pi)
        away = reach * rng.uniform(1.35, 2.2)
        trees.append(
            _draw_tree(
                rng,
                middle + away * math.cos(angle),
                away * math.sin(angle),
                rng.uniform(*s.trunk_radius_m),
                backdrop=True,
            )
        )
    bushes = []
    for _ in range(s.bushes):
        x, y = rng.uniform(low, high)
        radius = rng.uniform(0.25, 0.6)
        near_target = math.hypot(x - distance, y) < s.clear_target_m
        if not near_target and not _blocks_view(x, y, radius, distance, 1.0):
            bushes.append(Bush(x, y, radius, rng.uniform(0.2, 0.5), rng.uniform()))

    turn = rng.uniform(-math.pi, math.pi)
    cos, sin = math.cos(turn), math.sin(turn)

    def rotated(plant: _Plant) -> _Plant:
        x, y = cos * plant.x_m - sin * plant.y_m, sin * plant.x_m + cos * plant.y_m
        return replace(plant, x_m=x, y_m=y)

    return ForestLayout(
        seed=int(seed),
        trees=tuple(rotated(tree) for tree in trees),
        bushes=tuple(rotated(bush) for bush in bushes),
        start_enu_m=(0.0, 0.0, rng.uniform(*s.start_altitude_m)),
        start_yaw_rad=turn + rng.uniform(*s.heading_offset_rad),
        target_enu_m=(cos * distance, sin * distance, 0.0),
        target_yaw_rad=turn + math.pi + rng.uniform(-0.8, 0.8),
    )
