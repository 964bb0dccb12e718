"""What a person would describe a moment of a flight by, as named numbers of the simulator."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import SensorPacket, VehicleState
from liquid_pilot.onboard.geometry import heading_rad, into_body
from liquid_pilot.simulation.base.task import Layout
from liquid_pilot.simulation.simulator import Simulation

FloatArray = npt.NDArray[np.float64]

UNITS: Mapping[str, str] = {
    'target distance': 'm',
    'target bearing': 'rad',
    'obstacle distance': 'm',
    'obstacle bearing': 'rad',
    'room to the left': 'm',
    'room to the right': 'm',
    'forward speed': 'm/s',
    'sideways speed': 'm/s',
    'climb rate': 'm/s',
    'yaw rate': 'rad/s',
    'height': 'm',
    'roll': 'rad',
    'pitch': 'rad',
    'offset from the road': 'm',
}
"""The variables and their units. Angles and offsets are positive to the left; roll and pitch are
those of the body FLU in the world ENU. The target of a road is the point ahead on its centerline.
The obstacle is the nearest one ahead, in the field of view of the simulated cameras."""
FAR_M = 10.0
"""Distance of an obstacle where there is none nearer, m."""
_AHEAD_RAD = 0.75
"""Bearing up to which an obstacle is ahead, rad."""
_LANE_RAD = 0.4
"""Angle of the sector ahead, on one side, in which there is room or not, rad."""


def state_variables(packet: SensorPacket, simulation: Simulation) -> dict[str, float]:
    """Return the variables of the instant of a packet, by name.

    Args:
        packet: the packet.
        simulation: the simulation that it is of.
    """
    state = packet.state
    forward, left, up = state.velocity_flu_m_s
    above = into_body(state.orientation_wxyz, (0.0, 0.0, 1.0))
    found = {
        'target distance': packet.target_distance_m,
        'target bearing': _wrapped(simulation.route_progress.bearing_rad(state)),
        'forward speed': forward,
        'sideways speed': left,
        'climb rate': up,
        'yaw rate': state.angular_velocity_flu_rad_s[2],
        'height': state.position_enu_m[2],
        'roll': math.atan2(above[1], above[2]),
        'pitch': math.atan2(-above[0], math.hypot(above[1], above[2])),
    }
    if simulation.layout is not None:
        found |= obstacle_variables(state, simulation.layout)
    return found


def obstacle_variables(state: VehicleState, layout: Layout) -> dict[str, float]:
    """Return distance and bearing of the nearest obstacle ahead, and the room on both sides.

    Distances are to the surface of an upright obstacle, at most 10 m.

    Args:
        state: the state of the vehicle.
        layout: the scene.
    """
    discs = layout.obstacle_discs().reshape(-1, 3)
    if not len(discs):
        return {}
    offsets = discs[:, :2] - np.array(state.position_enu_m[:2])
    distances = np.clip(np.hypot(*offsets.T) - discs[:, 2], 0.0, FAR_M)
    bearings = np.arctan2(offsets[:, 1], offsets[:, 0]) - heading_rad(state.orientation_wxyz)
    bearings = (bearings + np.pi) % (2.0 * np.pi) - np.pi
    ahead = np.where(np.abs(bearings) <= _AHEAD_RAD, distances, FAR_M)
    nearest = int(ahead.argmin())
    left = distances[(bearings > 0.0) & (bearings <= _LANE_RAD)]
    right = distances[(bearings <= 0.0) & (bearings >= -_LANE_RAD)]
    return {
        'obstacle distance': float(ahead[nearest]),
        'obstacle bearing': float(bearings[nearest]) if ahead[nearest] < FAR_M else 0.0,
        'room to the left': float(left.min(initial=FAR_M)),
        'room to the right': float(right.min(initial=FAR_M)),
    }


def _wrapped(angle_rad: float) -> float:
    return (angle_rad + math.pi) % (2.0 * math.pi) - math.pi
