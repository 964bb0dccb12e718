"""Where things stand in one forest: drawn from a seed, without any physics engine.

The layout is what an expert may know, what a map is drawn from, and what a scene (MuJoCo today) is
built from. World frame ENU, metres; the start is near the origin and the target lies in a random
direction, so that nothing can be learnt from absolute positions.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.top_view import TopView
from liquid_pilot.simulation.base.vegetation import Bush, Tree


@dataclass(frozen=True)
class ForestSettings:
    """Ranges that a forest is drawn from; metres and radians."""

    target_distance_m: tuple[float, float] = (9.0, 15.0)
    heading_offset_rad: tuple[float, float] = (-0.4, 0.4)
    start_altitude_m: tuple[float, float] = (1.2, 1.8)
    tree_spacing_m: float = 2.4
    trunk_radius_m: tuple[float, float] = (0.10, 0.24)
    corridor_m: float = 7.0
    """Trees stand this far to each side of the way, and beyond both ends."""
    clear_start_m: float = 2.2
    clear_target_m: float = 2.2
    path_trees: int = 8
    """Tries at standing a tree close to the straight way, which makes flying straight unwise."""
    path_tree_spread_m: float = 0.8
    """Standard deviation of their distance from the straight way."""
    sight_half_width_m: float = 0.12
    """From the start no trunk may stand before this much to each side of the target's middle."""
    backdrop_trees: int = 36
    bushes: int = 14


@dataclass(frozen=True)
class Hedge:
    """A straight piece of hedge, about its middle."""

    x_m: float
    y_m: float
    yaw_rad: float
    length_m: float
    thickness_m: float = 0.4
    height_m: float = 2.6

    def discs(self) -> list[tuple[float, float, float]]:
        """x, y and radius of discs that cover it."""
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
    """What a flight has to remember; see `simulation.forest.memory_courses`."""

    family: str
    gate_enu_m: tuple[float, float] | None
    """To be flown through before the target counts; None: no gate."""
    decoy_enu_m: tuple[float, float, float]
    """A chair like the target; to come to it ends the mission."""
    hedges: tuple[Hedge, ...] = ()
    visible_until_s: float = math.inf
    """The target is taken out of the picture then."""
    visible_again_s: float = math.inf
    """Target and decoy are put into the picture then; with a gate, behind it."""
    handover_s: float = 0.0
    """Before, somebody else flies."""
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """From, to (s) and at which yaw rate (rad/s) the vehicle is turned by then."""


GATE_HALF_M = 1.3
"""Half the distance between a gate's posts."""
POST_RADIUS_M = 0.06


@dataclass(frozen=True)
class ForestLayout:
    """One forest: trees, bushes, the start pose, the target, and the seed of its colours."""

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
        """Horizontal distance from the start to the target, by way of the gate."""
        stops = [self.start_enu_m[:2], self.target_enu_m[:2]]
        if self.course is not None and self.course.gate_enu_m is not None:
            stops.insert(1, self.course.gate_enu_m)
        return sum(itertools.starmap(math.dist, itertools.pairwise(stops)))

    @property
    def gate_yaw_rad(self) -> float:
        """Heading of the first leg."""
        x, y = self.course.gate_enu_m
        return math.atan2(y - self.start_enu_m[1], x - self.start_enu_m[0])

    def posts(self) -> list[tuple[float, float]]:
        """x, y of the gate's posts, if there is one: it stands across the first leg."""
        if self.course is None or self.course.gate_enu_m is None:
            return []
        x, y = self.course.gate_enu_m
        sin, cos = math.sin(self.gate_yaw_rad), math.cos(self.gate_yaw_rad)
        return [(x - hand * GATE_HALF_M * sin, y + hand * GATE_HALF_M * cos) for hand in (1, -1)]

    def trunks(self) -> np.ndarray:
        """(n, 3) float64: x, y and radius of all that stands upright in the flown area."""
        found = [(t.x_m, t.y_m, t.trunk_radius_m) for t in self.trees if not t.backdrop]
        found += [(x, y, POST_RADIUS_M) for x, y in self.posts()]
        if self.course is not None:
            found += [disc for hedge in self.course.hedges for disc in hedge.discs()]
        return np.array(found).reshape(-1, 3)

    def decoy_distance_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Horizontal distance to the decoy; infinite where there is none."""
        if self.course is None:
            return math.inf
        return math.dist(position_enu_m[:2], self.course.decoy_enu_m[:2])

    def lateral_offsets_m(self, points: np.ndarray) -> None:
        """A forest has no way to keep to."""

    def map(self) -> TopView:
        """Trees and what a course adds; the target is the red star."""
        trees = [tree for tree in self.trees if not tree.backdrop]
        discs = [
            (colour, np.array([(t.x_m, t.y_m, getattr(t, radius)) for t in trees]))
            for colour, radius in (('#d5e8d4', 'crown_radius_m'), ('#7a5230', 'trunk_radius_m'))
        ]
        stars = [('#d1242f', 'white', self.target_enu_m[:2])]
        lines, shown = [], [self.start_enu_m[:2], self.target_enu_m[:2]]
        if self.course is not None:
            discs += [('#2f6f3a', np.array(hedge.discs())) for hedge in self.course.hedges]
            stars.append(('white', '#d1242f', self.course.decoy_enu_m[:2]))
            posts = self.posts()
            lines += [('#0969da', -1.5, np.array(posts))] if posts else []
            shown += [self.course.decoy_enu_m[:2], *posts]
        return TopView(tuple(discs), tuple(lines), tuple(stars), np.array(shown))


def _blocks_the_view(x: float, y: float, radius: float, distance: float, margin: float) -> bool:
    """Whether a trunk hides part of the target from the start; x along the way, y across."""
    if not 0.0 < x < distance:
        return False
    return abs(y) < radius + margin * x / distance


def _crowded(x: float, y: float, kept: list[tuple[float, float, float]], spacing: float) -> bool:
    """Whether a trunk that stands already is nearer than `spacing`."""
    for a, b, _ in kept:
        # Nearly all of them are further along one axis alone.
        if abs(x - a) < spacing and abs(y - b) < spacing and math.hypot(x - a, y - b) < spacing:
            return True
    return False


def _draw_tree(rng: np.random.Generator, x: float, y: float, radius: float, far: bool) -> Tree:
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
        backdrop=far,
    )


def generate_forest(seed: int, settings: ForestSettings | None = None) -> ForestLayout:
    """Draw the forest of a seed.

    Trunks keep at least `tree_spacing_m` from each other (dart throwing), and none of them hides
    the target from the start: from there on the pilot has to look for itself.
    """
    s = settings or ForestSettings()
    rng = random_stream(seed, 'layout')
    distance = rng.uniform(*s.target_distance_m)
    low, high = (
        np.array([-s.corridor_m, -s.corridor_m]),
        np.array([distance + s.corridor_m, s.corridor_m]),
    )
    kept: list[tuple[float, float, float]] = []
    for trial in range(600):
        x, y = rng.uniform(low, high)
        if trial < s.path_trees:
            x, y = rng.uniform(0.2, 0.9) * distance, s.path_tree_spread_m * rng.standard_normal()
        radius = rng.uniform(*s.trunk_radius_m)
        if math.hypot(x, y) < s.clear_start_m or math.hypot(x - distance, y) < s.clear_target_m:
            continue
        if _blocks_the_view(x, y, radius, distance, s.sight_half_width_m):
            continue
        if _crowded(x, y, kept, s.tree_spacing_m):
            continue
        kept.append((x, y, radius))
    local = [_draw_tree(rng, x, y, radius, far=False) for x, y, radius in kept]
    middle, reach = 0.5 * distance, 0.5 * distance + s.corridor_m
    for _ in range(s.backdrop_trees):
        angle = rng.uniform(-math.pi, math.pi)
        away = reach * rng.uniform(1.35, 2.2)
        local.append(
            _draw_tree(
                rng,
                middle + away * math.cos(angle),
                away * math.sin(angle),
                rng.uniform(*s.trunk_radius_m),
                far=True,
            )
        )
    bushes = []
    for _ in range(s.bushes):
        x, y = rng.uniform(low, high)
        radius = rng.uniform(0.25, 0.6)
        near_target = math.hypot(x - distance, y) < s.clear_target_m
        if not near_target and not _blocks_the_view(x, y, radius, distance, 1.0):
            bushes.append(Bush(x, y, radius, rng.uniform(0.2, 0.5), rng.uniform()))

    turn = rng.uniform(-math.pi, math.pi)
    cos, sin = math.cos(turn), math.sin(turn)

    def placed(item: Tree | Bush) -> Tree | Bush:
        x, y = cos * item.x_m - sin * item.y_m, sin * item.x_m + cos * item.y_m
        return type(item)(**{**item.__dict__, 'x_m': x, 'y_m': y})

    return ForestLayout(
        seed=int(seed),
        trees=tuple(placed(tree) for tree in local),
        bushes=tuple(placed(bush) for bush in bushes),
        start_enu_m=(0.0, 0.0, rng.uniform(*s.start_altitude_m)),
        start_yaw_rad=turn + rng.uniform(*s.heading_offset_rad),
        target_enu_m=(cos * distance, sin * distance, 0.0),
        target_yaw_rad=turn + math.pi + rng.uniform(-0.8, 0.8),
    )
