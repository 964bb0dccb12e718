"""Where things stand in one forest: drawn from a seed, without any physics engine.

The layout is what an expert may know, what a map is drawn from, and what a scene (MuJoCo today) is
built from. World frame ENU, metres; the start is near the origin and the target lies in a random
direction, so that nothing can be learnt from absolute positions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError


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
    way_trees: int = 8
    """Tries at standing a tree close to the straight way, which makes flying straight unwise."""
    way_spread_m: float = 0.8
    """Standard deviation of their distance from the straight way."""
    sight_half_width_m: float = 0.12
    """From the start no trunk may stand before this much to each side of the target's middle."""
    backdrop_trees: int = 36
    bushes: int = 14


@dataclass(frozen=True)
class Tree:
    """A trunk and its crown; `kind` is 'pine' or 'broadleaf'."""

    x_m: float
    y_m: float
    trunk_radius_m: float
    height_m: float
    crown_base_m: float
    crown_radius_m: float
    kind: str
    shade: float
    """Brightness of its colours in [0, 1]."""
    backdrop: bool = False
    """Stands outside the flown area and is drawn simply."""


@dataclass(frozen=True)
class Bush:
    """A low ellipsoid of leaves."""

    x_m: float
    y_m: float
    radius_m: float
    height_m: float
    shade: float


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

    @property
    def target_distance_m(self) -> float:
        """Horizontal distance from the start to the target."""
        return math.hypot(
            self.target_enu_m[0] - self.start_enu_m[0], self.target_enu_m[1] - self.start_enu_m[1]
        )

    def trunks(self) -> np.ndarray:
        """(n, 3) float64: x, y and radius of each tree that stands in the flown area."""
        return np.array(
            [(t.x_m, t.y_m, t.trunk_radius_m) for t in self.trees if not t.backdrop]
        ).reshape(-1, 3)


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A random stream of its own for each purpose, so that one never shifts another.

    Raises:
        LiquidPilotError: when the seed is negative or not a whole number.
    """
    if int(seed) != seed or seed < 0:
        raise LiquidPilotError(f'a seed must be a whole number >= 0, not {seed!r}')
    key = int.from_bytes(purpose.encode()[:8], 'little')
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([int(seed), key])))


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
        x, y, radius, height,
        crown_base_m=rng.uniform(2.4, 3.2),
        crown_radius_m=rng.uniform(0.9, 1.4) * (1.0 if kind == 'pine' else 1.2),
        kind=kind, shade=rng.uniform(), backdrop=far,
    )


def generate(seed: int, settings: ForestSettings | None = None) -> ForestLayout:
    """Draw the forest of a seed.

    Trunks keep at least `tree_spacing_m` from each other (dart throwing), and none of them hides
    the target from the start: from there on the pilot has to look for itself.
    """
    s = settings or ForestSettings()
    rng = generator(seed, 'layout')
    distance = rng.uniform(*s.target_distance_m)
    low, high = np.array([-s.corridor_m, -s.corridor_m]), np.array(
        [distance + s.corridor_m, s.corridor_m]
    )
    kept: list[tuple[float, float, float]] = []
    for trial in range(600):
        x, y = rng.uniform(low, high)
        if trial < s.way_trees:
            x, y = rng.uniform(0.2, 0.9) * distance, s.way_spread_m * rng.standard_normal()
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
            _draw_tree(rng, middle + away * math.cos(angle), away * math.sin(angle),
                       rng.uniform(*s.trunk_radius_m), far=True)
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
