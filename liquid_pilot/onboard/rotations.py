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
    orientation_wxyz: tuple[float, float, float, float], vector: tuple[float, float, float],
) -> tuple[float, float, float]:
    """A body vector, turned into the world by a unit quaternion."""
    return tuple(sum(map(operator.mul, row, vector)) for row in rotation_rows(*orientation_wxyz))


def into_body(
    orientation_wxyz: tuple[float, float, float, float], vector: tuple[float, float, float],
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
