"""The ROS side of each vehicle adapter, which sends its setpoints.

`onboard.setpoints` defines what a setpoint is, in which frame and units. Here it becomes a message.
An output never repeats a setpoint: each is sent once, when the guard has decided it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.duration import Duration
from rclpy.publisher import Publisher
from trajectory_msgs.msg import MultiDOFJointTrajectory

from liquid_pilot.interfaces import AttitudeThrust, Command, LiquidPilotError, VehicleLimits
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.settings import AdapterSettings
from liquid_pilot.onboard.teaching.rc_hand import RcHandSettings
from liquid_pilot.utils.settings import extract, setting, setting_from

SetpointT = TypeVar('SetpointT', contravariant=True)


class Output(Protocol[SetpointT]):
    """Sends the setpoints of one adapter to the vehicle and reads the vehicle's status."""

    @property
    def status(self) -> VehicleStatus | None:
        """The status that the vehicle reports; None where it reports nothing."""
        ...

    def send(self, setpoint: SetpointT) -> None:
        """Send a setpoint, which the adapter has made of a decision of the guard."""
        ...

    def on_decision(self) -> None:
        """Send a heartbeat where the vehicle needs one: the watchdog of the guard has decided."""
        ...

    def flush(self, timeout_ns: int) -> None:
        """Wait until the vehicle has received what was sent, or until the time-out."""
        ...


@runtime_checkable
class ReportingOutput(Protocol):
    """An output that says more about itself, and has something to do at the end.

    It is optional: the guard asks each output of this package whether it is one.
    """

    @property
    def values(self) -> dict[str, str]:
        """Values of the guard's status on /diagnostics, as text by their keys."""
        ...

    @property
    def problem(self) -> str:
        """What is wrong, and what to do; empty where nothing is. The guard warns of it."""
        ...

    def close(self) -> None:
        """End: the guard has sent its last command, and the node is about to be destroyed."""
        ...


class PublisherOutput:
    """Base of an output that publishes one topic to a vehicle without a status and a heartbeat."""

    _publisher: Publisher

    @property
    def status(self) -> VehicleStatus | None:
        """Always None: the vehicle reports nothing about itself."""
        return None

    def on_decision(self) -> None:
        """Do nothing, since the topic has no heartbeat."""

    def flush(self, timeout_ns: int) -> None:
        """Wait until all subscribers have acknowledged what was sent, or until the time-out."""
        self._publisher.wait_for_all_acked(Duration(nanoseconds=timeout_ns))


class TwistOutput(PublisherOutput):
    """Publishes `cmd_vel` as TwistStamped or Twist."""

    def __init__(self, node: node_base.LiquidNode, stamped: bool) -> None:
        """Create the publisher.

        Args:
            node: the guard node.
            stamped: whether the type is TwistStamped (else Twist).
        """
        self._pack = messages.pack_command if stamped else messages.pack_twist
        self._publisher = node.create_publisher(
            TwistStamped if stamped else Twist, topics.CMD_VEL, qos.COMMAND
        )

    def send(self, setpoint: Command) -> None:
        """Publish one twist."""
        self._publisher.publish(self._pack(setpoint))


class AttitudeThrustOutput(PublisherOutput):
    """Publishes `attitude_thrust` as MultiDOFJointTrajectory."""

    def __init__(self, node: node_base.LiquidNode) -> None:
        """Create the publisher on the guard node."""
        self._publisher = node.create_publisher(
            MultiDOFJointTrajectory, topics.ATTITUDE_THRUST, qos.COMMAND
        )

    def send(self, setpoint: AttitudeThrust) -> None:
        """Publish one point."""
        self._publisher.publish(messages.pack_attitude_thrust(setpoint))


@dataclass(frozen=True)
class OutputParameters:
    """Parameters of the outputs; only those of the chosen adapter have an effect."""

    stamped: bool = setting(
        True, 'cmd_vel is geometry_msgs/TwistStamped; false: geometry_msgs/Twist (cmd_vel)'
    )
    hover_thrust: float = setting_from(AdapterSettings, 'hover_thrust')
    max_thrust_correction: float = setting_from(AdapterSettings, 'max_thrust_correction')
    wheelbase_m: float = setting_from(AdapterSettings, 'wheelbase_m')
    max_steering_angle_rad: float = setting_from(AdapterSettings, 'max_steering_angle_rad')
    min_speed_m_s: float = setting_from(AdapterSettings, 'min_speed_m_s')
    climb_lookahead_s: float = setting_from(AdapterSettings, 'climb_lookahead_s')
    yaw_clockwise: bool = setting(
        False,
        'a positive yaw rate turns right; backends differ, so try it on the bench (crazyflie)',
    )
    ardupilot_prefix: str = setting(
        'ap', "prefix of ArduPilot's topics; ap/v1 with its DDS_USE_NS (ardupilot)"
    )
    px4_external_mode: bool = setting(
        False,
        'register a flight mode with PX4, which then stands in the list of the ground station; '
        'Offboard stays possible (px4, px4_attitude; docs/how_to/px4_mode.md)',
    )
    px4_mode_name: str = setting(
        'Liquid pilot', 'name of that mode, at most 24 ASCII characters (px4, px4_attitude)'
    )
    mavlink_url: str = setting_from(FlightSettings, 'mavlink_url')
    mavlink_baud: int = setting(
        921600,
        'baud rate of a serial port (mavlink, mavlink_attitude, mavlink_rover)',
        low=9600,
        high=4_000_000,
    )
    mavlink_key_file: str = setting(
        '',
        'file with the key of signed messages: 64 hexadecimal digits or a passphrase; unsigned '
        'messages are ignored then; empty: no signing (mavlink, mavlink_attitude, mavlink_rover)',
    )

    rc_hand: bool = setting_from(RcHandSettings, 'rc_hand')
    rc_channels: tuple[int, ...] = setting_from(RcHandSettings, 'rc_channels')
    rc_deadzone: float = setting_from(RcHandSettings, 'rc_deadzone')
    rc_modes: tuple[str, ...] = setting_from(RcHandSettings, 'rc_modes')

    def limits(self) -> VehicleLimits:
        """Return the limits of the vehicle."""
        raise NotImplementedError

    def rc_settings(self) -> RcHandSettings:
        """Return how the sticks of a remote control are read.

        Raises:
            LiquidPilotError: there are not four channels.
        """
        settings = extract(RcHandSettings, self)
        if len(settings.rc_channels) != 4:
            raise LiquidPilotError(
                f'rc_channels must have four numbers, not {len(settings.rc_channels)}: forward, '
                'left, up and turn'
            )
        return settings

    def vehicle_settings(self) -> AdapterSettings:
        """Return the settings of the adapter."""
        return extract(AdapterSettings, self)

    def registered_px4_mode(self) -> str | None:
        """Return the name of the mode to register with PX4; None: none is registered."""
        return self.px4_mode_name if self.px4_external_mode else None
