"""The expert of the road, which knows its layout, and the progress of a drive along it.

The expert follows a point ahead on the centerline (pure pursuit, Coulter 1992), at the speed that
the bends ahead allow. Its only memory is its last position along the road.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import heading_rad
from liquid_pilot.onboard.vehicles.action_scaling import curvature_to_yaw_rate
from liquid_pilot.simulation.road.layout import STEP_M, RoadLayout

_BEARING_LOOKAHEAD_M = 8.0
"""Distance along the road to the point that `RoadRouteProgress` reports the bearing of."""


@dataclass(frozen=True)
class RoadExpertSettings:
    """Parameters of the expert."""

    cruise_m_s: float = 8.0
    """Speed on a straight."""
    max_lateral_acceleration_m_s2: float = 5.5
    """Max planned lateral acceleration on a dry road. The friction factor of a layout scales it."""
    max_deceleration_m_s2: float = 2.5
    """Max planned deceleration on a dry road. The friction factor of a layout scales it."""
    lookahead_m: float = 1.6
    lookahead_s: float = 0.35
    """Look-ahead distance = lookahead_m + lookahead_s * speed."""
    half_speed_offset_m: float = 1.2
    """Offset from the centerline at which the speed is halved."""
    max_curvature_1_m: float = 0.35
    """Max commanded curvature."""


class RoadExpert:
    """The expert of one road.

    Args:
        layout: the road.
        settings: parameters of the expert; None: the default ones.
    """

    def __init__(self, layout: RoadLayout, settings: RoadExpertSettings | None = None) -> None:
        self.settings = s = settings or RoadExpertSettings()
        self._layout = layout
        self._along_m: float | None = None
        self._max_lateral_m_s2 = s.max_lateral_acceleration_m_s2 * layout.friction_factor
        max_deceleration_m_s2 = s.max_deceleration_m_s2 * layout.friction_factor
        # The speed that bends allow, limited by the deceleration before them.
        allowed = np.sqrt(
            self._max_lateral_m_s2 / np.maximum(np.abs(layout.centerline[:, 3]), 1e-6)
        )
        speed = np.minimum(allowed, s.cruise_m_s)
        for index in range(len(speed) - 2, -1, -1):
            speed[index] = min(
                speed[index],
                math.sqrt(speed[index + 1] ** 2 + 2.0 * max_deceleration_m_s2 * STEP_M),
            )
        self._speed = speed

    def command(self, state: VehicleState) -> Command:
        """Return forward speed, and the yaw rate that represents the curvature to the point ahead.

        Args:
            state: state of the vehicle; call it in the order of the drive.
        """
        s, (x, y, _) = self.settings, state.position_enu_m
        self._along_m, offset = self._layout.locate(x, y, self._along_m)
        lookahead_m = s.lookahead_m + s.lookahead_s * max(state.velocity_flu_m_s[0], 0.0)
        target = self._layout.point(self._along_m + lookahead_m)
        dx, dy = target - (x, y)
        heading = heading_rad(state.orientation_wxyz)
        left = dy * math.cos(heading) - dx * math.sin(heading)
        curvature = 2.0 * left / max(dx * dx + dy * dy, 1e-6)
        curvature = min(max(curvature, -s.max_curvature_1_m), s.max_curvature_1_m)
        soon_m = self._along_m + 0.2 * state.velocity_flu_m_s[0]
        speed = float(self._speed[self._layout.index(soon_m)])
        speed /= 1.0 + abs(offset) / s.half_speed_offset_m
        speed = min(speed, math.sqrt(self._max_lateral_m_s2 / max(abs(curvature), 1e-6)))
        return Command(state.stamp_ns, speed, 0.0, 0.0, curvature_to_yaw_rate(curvature, speed))


class RoadRouteProgress:
    """Progress of one drive along its road.

    Args:
        layout: the road.
    """

    def __init__(self, layout: RoadLayout) -> None:
        self._layout = layout
        self._along_m, self._left_m = 0.0, 0.0

    def update(self, position_enu_m: tuple[float, ...]) -> npt.NDArray[np.float64]:
        """Follow the vehicle. Return (2,) east and north of the centerline ahead of it, m."""
        x, y = position_enu_m[:2]
        self._along_m, self._left_m = self._layout.locate(x, y, self._along_m)
        return self._layout.point(self._along_m + _BEARING_LOOKAHEAD_M)

    def remaining_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Return the length of road that remains, m."""
        return max(0.0, self._layout.length_m - self._along_m)

    def bearing_rad(self, state: VehicleState) -> float:
        """Return the bearing of the centerline ahead, counter-clockwise from the nose."""
        x, y = self._layout.point(self._along_m + _BEARING_LOOKAHEAD_M) - state.position_enu_m[:2]
        return math.atan2(y, x) - heading_rad(state.orientation_wxyz)

    def violation(self, state: VehicleState) -> str | None:
        """Return 'the verge' if the centre of the vehicle is off the road."""
        return 'the verge' if abs(self._left_m) > self._layout.half_width_m else None

    def at_decision_point(self, time_s: float) -> bool:
        """Return False: a road has no decision point."""
        return False

    def handover_command(self, time_s: float, stamp_ns: int) -> None:
        """Return None: the pilot drives from the start."""

    def body_visibility(self, time_s: float) -> dict[str, bool]:
        """Return no bodies: none of a road is switchable."""
        return {}
