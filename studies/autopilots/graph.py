"""The study's side of ROS: it hears /diagnostics and commands, and calls guard/engage.

It also publishes the true pose of a vehicle that an autopilot simulates, as odometry. The camera of
a real vehicle sees from where the vehicle is, and not from where its autopilot believes it to be.

Run as a program it is the publisher that stands in the pilot's place: it commands one speed ahead.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import SetBool

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.nodes.common import messages, qos, topics
from liquid_pilot.onboard.geometry import attitude_enu_ned, enu_ned, flu_frd, into_body

TRUE_ODOMETRY = 'truth/odom'
"""Topic of the true pose."""
_EARTH_M = 6371000.0
"""Radius of the Earth, m."""
_RATE_HZ = 20.0
_NS = 1_000_000_000


class TrueOdometry:
    """Makes odometry of the messages of one vehicle; the first one is at the origin."""

    def __init__(self) -> None:
        self._origin: tuple[float, float, float] | None = None

    def state(self, message: Any, stamp_ns: int) -> VehicleState:
        """Return the state of the vehicle in ENU.

        Args:
            message: HIL_STATE_QUATERNION: attitude FRD to NED, latitude and longitude in 1e-7
                degrees, altitude in mm, velocity NED in cm/s, rates FRD in rad/s.
            stamp_ns: time of its arrival, ns.
        """
        here = message.lat * 1e-7, message.lon * 1e-7, message.alt * 1e-3
        self._origin = self._origin or here
        latitude, longitude, altitude_m = self._origin
        north_m = math.radians(here[0] - latitude) * _EARTH_M
        east_m = math.radians(here[1] - longitude) * _EARTH_M * math.cos(math.radians(latitude))
        w, x, y, z = message.attitude_quaternion
        orientation = attitude_enu_ned((w, x, y, z))
        velocity_enu = enu_ned((message.vx * 0.01, message.vy * 0.01, message.vz * 0.01))
        return VehicleState(
            stamp_ns,
            (east_m, north_m, here[2] - altitude_m),
            orientation,
            into_body(orientation, velocity_enu),
            flu_frd((message.rollspeed, message.pitchspeed, message.yawspeed)),
        )


class Listener:
    """Hears what guard and pilot report, in a thread of its own."""

    def __init__(self) -> None:
        # Ctrl-C is for the study.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node('study', use_global_arguments=False)
        self.said: list[tuple[float, str, str]] = []
        """Time (steady clock, s), node, and its state with its message, whenever that changed."""
        self.guard: dict[str, str] = {}
        """The values that the guard reported last."""
        self.latencies_ms: list[tuple[float, float]] = []
        """The guard's p50 and p99 of the time from frame to vehicle, ms."""
        self.commands: list[tuple[int, int]] = []
        """Commands of the pilot: the stamp of the frame, and the arrival, ns since the epoch."""
        self.odometry_s: list[float] = []
        """When odometry arrived after a pause of a second, by the steady clock, s."""
        self._odometry_s = -math.inf
        self._newest: dict[str, str] = {}
        diagnostics = DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, qos.DIAGNOSTICS
        self._node.create_subscription(*diagnostics)
        commands = TwistStamped, topics.PILOT_COMMAND, self._on_command, qos.COMMAND
        self._node.create_subscription(*commands)
        odometry = Odometry, topics.ODOMETRY, self._on_odometry, qos.SENSOR
        self._node.create_subscription(*odometry)
        self._truth = self._node.create_publisher(Odometry, TRUE_ODOMETRY, qos.SENSOR)
        self._true_odometry = TrueOdometry()
        self._engage = self._node.create_client(SetBool, topics.GUARD_ENGAGE)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, name='listener', daemon=True)
        self._thread.start()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(2.0)
        rclpy.try_shutdown()

    def _on_command(self, message: TwistStamped) -> None:
        stamp = message.header.stamp
        self.commands.append((stamp.sec * _NS + stamp.nanosec, time.time_ns()))

    def _on_odometry(self, message: Odometry) -> None:
        now_s = time.monotonic()
        if now_s - self._odometry_s > 1.0:
            self.odometry_s.append(now_s)
        self._odometry_s = now_s

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        now_s = time.monotonic()
        for status in message.status:
            values = {pair.key: pair.value for pair in status.values}
            state = values.get('state', '')
            text = state if status.message == state else f'{state}: {status.message}'
            if status.name == 'guard':
                self.guard = {**values, 'heard_s': str(now_s)}
                text += f' ({values["reason"]})' if values.get('reason') else ''
                self._add_latency(values)
            if self._newest.get(status.name) != text:
                self._newest[status.name] = text
                self.said.append((now_s, status.name, text))

    def _add_latency(self, values: dict[str, str]) -> None:
        try:
            p50, p99 = (float(values[f'frame_to_vehicle_{name}_ms']) for name in ('p50', 'p99'))
        except (KeyError, ValueError):
            return
        if p50 == p50 and self.guard.get('state') == 'engaged':
            self.latencies_ms.append((p50, p99))

    def publish_truth(self, message: Any) -> None:
        """Publish the true state of the simulation as odometry.

        Args:
            message: HIL_STATE_QUATERNION, which has just arrived.
        """
        now_ns = self._node.get_clock().now().nanoseconds
        state = self._true_odometry.state(message, now_ns)
        self._truth.publish(messages.pack_odometry(state))

    @property
    def engaged(self) -> bool:
        """Whether the guard reports that it is engaged."""
        return self.guard.get('state') == 'engaged'

    def engage(self, timeout_s: float = 3.0) -> tuple[bool, str]:
        """Ask the guard to engage; returns whether it has, and its answer."""
        if not self._engage.wait_for_service(timeout_s):
            return False, 'the guard does not answer'
        answered = threading.Event()
        future = self._engage.call_async(SetBool.Request(data=True))
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(timeout_s):
            return False, 'the guard does not answer'
        answer: Any = future.result()
        return bool(answer.success), str(answer.message)


def publish(speed_m_s: float) -> None:
    """Command a speed ahead until the process is ended, 20 times a second."""
    rclpy.init()
    node = Node('pilot', use_global_arguments=False)
    publisher = node.create_publisher(TwistStamped, topics.PILOT_COMMAND, qos.COMMAND)
    while True:
        now_ns = node.get_clock().now().nanoseconds
        publisher.publish(messages.pack_command(Command(now_ns, speed_m_s, 0.0, 0.0, 0.0)))
        time.sleep(1.0 / _RATE_HZ)


if __name__ == '__main__':
    publish(float(sys.argv[1]))
