"""Output to PX4 over uXRCE-DDS: setpoints out, IMU, odometry and status in.

PX4 uses NED and FRD in messages of its own. They are converted and published as `imu/data` and
`odom` for the pilot and the guard, stamped by the ROS clock on arrival.

Each decision of the guard is sent with an OffboardControlMode, which is PX4's heartbeat. PX4
requires two per second, for one second before the switch to Offboard, and its failsafe acts when
they end (COM_OF_LOSS_T). Therefore none is sent without a decision of the guard. The setpoint
itself is sent while PX4 is in Offboard or in the guard's own mode (`px4_mode.py`), and in no other
mode: over uXRCE-DDS it is published on the topic from which PX4's controllers read in every mode.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu

from liquid_pilot.interfaces import ImuSample, VehicleState
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.nodes.common.message_types import import_message_type
from liquid_pilot.nodes.outputs.autopilots import MAX_STATUS_AGE_S, StatusSubscription
from liquid_pilot.nodes.outputs.px4_mode import Px4Mode
from liquid_pilot.nodes.outputs.px4_registration import EXTERNAL_MODES
from liquid_pilot.nodes.outputs.px4_topics import Px4Publisher, subscribe, versioned
from liquid_pilot.onboard.geometry import attitude_enu_ned, enu_ned, flu_frd, into_body
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed

ARMED = 2  # VehicleStatus.ARMING_STATE_ARMED
OFFBOARD = 14  # VehicleStatus.NAVIGATION_STATE_OFFBOARD
NED_FRAME, BODY_FRAME = 1, 3  # VehicleOdometry.POSE_FRAME_NED = VELOCITY_FRAME_NED, _BODY_FRD
MODE_NAMES = {
    0: 'MANUAL',
    1: 'ALTCTL',
    2: 'POSCTL',
    3: 'MISSION',
    4: 'LOITER',
    5: 'RTL',
    6: 'POSITION_SLOW',
    10: 'ACRO',
    12: 'DESCEND',
    13: 'TERMINATION',
    OFFBOARD: 'OFFBOARD',
    15: 'STABILIZED',
    17: 'TAKEOFF',
    18: 'LAND',
    19: 'FOLLOWME',
    20: 'PRECLAND',
    21: 'ORBIT',
    22: 'VTOL_TAKEOFF',
    **{number: f'EXTERNAL{k}' for k, number in enumerate(EXTERNAL_MODES, 1)},
}
"""Names of PX4's modes by VehicleStatus.nav_state, those that MAVLink's tools use where they have
one."""
_OWN_VERTICAL_MODES = frozenset(('DESCEND', 'TAKEOFF', 'LAND', 'PRECLAND', 'VTOL_TAKEOFF'))
"""Modes in which PX4 takes off or lands by itself."""
_MIN_GAP_S = 1.0
"""Time without a setpoint for which the mode can run at least, s: what PX4 allows in Offboard
(COM_OF_LOSS_T), so that a short stall of the computer does not end the mode."""


class Px4Output:
    """Publishes setpoints for PX4, and what PX4 reports."""

    def __init__(
        self, node: node_base.LiquidNode, attitude: bool, mode_name: str | None = None
    ) -> None:
        """Create the publishers and subscriptions.

        Args:
            node: the guard node.
            attitude: whether the adapter makes attitudes (else velocities).
            mode_name: name of the mode that is registered with PX4; None: none is.

        Raises:
            LiquidPilotError: px4_msgs is not installed or too old, or the name cannot be sent.
        """
        self._node = node
        self._heartbeats = Px4Publisher(node, 'OffboardControlMode', 'offboard_control_mode')
        self._velocities = Px4Publisher(node, 'TrajectorySetpoint', 'trajectory_setpoint')
        self._attitudes = Px4Publisher(node, 'VehicleAttitudeSetpoint', 'vehicle_attitude_setpoint')
        self._imu = node.create_publisher(Imu, topics.IMU, qos.SENSOR_RELIABLE)
        self._odometry = node.create_publisher(Odometry, topics.ODOMETRY, qos.SENSOR_RELIABLE)
        self._decided_s = self._landing_s = -math.inf
        self._flies: bool | None = None
        self._mode: Px4Mode | None = None
        status = import_message_type('px4_msgs/msg/VehicleStatus')
        self._status_subscription = StatusSubscription(
            node, status, versioned('fmu/out/vehicle_status', status), self._read_status
        )
        subscribe(node, 'VehicleLandDetected', 'vehicle_land_detected', self._on_landing)
        subscribe(node, 'SensorCombined', 'sensor_combined', self._on_imu)
        subscribe(node, 'VehicleOdometry', 'vehicle_odometry', self._on_odometry)
        if mode_name is not None:
            self._mode = Px4Mode(
                node,
                mode_name,
                attitude,
                sends=lambda: self._sends,
                connected=lambda: bool(self._status_subscription.status.connected),
            )

    @property
    def status(self) -> VehicleStatus | None:
        """The status of `fmu/out/vehicle_status` and `fmu/out/vehicle_land_detected`."""
        status = self._status_subscription.status
        if status.mode in _OWN_VERTICAL_MODES:
            return status._replace(airborne=False)
        recent = self._node.steady_s() - self._landing_s <= MAX_STATUS_AGE_S
        return status._replace(airborne=self._flies if recent else None)

    @property
    def _sends(self) -> bool:
        """Whether the guard has lately decided a setpoint, since PX4 was last given back."""
        settings = self._node.settings.current
        gap_s = max(_MIN_GAP_S, settings.command_timeout_s + 2.0 / settings.rate_hz)
        return self._node.steady_s() - self._decided_s <= gap_s

    @property
    def values(self) -> dict[str, str]:
        """Values of the status on /diagnostics."""
        return {} if self._mode is None else self._mode.values

    @property
    def problem(self) -> str:
        """What is wrong with the registered mode, and what to do; empty where nothing is."""
        return '' if self._mode is None else self._mode.problem

    def send(self, setpoint: VelocityNed | AttitudeTarget) -> None:
        """Publish the heartbeat, and the setpoint where the mode of PX4 is one that follows it."""
        self._decided_s = self._node.steady_s()
        now_us = self._node.get_clock().now().nanoseconds // 1000
        attitude = isinstance(setpoint, AttitudeTarget)
        self._heartbeats.publish(
            self._heartbeats.kind(timestamp=now_us, velocity=not attitude, attitude=attitude)
        )
        # Of any age: where the status does not arrive any more, a standstill still may.
        newest = self._status_subscription.newest
        if newest is None or not newest.accepts_setpoints:
            return
        if self._mode is not None:
            self._mode.on_setpoint(attitude)
        if isinstance(setpoint, AttitudeTarget):
            self._attitudes.publish(pack_attitude(self._attitudes.kind, setpoint, now_us))
        else:
            self._velocities.publish(pack_velocity(self._velocities.kind, setpoint, now_us))

    def on_decision(self) -> None:
        """Do nothing, since each setpoint is sent with its heartbeat."""

    def flush(self, timeout_ns: int) -> None:
        """Do nothing, since PX4 subscribes best effort and acknowledges nothing."""

    def close(self) -> None:
        """End the registration of the mode."""
        if self._mode is not None:
            self._mode.close()

    def _read_status(self, message: Any) -> VehicleStatus:
        if self._mode is None:
            return px4_status(message)
        modes = getattr(message, 'can_set_nav_states_mask', None)
        self._mode.on_status(message.arming_state == ARMED, None if modes is None else int(modes))
        status = px4_status(message, self._mode.mode_id, self._mode.name)
        before = self._status_subscription.newest
        if before is not None and before.accepts_setpoints and not status.accepts_setpoints:
            # The guard disengages now. Until it is engaged again the mode cannot run, or PX4's
            # failsafe would return to it by itself.
            self._decided_s = -math.inf
        return status

    def _on_landing(self, message: Any) -> None:
        self._flies, self._landing_s = px4_flies(message), self._node.steady_s()

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


def px4_status(message: Any, own_mode: int | None = None, own_name: str = '') -> VehicleStatus:
    """Convert px4_msgs/VehicleStatus to a VehicleStatus, without `airborne`.

    Args:
        message: the message.
        own_mode: number of the mode that the guard has registered; None: it has none.
        own_name: name of that mode.
    """
    own = own_mode is not None and message.nav_state == own_mode
    name = own_name if own else MODE_NAMES.get(message.nav_state, f'{message.nav_state}')
    return VehicleStatus(
        True,
        message.arming_state == ARMED,
        name,
        own or message.nav_state == OFFBOARD,
        'in failsafe' if message.failsafe else '',
    )


def px4_flies(message: Any) -> bool:
    """Return whether the vehicle flies by px4_msgs/VehicleLandDetected.

    The detector finds a landing in three stages, of which each counts: a vehicle that touches the
    ground is steered no more.
    """
    return not (message.landed or message.maybe_landed or message.ground_contact)


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
