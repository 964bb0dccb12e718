"""Outputs to the DDS interface of ArduPilot, to Ackermann cars and to Crazyflie.

The message packages are optional. Each is imported when its adapter starts, with an error that says
what to install. Topics are relative to the namespace of the guard and are those that the autopilots
prescribe (docs/how_to/autopilots.md). `onboard.setpoints` defines content and frames of the
setpoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu

from liquid_pilot.interfaces import ImuSample, LiquidPilotError, ObservationError, VehicleState
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.nodes.common.message_types import import_message_type
from liquid_pilot.nodes.outputs.base import PublisherOutput
from liquid_pilot.onboard.geometry import flu_frd, into_body
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.safety.takeoff import TakeoffWatch
from liquid_pilot.onboard.setpoints.ackermann import AckermannSetpoint
from liquid_pilot.onboard.setpoints.hover import HoverSetpoint
from liquid_pilot.onboard.setpoints.mavlink import MAX_HALF_AGE_S
from liquid_pilot.onboard.setpoints.world_velocity import VelocityEnu

MAX_STATUS_AGE_S = 3.0
"""Maximum age of a status, s; an older one counts as a lost connection."""


class StatusSubscription:
    """Keeps the newest status of a topic; without a recent one it counts as not connected."""

    def __init__(
        self,
        node: node_base.LiquidNode,
        kind: Any,
        topic: str,
        read: Callable[[Any], VehicleStatus],
        latched: bool = False,
    ) -> None:
        """Subscribe to the status topic.

        Args:
            node: the guard node.
            kind: class of the message.
            topic: name of the topic.
            read: function that converts a message to a status.
            latched: whether the newest message is delivered to late subscribers.
        """
        self._node, self._read = node, read
        self.newest: VehicleStatus | None = None
        """The newest status, of any age; None before the first."""
        self._received_s = 0.0
        node.create_subscription(
            kind, topic, self._on_message, qos.MISSION if latched else qos.SENSOR
        )

    def _on_message(self, message: Any) -> None:
        self.newest, self._received_s = self._read(message), self._node.steady_s()

    @property
    def status(self) -> VehicleStatus:
        """The newest status, or one that is not connected where it is missing or too old."""
        late = self._node.steady_s() - self._received_s > MAX_STATUS_AGE_S
        if self.newest is None or late:
            return VehicleStatus(connected=False)
        return self.newest


def subscribe_status(
    node: node_base.LiquidNode,
    name: str,
    topic: str,
    read: Callable[[Any], VehicleStatus],
    latched: bool = False,
) -> StatusSubscription | None:
    """Subscribe to a status, or log a warning where its message type is not installed.

    Args:
        node: the guard node.
        name: message type, 'package/msg/Name'.
        topic: name of the topic.
        read: function that converts a message to a status.
        latched: whether the newest message is delivered to late subscribers.
    """
    try:
        return StatusSubscription(node, import_message_type(name), topic, read, latched)
    except LiquidPilotError:
        node.get_logger().warning(
            f'{name.partition("/")[0]} is not installed: mode and arming of the autopilot are not '
            'watched, so a flipped switch does not disengage the guard'
        )
        return None


class ArduPilotOutput(PublisherOutput):
    """Publishes twists in the world (frame `map`) to the DDS interface of ArduPilot.

    In a twist in `base_link` ArduPilot takes y as right and rotates it by the whole attitude,
    including the tilt (as of 2026). The data of ArduPilot have frames of their own: the IMU is FRD
    whatever its frame_id says, and the twist is in the world. They are converted here and published
    as `imu/data` and `odom`.
    """

    def __init__(self, node: node_base.LiquidNode, prefix: str) -> None:
        """Create the publishers and subscriptions.

        Args:
            node: the guard node.
            prefix: prefix of ArduPilot's topics.
        """
        self._node = node
        prefix = prefix.rstrip('/')
        self._publisher = node.create_publisher(TwistStamped, f'{prefix}/cmd_vel', qos.COMMAND)
        self._imu = node.create_publisher(Imu, topics.IMU, qos.SENSOR_RELIABLE)
        self._odometry = node.create_publisher(Odometry, topics.ODOMETRY, qos.SENSOR_RELIABLE)
        self._twist: TwistStamped | None = None
        self._twist_s = self._pose_s = -math.inf
        self._takeoff = TakeoffWatch()
        self._airborne: bool | None = None
        for kind, topic, callback in (
            (Imu, 'imu/experimental/data', self._on_imu),
            (PoseStamped, 'pose/filtered', self._on_pose),
            (TwistStamped, 'twist/filtered', self._on_twist),
        ):
            node.create_subscription(kind, f'{prefix}/{topic}', callback, qos.SENSOR)
        # Older versions publish the latched status on changes only: it does not show a lost link.
        self._status_subscription = subscribe_status(
            node, 'ardupilot_msgs/msg/Status', f'{prefix}/status', ardupilot_status, latched=True
        )

    @property
    def status(self) -> VehicleStatus | None:
        """The newest status while poses arrive; otherwise not connected."""
        if self._node.steady_s() - self._pose_s > MAX_STATUS_AGE_S:
            return VehicleStatus(connected=False)
        newest = self._status_subscription.newest if self._status_subscription else None
        return (newest or VehicleStatus(connected=True))._replace(airborne=self._airborne)

    def send(self, setpoint: VelocityEnu) -> None:
        """Publish one twist."""
        self._publisher.publish(
            messages.pack_world_twist(
                setpoint.stamp_ns, setpoint.velocity_enu_m_s, setpoint.yaw_rate_rad_s
            )
        )

    def _on_imu(self, message: Imu) -> None:
        try:
            sample = messages.unpack_imu(message)
        except ObservationError:
            return  # A reading is missing: publish nothing, as if the IMU were dead.
        self._imu.publish(
            messages.pack_imu(
                ImuSample(
                    self._node.get_clock().now().nanoseconds,
                    flu_frd(sample.angular_velocity_flu_rad_s),
                    flu_frd(sample.specific_force_flu_m_s2),
                )
            )
        )

    def _on_twist(self, message: TwistStamped) -> None:
        self._twist, self._twist_s = message, self._node.steady_s()
        newest = self._status_subscription.newest if self._status_subscription else None
        self._airborne = self._takeoff.update(
            newest.airborne if newest else None, message.twist.linear.z, self._twist_s
        )

    def _on_pose(self, message: PoseStamped) -> None:
        self._pose_s = self._node.steady_s()
        # The velocity is of another message, which may have stopped to come.
        if self._twist is not None and self._pose_s - self._twist_s <= MAX_HALF_AGE_S:
            self._odometry.publish(
                messages.pack_odometry(
                    ardupilot_state(message, self._twist, self._node.get_clock().now().nanoseconds)
                )
            )


def ardupilot_state(pose: PoseStamped, twist: TwistStamped, stamp_ns: int) -> VehicleState:
    """Return the state from ArduPilot's pose and twist.

    Args:
        pose: pose of the body (FLU) in the world (ENU).
        twist: linear velocity in the world (ENU), angular velocity in the body (FLU).
        stamp_ns: stamp of the state.
    """
    q, p = pose.pose.orientation, pose.pose.position
    linear, angular = twist.twist.linear, twist.twist.angular
    attitude = (q.w, q.x, q.y, q.z)
    return VehicleState(
        stamp_ns,
        (p.x, p.y, p.z),
        attitude,
        into_body(attitude, (linear.x, linear.y, linear.z)),
        (angular.x, angular.y, angular.z),
    )


def ardupilot_status(message: Any) -> VehicleStatus:
    """Convert ardupilot_msgs/Status to a VehicleStatus.

    `vehicle_type` and `mode` are numbers of ArduPilot. A Rover does not fly, and reports `flying`
    while it is armed.
    """
    rover, copter, helicopter = 1, 2, 13
    guided = {rover: 15, copter: 4, helicopter: 4}.get(message.vehicle_type)
    return VehicleStatus(
        True,
        bool(message.armed),
        f'{message.mode}',
        message.mode == guided,
        'in failsafe' if len(message.failsafe) else '',
        None if message.vehicle_type == rover else getattr(message, 'flying', None),
    )


class AckermannOutput(PublisherOutput):
    """Publishes `drive` as ackermann_msgs/AckermannDriveStamped."""

    def __init__(self, node: node_base.LiquidNode) -> None:
        """Create the publisher.

        Raises:
            LiquidPilotError: ackermann_msgs is not installed.
        """
        self._kind = import_message_type('ackermann_msgs/msg/AckermannDriveStamped')
        self._publisher = node.create_publisher(self._kind, 'drive', qos.COMMAND)

    def send(self, setpoint: AckermannSetpoint) -> None:
        """Publish one drive command."""
        message = self._kind()
        message.header.stamp = messages.to_time(setpoint.stamp_ns)
        message.header.frame_id = messages.BASE_FRAME
        message.drive.speed = float(setpoint.speed_m_s)
        message.drive.steering_angle = float(setpoint.steering_rad)
        self._publisher.publish(message)


class HoverOutput(PublisherOutput):
    """Publishes `cmd_hover` as crazyflie_interfaces/Hover, for crazyswarm2."""

    def __init__(self, node: node_base.LiquidNode, clockwise: bool) -> None:
        """Create the publisher.

        Args:
            node: the guard node.
            clockwise: whether a positive yaw rate turns the vehicle right.

        Raises:
            LiquidPilotError: crazyflie_interfaces is not installed.
        """
        self._clockwise = clockwise
        self._kind = import_message_type('crazyflie_interfaces/msg/Hover')
        self._publisher = node.create_publisher(self._kind, 'cmd_hover', qos.COMMAND)

    def send(self, setpoint: HoverSetpoint) -> None:
        """Publish one hover setpoint."""
        self._publisher.publish(pack_hover(self._kind, setpoint, self._clockwise))


def pack_hover(kind: Any, setpoint: HoverSetpoint, clockwise: bool) -> Any:
    """Convert a HoverSetpoint to crazyflie_interfaces/Hover.

    Units are those of ROS; crazyswarm2 converts radians to degrees.

    Args:
        kind: class of the message.
        setpoint: the setpoint.
        clockwise: whether a positive yaw rate turns the vehicle right.
    """
    message = kind(
        vx=float(setpoint.forward_m_s),
        vy=float(setpoint.left_m_s),
        yaw_rate=float(-setpoint.yaw_rate_rad_s if clockwise else setpoint.yaw_rate_rad_s),
        z_distance=float(setpoint.height_m),
    )
    message.header.stamp = messages.to_time(setpoint.stamp_ns)
    return message
