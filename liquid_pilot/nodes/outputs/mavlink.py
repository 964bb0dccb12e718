"""A MAVLink autopilot as the guard's vehicle: setpoints out, IMU, odometry and status in.

The light way, without MAVROS: what `onboard.setpoints.mavlink` hears is published as `imu/data` and
`odom`, stamped by the ROS clock on arrival, since the autopilot counts from its own start.
"""

from __future__ import annotations

from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu

from liquid_pilot.interfaces import ImuSample
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget
from liquid_pilot.onboard.setpoints.mavlink import MavlinkLink
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed

POLL_S = 0.005
_HEARTBEAT_S = 1.0


class MavlinkOutput:
    """See the module."""

    def __init__(self, node: node_base.LiquidNode, url: str, baud: int) -> None:
        self._node = node
        self._link = MavlinkLink.open(url, baud)
        self._heartbeat_s = 0.0
        self._imu = node.create_publisher(Imu, 'imu/data', qos.SENSOR_RELIABLE)
        self._odometry = node.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
        node.every(POLL_S, self._poll)

    @property
    def status(self) -> VehicleStatus:
        """What the autopilot says of itself."""
        return self._link.status(self._node.steady_s())

    def send(self, setpoint: VelocityNed | AttitudeTarget) -> None:
        """One setpoint."""
        if isinstance(setpoint, AttitudeTarget):
            self._link.send_attitude(setpoint)
        else:
            self._link.send_velocity(setpoint)

    def decided(self) -> None:
        """The guard is alive: a heartbeat, once a second."""
        now_s = self._node.steady_s()
        if now_s - self._heartbeat_s >= _HEARTBEAT_S:
            self._heartbeat_s = now_s
            self._link.heartbeat()

    def flush(self, timeout_ns: int) -> None:
        """What was sent is with the operating system."""

    def _poll(self) -> None:
        heard = self._link.poll(self._node.steady_s())
        now_ns = self._node.get_clock().now().nanoseconds
        for sample in heard.imu:
            self._imu.publish(messages.pack_imu(ImuSample(now_ns, *sample)))
        if heard.state is not None:
            self._odometry.publish(messages.pack_odometry(heard.state._replace(stamp_ns=now_ns)))
