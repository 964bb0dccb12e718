"""The place of a course in the odometry of a vehicle that moves elsewhere, and its pose in between.

A course has coordinates of its own. The anchor turns and shifts the odometry of a vehicle into
them, about the vertical axis only, so that a course begins wherever the vehicle is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import VehicleState
from liquid_pilot.onboard.geometry import Quaternion, Vector, heading_rad, into_world

Height = Callable[[float, float], float]
"""Height of the ground at east x and north y, m."""
_GRADIENT_STEP_M = 0.1


def quaternion_product(one: Quaternion, other: Quaternion) -> Quaternion:
    """Return the rotation `one` after the rotation `other`; both are w, x, y, z.

    >>> quaternion_product((0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 1.0))
    (-1.0, 0.0, 0.0, 0.0)
    """
    w, x, y, z = one
    a, b, c, d = other
    return (
        w * a - x * b - y * c - z * d,
        w * b + x * a + y * d - z * c,
        w * c - x * d + y * a + z * b,
        w * d + x * c - y * b + z * a,
    )


def extrapolate(state: VehicleState, seconds: float) -> VehicleState:
    """Return the state after a time at constant body rates and constant velocity in the world.

    Args:
        state: the state; its stamp is kept.
        seconds: time from the state on, s; negative: before it.
    """
    if seconds == 0.0:
        return state
    velocity = into_world(state.orientation_wxyz, state.velocity_flu_m_s)
    east, north, up = (
        position + seconds * speed
        for position, speed in zip(state.position_enu_m, velocity, strict=True)
    )
    rates = state.angular_velocity_flu_rad_s
    rate = math.hypot(*rates)
    orientation = state.orientation_wxyz
    if rate > 0.0:
        half = 0.5 * rate * seconds
        x, y, z = (math.sin(half) * component / rate for component in rates)
        orientation = quaternion_product(orientation, (math.cos(half), x, y, z))
    return state._replace(position_enu_m=(east, north, up), orientation_wxyz=orientation)


class Anchor:
    """Where a course lies in the odometry of a vehicle.

    Args:
        turn_rad: angle from the odometry's axes to those of the course, about the vertical one.
        shift_m: position of the odometry's origin in the course, ENU, m.
        height: height of the ground of a course with relief; the vehicle then stands on this
            ground, whatever the height and the slope of its own; None: its own height counts.
        clearance_m: height of the body above that ground, m.
    """

    def __init__(
        self,
        turn_rad: float = 0.0,
        shift_m: Vector = (0.0, 0.0, 0.0),
        height: Height | None = None,
        clearance_m: float = 0.0,
    ) -> None:
        self._turn_rad, self._shift_m = turn_rad, shift_m
        self._cos, self._sin = math.cos(turn_rad), math.sin(turn_rad)
        self._turn: Quaternion = (
            math.cos(0.5 * turn_rad),
            0.0,
            0.0,
            math.sin(0.5 * turn_rad),
        )
        self._height, self._clearance_m = height, clearance_m

    @classmethod
    def world(cls, layout: Any, start: VehicleState) -> Anchor:
        """Return the anchor of a vehicle whose odometry has the coordinates of the course.

        Args:
            layout: the course; where it has relief, it has a function `height`.
            start: state of the simulated vehicle at the start of the course.
        """
        return cls(0.0, (0.0, 0.0, 0.0), *_ground(layout, start))

    @classmethod
    def on_vehicle(cls, layout: Any, start: VehicleState, vehicle: VehicleState) -> Anchor:
        """Return the anchor that lays the start of a course on a vehicle.

        Position, height and heading of the vehicle become those of the start; its roll and pitch
        stay its own.

        Args:
            layout: the course; where it has relief, it has a function `height`.
            start: state of the simulated vehicle at the start of the course.
            vehicle: odometry of the vehicle.
        """
        turn_rad = heading_rad(start.orientation_wxyz) - heading_rad(vehicle.orientation_wxyz)
        cos, sin = math.cos(turn_rad), math.sin(turn_rad)
        east, north, up = vehicle.position_enu_m
        x, y, z = start.position_enu_m
        shift_m = (x - (cos * east - sin * north), y - (sin * east + cos * north), z - up)
        return cls(turn_rad, shift_m, *_ground(layout, start))

    def to_course(self, state: VehicleState) -> VehicleState:
        """Return a state of the odometry in the coordinates of the course."""
        east, north, up = state.position_enu_m
        x = self._cos * east - self._sin * north + self._shift_m[0]
        y = self._sin * east + self._cos * north + self._shift_m[1]
        z = up + self._shift_m[2]
        orientation = state.orientation_wxyz
        if self._turn_rad:
            orientation = quaternion_product(self._turn, orientation)
        if self._height is not None:
            z = float(self._height(x, y)) + self._clearance_m
            orientation = quaternion_product(self._slope(x, y), orientation)
        return state._replace(position_enu_m=(x, y, z), orientation_wxyz=orientation)

    def to_odometry(self, points_m: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return points of the course in the coordinates of the odometry.

        Args:
            points_m: (n, 3) points of the course, ENU, m.
        """
        x, y, z = (np.asarray(points_m, np.float64) - np.array(self._shift_m)).T
        turned = [self._cos * x + self._sin * y, self._cos * y - self._sin * x, z]
        return np.stack(turned, axis=1).astype(np.float32)

    def _slope(self, x: float, y: float) -> Quaternion:
        """Return the rotation from the horizontal to the ground at (x, y)."""
        assert self._height is not None
        step = _GRADIENT_STEP_M
        rise_x = 0.5 * float(self._height(x + step, y) - self._height(x - step, y)) / step
        rise_y = 0.5 * float(self._height(x, y + step) - self._height(x, y - step)) / step
        # The shortest rotation from (0, 0, 1) to the normal (-rise_x, -rise_y, 1).
        normal_m = math.hypot(rise_x, rise_y, 1.0)
        w, i, j = normal_m + 1.0, rise_y, -rise_x
        length = math.hypot(w, i, j)
        return (w / length, i / length, j / length, 0.0)


def _ground(layout: Any, start: VehicleState) -> tuple[Height | None, float]:
    """Return the height of a course's ground, where it has relief, and the body's above it."""
    height: Height | None = getattr(layout, 'height', None)
    if height is None:
        return None, 0.0
    x, y, z = start.position_enu_m
    return height, z - float(height(x, y))
