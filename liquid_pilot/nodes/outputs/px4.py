"""PX4 over uXRCE-DDS as the guard's vehicle: setpoints out, IMU, odometry and status in.

PX4 speaks NED and FRD, in messages of its own: what it says is published as `imu/data` and `odom`
for the pilot and the guard, stamped by the ROS clock on arrival. Each setpoint goes out with its
OffboardControlMode, which is PX4's heartbeat: it asks for two a second, for a second before the
switch to Offboard, and its failsafe acts when they end (COM_OF_LOSS_T). So there is none without a
decision of the guard.
"""

from __future__ import annotations

import math
from typing import Any

from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu

from liquid_pilot.interfaces import ImuSample, VehicleState
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.nodes.outputs.autopilots import StatusSubscription, import_message_type
from liquid_pilot.onboard.geometry import attitude_enu_ned, enu_ned, flu_frd, into_body
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed

ARMED = 2  # VehicleStatus.ARMING_STATE_ARMED
OFFBOARD = 14  # VehicleStatus.NAVIGATION_STATE_OFFBOARD
NED_FRAME, BODY_FRAME = 1, 3  # VehicleOdometry.POSE_FRAME_NED = VELOCITY_FRAME_NED, _BODY_FRD


def versioned(topic: str, kind: Any) -> str:
    """The topic of a message type; from PX4 1.16 on its version is in its name, but for 0."""
    version = getattr(kind, 'MESSAGE_VERSION', 0)
    return f'{topic}_v{version}' if version else topic


class Px4Output:
    """See the module."""

    def __init__(self, node: node_base.LiquidNode) -> None:
        self._node = node
        self._modes = self._publisher('OffboardControlMode', 'offboard_control_mode')
        self._velocities = self._publisher('TrajectorySetpoint', 'trajectory_setpoint')
        self._attitudes = self._publisher('VehicleAttitudeSetpoint', 'vehicle_attitude_setpoint')
        self._imu = node.create_publisher(Imu, 'imu/data', qos.SENSOR_RELIABLE)
        self._odometry = node.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
        status = import_message_type('px4_msgs', 'VehicleStatus')
        self._status_subscription = StatusSubscription(
            node, status, versioned('fmu/out/vehicle_status', status), px4_status
        )
        for name, topic, hear in (
            ('SensorCombined', 'sensor_combined', self._on_imu),
            ('VehicleOdometry', 'vehicle_odometry', self._on_odometry),
        ):
            kind = import_message_type('px4_msgs', name)
            node.create_subscription(kind, versioned(f'fmu/out/{topic}', kind), hear, qos.SENSOR)

    def _publisher(self, name: str, topic: str) -> tuple[Any, Any]:
        kind = import_message_type('px4_msgs', name)
        return kind, self._node.create_publisher(
            kind, versioned(f'fmu/in/{topic}', kind), qos.COMMAND
        )

    @property
    def status(self) -> VehicleStatus:
        """What `fmu/out/vehicle_status` says."""
        return self._status_subscription.status

    def send(self, setpoint: VelocityNed | AttitudeTarget) -> None:
        """The mode that it is of, and one setpoint."""
        now_us = self._node.get_clock().now().nanoseconds // 1000
        attitude = isinstance(setpoint, AttitudeTarget)
        kind, publisher = self._modes
        publisher.publish(kind(timestamp=now_us, velocity=not attitude, attitude=attitude))
        kind, publisher = self._attitudes if attitude else self._velocities
        pack = pack_attitude if attitude else pack_velocity
        publisher.publish(pack(kind, setpoint, now_us))

    def decided(self) -> None:
        """The heartbeat goes with each setpoint."""

    def flush(self, timeout_ns: int) -> None:
        """PX4 reads best effort: there is nothing to wait for."""

    def _on_imu(self, message: Any) -> None:
        self._imu.publish(
            messages.pack_imu(
                ImuSample(
                    self._node.get_clock().now().nanoseconds,
                    flu_frd(tuple(map(float, message.gyro_rad))),
                    flu_frd(tuple(map(float, message.accelerometer_m_s2))),
                )
            )
        )

    def _on_odometry(self, message: Any) -> None:
        state = px4_state(message, self._node.get_clock().now().nanoseconds)
        if state is not None:
            self._odometry.publish(messages.pack_odometry(state))


def px4_status(message: Any) -> VehicleStatus:
    """px4_msgs/VehicleStatus."""
    obeys = message.nav_state == OFFBOARD
    return VehicleStatus(
        True,
        message.arming_state == ARMED,
        'OFFBOARD' if obeys else f'{message.nav_state}',
        obeys,
        'in failsafe' if message.failsafe else '',
    )


def px4_state(message: Any, stamp_ns: int) -> VehicleState | None:
    """px4_msgs/VehicleOdometry in ROS frames; None while it is not of the world (NED)."""
    attitude_ned = tuple(map(float, message.q))
    velocity = tuple(map(float, message.velocity))
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
        enu_ned(tuple(map(float, message.position))),
        attitude_enu_ned(attitude_ned),
        flu_frd(velocity),
        flu_frd(tuple(map(float, message.angular_velocity))),
    )


def pack_velocity(kind: Any, setpoint: VelocityNed, now_us: int) -> Any:
    """px4_msgs/TrajectorySetpoint; NaN is what PX4 takes for 'not controlled'."""
    nothing = [math.nan] * 3
    return kind(
        timestamp=now_us,
        position=nothing,
        acceleration=nothing,
        jerk=nothing,
        velocity=list(setpoint.velocity_ned_m_s),
        yaw=math.nan,
        yawspeed=float(setpoint.yaw_rate_rad_s),
    )


def pack_attitude(kind: Any, setpoint: AttitudeTarget, now_us: int) -> Any:
    """px4_msgs/VehicleAttitudeSetpoint; thrust is along body z, which points down."""
    return kind(
        timestamp=now_us,
        q_d=list(setpoint.orientation_frd_ned_wxyz),
        yaw_sp_move_rate=-float(setpoint.yaw_rate_rad_s),
        thrust_body=[0.0, 0.0, -float(setpoint.thrust)],
    )
