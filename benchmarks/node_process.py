"""Nodes in processes of their own, and a camera with an IMU that they answer.

The benchmarks of the pilot node share it. Call `prepare` before anything starts ROS: traffic then
stays on the loopback interface, on a ROS domain that no test and no other benchmark has.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[1] / 'test' / 'support' / 'ros'))
import ros_domain

WIDTH, HEIGHT = 640, 480


def prepare() -> None:
    """Set the environment of this process and its children as a flight sets that of nodes."""
    from liquid_pilot.nodes.launch import flight_environment
    from liquid_pilot.nodes.launch.flight_options import FlyOptions

    for name in ('OMP', 'OPENBLAS', 'MKL', 'NUMBA'):
        os.environ.setdefault(f'{name}_NUM_THREADS', '1')
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    if 'ROS_DOMAIN_ID' not in os.environ:
        # Given back when this process ends.
        os.environ['ROS_DOMAIN_ID'] = str(ros_domain.reserve())
    os.environ.update(flight_environment.environment(FlyOptions(), os.environ))


@contextmanager
def running(
    command: list[str], added: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen]:
    """Run a process until the context ends.

    Args:
        command: the command line.
        added: variables to add to the environment.

    Raises:
        RuntimeError: the process ended before the context.
    """
    process = subprocess.Popen(
        command,
        env={**os.environ, **(added or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
        if process.poll() is not None:
            raise RuntimeError(
                f'{" ".join(command[:4])} ended early, with exit code {process.returncode}'
            )
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(number)
                try:
                    process.wait(5.0)
                except subprocess.TimeoutExpired:
                    continue


def pilot_command(pilot: str, namespace: str) -> list[str]:
    """Return the command line that starts a pilot node as on a vehicle."""
    return node_command('pilot', namespace, pilot=pilot)


def node_command(executable: str, namespace: str, **parameters: object) -> list[str]:
    """Return the command line that starts a node as on a vehicle.

    Args:
        executable: name of the node's executable.
        namespace: namespace of the node.
        parameters: its parameters.
    """
    from liquid_pilot.nodes.launch.flight_graph import NodeSpec
    from liquid_pilot.nodes.launch.process_runner import command_line
    from liquid_pilot.utils.resources import share_path

    return command_line(
        NodeSpec(
            executable,
            executable,
            namespace,
            parameters,
            parameter_files=(share_path('config/fly.yaml'),),
            log_level='error',
        )
    )


def plain_node(name: str, namespace: str = ''):
    """Return a node without parameters, as `nodes.common.node_base.run` makes one."""
    from rclpy.node import Node

    class PlainNode(Node):
        """A node without parameters."""

        def close(self) -> None:
            """Do nothing: there is nothing to finish."""

    return PlainNode(name, namespace=namespace)


class Camera:
    """Publishes VGA frames with IMU and camera_info in a namespace, and receives the commands."""

    def __init__(self, node, spinner, namespace: str) -> None:
        from geometry_msgs.msg import TwistStamped
        from sensor_msgs.msg import CameraInfo, Image, Imu

        from liquid_pilot import pilot_file
        from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ImuSample
        from liquid_pilot.nodes.common import messages, qos

        target = pilot_file.load(pilot_file.resolve('forest-ltc')).specification.camera
        scale = WIDTH / target.width
        self._spinner = spinner
        self._to_time = messages.to_time
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, 256, (HEIGHT // 20, WIDTH // 20, 3), dtype=np.uint8)
        rgb = np.ascontiguousarray(coarse.repeat(20, axis=0).repeat(20, axis=1))
        self._image = messages.pack_image(
            ImageBuffer(rgb.tobytes(), WIDTH, HEIGHT, 3 * WIDTH, 'rgb8'), 1
        )
        self._imu = messages.pack_imu(ImuSample(1, (0.0, 0.0, 0.0), (0.0, 0.0, 9.81)))
        # The pilot's field of view, in a camera that sees more above and below it.
        self._info = messages.pack_camera_info(
            CameraGeometry(
                WIDTH, HEIGHT, scale * target.fx, scale * target.fy, WIDTH / 2, HEIGHT / 2
            ),
            1,
        )
        self._images = node.create_publisher(Image, f'/{namespace}/camera/image_raw', qos.IMAGE)
        self._imus = node.create_publisher(Imu, f'/{namespace}/imu/data', qos.SENSOR)
        self._infos = node.create_publisher(
            CameraInfo, f'/{namespace}/camera/camera_info', qos.SENSOR
        )
        node.create_subscription(
            TwistStamped, f'/{namespace}/pilot/command', self._on_command, qos.COMMAND
        )
        self._asked, self._answered_s = None, None

    def _on_command(self, message) -> None:
        if message.header.stamp == self._asked:
            self._answered_s = time.perf_counter()
            self._spinner.wake()

    def round_trip_s(self, limit_s: float, imu_ahead_s: float = 0.003) -> float | None:
        """Publish an IMU sample and a frame, and wait for the command.

        Args:
            limit_s: longest time to wait.
            imu_ahead_s: time from the IMU sample to the frame.

        Returns:
            Seconds from the publication of the frame to its command; None when none came in time.
        """
        stamp = self._to_time(time.time_ns())
        self._imu.header.stamp = self._info.header.stamp = stamp
        self._infos.publish(self._info)
        # Readings that repeat to the last bit are not flown on.
        self._imu.angular_velocity.x = 1e-3 * (1.0 - self._imu.angular_velocity.x)
        self._imus.publish(self._imu)
        self._spinner.wait(imu_ahead_s)
        self._image.header.stamp = self._asked = stamp
        self._answered_s = None
        before_s = time.perf_counter()
        self._images.publish(self._image)
        while self._answered_s is None and not self._spinner.stopping:
            left_s = before_s + limit_s - time.perf_counter()
            if left_s <= 0.0:
                return None
            self._spinner.wait(left_s)
        return None if self._answered_s is None else self._answered_s - before_s
