"""The expert of the forest, which knows the layout. A pilot does not.

A memoryless steering law similar to the vector field histogram (Borenstein and Koren 1991): it
chooses the cheapest of a fan of headings around the bearing of the target. Trunks nearby, deviation
from the bearing and changes of course add to the cost. The nose points at the target during a
sidestep, so that the reason for a command is in view of the camera. On a memory course the expert
follows its progress (`memory_courses.ForestRouteProgress`).
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
    """Parameters of the expert."""

    cruise_m_s: float = 1.8
    """Speed far from the target."""
    approach_m_s: float = 0.9
    """Speed at the target."""
    slowdown_distance_m: float = 3.0
    """Distance to the target below which the speed falls from cruise to approach."""
    altitude_m: float = 1.5
    """Height above the ground."""
    lookahead_m: float = 4.5
    """Distance up to which trunks count."""
    preferred_clearance_m: float = 0.85
    """Preferred distance from the centre of the vehicle to the surface of a trunk."""
    min_clearance_m: float = 0.45
    """Min distance: the radius of the airframe and a margin."""
    fan_half_angle_rad: float = 0.96
    """Half the angle of the fan of headings."""
    candidates: int = 33
    """Number of headings in the fan."""
    turn_gain_1_s: float = 1.6
    """Yaw rate over the error of the heading."""
    max_yaw_rate_rad_s: float = 1.0
    """Max yaw rate."""
    yaw_into_sidestep_share: float = 0.45
    """Share of the angle of a sidestep by which the nose turns towards it."""


class ForestExpert:
    """The expert of one forest.

    Args:
        layout: the forest.
        settings: parameters of the expert; None: the default ones.
    """

    def __init__(self, layout: ForestLayout, settings: ForestExpertSettings | None = None) -> None:
        self.settings = settings or ForestExpertSettings()
        self._obstacles = layout.obstacle_discs()
        self._route_progress = ForestRouteProgress(layout)
        s = self.settings
        self._offsets = np.linspace(-s.fan_half_angle_rad, s.fan_half_angle_rad, s.candidates)

    def command(self, state: VehicleState) -> Command:
        """Return velocity in the heading frame (m/s) and yaw rate (rad/s).

        Args:
            state: state of the vehicle; call it in the order of the flight.
        """
        s = self.settings
        rows = rotation_rows(*state.orientation_wxyz)
        yaw = heading_rad(state.orientation_wxyz)
        to_target = self._route_progress.update(state.position_enu_m) - state.position_enu_m[:2]
        distance = float(np.hypot(*to_target))
        bearing = math.atan2(to_target[1], to_target[0])
        velocity = np.array(rows)[:2] @ np.array(state.velocity_flu_m_s)
        offset, clearance = self._choose(state, bearing, distance, velocity)

        speed = s.cruise_m_s
        if distance < s.slowdown_distance_m:
            speed = (
                s.approach_m_s + (s.cruise_m_s - s.approach_m_s) * distance / s.slowdown_distance_m
            )
        speed *= min(max((clearance + 0.35) / (s.preferred_clearance_m + 0.35), 0.3), 1.0)
        course = bearing + offset - yaw
        yaw_error = _wrap_angle(bearing + s.yaw_into_sidestep_share * offset - yaw)
        # The vehicle turns to a target far off the nose before it flies there.
        speed *= min(max(1.6 - abs(yaw_error), 0.15), 1.0)
        yaw_rate = min(
            max(s.turn_gain_1_s * yaw_error, -s.max_yaw_rate_rad_s), s.max_yaw_rate_rad_s
        )
        climb = min(max(1.2 * (s.altitude_m - state.position_enu_m[2]), -0.6), 0.6)
        return Command(
            state.stamp_ns, speed * math.cos(course), speed * math.sin(course), climb, yaw_rate
        )

    def _choose(
        self, state: VehicleState, bearing: float, distance: float, velocity: np.ndarray
    ) -> tuple[float, float]:
        """Return the cheapest heading as an offset from the bearing, and its clearance, m."""
        s = self.settings
        if not len(self._obstacles):
            return 0.0, s.preferred_clearance_m
        relative = self._obstacles[:, :2] - state.position_enu_m[:2]
        reach = min(s.lookahead_m, distance)
        angles = bearing + self._offsets
        heading = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        along = np.clip(heading @ relative.T, 0.0, reach)  # (candidates, trunks)
        away = relative[None] - along[..., None] * heading[:, None]
        clearance = np.hypot(away[..., 0], away[..., 1]) - self._obstacles[:, 2]
        # Trunks far ahead can be avoided later, and count less.
        shortfall = np.maximum(s.preferred_clearance_m - clearance, 0.0) / s.preferred_clearance_m
        danger = np.maximum(s.min_clearance_m - clearance, 0.0) / s.min_clearance_m
        weight = 1.0 - 0.5 * along / s.lookahead_m
        # A trunk at the side counts only for headings towards it.
        ahead = heading @ relative.T > -0.1
        cost = (weight * ahead * (4.0 * shortfall**2 + 30.0 * danger)).max(axis=1)
        cost += 0.8 * self._offsets**2
        speed = float(np.hypot(*velocity))
        if speed > 0.3:
            course = math.atan2(velocity[1], velocity[0])
            cost += 0.15 * np.array([_wrap_angle(a - course) ** 2 for a in angles])
        best = int(np.argmin(cost))
        near = np.where(ahead[best], clearance[best], np.inf).min()
        return float(self._offsets[best]), float(min(near, s.preferred_clearance_m))


def _wrap_angle(angle: float) -> float:
    """Return the same angle in [-pi, pi), rad."""
    return (angle + math.pi) % (2 * math.pi) - math.pi
