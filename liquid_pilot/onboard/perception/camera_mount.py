"""How a camera is turned against the axes of the vehicle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.utils.settings import setting


class CameraMount(NamedTuple):
    """The turn of a camera against straight ahead: yaw first, then pitch, then roll."""

    yaw_rad: float = 0.0
    """Turn to the left, rad."""
    pitch_rad: float = 0.0
    """Turn downwards, rad."""
    roll_rad: float = 0.0
    """Turn clockwise, as seen from behind the camera, rad."""

    @classmethod
    def from_degrees(cls, yaw: float, pitch: float, roll: float) -> CameraMount:
        """Return a mount whose angles are given in degrees."""
        return cls(math.radians(yaw), math.radians(pitch), math.radians(roll))

    def plus(self, turn: CameraMount) -> CameraMount:
        """Return the mount with the angles of a turn added."""
        return CameraMount(
            self.yaw_rad + turn.yaw_rad,
            self.pitch_rad + turn.pitch_rad,
            self.roll_rad + turn.roll_rad,
        )

    @property
    def is_straight(self) -> bool:
        """Whether the camera looks straight ahead."""
        return not any(self)

    @property
    def to_straight(self) -> npt.NDArray[np.float64]:
        """(3, 3) rotation of a vector of this camera into a camera that looks straight ahead.

        Both have optical axes: x to the right, y down, z ahead.

        >>> CameraMount.from_degrees(yaw=90.0, pitch=0.0, roll=0.0).to_straight.round(3) + 0.0
        array([[ 0.,  0., -1.],
               [ 0.,  1.,  0.],
               [ 1.,  0.,  0.]])
        """
        (s, c), (sp, cp), (sr, cr) = ((math.sin(angle), math.cos(angle)) for angle in self)
        yaw = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
        pitch = np.array([[1.0, 0.0, 0.0], [0.0, cp, sp], [0.0, -sp, cp]])
        roll = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
        turned: npt.NDArray[np.float64] = yaw @ pitch @ roll
        return turned


STRAIGHT = CameraMount()
"""A camera that looks straight ahead."""


@dataclass(frozen=True)
class CameraMountSettings:
    """How the camera is mounted, in degrees."""

    camera_yaw_deg: float = setting(
        0.0,
        'turn of the camera to the left, against the nose of the vehicle',
        'deg',
        low=-60,
        high=60,
    )
    camera_pitch_deg: float = setting(0.0, 'turn of the camera downwards', 'deg', low=-60, high=60)
    camera_roll_deg: float = setting(
        0.0, 'turn of the camera clockwise, as seen from behind it', 'deg', low=-180, high=180
    )

    @property
    def mount(self) -> CameraMount:
        """The mount of these angles."""
        return CameraMount.from_degrees(
            self.camera_yaw_deg, self.camera_pitch_deg, self.camera_roll_deg
        )
