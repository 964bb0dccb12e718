"""Output to a MAVLink autopilot without MAVROS: setpoints out, IMU, odometry and status in.

The data that `onboard.setpoints.mavlink` receives are published as `imu/data` and `odom`. They are
stamped by the ROS clock on arrival, since the autopilot's time begins at its start.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu

from liquid_pilot.interfaces import Command, ImuSample, VehicleLimits
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget
from liquid_pilot.onboard.setpoints.body_velocity import ForwardTurn
from liquid_pilot.onboard.setpoints.mavlink import MavlinkLink
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed
from liquid_pilot.onboard.teaching.rc_hand import RcHandSettings, hand_command

POLL_S = 0.005
"""Period at which the link is read."""
_HEARTBEAT_S = 1.0
_HAND_PERIOD_S = 0.05
_WARNING_PERIOD_S = 5.0


class RcHand(NamedTuple):
    """How the sticks of a remote control are read."""

    settings: RcHandSettings
    limits: VehicleLimits
    """Limits on the vehicle's commands: what full deflection means."""


class MavlinkOutput:
    """Sends setpoints over a MAVLink connection and publishes what the autopilot reports."""

    def __init__(
        self,
        node: node_base.LiquidNode,
        url: str,
        baud: int,
        key_file: str = '',
        hand: RcHand | None = None,
    ) -> None:
        """Open the connection.

        Args:
            node: the guard node.
            url: serial port or address of the autopilot, as pymavlink takes it.
            baud: baud rate of a serial port.
            key_file: file with the key of signed messages; empty: messages are not signed.
            hand: how the sticks of the remote control are read; None: they are not.

        Raises:
            LiquidPilotError: pymavlink is not installed, the port cannot be opened, or the file
                holds no key.
        """
        self._node = node
        self._link = MavlinkLink.open(url, baud, key_file, rc_channels=hand is not None)
        self._hand = hand
        if hand is not None:
            self._hand_commands = node.create_publisher(
                TwistStamped, topics.HAND_COMMAND, qos.COMMAND
            )
            node.create_steady_timer(_HAND_PERIOD_S, self._publish_hand)
        self._peer, self._refused_signatures = '', 0
        self._heartbeat_s = -math.inf
        self._imu = node.create_publisher(Imu, topics.IMU, qos.SENSOR_RELIABLE)
        self._odometry = node.create_publisher(Odometry, topics.ODOMETRY, qos.SENSOR_RELIABLE)
        node.create_steady_timer(POLL_S, self._poll)

    @property
    def status(self) -> VehicleStatus | None:
        """The status that the autopilot reports."""
        return self._link.status(self._node.steady_s())

    def send(self, setpoint: VelocityNed | AttitudeTarget | ForwardTurn) -> None:
        """Send one setpoint."""
        if isinstance(setpoint, AttitudeTarget):
            self._link.send_attitude(setpoint)
        elif isinstance(setpoint, ForwardTurn):
            self._link.send_forward_turn(setpoint)
        else:
            self._link.send_velocity(setpoint)

    def on_decision(self) -> None:
        """Send a heartbeat once a second while the guard decides."""
        now_s = self._node.steady_s()
        if now_s - self._heartbeat_s >= _HEARTBEAT_S:
            self._heartbeat_s = now_s
            self._link.heartbeat()

    def flush(self, timeout_ns: int) -> None:
        """Do nothing, since the operating system has what was sent."""

    def _poll(self) -> None:
        update = self._link.poll(self._node.steady_s())
        now_ns = self._node.get_clock().now().nanoseconds
        for sample in update.imu:
            self._imu.publish(messages.pack_imu(ImuSample(now_ns, *sample)))
        if update.state is not None:
            self._odometry.publish(messages.pack_odometry(update.state._replace(stamp_ns=now_ns)))
        self._log_peer()

    def _publish_hand(self) -> None:
        """Publish what the sticks command, while a human flies in a mode in which they do."""
        now_s, status = self._node.steady_s(), self.status
        hand = self._hand
        if hand is None or status is None or not status.armed or status.accepts_setpoints:
            return
        if status.mode not in hand.settings.rc_modes:
            return
        values = hand_command(self._link.sticks_us(now_s), hand.settings, hand.limits)
        if values is not None:
            now_ns = self._node.get_clock().now().nanoseconds
            self._hand_commands.publish(messages.pack_command(Command(now_ns, *values)))

    def _log_peer(self) -> None:
        """Log whom the link has chosen, and those whose datagrams it ignores."""
        logger = self._node.get_logger()
        if self._link.peer != self._peer:
            logger.info(f'the autopilot is {self._link.peer}')
            self._peer = self._link.peer
        if self._link.ignored_sender is not None:
            host, port = self._link.ignored_sender
            logger.warning(
                f'datagrams from {host}:{port} are ignored: the autopilot is {self._peer}. To '
                'choose again, restart the guard',
                once=True,
            )
        refused = self._link.refused_signatures
        if refused > self._refused_signatures:
            self._refused_signatures = refused
            logger.warning(
                f'{refused} MAVLink messages were ignored, because they are not signed with the '
                'key of mavlink_key_file, or are late; set up signing with this key on the '
                'autopilot, and check the clock of this computer',
                throttle_duration_sec=_WARNING_PERIOD_S,
            )
