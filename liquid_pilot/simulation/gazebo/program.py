"""The program of Gazebo."""

from __future__ import annotations

import shutil

from liquid_pilot.interfaces import LiquidPilotError

PROGRAM = 'gz'
"""Name of Gazebo's program."""


def find_gazebo() -> str:
    """Return the path of Gazebo's program.

    Raises:
        LiquidPilotError: Gazebo is not installed; the message says how to install it.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise LiquidPilotError(
            f'Gazebo is not installed: there is no program {PROGRAM!r}. With ROS 2 Jazzy: sudo apt '
            'install ros-jazzy-ros-gz (docs/how_to/gazebo.md)'
        )
    return found
