"""Vehicle adapters by name: pure conversions, with one file for each kind of setpoint."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from liquid_pilot.interfaces import Command, LiquidPilotError, ObservationError, VehicleState
from liquid_pilot.onboard.setpoints.ackermann import AckermannAdapter
from liquid_pilot.onboard.setpoints.adapter import Adapter, AdapterSpec, StatefulAdapter
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTargetAdapter
from liquid_pilot.onboard.setpoints.attitude_thrust import AttitudeThrustAdapter
from liquid_pilot.onboard.setpoints.body_velocity import BodyVelocityAdapter, ForwardTurnAdapter
from liquid_pilot.onboard.setpoints.cmd_vel import CmdVelAdapter
from liquid_pilot.onboard.setpoints.hover import HoverAdapter
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.onboard.setpoints.world_velocity import VelocityEnuAdapter, VelocityNedAdapter
from liquid_pilot.utils.entry_points import ExtensionRegistry, instance_of

__all__ = ['ADAPTERS', 'Adapter', 'AdapterSettings', 'AdapterSpec', 'make_adapter']


_BUILT_IN = {
    'cmd_vel': AdapterSpec(
        'body velocity and yaw rate as geometry_msgs/TwistStamped', lambda settings: CmdVelAdapter()
    ),
    'attitude_thrust': AdapterSpec(
        'attitude and thrust from the velocity controller; needs odometry',
        lambda settings: AttitudeThrustAdapter(),
    ),
    'gazebo': AdapterSpec(
        "velocity along the tilted body's axes, as Gazebo's controller takes it; needs odometry",
        lambda settings: BodyVelocityAdapter(),
    ),
    'mavros': AdapterSpec(
        'velocity of the world to MAVROS, for PX4 or ArduPilot; needs odometry',
        lambda settings: VelocityEnuAdapter('mavros'),
    ),
    'mavros_attitude': AdapterSpec(
        'attitude and thrust to MAVROS; needs odometry and hover_thrust',
        partial(
            AttitudeTargetAdapter,
            'mavros_attitude',
            velocity=VelocityEnuAdapter('mavros_attitude'),
        ),
        requires_airborne=True,
    ),
    'ardupilot': AdapterSpec(
        "velocity of the world to ArduPilot's DDS interface",
        lambda settings: VelocityEnuAdapter('ardupilot'),
        requires_offboard_mode=True,
    ),
    'px4': AdapterSpec(
        'velocity of the world to PX4 over uXRCE-DDS; needs odometry',
        lambda settings: VelocityNedAdapter('px4'),
    ),
    'px4_attitude': AdapterSpec(
        'attitude and thrust to PX4 over uXRCE-DDS; needs odometry and hover_thrust',
        partial(AttitudeTargetAdapter, 'px4_attitude'),
        requires_airborne=True,
    ),
    'mavlink': AdapterSpec(
        'velocity of the world by MAVLink, without MAVROS, to PX4 or ArduPilot',
        lambda settings: VelocityNedAdapter('mavlink'),
    ),
    'mavlink_attitude': AdapterSpec(
        'attitude and thrust by MAVLink; needs hover_thrust',
        partial(AttitudeTargetAdapter, 'mavlink_attitude'),
        requires_airborne=True,
    ),
    'mavlink_rover': AdapterSpec(
        "speed and yaw rate by MAVLink, for ArduPilot's Rover; needs no odometry",
        partial(ForwardTurnAdapter, 'mavlink_rover'),
    ),
    'ackermann': AdapterSpec(
        'speed and steering angle as ackermann_msgs/AckermannDriveStamped; needs wheelbase_m',
        AckermannAdapter,
    ),
    'crazyflie': AdapterSpec(
        "the Crazyflie's hover setpoint (crazyswarm2); needs odometry", HoverAdapter
    ),
}
ADAPTERS: ExtensionRegistry[AdapterSpec] = ExtensionRegistry(
    'liquid_pilot.adapters',
    'adapter',
    'docs/how_to/own_autopilot.md',
    _BUILT_IN,
    instance_of(AdapterSpec),
    reserved=('auto', 'none'),
)
"""All adapters by name."""
_MEMBERS = ('name', 'needs_odometry', 'convert')


def make_adapter(name: str, settings: AdapterSettings | None = None) -> Adapter:
    """Return the adapter of a name.

    Args:
        name: name of the adapter, such as 'cmd_vel'.
        settings: properties of the vehicle; None: the defaults.

    Raises:
        LiquidPilotError: names the known adapters when there is no such one, and the package when
            that of another package is broken.
    """
    if name not in ADAPTERS:
        raise LiquidPilotError(
            f'unknown vehicle adapter {name!r}; known: {", ".join(sorted(ADAPTERS))}'
        )
    spec = ADAPTERS[name]
    adapter: Adapter = ADAPTERS.make(name, _MEMBERS, spec.make, settings or AdapterSettings())
    return adapter if name in ADAPTERS.built_in else _ExternalAdapter(name, adapter)


class _ExternalAdapter:
    """The adapter of another package, whose failures are errors that the guard survives.

    Args:
        name: name of the adapter.
        adapter: the adapter.
    """

    def __init__(self, name: str, adapter: Adapter) -> None:
        self.name, self._adapter = name, adapter
        self.needs_odometry = bool(adapter.needs_odometry)
        self._reset_error: Exception | None = None

    def reset(self) -> None:
        """Begin anew, where the adapter has a state; a failure is reported by `convert`."""
        if isinstance(self._adapter, StatefulAdapter):
            try:
                self._adapter.reset()
            except Exception as error:
                self._reset_error = error
            else:
                self._reset_error = None

    def convert(self, command: Command, state: VehicleState | None) -> NamedTuple:
        """Return the setpoint; ObservationError where the adapter fails in whatever way."""
        if self._reset_error is not None:
            raise self._failure('reset', self._reset_error)
        try:
            return self._adapter.convert(command, state)
        except ObservationError:
            raise
        except Exception as error:
            raise self._failure('convert', error) from error

    def _failure(self, member: str, error: Exception) -> ObservationError:
        said = ADAPTERS.describe_error(self.name, error)
        package = ADAPTERS.extension(self.name)
        return ObservationError(
            f'{member} of the adapter {self.name!r} of the package {package} failed: {said}'
        )
