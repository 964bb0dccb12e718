"""Vehicle adapters by name: pure conversions, one file per kind of autopilot."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.vehicles.adapter import Adapter
from liquid_pilot.onboard.vehicles.attitude_thrust import AttitudeThrustAdapter
from liquid_pilot.onboard.vehicles.classes import LIMITS, limits_of
from liquid_pilot.onboard.vehicles.cmd_vel import CmdVelAdapter

__all__ = ['ADAPTERS', 'LIMITS', 'Adapter', 'AdapterEntry', 'limits_of', 'make_adapter']


class AdapterEntry(NamedTuple):
    """One line of the registry."""

    description: str
    make: Callable[[], Adapter]


ADAPTERS: dict[str, AdapterEntry] = {
    'cmd_vel': AdapterEntry(
        'body velocity and yaw rate as geometry_msgs/TwistStamped', CmdVelAdapter
    ),
    'attitude_thrust': AdapterEntry(
        'attitude and thrust from the velocity controller; needs odometry', AttitudeThrustAdapter
    ),
}


def make_adapter(name: str) -> Adapter:
    """The adapter of that name; LiquidPilotError naming the known ones otherwise."""
    if name not in ADAPTERS:
        raise LiquidPilotError(
            f'unknown vehicle adapter {name!r}; known: {", ".join(sorted(ADAPTERS))}'
        )
    return ADAPTERS[name].make()
