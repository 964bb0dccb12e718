"""Rotations and frames: unit quaternions (Hamilton, scalar first), FLU, ENU, FRD and NED.

Quaternions rotate body vectors (FLU) into the world (ENU) unless a name says otherwise.
"""

from __future__ import annotations

import math
import operator

from liquid_pilot.interfaces import ObservationError

Vector = tuple[float, float, float]
"""Three components: x, y, z."""
Quaternion = tuple[float, float, float, float]
"""Four components: w, x, y, z."""


def rotation_rows(w: float, x: float, y: float, z: float) -> tuple[Vector, Vector, Vector]:
    """Return the rows of the rotation matrix of a unit quaternion.

    Args:
        w: scalar part of the quaternion.
        x: x of its vector part.
        y: y of its vector part.
        z: z of its vector part.
    """
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )


def into_world(orientation_wxyz: Quaternion, vector: Vector) -> Vector:
    """Return a body vector rotated into the world by a unit quaternion.

    >>> into_world((0.0, 0.0, 0.0, 1.0), (1.0, 2.0, 3.0))
    (-1.0, -2.0, 3.0)
    """
    rows = rotation_rows(*orientation_wxyz)
    x, y, z = (sum(map(operator.mul, row, vector)) for row in rows)
    return x, y, z


def into_body(orientation_wxyz: Quaternion, vector: Vector) -> Vector:
    """Return a world vector rotated into the body frame by a unit quaternion."""
    columns = zip(*rotation_rows(*orientation_wxyz), strict=True)
    x, y, z = (sum(map(operator.mul, column, vector)) for column in columns)
    return x, y, z


def heading_rad(orientation_wxyz: Quaternion) -> float:
    """Return the yaw of a unit quaternion: the angle of body x, seen from above, in (-pi, pi]."""
    w, x, y, z = orientation_wxyz
    return math.atan2(2.0 * (x * y + w * z), w * w + x * x - y * y - z * z)


def unit_quaternion(orientation_wxyz: Quaternion) -> Quaternion:
    """Return the same rotation as a quaternion of length one.

    Raises:
        ObservationError: when the length is not between 0.5 and 2. Within these bounds it is
            attributed to rounding or an unnormalised source. The all-zero quaternion of odometry
            that was never filled in is refused.
    """
    w, x, y, z = orientation_wxyz
    length = math.hypot(w, x, y, z)
    if not 0.5 < length < 2.0:
        raise ObservationError(
            f'odometry: orientation {orientation_wxyz} is not a rotation (w, x, y, z of length 1)'
        )
    return (w / length, x / length, y / length, z / length)


def flu_frd(vector: Vector) -> Vector:
    """Return a body vector (velocity, rate, force) in FRD, given FLU, or the other way round."""
    x, y, z = vector
    return x, -y, -z


def enu_ned(vector: Vector) -> Vector:
    """Return a world vector in NED, given ENU, or the other way round."""
    x, y, z = vector
    return y, x, -z


def attitude_enu_ned(orientation_wxyz: Quaternion) -> Quaternion:
    """Return the attitude FRD to NED, given FLU to ENU, or the other way round.

    R_ned_frd = R_ned_enu R_enu_flu R_flu_frd, where the outer two are half turns about (1, 1, 0)
    and about x. Of the two quaternions of the rotation, the one with w >= 0 is returned.
    """
    w, x, y, z = orientation_wxyz
    half = math.sqrt(0.5)
    # (0, half, half, 0) * q * (0, 1, 0, 0), multiplied out.
    product = (-half * (w + z), -half * (x + y), half * (y - x), half * (z - w))
    sign = -1.0 if product[0] < 0.0 else 1.0
    w, x, y, z = (sign * value for value in product)
    return w, x, y, z


def heading_enu_ned(heading: float) -> float:
    """Return a heading clockwise from north, given counter-clockwise from east, or vice versa.

    Both are in radians; the result lies in (-pi, pi].
    """
    angle = 0.5 * math.pi - heading
    return math.atan2(math.sin(angle), math.cos(angle))


def heading_to_enu(velocity_flu: Vector, orientation_wxyz: Quaternion) -> Vector:
    """Return a velocity of the heading frame (x and y horizontal, whatever the tilt) in ENU."""
    forward, left, up = velocity_flu
    yaw = heading_rad(orientation_wxyz)
    return (
        forward * math.cos(yaw) - left * math.sin(yaw),
        forward * math.sin(yaw) + left * math.cos(yaw),
        up,
    )
