"""The demonstrator: flies to the target with the map in its hands, which no pilot has.

A memoryless steering law, in the manner of the vector field histogram (Borenstein and Koren 1991):
of a fan of headings about the bearing of the target it takes the cheapest, where nearness to
trunks, deviation from the bearing and change of course all cost. It looks at the target while it
sidesteps, so that what decides a command is within the camera's view. On a course it remembers what
it has flown through (`courses.Way`): give its commands in the order of the flight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import heading_rad, rotation_rows
from liquid_pilot.simulation.forest.layout import ForestLayout
from liquid_pilot.simulation.forest.memory_courses import ForestRouteProgress


@dataclass(frozen=True)
class ForestExpertSettings:
    """How the demonstrator flies; metres, seconds, radians."""

    cruise_m_s: float = 1.8
    approach_m_s: float = 0.9
    slowdown_distance_m: float = 3.0
    altitude_m: float = 1.5
    lookahead_m: float = 4.5
    clearance_m: float = 0.85
    """Centre of the vehicle to the bark: what it likes to keep."""
    min_clearance_m: float = 0.45
    """What it must keep: the airframe's radius and a hand's breadth."""
    fan_half_angle_rad: float = 0.96
    candidates: int = 33
    turn_gain_1_s: float = 1.6
    max_yaw_rate_rad_s: float = 1.0
    yaw_into_sidestep_share: float = 0.45
    """Share of the sidestep's angle that the nose turns towards."""


class ForestExpert:
    """Privileged demonstrator for one forest layout."""

    def __init__(self, layout: ForestLayout, settings: ForestExpertSettings | None = None) -> None:
        self.settings = settings or ForestExpertSettings()
        self._trunks = layout.trunks()
        self._way = ForestRouteProgress(layout)
        s = self.settings
        self._offsets = np.linspace(-s.fan_half_angle_rad, s.fan_half_angle_rad, s.candidates)

    def command(self, state: VehicleState) -> Command:
        """The command at a state: heading-frame velocity in m/s and yaw rate in rad/s."""
        s = self.settings
        rows = rotation_rows(*state.orientation_wxyz)
        yaw = heading_rad(state.orientation_wxyz)
        to_target = self._way.update(state.position_enu_m) - state.position_enu_m[:2]
        distance = float(np.hypot(*to_target))
        bearing = math.atan2(to_target[1], to_target[0])
        velocity = np.array(rows)[:2] @ np.array(state.velocity_flu_m_s)
        offset, clearance = self._choose(state, bearing, distance, velocity)

        speed = s.cruise_m_s
        if distance < s.slowdown_distance_m:
            speed = (
                s.approach_m_s + (s.cruise_m_s - s.approach_m_s) * distance / s.slowdown_distance_m
            )
        speed *= min(max((clearance + 0.35) / (s.clearance_m + 0.35), 0.3), 1.0)
        course = bearing + offset - yaw
        look = _wrapped(bearing + s.yaw_into_sidestep_share * offset - yaw)
        # A target far off the nose is turned to first, and only then flown to.
        speed *= min(max(1.6 - abs(look), 0.15), 1.0)
        yaw_rate = min(max(s.turn_gain_1_s * look, -s.max_yaw_rate_rad_s), s.max_yaw_rate_rad_s)
        climb = min(max(1.2 * (s.altitude_m - state.position_enu_m[2]), -0.6), 0.6)
        return Command(
            state.stamp_ns, speed * math.cos(course), speed * math.sin(course), climb, yaw_rate
        )

    def _choose(
        self, state: VehicleState, bearing: float, distance: float, velocity: np.ndarray
    ) -> tuple[float, float]:
        """The cheapest heading's offset from the bearing, and its clearance in metres."""
        s = self.settings
        if not len(self._trunks):
            return 0.0, s.clearance_m
        relative = self._trunks[:, :2] - state.position_enu_m[:2]
        reach = min(s.lookahead_m, distance)
        angles = bearing + self._offsets
        heading = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        along = np.clip(heading @ relative.T, 0.0, reach)  # (candidates, trunks)
        away = relative[None] - along[..., None] * heading[:, None]
        clearance = np.hypot(away[..., 0], away[..., 1]) - self._trunks[:, 2]
        # What is far ahead may still be avoided later, and counts less.
        shortfall = np.maximum(s.clearance_m - clearance, 0.0) / s.clearance_m
        peril = np.maximum(s.min_clearance_m - clearance, 0.0) / s.min_clearance_m
        weight = 1.0 - 0.5 * along / s.lookahead_m
        # A trunk right beside counts only for headings that go towards it.
        ahead = heading @ relative.T > -0.1
        cost = (weight * ahead * (4.0 * shortfall**2 + 30.0 * peril)).max(axis=1)
        cost += 0.8 * self._offsets**2
        speed = float(np.hypot(*velocity))
        if speed > 0.3:
            course = math.atan2(velocity[1], velocity[0])
            cost += 0.15 * np.array([_wrapped(a - course) ** 2 for a in angles])
        best = int(np.argmin(cost))
        near = np.where(ahead[best], clearance[best], np.inf).min()
        return float(self._offsets[best]), float(min(near, s.clearance_m))


def _wrapped(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi
