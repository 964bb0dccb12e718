"""The true pose of a vehicle that an autopilot simulates, as odometry.

The camera of a real vehicle sees from where the vehicle is, and not from where its autopilot
believes it to be. PX4 reports the true state of its simulation as HIL_STATE_QUATERNION.
"""

from __future__ import annotations

import math
from typing import Any

from liquid_pilot.interfaces import VehicleState
from liquid_pilot.onboard.geometry import attitude_enu_ned, enu_ned, flu_frd, into_body

MESSAGE = 'HIL_STATE_QUATERNION'
TOPIC = 'truth/odom'
"""Topic on which the study publishes it."""
_EARTH_M = 6371000.0
"""Radius of the Earth, m."""


class TrueOdometry:
    """Makes odometry of the messages of one vehicle; the first one is at the origin."""

    def __init__(self) -> None:
        self._origin: tuple[float, float, float] | None = None

    def state(self, message: Any, stamp_ns: int) -> VehicleState:
        """Return the state of the vehicle in ENU.

        Args:
            message: HIL_STATE_QUATERNION: attitude FRD to NED, latitude and longitude in 1e-7
                degrees, altitude in mm, velocity NED in cm/s, rates FRD in rad/s.
            stamp_ns: time of its arrival, ns.
        """
        here = message.lat * 1e-7, message.lon * 1e-7, message.alt * 1e-3
        self._origin = self._origin or here
        latitude, longitude, altitude_m = self._origin
        north_m = math.radians(here[0] - latitude) * _EARTH_M
        east_m = math.radians(here[1] - longitude) * _EARTH_M * math.cos(math.radians(latitude))
        w, x, y, z = message.attitude_quaternion
        orientation = attitude_enu_ned((w, x, y, z))
        velocity_enu = enu_ned((message.vx * 0.01, message.vy * 0.01, message.vz * 0.01))
        return VehicleState(
            stamp_ns,
            (east_m, north_m, here[2] - altitude_m),
            orientation,
            into_body(orientation, velocity_enu),
            flu_frd((message.rollspeed, message.pitchspeed, message.yawspeed)),
        )
