"""Output to a MAVLink autopilot without MAVROS: setpoints out, IMU, odometry and status in.

The data that `onboard.setpoints.mavlink` receives are published as `imu/data` and `odom`. They are
stamped by the ROS clock on arrival, since the autopilot's time begins at its start.
"""

from __future__ import annotations

from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu

from liquid_pilot.interfaces import ImuSample
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget
from liquid_pilot.onboard.setpoints.mavlink import MavlinkLink
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed

POLL_S = 0.005
"""Period at which the link is read."""
_HEARTBEAT_S = 1.0


class MavlinkOutput:
    """Sends setpoints over a MAVLink connection and publishes what the autopilot reports."""

    def __init__(self, node: node_base.LiquidNode, url: str, baud: int) -> None:
        """Open the connection.

        Args:
            node: the guard node.
            url: serial port or address of the autopilot, as pymavlink takes it.
            baud: baud rate of a serial port.

        Raises:
            LiquidPilotError: pymavlink is not installed, or the port cannot be opened.
        """
        self._node = node
        self._link = MavlinkLink.open(url, baud)
        self._heartbeat_s = 0.0
        self._imu = node.create_publisher(Imu, topics.IMU, qos.SENSOR_RELIABLE)
        self._odometry = node.create_publisher(Odometry, topics.ODOMETRY, qos.SENSOR_RELIABLE)
        node.create_steady_timer(POLL_S, self._poll)

    @property
    def status(self) -> VehicleStatus | None:
        """The status that the autopilot reports."""
        return self._link.status(self._node.steady_s())

    def send(self, setpoint: VelocityNed | AttitudeTarget) -> None:
        """Send one setpoint."""
        if isinstance(setpoint, AttitudeTarget):
            self._link.send_attitude(setpoint)
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
