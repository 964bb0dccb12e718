"""Output to PX4 over uXRCE-DDS: setpoints out, IMU, odometry and status in.

PX4 uses NED and FRD in messages of its own. They are converted and published as `imu/data` and
`odom` for the pilot and the guard, stamped by the ROS clock on arrival. Each setpoint is sent with
its OffboardControlMode, which is PX4's heartbeat. PX4 requires two per second, for one second
before the switch to Offboard, and its failsafe acts when they end (COM_OF_LOSS_T). Therefore none
is sent without a decision of the guard.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from nav_msgs.msg import Odometry
from rclpy.publisher import Publisher
from sensor_msgs.msg import Imu

from liquid_pilot.interfaces import ImuSample, VehicleState
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.nodes.common.message_types import import_message_type
from liquid_pilot.nodes.outputs.autopilots import StatusSubscription
from liquid_pilot.onboard.geometry import attitude_enu_ned, enu_ned, flu_frd, into_body
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed

ARMED = 2  # VehicleStatus.ARMING_STATE_ARMED
OFFBOARD = 14  # VehicleStatus.NAVIGATION_STATE_OFFBOARD
NED_FRAME, BODY_FRAME = 1, 3  # VehicleOdometry.POSE_FRAME_NED = VELOCITY_FRAME_NED, _BODY_FRD


def versioned(topic: str, kind: Any) -> str:
    """Return the name of a topic, to which PX4 1.16 and later append the version of its type.

    Args:
        topic: name without a version.
        kind: class of the message. Version 0 is not appended.
    """
    version = getattr(kind, 'MESSAGE_VERSION', 0)
    return f'{topic}_v{version}' if version else topic


class Px4Output:
    """Publishes setpoints for PX4, and what PX4 reports."""

    def __init__(self, node: node_base.LiquidNode) -> None:
        """Create the publishers and subscriptions.

        Raises:
            LiquidPilotError: px4_msgs is not installed.
        """
        self._node = node
        self._modes = self._publisher('OffboardControlMode', 'offboard_control_mode')
        self._velocities = self._publisher('TrajectorySetpoint', 'trajectory_setpoint')
        self._attitudes = self._publisher('VehicleAttitudeSetpoint', 'vehicle_attitude_setpoint')
        self._imu = node.create_publisher(Imu, topics.IMU, qos.SENSOR_RELIABLE)
        self._odometry = node.create_publisher(Odometry, topics.ODOMETRY, qos.SENSOR_RELIABLE)
        status = import_message_type('px4_msgs/msg/VehicleStatus')
        self._status_subscription = StatusSubscription(
            node, status, versioned('fmu/out/vehicle_status', status), px4_status
        )
        for name, topic, callback in (
            ('SensorCombined', 'sensor_combined', self._on_imu),
            ('VehicleOdometry', 'vehicle_odometry', self._on_odometry),
        ):
            kind = import_message_type(f'px4_msgs/msg/{name}')
            node.create_subscription(
                kind, versioned(f'fmu/out/{topic}', kind), callback, qos.SENSOR
            )

    def _publisher(self, name: str, topic: str) -> tuple[type[Any], Publisher]:
        """Create a publisher and return it with the class of its message."""
        kind = import_message_type(f'px4_msgs/msg/{name}')
        return kind, self._node.create_publisher(
            kind, versioned(f'fmu/in/{topic}', kind), qos.COMMAND
        )

    @property
    def status(self) -> VehicleStatus | None:
        """The status of `fmu/out/vehicle_status`."""
        return self._status_subscription.status

    def send(self, setpoint: VelocityNed | AttitudeTarget) -> None:
        """Publish the control mode and one setpoint."""
        now_us = self._node.get_clock().now().nanoseconds // 1000
        attitude = isinstance(setpoint, AttitudeTarget)
        kind, publisher = self._modes
        publisher.publish(kind(timestamp=now_us, velocity=not attitude, attitude=attitude))
        if isinstance(setpoint, AttitudeTarget):
            kind, publisher = self._attitudes
            publisher.publish(pack_attitude(kind, setpoint, now_us))
        else:
            kind, publisher = self._velocities
            publisher.publish(pack_velocity(kind, setpoint, now_us))

    def on_decision(self) -> None:
        """Do nothing, since each setpoint is sent with its heartbeat."""

    def flush(self, timeout_ns: int) -> None:
        """Do nothing, since PX4 subscribes best effort and acknowledges nothing."""

    def _on_imu(self, message: Any) -> None:
        self._imu.publish(
            messages.pack_imu(
                ImuSample(
                    self._node.get_clock().now().nanoseconds,
                    flu_frd(_vector(message.gyro_rad)),
                    flu_frd(_vector(message.accelerometer_m_s2)),
                )
            )
        )

    def _on_odometry(self, message: Any) -> None:
        state = px4_state(message, self._node.get_clock().now().nanoseconds)
        if state is not None:
            self._odometry.publish(messages.pack_odometry(state))


def _vector(values: Iterable[float]) -> tuple[float, float, float]:
    x, y, z = map(float, values)
    return x, y, z


def _quaternion(values: Iterable[float]) -> tuple[float, float, float, float]:
    w, x, y, z = map(float, values)
    return w, x, y, z


def px4_status(message: Any) -> VehicleStatus:
    """Convert px4_msgs/VehicleStatus to a VehicleStatus."""
    offboard = message.nav_state == OFFBOARD
    return VehicleStatus(
        True,
        message.arming_state == ARMED,
        'OFFBOARD' if offboard else f'{message.nav_state}',
        offboard,
        'in failsafe' if message.failsafe else '',
    )


def px4_state(message: Any, stamp_ns: int) -> VehicleState | None:
    """Convert px4_msgs/VehicleOdometry to a VehicleState.

    Returns:
        The state in the frames of ROS, or None while the odometry is not in the world (NED).
    """
    attitude_ned = _quaternion(message.q)
    velocity = _vector(message.velocity)
    if (
        message.pose_frame != NED_FRAME
        or message.velocity_frame not in (NED_FRAME, BODY_FRAME)
        or not all(map(math.isfinite, (*attitude_ned, *velocity)))
    ):
        return None
    if message.velocity_frame == NED_FRAME:
        velocity = into_body(attitude_ned, velocity)
    return VehicleState(
        stamp_ns,
        enu_ned(_vector(message.position)),
        attitude_enu_ned(attitude_ned),
        flu_frd(velocity),
        flu_frd(_vector(message.angular_velocity)),
    )


def pack_velocity(kind: Any, setpoint: VelocityNed, now_us: int) -> Any:
    """Convert a VelocityNed to px4_msgs/TrajectorySetpoint, where NaN means 'not controlled'.

    Args:
        kind: class of the message.
        setpoint: the setpoint.
        now_us: stamp of the message, µs.
    """
    not_controlled = [math.nan] * 3
    return kind(
        timestamp=now_us,
        position=not_controlled,
        acceleration=not_controlled,
        jerk=not_controlled,
        velocity=list(setpoint.velocity_ned_m_s),
        yaw=math.nan,
        yawspeed=float(setpoint.yaw_rate_rad_s),
    )


def pack_attitude(kind: Any, setpoint: AttitudeTarget, now_us: int) -> Any:
    """Convert an AttitudeTarget to px4_msgs/VehicleAttitudeSetpoint.

    The thrust is along body z, which points down.

    Args:
        kind: class of the message.
        setpoint: the setpoint.
        now_us: stamp of the message, µs.
    """
    return kind(
        timestamp=now_us,
        q_d=list(setpoint.orientation_frd_ned_wxyz),
        yaw_sp_move_rate=-float(setpoint.yaw_rate_rad_s),
        thrust_body=[0.0, 0.0, -float(setpoint.thrust)],
    )
