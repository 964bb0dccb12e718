"""A drive along a road: how far it has come, and the demonstrator, who has the map in its hands.

Pure pursuit (Coulter 1992) of a point ahead on the road's middle, at the speed that the bends ahead
allow. Memoryless but for where on the road it was a moment ago.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import heading_rad
from liquid_pilot.onboard.vehicles.action_scaling import curvature_to_yaw_rate
from liquid_pilot.simulation.road.layout import STEP_M, RoadLayout

_BEARING_LOOKAHEAD_M = 8.0


@dataclass(frozen=True)
class RoadExpertSettings:
    """How the demonstrator drives; metres, seconds."""

    cruise_m_s: float = 8.0
    max_lateral_acceleration_m_s2: float = 5.5
    """Largest sideways acceleration that it plans with, on dry road; by as much less on one that is
    known to be slippery."""
    max_deceleration_m_s2: float = 2.5
    lookahead_m: float = 1.6
    lookahead_s: float = 0.35
    """It looks at a point so far ahead, and so many seconds more."""
    half_speed_offset_m: float = 1.2
    """This far from the middle it drives at half the speed."""
    max_curvature_1_m: float = 0.35


class RoadExpert:
    """Privileged demonstrator for one road."""

    def __init__(self, layout: RoadLayout, settings: RoadExpertSettings | None = None) -> None:
        self.settings = s = settings or RoadExpertSettings()
        self._layout = layout
        self._near: float | None = None
        # What the bends allow, and what braking for them allows before.
        self._side_m_s2, max_deceleration_m_s2 = (
            s.max_lateral_acceleration_m_s2 * layout.grip,
            s.max_deceleration_m_s2 * layout.grip,
        )
        allowed = np.sqrt(self._side_m_s2 / np.maximum(np.abs(layout.line[:, 3]), 1e-6))
        speed = np.minimum(allowed, s.cruise_m_s)
        for index in range(len(speed) - 2, -1, -1):
            speed[index] = min(
                speed[index],
                math.sqrt(speed[index + 1] ** 2 + 2.0 * max_deceleration_m_s2 * STEP_M),
            )
        self._speed = speed

    def command(self, state: VehicleState) -> Command:
        """Forward speed, and the yaw rate that stands for the curvature to the point ahead."""
        s, (x, y, _) = self.settings, state.position_enu_m
        self._near, aside = self._layout.locate(x, y, self._near)
        lookahead_m = s.lookahead_m + s.lookahead_s * max(state.velocity_flu_m_s[0], 0.0)
        target = self._layout.point(self._near + lookahead_m)
        dx, dy = target - (x, y)
        heading = heading_rad(state.orientation_wxyz)
        left = dy * math.cos(heading) - dx * math.sin(heading)
        curvature = 2.0 * left / max(dx * dx + dy * dy, 1e-6)
        curvature = min(max(curvature, -s.max_curvature_1_m), s.max_curvature_1_m)
        soon_m = self._near + 0.2 * state.velocity_flu_m_s[0]
        speed = float(self._speed[self._layout.index(soon_m)])
        speed /= 1.0 + abs(aside) / s.half_speed_offset_m
        speed = min(speed, math.sqrt(self._side_m_s2 / max(abs(curvature), 1e-6)))
        return Command(state.stamp_ns, speed, 0.0, 0.0, curvature_to_yaw_rate(curvature, speed))


class RoadRouteProgress:
    """How far a drive has come along its road, and whether it is still on it."""

    def __init__(self, layout: RoadLayout) -> None:
        self._layout = layout
        self._along_m, self._left_m = 0.0, 0.0

    def update(self, position_enu_m: tuple[float, ...]) -> np.ndarray:
        """Where the vehicle is, tick by tick -> (2,) the middle of the road ahead of it."""
        x, y = position_enu_m[:2]
        self._along_m, self._left_m = self._layout.locate(x, y, self._along_m)
        return self._layout.point(self._along_m + _BEARING_LOOKAHEAD_M)

    def remaining_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Metres of road still to drive."""
        return max(0.0, self._layout.length_m - self._along_m)

    def bearing_rad(self, state: VehicleState) -> float:
        """Of the middle of the road ahead, to the left of the nose."""
        x, y = self._layout.point(self._along_m + _BEARING_LOOKAHEAD_M) - state.position_enu_m[:2]
        return math.atan2(y, x) - heading_rad(state.orientation_wxyz)

    def violation(self, state: VehicleState) -> str | None:
        """Off the road with its middle: somebody would have to take the wheel."""
        return 'the verge' if abs(self._left_m) > self._layout.half_width_m else None

    def at_decision_point(self, time_s: float) -> bool:
        """There is nothing to recall."""
        return False

    def handling(self, time_s: float, stamp_ns: int) -> None:
        """The pilot drives from the start."""

    def shown(self, time_s: float) -> dict[str, bool]:
        """Everything is there."""
        return {}
