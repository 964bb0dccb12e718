"""Hover setpoints of the Crazyflie: horizontal velocity, yaw rate and a height."""

from __future__ import annotations

import math
from typing import NamedTuple

from liquid_pilot.interfaces import Command, ObservationError, VehicleState
from liquid_pilot.onboard.setpoints.settings import AdapterSettings

MIN_HEIGHT_M = 0.05
"""Minimum height of a setpoint, m: a pilot does not land."""


class HoverSetpoint(NamedTuple):
    """Velocities in the heading frame, and a height."""

    stamp_ns: int
    """Stamp of the command, ns."""
    forward_m_s: float
    """Horizontal velocity forward, m/s."""
    left_m_s: float
    """Horizontal velocity to the left, m/s."""
    yaw_rate_rad_s: float
    """Yaw rate about the axis up, rad/s."""
    height_m: float
    """Height above the ground, m."""


class HoverAdapter:
    """Converts a command to horizontal velocity and height.

    The climb rate becomes the height that it reaches in `climb_lookahead_s`, from the present
    height of the odometry. Nothing is integrated, so that nothing can drift.
    """

    name = 'crazyflie'
    needs_odometry = True

    def __init__(self, settings: AdapterSettings | None = None) -> None:
        self._settings = settings or AdapterSettings()

    def convert(self, command: Command, state: VehicleState | None) -> HoverSetpoint:
        """Return the setpoint; raises ObservationError without a height."""
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
