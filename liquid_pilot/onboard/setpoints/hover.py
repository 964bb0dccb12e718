"""For the Crazyflie's hover setpoint: horizontal velocity, yaw rate and a height."""

from __future__ import annotations

import math
from typing import NamedTuple

from liquid_pilot.interfaces import Command, ObservationError, VehicleState
from liquid_pilot.onboard.setpoints.settings import AdapterSettings

MIN_HEIGHT_M = 0.05
"""No height below this is asked for: landing is not the pilot's business."""


class HoverSetpoint(NamedTuple):
    """Velocities of the heading frame, and a height above the ground."""

    stamp_ns: int
    forward_m_s: float
    left_m_s: float
    yaw_rate_rad_s: float
    """About up."""
    height_m: float


class HoverAdapter:
    """Heading-frame velocity and odometry -> horizontal velocity and height.

    The climb rate becomes the height that it leads to in `climb_lookahead_s`, from the height that the
    odometry has now: nothing is integrated, so nothing runs away.
    """

    name = 'crazyflie'
    needs_odometry = True

    def __init__(self, settings: AdapterSettings | None = None) -> None:
        self._settings = settings or AdapterSettings()

    def convert(self, command: Command, state: VehicleState | None) -> HoverSetpoint:
        """m/s, rad/s and m; ObservationError without a height."""
        if state is None or not math.isfinite(state.position_enu_m[2]):
            raise ObservationError(
                'crazyflie needs the height, and no odometry has one: check the topic `odom`'
            )
        height = state.position_enu_m[2] + command.up_m_s * self._settings.climb_lookahead_s
        return HoverSetpoint(
            command.stamp_ns,
            command.forward_m_s,
            command.left_m_s,
            command.yaw_rate_rad_s,
            max(height, MIN_HEIGHT_M),
        )
