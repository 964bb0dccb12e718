"""Courses that need memory: what decides the end of a flight is seen only at its beginning.

Two red chairs stand as mirror images of each other about the first leg; one is the target, and the
other ends the mission. Which is which can be told at the start alone:

- two_legs: the target stands in view for a moment, then neither chair is shown until a blue gate
  straight ahead has been flown through (the multi-step task of Chahine et al. 2023).
- glimpse: the target stands in view for a moment while the vehicle hovers; then somebody else turns
  it away, holds it, and hands it over.
- hidden: nothing is switched on or off. The target is seen through a gap in a hedge, and from then
  on hedges hide both chairs until the far end of the lane between them.

The strength of a course is how long it has to be remembered: metres of the first leg or, of
'glimpse', seconds until the handover.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import heading_rad
from liquid_pilot.simulation.base.condition import MEMORY_COURSES
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.forest.layout import (
    Course,
    ForestLayout,
    ForestSettings,
    Hedge,
    generate_forest,
)

TARGET_BODY, DECOY_BODY = 'target', 'decoy'
"""Names of the chairs in a scene."""
GATE_REACHED_M = 1.0
"""So near to its middle the gate counts as flown through."""
TARGET_VISIBLE_S = 1.2
"""For so long the target is seen at the start, where it is shown by time."""
_TURN_S = 1.2
_TURN_RAD = (1.05, 1.75)
_CHAIR_OFFSET_M = 4.0
"""The chairs stand this far to the left and right of the first leg."""
_MAX_CHAIR_BEARING_RAD = 0.47
"""Within this much of the first leg's direction the chairs stand when they are shown."""
_LANE_HALF_WIDTH_M = 1.6
"""Half the width of the lane between the hedges."""
_GAP_M = 2.0


def forest_for_conditions(seed: int, strengths: Mapping[str, float]) -> ForestLayout:
    """The forest of a seed in conditions, with its course if they name one."""
    settings = ForestSettings()
    further, other = strengths.get('range', 0.0), strengths.get('forest', 0.0)
    if further or other:
        low, high = settings.target_distance_m
        thin, thick = settings.trunk_radius_m
        settings = replace(
            settings,
            target_distance_m=(low + further, high + further),
            tree_spacing_m=settings.tree_spacing_m * (1.0 - 0.25 * other),
            trunk_radius_m=(thin * (1.0 + 0.5 * other), thick * (1.0 + 0.5 * other)),
        )
    course = next((family for family in MEMORY_COURSES if family in strengths), None)
    return generate_with_course(seed, settings, course, strengths.get(course, 0.0))


def generate_with_course(
    seed: int, settings: ForestSettings, family: str | None = None, strength: float = 0.0
) -> ForestLayout:
    """The forest of a seed, with a course in it; without a family, a flight to the target."""
    if family is None:
        return generate_forest(seed, settings)
    rng = random_stream(seed, f'k:{family}')
    side, away = (1.0 if rng.random() < 0.5 else -1.0 for _ in range(2))
    if family == 'glimpse':
        leg = rng.uniform(6.0, 9.0)
        ahead, aside = (
            leg * math.cos(_MAX_CHAIR_BEARING_RAD),
            leg * math.sin(_MAX_CHAIR_BEARING_RAD),
        )
    elif family == 'two_legs':
        leg, aside = strength, _CHAIR_OFFSET_M
        ahead = max(leg + 2.0, aside / math.tan(_MAX_CHAIR_BEARING_RAD)) + rng.uniform(0.0, 1.0)
    else:
        leg, aside = strength + 1.2, _CHAIR_OFFSET_M + 0.5
        ahead = leg + 2.0
    base = generate_forest(seed, replace(settings, target_distance_m=(leg, leg)))
    way = _FirstLegFrame(base)
    target, decoy = way.place(ahead, side * aside), way.place(ahead, -side * aside)
    start_yaw = way.yaw_rad + rng.uniform(-0.08, 0.08)
    if family == 'glimpse':
        turn = away * rng.uniform(*_TURN_RAD) / _TURN_S
        course = Course(
            family,
            None,
            decoy,
            visible_until_s=TARGET_VISIBLE_S,
            visible_again_s=strength,
            handover_s=strength,
            turn=(TARGET_VISIBLE_S, TARGET_VISIBLE_S + _TURN_S, turn),
        )
        ways = [(0.0, 0.0, ahead, aside, 1.2)]
    else:
        hedges = () if family == 'two_legs' else tuple(_hedges(way, strength, side, ahead, aside))
        course = Course(
            family, way.place(leg, 0.0)[:2], decoy, hedges, math.inf if hedges else TARGET_VISIBLE_S
        )
        # Second legs are free of trees, and so is the view of both chairs from the start.
        ways = [
            (leg, 0.0, ahead, aside, 1.3),
            (0.0, 0.0, ahead, aside, 0.4),
            (leg, 0.0, leg, 0.0, 2.0),
        ]
        if hedges:
            ways.append((-1.0, 0.0, leg, 0.0, _LANE_HALF_WIDTH_M + 1.2))
    ways.append((ahead, aside, ahead, aside, settings.clear_target_m))
    trees, bushes = (
        [
            item
            for item in items
            if not any(
                way.near(item.x_m, item.y_m, a, mirror * b, c, mirror * d, gap)
                for a, b, c, d, gap in ways
                for mirror in (1.0, -1.0)
            )
        ]
        for items in (base.trees, base.bushes)
    )
    return replace(
        base,
        trees=tuple(trees),
        bushes=tuple(bushes),
        start_yaw_rad=start_yaw,
        target_enu_m=target,
        course=course,
    )


def _hedges(
    way: _FirstLegFrame, length: float, side: float, ahead: float, aside: float
) -> list[Hedge]:
    """Both sides of the lane, with the gap through which the target is seen from the start."""
    middle = _LANE_HALF_WIDTH_M * ahead / aside
    found = []
    for hand in (1.0, -1.0):
        pieces = [(0.6, length)]
        if hand == side:
            pieces = [(0.6, middle - 0.5 * _GAP_M), (middle + 0.5 * _GAP_M, length)]
        for begin, end in pieces:
            if end - begin > 0.1:
                x, y, _ = way.place(0.5 * (begin + end), hand * _LANE_HALF_WIDTH_M)
                found.append(Hedge(x, y, way.yaw_rad, end - begin))
    return found


class _FirstLegFrame:
    """Along and to the left of the first leg, from the start."""

    def __init__(self, base: ForestLayout) -> None:
        along = np.subtract(base.target_enu_m[:2], base.start_enu_m[:2])
        self.yaw_rad = math.atan2(along[1], along[0])
        self._start = np.array(base.start_enu_m[:2])
        self._along = along / np.hypot(*along)
        self._left = np.array([-self._along[1], self._along[0]])

    def place(self, ahead: float, left: float) -> tuple[float, float, float]:
        """East, north and up of a point on the ground."""
        x, y = self._start + ahead * self._along + left * self._left
        return float(x), float(y), 0.0

    def near(self, x: float, y: float, a: float, b: float, c: float, d: float, gap: float) -> bool:
        """Whether (x, y) is within `gap` of the line from (a, b) to (c, d), ahead and left."""
        start, end = (np.array(self.place(*point)[:2]) for point in ((a, b), (c, d)))
        line = end - start
        share = np.clip((np.array([x, y]) - start) @ line / max(line @ line, 1e-9), 0.0, 1.0)
        return bool(np.hypot(*(start + share * line - (x, y))) < gap)


class ForestRouteProgress:
    """How far a flight has come on its course: a memory, which a pilot must have of its own."""

    def __init__(self, layout: ForestLayout) -> None:
        self._course = layout.course
        self._target = np.array(layout.target_enu_m[:2])
        gate = self._course.gate_enu_m if self._course is not None else None
        self._gate = None if gate is None else np.array(gate)
        self._gate_passed = self._gate is None

    def update(self, position_enu_m: tuple[float, ...]) -> np.ndarray:
        """Where the vehicle is, tick by tick -> (2,) where it has to fly next."""
        if not self._gate_passed and np.hypot(*(self._gate - position_enu_m[:2])) <= GATE_REACHED_M:
            self._gate_passed = True
        return self._target if self._gate_passed else self._gate

    def at_decision_point(self, time_s: float) -> bool:
        """Whether the moment to recall what was seen at the start has come."""
        if self._course is None:
            return False
        return (
            self._gate_passed
            if self._gate is not None
            else time_s >= self._course.handover_s - 1e-9
        )

    def remaining_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Horizontal metres still to go, leg by leg."""
        to_target = float(np.hypot(*(self._target - position_enu_m[:2])))
        if self._gate_passed:
            return to_target
        return float(
            np.hypot(*(self._gate - position_enu_m[:2])) + np.hypot(*(self._target - self._gate))
        )

    def shown(self, time_s: float) -> dict[str, bool]:
        """Whether target and decoy stand in the picture."""
        course = self._course
        if course is None:
            return {}
        if math.isinf(course.visible_until_s):
            return {TARGET_BODY: True, DECOY_BODY: True}
        again = self._gate_passed if course.gate_enu_m else time_s >= course.visible_again_s - 1e-9
        return {TARGET_BODY: again or time_s < course.visible_until_s, DECOY_BODY: again}

    def bearing_rad(self, state: VehicleState) -> float:
        """Of the target, to the left of the nose, whether it is seen or not."""
        x, y = self._target - state.position_enu_m[:2]
        return math.atan2(y, x) - heading_rad(state.orientation_wxyz)

    def violation(self, state: VehicleState) -> str | None:
        """The air is free."""
        return None

    def handling(self, time_s: float, stamp_ns: int) -> Command | None:
        """What somebody else commands instead of the pilot; None when the pilot has the vehicle."""
        course = self._course
        if course is None or time_s >= course.handover_s - 1e-9:
            return None
        begin, end, rate = course.turn
        turning = begin - 1e-9 <= time_s < end - 1e-9
        return Command(stamp_ns, 0.0, 0.0, 0.0, rate if turning else 0.0)
