"""Vehicle adapters by name: pure conversions, with one file for each kind of setpoint."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.setpoints.ackermann import AckermannAdapter
from liquid_pilot.onboard.setpoints.adapter import Adapter
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTargetAdapter
from liquid_pilot.onboard.setpoints.attitude_thrust import AttitudeThrustAdapter
from liquid_pilot.onboard.setpoints.body_velocity import BodyVelocityAdapter
from liquid_pilot.onboard.setpoints.cmd_vel import CmdVelAdapter
from liquid_pilot.onboard.setpoints.hover import HoverAdapter
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.onboard.setpoints.world_velocity import VelocityEnuAdapter, VelocityNedAdapter

__all__ = ['ADAPTERS', 'Adapter', 'AdapterEntry', 'AdapterSettings', 'make_adapter']


class AdapterEntry(NamedTuple):
    """An adapter of the registry."""

    description: str
    """Description for users, in one line."""
    make: Callable[[AdapterSettings], Adapter]
    """Function that makes the adapter."""
    requires_offboard_mode: bool = False
    """Whether the autopilot must be in its offboard mode before setpoints are sent. Others (PX4)
    need the setpoints first."""


ADAPTERS: dict[str, AdapterEntry] = {
    'cmd_vel': AdapterEntry(
        'body velocity and yaw rate as geometry_msgs/TwistStamped', lambda settings: CmdVelAdapter()
    ),
    'attitude_thrust': AdapterEntry(
        'attitude and thrust from the velocity controller; needs odometry',
        lambda settings: AttitudeThrustAdapter(),
    ),
    'gazebo': AdapterEntry(
        "velocity along the tilted body's axes, as Gazebo's controller takes it; needs odometry",
        lambda settings: BodyVelocityAdapter(),
    ),
    'mavros': AdapterEntry(
        'velocity of the world to MAVROS, for PX4 or ArduPilot; needs odometry',
        lambda settings: VelocityEnuAdapter('mavros'),
    ),
    'mavros_attitude': AdapterEntry(
        'attitude and thrust to MAVROS; needs odometry and hover_thrust',
        partial(AttitudeTargetAdapter, 'mavros_attitude'),
    ),
    'ardupilot': AdapterEntry(
        "velocity of the world to ArduPilot's DDS interface",
        lambda settings: VelocityEnuAdapter('ardupilot'),
        requires_offboard_mode=True,
    ),
    'px4': AdapterEntry(
        'velocity of the world to PX4 over uXRCE-DDS; needs odometry',
        lambda settings: VelocityNedAdapter('px4'),
    ),
    'px4_attitude': AdapterEntry(
        'attitude and thrust to PX4 over uXRCE-DDS; needs odometry and hover_thrust',
        partial(AttitudeTargetAdapter, 'px4_attitude'),
    ),
    'mavlink': AdapterEntry(
        'velocity of the world by MAVLink, without MAVROS, to PX4 or ArduPilot',
        lambda settings: VelocityNedAdapter('mavlink'),
    ),
    'mavlink_attitude': AdapterEntry(
        'attitude and thrust by MAVLink; needs hover_thrust',
        partial(AttitudeTargetAdapter, 'mavlink_attitude'),
    ),
    'ackermann': AdapterEntry(
        'speed and steering angle as ackermann_msgs/AckermannDriveStamped; needs wheelbase_m',
        AckermannAdapter,
    ),
    'crazyflie': AdapterEntry(
        "the Crazyflie's hover setpoint (crazyswarm2); needs odometry", HoverAdapter
    ),
}


def make_adapter(name: str, settings: AdapterSettings | None = None) -> Adapter:
    """Return the adapter of a name.

    Args:
        name: name of the adapter, such as 'cmd_vel'.
        settings: properties of the vehicle; None: the defaults.

    Raises:
        LiquidPilotError: names the known adapters when there is no such one.
    """
    if name not in ADAPTERS:
        raise LiquidPilotError(
            f'unknown vehicle adapter {name!r}; known: {", ".join(sorted(ADAPTERS))}'
        )
    return ADAPTERS[name].make(settings or AdapterSettings())
