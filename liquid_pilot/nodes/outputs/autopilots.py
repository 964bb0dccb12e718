"""The ROS side of autopilots: MAVROS, ArduPilot's DDS interface, PX4's, Ackermann, Crazyflie.

Their message packages are not everywhere: each is imported when its adapter starts, with an error
that says what to install. Topics are relative to the namespace of the guard and are those that the
autopilots prescribe (docs/autopilots.md). Content and frames are those of `onboard.setpoints`; here
they become messages, once for each decision of the guard.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu

from liquid_pilot.interfaces import ImuSample, LiquidPilotError, ObservationError, VehicleState
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.nodes.outputs.base import PublisherOutput
from liquid_pilot.onboard.geometry import flu_frd, into_body
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.ackermann import AckermannSetpoint
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget, attitude_mask
from liquid_pilot.onboard.setpoints.hover import HoverSetpoint
from liquid_pilot.onboard.setpoints.mavlink import OFFBOARD_MODES
from liquid_pilot.onboard.setpoints.world_velocity import VelocityEnu

MAX_STATUS_AGE_S = 3.0
"""A status that is older says nothing."""


def import_message_type(package: str, name: str) -> Any:
    """A message type of a package that not every machine has; LiquidPilotError without it."""
    try:
        return getattr(importlib.import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as error:
        raise LiquidPilotError(
            f'this adapter needs {package}/msg/{name} ({error}): sudo apt install '
            f'ros-$ROS_DISTRO-{package.replace("_", "-")}, or build {package} in your workspace, '
            'and source it'
        ) from None


class StatusSubscription:
    """The newest status that a topic gave; None before the first, not connected when it ends."""

    def __init__(
        self,
        node: node_base.LiquidNode,
        kind: Any,
        topic: str,
        read: Callable[[Any], VehicleStatus],
        latched: bool = False,
    ) -> None:
        self._node, self._read = node, read
        self.newest: VehicleStatus | None = None
        """However old."""
        self._heard_s = 0.0
        node.create_subscription(
            kind, topic, self._on_message, qos.MISSION if latched else qos.SENSOR
        )

    def _on_message(self, message: Any) -> None:
        self.newest, self._heard_s = self._read(message), self._node.steady_s()

    @property
    def status(self) -> VehicleStatus:
        """As it is now."""
        late = self._node.steady_s() - self._heard_s > MAX_STATUS_AGE_S
        if self.newest is None or late:
            return VehicleStatus(connected=False)
        return self.newest


def subscribe_status(
    node: node_base.LiquidNode,
    package: str,
    name: str,
    topic: str,
    read: Callable[[Any], VehicleStatus],
    latched: bool = False,
) -> StatusSubscription | None:
    """Watch a status; where its type is not installed, say so and do without."""
    try:
        return StatusSubscription(node, import_message_type(package, name), topic, read, latched)
    except LiquidPilotError:
        node.get_logger().warning(
            f'{package} is not installed: mode and arming of the autopilot are not watched, so a '
            'flipped switch does not disengage the guard'
        )
        return None


class MavrosOutput(PublisherOutput):
    """MAVROS: velocity of the world with its default `mav_frame`, or attitude and thrust."""

    def __init__(self, node: node_base.LiquidNode, attitude: bool) -> None:
        self._kind = (
            import_message_type('mavros_msgs', 'AttitudeTarget') if attitude else TwistStamped
        )
        self._publisher = node.create_publisher(
            self._kind,
            'mavros/setpoint_raw/attitude' if attitude else 'mavros/setpoint_velocity/cmd_vel',
            qos.COMMAND,
        )
        self._status_subscription = subscribe_status(
            node, 'mavros_msgs', 'State', 'mavros/state', mavros_status
        )

    @property
    def status(self) -> VehicleStatus | None:
        """What `mavros/state` says."""
        return self._status_subscription and self._status_subscription.status

    def send(self, setpoint: VelocityEnu | AttitudeTarget) -> None:
        """One setpoint."""
        if isinstance(setpoint, AttitudeTarget):
            status = self.status
            ardupilot = status is not None and status.mode.startswith('GUIDED')
            self._publisher.publish(pack_mavros_attitude(self._kind, setpoint, ardupilot))
        else:
            self._publisher.publish(
                messages.pack_world_twist(
                    setpoint.stamp_ns, setpoint.velocity_enu_m_s, setpoint.yaw_rate_rad_s
                )
            )


def mavros_status(message: Any) -> VehicleStatus:
    """mavros_msgs/State: OFFBOARD is PX4's mode that obeys, GUIDED ArduPilot's."""
    return VehicleStatus(
        bool(message.connected), bool(message.armed), message.mode, message.mode in OFFBOARD_MODES
    )


def pack_mavros_attitude(kind: Any, setpoint: AttitudeTarget, ardupilot: bool) -> Any:
    """mavros_msgs/AttitudeTarget: FLU to ENU; MAVROS turns it and scales the thrust."""
    message = kind(
        type_mask=attitude_mask(ardupilot),
        thrust=float(setpoint.thrust),
        orientation=messages.pack_quaternion(setpoint.orientation_wxyz),
    )
    message.header.stamp = messages.to_time(setpoint.stamp_ns)
    message.body_rate.z = float(setpoint.yaw_rate_rad_s)
    return message


class ArduPilotOutput(PublisherOutput):
    """ArduPilot's DDS interface: a twist of the world, told by its frame `map`.

    Of a twist in `base_link` ArduPilot takes y for right and turns it by the whole attitude, tilt
    included (as of 2026). What it says comes in frames of its own: its IMU is FRD whatever its
    frame_id, its twist is of the world; here they become `imu/data` and `odom`.
    """

    def __init__(self, node: node_base.LiquidNode, prefix: str) -> None:
        self._node = node
        prefix = prefix.rstrip('/')
        self._publisher = node.create_publisher(TwistStamped, f'{prefix}/cmd_vel', qos.COMMAND)
        self._imu = node.create_publisher(Imu, 'imu/data', qos.SENSOR_RELIABLE)
        self._odometry = node.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
        self._twist: TwistStamped | None = None
        self._pose_s = -math.inf
        for kind, topic, hear in (
            (Imu, 'imu/experimental/data', self._on_imu),
            (PoseStamped, 'pose/filtered', self._on_pose),
            (TwistStamped, 'twist/filtered', self._on_twist),
        ):
            node.create_subscription(kind, f'{prefix}/{topic}', hear, qos.SENSOR)
        # Its status comes latched and only when it changes, so it cannot tell who is alive.
        self._status_subscription = subscribe_status(
            node, 'ardupilot_msgs', 'Status', f'{prefix}/status', ardupilot_status, latched=True
        )

    @property
    def status(self) -> VehicleStatus | None:
        """What the status says, as long as poses come."""
        if self._node.steady_s() - self._pose_s > MAX_STATUS_AGE_S:
            return VehicleStatus(connected=False)
        newest = self._status_subscription and self._status_subscription.newest
        return newest or VehicleStatus(connected=True)

    def send(self, setpoint: VelocityEnu) -> None:
        """One twist."""
        self._publisher.publish(
            messages.pack_world_twist(
                setpoint.stamp_ns, setpoint.velocity_enu_m_s, setpoint.yaw_rate_rad_s
            )
        )

    def _on_imu(self, message: Imu) -> None:
        try:
            sample = messages.unpack_imu(message)
        except ObservationError:
            return  # It says itself that a reading is missing: then silence, as of a dead IMU.
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
        self._twist = message

    def _on_pose(self, message: PoseStamped) -> None:
        self._pose_s = self._node.steady_s()
        if self._twist is not None:
            self._odometry.publish(
                messages.pack_odometry(
                    ardupilot_state(message, self._twist, self._node.get_clock().now().nanoseconds)
                )
            )


def ardupilot_state(pose: PoseStamped, twist: TwistStamped, stamp_ns: int) -> VehicleState:
    """Pose FLU to ENU, linear velocity of the world (ENU), angular of the body (FLU)."""
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
    """ardupilot_msgs/Status: vehicle_type and mode are ArduPilot's numbers."""
    guided = {1: 15, 2: 4}.get(message.vehicle_type)  # Rover, Copter
    return VehicleStatus(
        True,
        bool(message.armed),
        f'{message.mode}',
        message.mode == guided,
        'in failsafe' if len(message.failsafe) else '',
    )


class AckermannOutput(PublisherOutput):
    """`drive` as ackermann_msgs/AckermannDriveStamped."""

    def __init__(self, node: node_base.LiquidNode) -> None:
        self._kind = import_message_type('ackermann_msgs', 'AckermannDriveStamped')
        self._publisher = node.create_publisher(self._kind, 'drive', qos.COMMAND)

    def send(self, setpoint: AckermannSetpoint) -> None:
        """One drive command."""
        message = self._kind()
        message.header.stamp = messages.to_time(setpoint.stamp_ns)
        message.header.frame_id = messages.BASE_FRAME
        message.drive.speed = float(setpoint.speed_m_s)
        message.drive.steering_angle = float(setpoint.steering_rad)
        self._publisher.publish(message)


class HoverOutput(PublisherOutput):
    """`cmd_hover` as crazyflie_interfaces/Hover, which crazyswarm2 takes."""

    def __init__(self, node: node_base.LiquidNode, clockwise: bool) -> None:
        self._clockwise = clockwise
        self._kind = import_message_type('crazyflie_interfaces', 'Hover')
        self._publisher = node.create_publisher(self._kind, 'cmd_hover', qos.COMMAND)

    def send(self, setpoint: HoverSetpoint) -> None:
        """One hover setpoint."""
        self._publisher.publish(pack_hover(self._kind, setpoint, self._clockwise))


def pack_hover(kind: Any, setpoint: HoverSetpoint, clockwise: bool) -> Any:
    """crazyflie_interfaces/Hover, in the units of ROS: crazyswarm2 turns radians into degrees."""
    message = kind(
        vx=float(setpoint.forward_m_s),
        vy=float(setpoint.left_m_s),
        yaw_rate=float(-setpoint.yaw_rate_rad_s if clockwise else setpoint.yaw_rate_rad_s),
        z_distance=float(setpoint.height_m),
    )
    message.header.stamp = messages.to_time(setpoint.stamp_ns)
    return message
