"""Conditions of a vehicle that was put together askew: a turned or raised camera, a steering trim.

Each of them is the same in all flights, so that it can be learned from one flight for the next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from liquid_pilot.onboard.perception.camera_mount import CameraMount

if TYPE_CHECKING:
    import mujoco

_TURNS = {
    'camera_left': CameraMount(yaw_rad=1.0),
    'camera_right': CameraMount(yaw_rad=-1.0),
    'camera_down': CameraMount(pitch_rad=1.0),
    'camera_up': CameraMount(pitch_rad=-1.0),
    'camera_roll': CameraMount(roll_rad=1.0),
}
"""The turn of each family for a strength of one."""
_OPTICAL_TO_MJCF = np.diag([1.0, -1.0, -1.0])
"""Rotation of optical axes (x right, y down, z ahead) into those of a camera of MJCF (x right, y
up, z behind)."""
_SIDES = {'trim_left': 1.0, 'trim_right': -1.0}


def camera_mount(strengths: Mapping[str, float]) -> CameraMount:
    """Return how the camera is turned.

    >>> camera_mount({'camera_left': 90.0, 'camera_up': 0.0}).yaw_rad
    1.5707963267948966

    Args:
        strengths: strength of each condition of a flight by family; turns are in degrees.
    """
    angles = np.zeros(3)
    for family, turn in _TURNS.items():
        angles += np.radians(strengths.get(family, 0.0)) * np.array(turn)
    yaw, pitch, roll = angles.tolist()
    return CameraMount(yaw, pitch, roll)


def mount_camera(model: mujoco.MjModel, camera: str, strengths: Mapping[str, float]) -> None:
    """Turn a camera of a compiled model against the vehicle, and raise it.

    Args:
        model: the compiled model, which is changed.
        camera: name of the camera.
        strengths: strength of each condition of the flight by family.
    """
    index, mount = model.camera(camera).id, camera_mount(strengths)
    model.cam_pos[index, 2] += strengths.get('camera_high', 0.0)
    if mount.is_straight:
        return
    # Loaded here, as Gazebo's worlds need the conditions without MuJoCo.
    import mujoco

    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, model.cam_quat[index])
    turn = _OPTICAL_TO_MJCF @ mount.to_straight @ _OPTICAL_TO_MJCF
    mujoco.mju_mat2Quat(model.cam_quat[index], (rotation.reshape(3, 3) @ turn).ravel())


def turn_trim(strengths: Mapping[str, float]) -> float:
    """Return by how much a vehicle turns without being told to, as a share of its full turn.

    Args:
        strengths: strength of each condition that acts now, by family.

    Returns:
        The share, positive to the left.
    """
    return math.fsum(side * strengths.get(family, 0.0) for family, side in _SIDES.items())
