"""The ROS side of each vehicle adapter: how a setpoint is sent.

What a setpoint is, in which frame and units, `onboard.setpoints` says; here it becomes a message.
Nothing is repeated here: what leaves, leaves once, because the guard decided it just now.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.duration import Duration
from rclpy.publisher import Publisher
from trajectory_msgs.msg import MultiDOFJointTrajectory

from liquid_pilot.interfaces import AttitudeThrust, Command
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.nodes.common.parameters import parameter
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.settings import AdapterSettings

_VEHICLE_DEFAULTS = AdapterSettings()


class Output(Protocol):
    """Where the guard's decisions go."""

    status: VehicleStatus | None
    """What the vehicle says of itself; None where it says nothing."""

    def send(self, setpoint: object) -> None:
        """Send what the adapter made of a decision."""
        ...

    def decided(self) -> None:
        """The guard has just decided, whatever: a heartbeat may be sent, where there are any."""
        ...

    def flush(self, timeout_ns: int) -> None:
        """Wait until what was sent has been read, or for so long."""
        ...


class PublisherOutput:
    """One topic, and a vehicle that says nothing of itself."""

    status: VehicleStatus | None = None
    _publisher: Publisher

    def decided(self) -> None:
        """Topics have no heartbeat."""

    def flush(self, timeout_ns: int) -> None:
        """See Output."""
        self._publisher.wait_for_all_acked(Duration(nanoseconds=timeout_ns))


class TwistOutput(PublisherOutput):
    """`cmd_vel`, as TwistStamped or Twist."""

    def __init__(self, node: node_base.LiquidNode, stamped: bool) -> None:
        self._pack = messages.pack_command if stamped else messages.pack_twist
        self._publisher = node.create_publisher(
            TwistStamped if stamped else Twist, 'cmd_vel', qos.COMMAND
        )

    def send(self, setpoint: Command) -> None:
        """One twist."""
        self._publisher.publish(self._pack(setpoint))


class AttitudeThrustOutput(PublisherOutput):
    """`attitude_thrust`, as MultiDOFJointTrajectory."""

    def __init__(self, node: node_base.LiquidNode) -> None:
        self._publisher = node.create_publisher(
            MultiDOFJointTrajectory, 'attitude_thrust', qos.COMMAND
        )

    def send(self, setpoint: AttitudeThrust) -> None:
        """One point."""
        self._publisher.publish(messages.pack_attitude_thrust(setpoint))


@dataclass(frozen=True)
class OutputParameters:
    """What the guard node has to know of the vehicle; only the chosen adapter's part matters."""

    stamped: bool = parameter(
        True, 'cmd_vel as geometry_msgs/TwistStamped; false: geometry_msgs/Twist'
    )
    hover_thrust: float = parameter(
        _VEHICLE_DEFAULTS.hover_thrust,
        'share of full thrust that hovers (mavros_attitude, px4_attitude, mavlink_attitude)',
        low=0.05,
        high=0.95,
    )
    wheelbase_m: float = parameter(
        _VEHICLE_DEFAULTS.wheelbase_m,
        'front axle to rear axle (ackermann)',
        'm',
        low=0.01,
        high=20.0,
    )
    max_steering_angle_rad: float = parameter(
        _VEHICLE_DEFAULTS.max_steering_angle_rad,
        'largest steering angle to either side (ackermann)',
        'rad',
        low=0.01,
        high=1.4,
    )
    min_speed_m_s: float = parameter(
        _VEHICLE_DEFAULTS.min_speed_m_s,
        'below it a yaw rate stands for the curvature at this speed (ackermann)',
        'm/s',
        low=0.01,
        high=10.0,
    )
    climb_lookahead_s: float = parameter(
        _VEHICLE_DEFAULTS.climb_lookahead_s,
        'a climb rate becomes the height so far ahead (crazyflie)',
        's',
        low=0.05,
        high=5.0,
    )
    yaw_clockwise: bool = parameter(
        False, 'a positive yaw rate turns right (crazyflie): try it on the bench, backends differ'
    )
    ardupilot_prefix: str = parameter(
        'ap', "what ArduPilot's topics begin with: ap/v1 with its DDS_USE_NS (ardupilot)"
    )
    mavlink_url: str = parameter(
        'udpin:127.0.0.1:14540',
        'serial port or address of the autopilot, as pymavlink has them '
        '(mavlink, mavlink_attitude)',
    )
    mavlink_baud: int = parameter(
        921600, 'of a serial port (mavlink, mavlink_attitude)', low=9600, high=4_000_000
    )

    def vehicle(self) -> AdapterSettings:
        """As adapters have it."""
        return AdapterSettings(
            **{field.name: getattr(self, field.name) for field in fields(AdapterSettings)}
        )
