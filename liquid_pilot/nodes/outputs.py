"""The ROS side of each vehicle adapter: how a setpoint is sent.

What a setpoint is, in which frame and units, `onboard.vehicles` says; here it becomes a message.
Nothing is repeated here: what leaves, leaves once, because the guard decided it just now.
"""

from __future__ import annotations

from typing import Protocol

from geometry_msgs.msg import Twist, TwistStamped
from rclpy.duration import Duration
from rclpy.publisher import Publisher
from trajectory_msgs.msg import MultiDOFJointTrajectory

from liquid_pilot.interfaces import AttitudeThrust, Command
from liquid_pilot.nodes import messages, qos, runtime
from liquid_pilot.onboard.preflight import VehicleStatus
from liquid_pilot.onboard.vehicles import Adapter


class Output(Protocol):
    """Where the guard's decisions go."""

    status: VehicleStatus | None
    """What the vehicle says of itself; None where it says nothing."""

    def send(self, setpoint: object) -> None:
        """Send what the adapter made of a decision."""
        ...

    def flush(self, timeout_ns: int) -> None:
        """Wait until what was sent has been read, or for so long."""
        ...


class PublisherOutput:
    """One topic, and a vehicle that says nothing of itself."""

    status: VehicleStatus | None = None
    _publisher: Publisher

    def flush(self, timeout_ns: int) -> None:
        """See Output."""
        self._publisher.wait_for_all_acked(Duration(nanoseconds=timeout_ns))


class TwistOutput(PublisherOutput):
    """`cmd_vel`, as TwistStamped or Twist."""

    def __init__(self, node: runtime.LiquidNode, stamped: bool) -> None:
        self._pack = messages.pack_command if stamped else messages.pack_twist
        self._publisher = node.create_publisher(
            TwistStamped if stamped else Twist, 'cmd_vel', qos.COMMAND)

    def send(self, setpoint: Command) -> None:
        """One twist."""
        self._publisher.publish(self._pack(setpoint))


class AttitudeThrustOutput(PublisherOutput):
    """`attitude_thrust`, as MultiDOFJointTrajectory."""

    def __init__(self, node: runtime.LiquidNode) -> None:
        self._publisher = node.create_publisher(
            MultiDOFJointTrajectory, 'attitude_thrust', qos.COMMAND)

    def send(self, setpoint: AttitudeThrust) -> None:
        """One point."""
        self._publisher.publish(messages.pack_attitude_thrust(setpoint))


def make_output(node: runtime.LiquidNode, adapter: Adapter, stamped: bool) -> Output:
    """The output of an adapter."""
    if adapter.name == 'attitude_thrust':
        return AttitudeThrustOutput(node)
    return TwistOutput(node, stamped)
