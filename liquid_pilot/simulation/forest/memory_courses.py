"""Memory courses: target and decoy can be distinguished only at the start.

Two red chairs stand as mirror images of each other about the first leg. One is the target, the
other is the decoy, which ends the mission. The three courses are:

- two_legs: the target is visible for a short time. Then neither chair is visible until the vehicle
  has flown through a blue gate straight ahead (the multi-step task of Chahine et al. 2023).
- glimpse: the target is visible for a short time while the vehicle hovers. Then the simulator turns
  the vehicle away, holds it, and hands it over.
- hidden: both chairs are always visible. The target is seen through a gap in a hedge at the start,
  then hedges hide both chairs until the end of the lane between them.

The strength of a course is the time or distance over which memory is needed: metres of the first
leg or, for 'glimpse', seconds until the handover.

The condition 'held' prolongs the delay on any of them. On 'two_legs' and 'hidden' the simulator
holds the vehicle half way to the gate, where the target is no longer visible, for a time drawn from
HOLD_S. On 'glimpse' it does so anyway, between the turn and the handover. The strength of 'held' is
a factor on these times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import heading_rad
from liquid_pilot.simulation.base.condition import HELD, MEMORY_COURSES
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.vegetation import Bush, Tree
from liquid_pilot.simulation.forest.layout import (
    Course,
    ForestLayout,
    ForestSettings,
    Hedge,
    generate_forest,
)

TARGET_BODY, DECOY_BODY = 'target', 'decoy'
"""Names of the bodies of the chairs in a scene."""
GATE_REACHED_M = 1.0
"""Distance to the centre of the gate at which it counts as passed."""
TARGET_VISIBLE_S = 1.2
"""Duration for which the target is visible at the start of 'two_legs' and 'glimpse'."""
HOLD_S = (1.2, 2.0)
"""Range of the time for which the vehicle is held on 'two_legs' and 'hidden', at the factor 1, s.
On 'glimpse:3' it is 1.6 s."""
_HOLD_LEG_SHARE = 0.5
"""Share of the first leg that is left when the vehicle is held. Behind the gap of 'hidden' hedges
hide the target there; on 'two_legs' the vehicle is held later if the target is still visible."""
_TURN_S = 1.2
_TURN_RAD = (1.05, 1.75)
_CHAIR_OFFSET_M = 4.0
"""Distance of the chairs to the left and right of the first leg."""
_MAX_CHAIR_BEARING_RAD = 0.47
"""Max bearing of the chairs from the direction of the first leg, while they are visible."""
_LANE_HALF_WIDTH_M = 1.6
"""Half the width of the lane between the hedges."""
_GAP_M = 2.0
"""Length of the gap in a hedge through which the target is seen."""


def forest_for_conditions(seed: int, strengths: Mapping[str, float]) -> ForestLayout:
    """Return the forest of a seed in conditions.

    Args:
        seed: seed of the forest.
        strengths: strengths of the conditions from the start, by family.
    """
    settings = ForestSettings()
    further, change = strengths.get('range', 0.0), strengths.get('forest', 0.0)
    if further or change:
        low, high = settings.target_distance_m
        thin, thick = settings.trunk_radius_m
        settings = replace(
            settings,
            target_distance_m=(low + further, high + further),
            tree_spacing_m=settings.tree_spacing_m * (1.0 - 0.25 * change),
            trunk_radius_m=(thin * (1.0 + 0.5 * change), thick * (1.0 + 0.5 * change)),
        )
    for family in MEMORY_COURSES:
        if family in strengths:
            return generate_with_course(
                seed, settings, family, strengths[family], strengths.get(HELD)
            )
    return generate_forest(seed, settings)


def generate_with_course(
    seed: int,
    settings: ForestSettings,
    family: str,
    strength: float,
    held: float | None = None,
) -> ForestLayout:
    """Return the forest of a seed, with a memory course in it.

    Args:
        seed: seed of the forest.
        settings: ranges that the forest is drawn from.
        family: one of `MEMORY_COURSES`.
        strength: strength of the course: length of the first leg, m, or, for 'glimpse', time until
            the handover, s.
        held: factor on the time for which the vehicle is held; None: there is no hold but that of
            'glimpse'.
    """
    rng = random_stream(seed, f'k:{family}')
    target_side, turn_side = (1.0 if rng.random() < 0.5 else -1.0 for _ in range(2))
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
    forest = generate_forest(seed, replace(settings, target_distance_m=(leg, leg)))
    frame = _FirstLegFrame(forest)
    target = frame.to_world(ahead, target_side * aside)
    decoy = frame.to_world(ahead, -target_side * aside)
    start_yaw = frame.yaw_rad + rng.uniform(-0.08, 0.08)
    if family == 'glimpse':
        yaw_rate_rad_s = turn_side * rng.uniform(*_TURN_RAD) / _TURN_S
        turned_s = TARGET_VISIBLE_S + _TURN_S
        handover_s = strength if held is None else turned_s + held * (strength - turned_s)
        course = Course(
            family,
            None,
            decoy,
            visible_until_s=TARGET_VISIBLE_S,
            visible_again_s=handover_s,
            handover_s=handover_s,
            forced_turn=(TARGET_VISIBLE_S, turned_s, yaw_rate_rad_s),
        )
        clear_strips = [(0.0, 0.0, ahead, aside, 1.2)]
    else:
        hedges = (
            ()
            if family == 'two_legs'
            else tuple(_hedges(frame, strength, target_side, ahead, aside))
        )
        gate_x, gate_y, _ = frame.to_world(leg, 0.0)
        course = Course(
            family, (gate_x, gate_y), decoy, hedges, math.inf if hedges else TARGET_VISIBLE_S
        )
        if held is not None:
            course = replace(
                course,
                hold_s=held * random_stream(seed, 'k:held').uniform(*HOLD_S),
                hold_gate_distance_m=_HOLD_LEG_SHARE * leg,
            )
        # Second legs are free of trees, and so is the view of both chairs from the start.
        clear_strips = [
            (leg, 0.0, ahead, aside, 1.3),
            (0.0, 0.0, ahead, aside, 0.4),
            (leg, 0.0, leg, 0.0, 2.0),
        ]
        if hedges:
            clear_strips.append((-1.0, 0.0, leg, 0.0, _LANE_HALF_WIDTH_M + 1.2))
    clear_strips.append((ahead, aside, ahead, aside, settings.clear_target_m))

    def is_clear(plant: Tree | Bush) -> bool:
        return not any(
            frame.near_line(plant.x_m, plant.y_m, (a, side * b), (c, side * d), gap)
            for a, b, c, d, gap in clear_strips
            for side in (1.0, -1.0)
        )

    return replace(
        forest,
        trees=tuple(filter(is_clear, forest.trees)),
        bushes=tuple(filter(is_clear, forest.bushes)),
        start_yaw_rad=start_yaw,
        target_enu_m=target,
        course=course,
    )


def _hedges(
    frame: _FirstLegFrame, length: float, target_side: float, ahead: float, aside: float
) -> list[Hedge]:
    """Return both sides of the lane, with the gap through which the target is seen at the start.

    Args:
        frame: frame of the first leg.
        length: length of the lane, m.
        target_side: 1 if the target is on the left, -1 if it is on the right.
        ahead: distance of the chairs along the first leg, m.
        aside: distance of the chairs to the side, m.
    """
    gap_centre = _LANE_HALF_WIDTH_M * ahead / aside
    hedges = []
    for side in (1.0, -1.0):
        spans = [(0.6, length)]
        if side == target_side:
            spans = [(0.6, gap_centre - 0.5 * _GAP_M), (gap_centre + 0.5 * _GAP_M, length)]
        for begin, end in spans:
            if end - begin > 0.1:
                x, y, _ = frame.to_world(0.5 * (begin + end), side * _LANE_HALF_WIDTH_M)
                hedges.append(Hedge(x, y, frame.yaw_rad, end - begin))
    return hedges


class _FirstLegFrame:
    """The frame of the first leg: x along it from the start, y to its left.

    Args:
        forest: a forest with its target at the end of the first leg.
    """

    def __init__(self, forest: ForestLayout) -> None:
        along = np.subtract(forest.target_enu_m[:2], forest.start_enu_m[:2])
        self.yaw_rad = math.atan2(along[1], along[0])
        """Heading of the first leg, counter-clockwise from east."""
        self._start = np.array(forest.start_enu_m[:2])
        self._along = along / np.hypot(*along)
        self._left = np.array([-self._along[1], self._along[0]])

    def to_world(self, ahead: float, left: float) -> tuple[float, float, float]:
        """Return a point on the ground in the world frame (ENU), m."""
        x, y = self._start + ahead * self._along + left * self._left
        return float(x), float(y), 0.0

    def near_line(
        self,
        x: float,
        y: float,
        begin: tuple[float, float],
        end: tuple[float, float],
        gap: float,
    ) -> bool:
        """Return whether a point is near a line.

        Args:
            x: east of the point, m.
            y: north of the point, m.
            begin: begin of the line in this frame, m.
            end: end of the line in this frame, m.
            gap: max distance, m.
        """
        first, last = (np.array(self.to_world(*point)[:2]) for point in (begin, end))
        line = last - first
        share = np.clip((np.array([x, y]) - first) @ line / max(line @ line, 1e-9), 0.0, 1.0)
        return bool(np.hypot(*(first + share * line - (x, y))) < gap)


class ForestRouteProgress:
    """Progress of one flight along its route: a memory that a pilot must have of its own.

    Args:
        layout: the forest.
    """

    def __init__(self, layout: ForestLayout) -> None:
        self._course = layout.course
        self._target = np.array(layout.target_enu_m[:2])
        gate = self._course.gate_enu_m if self._course is not None else None
        self._gate = None if gate is None else np.array(gate)
        self._gate_passed = self._gate is None
        self._gate_distance_m = math.inf
        self._hold_began_s: float | None = None

    @property
    def _next_gate(self) -> npt.NDArray[np.float64] | None:
        """The gate, until the vehicle has passed it."""
        return None if self._gate_passed else self._gate

    def update(self, position_enu_m: tuple[float, ...]) -> npt.NDArray[np.float64]:
        """Follow the vehicle. Return (2,) east and north of the gate or the target, m."""
        gate = self._next_gate
        if gate is not None:
            self._gate_distance_m = float(np.hypot(*(gate - position_enu_m[:2])))
            if self._gate_distance_m <= GATE_REACHED_M:
                self._gate_passed = True
        return self._target if gate is None or self._gate_passed else gate

    def at_decision_point(self, time_s: float) -> bool:
        """Return whether the vehicle has passed the gate or, without one, was handed over."""
        if self._course is None:
            return False
        return (
            self._gate_passed
            if self._gate is not None
            else time_s >= self._course.handover_s - 1e-9
        )

    def remaining_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Return the horizontal length of the remaining legs, m."""
        gate = self._next_gate
        if gate is None:
            return float(np.hypot(*(self._target - position_enu_m[:2])))
        return float(np.hypot(*(gate - position_enu_m[:2])) + np.hypot(*(self._target - gate)))

    def body_visibility(self, time_s: float) -> dict[str, bool]:
        """Return whether target and decoy are visible."""
        course = self._course
        if course is None:
            return {}
        if math.isinf(course.visible_until_s):
            return {TARGET_BODY: True, DECOY_BODY: True}
        again = self._gate_passed if course.gate_enu_m else time_s >= course.visible_again_s - 1e-9
        return {TARGET_BODY: again or time_s < course.visible_until_s, DECOY_BODY: again}

    def bearing_rad(self, state: VehicleState) -> float:
        """Return the bearing of the target, counter-clockwise from the nose, visible or not."""
        x, y = self._target - state.position_enu_m[:2]
        return math.atan2(y, x) - heading_rad(state.orientation_wxyz)

    def violation(self, state: VehicleState) -> str | None:
        """Return None: no place in a forest is forbidden."""
        return None

    def handover_command(self, time_s: float, stamp_ns: int) -> Command | None:
        """Return the command that replaces the pilot's; None while the pilot has the vehicle."""
        course = self._course
        if course is None:
            return None
        if self._holds(course, time_s):
            return Command(stamp_ns, 0.0, 0.0, 0.0, 0.0)
        if time_s >= course.handover_s - 1e-9:
            return None
        begin_s, end_s, yaw_rate_rad_s = course.forced_turn
        turning = begin_s - 1e-9 <= time_s < end_s - 1e-9
        return Command(stamp_ns, 0.0, 0.0, 0.0, yaw_rate_rad_s if turning else 0.0)

    def _holds(self, course: Course, time_s: float) -> bool:
        """Return whether the vehicle is held on its way to the gate."""
        if self._hold_began_s is None:
            hidden = math.isinf(course.visible_until_s) or time_s >= course.visible_until_s - 1e-9
            near = self._gate_distance_m <= course.hold_gate_distance_m
            if not (course.hold_s and near and hidden) or self._gate_passed:
                return False
            self._hold_began_s = time_s
        return time_s < self._hold_began_s + course.hold_s - 1e-9
