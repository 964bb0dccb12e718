"""Between the frames of ROS and those of autopilots.

ROS (REP-103): body FLU (x forward, y left, z up), world ENU. PX4, ArduPilot and MAVLink: body FRD
(x forward, y right, z down), world NED. Quaternions are Hamilton, scalar first, and turn body
vectors into the world. Each function is its own inverse, which is why it has no twin.
"""

from __future__ import annotations

import math

from liquid_pilot.onboard.rotations import heading_rad

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


def flu_frd(vector: Vector) -> Vector:
    """A body vector (velocity, rate, force): half a turn about x."""
    x, y, z = vector
    return x, -y, -z


def enu_ned(vector: Vector) -> Vector:
    """A world vector: x and y change places, z its sign."""
    x, y, z = vector
    return y, x, -z


def attitude_enu_ned(orientation_wxyz: Quaternion) -> Quaternion:
    """FLU to ENU as FRD to NED, and back; the one of the two quaternions with w >= 0.

    R_ned_frd = R_ned_enu R_enu_flu R_flu_frd, where the outer two are half turns about (1, 1, 0)
    and about x.
    """
    w, x, y, z = orientation_wxyz
    half = math.sqrt(0.5)
    # (0, half, half, 0) * q * (0, 1, 0, 0), multiplied out.
    turned = (-half * (w + z), -half * (x + y), half * (y - x), half * (z - w))
    sign = -1.0 if turned[0] < 0.0 else 1.0
    return tuple(sign * value for value in turned)


def heading_enu_ned(heading: float) -> float:
    """A heading in radians: from east counter-clockwise as from north clockwise, and back.

    In (-pi, pi].
    """
    turned = 0.5 * math.pi - heading
    return math.atan2(math.sin(turned), math.cos(turned))


def heading_to_enu(velocity_flu: Vector, orientation_wxyz: Quaternion) -> Vector:
    """A velocity of the heading frame (x and y horizontal whatever the tilt) in the world."""
    forward, left, up = velocity_flu
    yaw = heading_rad(orientation_wxyz)
    return (forward * math.cos(yaw) - left * math.sin(yaw),
            forward * math.sin(yaw) + left * math.cos(yaw), up)
