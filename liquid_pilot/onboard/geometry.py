"""Unit quaternions (Hamilton, scalar first) that turn body vectors (FLU) into the world (ENU)."""

from __future__ import annotations

import math
import operator

from liquid_pilot.interfaces import ObservationError


def rotation_rows(w: float, x: float, y: float, z: float) -> tuple[tuple[float, ...], ...]:
    """Rotation matrix (3 rows) of a unit quaternion; body vectors into the world."""
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )


def into_world(
    orientation_wxyz: tuple[float, float, float, float],
    vector: tuple[float, float, float],
) -> tuple[float, float, float]:
    """A body vector, turned into the world by a unit quaternion."""
    return tuple(sum(map(operator.mul, row, vector)) for row in rotation_rows(*orientation_wxyz))


def into_body(
    orientation_wxyz: tuple[float, float, float, float],
    vector: tuple[float, float, float],
) -> tuple[float, float, float]:
    """A world vector, turned into the body by a unit quaternion."""
    columns = zip(*rotation_rows(*orientation_wxyz), strict=True)
    return tuple(sum(map(operator.mul, column, vector)) for column in columns)


def heading_rad(orientation_wxyz: tuple[float, float, float, float]) -> float:
    """Yaw of a unit quaternion: the world angle of body x seen from above, in (-pi, pi]."""
    w, x, y, z = orientation_wxyz
    return math.atan2(2.0 * (x * y + w * z), w * w + x * x - y * y - z * z)


def unit_quaternion(
    orientation_wxyz: tuple[float, float, float, float],
) -> tuple[float, float, float, float]:
    """The same rotation with length one; ObservationError when it is not a rotation at all.

    A length between 0.5 and 2 is taken for rounding or an unnormalised source; the all-zero
    quaternion of an odometry that was never filled in is refused.
    """
    w, x, y, z = orientation_wxyz
    length = math.hypot(w, x, y, z)
    if not 0.5 < length < 2.0:
        raise ObservationError(
            f'odometry: orientation {orientation_wxyz} is not a rotation (w, x, y, z of length 1)'
        )
    return (w / length, x / length, y / length, z / length)


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
    return (
        forward * math.cos(yaw) - left * math.sin(yaw),
        forward * math.sin(yaw) + left * math.cos(yaw),
        up,
    )
