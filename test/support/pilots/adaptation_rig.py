"""A node of a test that talks to an adapting pilot or to the adaptation node."""

import math
import time

import numpy as np
import rclpy
import service_calls
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ImuSample
from liquid_pilot.nodes.common import messages, qos

CAMERA = CameraGeometry.from_vertical_fov(128, 72, math.radians(52.0))
STEP_NS = 50_000_000
TIMEOUT_S = 0.3
BLOCKS = 8


def buffer(pixels):
    return ImageBuffer(pixels.tobytes(), 128, 72, 384, 'rgb8')


def strange(seed):
    """Return a picture that is unlike training: blocks of strong colours."""
    colours = np.random.default_rng(seed).choice(np.uint8((0, 255)), (9, 16, 3))
    return np.ascontiguousarray(colours.repeat(8, axis=0).repeat(8, axis=1))


def imu(stamp_ns):
    return tuple(
        ImuSample(stamp_ns - k * 10_000_000, (0.1 * k, 0.02, 0.6), (0.0, 0.1 * k, 9.8))
        for k in (4, 3, 2, 1, 0)
    )


class Rig:
    """A node of this test in a namespace; it records the diagnostics of the other nodes."""

    def __init__(self, namespace, eventually):
        self.node = rclpy.create_node('rig', namespace=namespace)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self._eventually = eventually
        self._clients, self.said, self._since_ns = {}, {}, 0
        self.node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS
        )

    def forget(self):
        """Forget what was said, and what is said already and still on its way."""
        self.said.clear()
        self._since_ns = self.node.get_clock().now().nanoseconds

    def _on_diagnostics(self, message):
        stamp = message.header.stamp
        if stamp.sec * 1_000_000_000 + stamp.nanosec < self._since_ns:
            return
        for status in messages.unpack_diagnostics(message):
            name = status.hardware_id.rpartition('/')[2]
            state = status.values['state']
            self.said[name] = f'{self.said.get(name, "")} | {name}: {state} {status.message}'

    def spin(self, seconds=0.02):
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0:
            self.executor.spin_once(timeout_sec=left_s)

    def until(self, condition, limit_s=30.0):
        self._eventually(condition, limit_s, step=lambda: self.executor.spin_once(timeout_sec=0.05))

    def call(self, service, **request):
        kind = SetBool if request else Trigger
        client = self._clients.setdefault(
            service, self._clients.get(service) or self.node.create_client(kind, service)
        )
        return service_calls.call(self.executor, client, kind.Request(**request))

    def set(self, name, **values):
        """Set parameters of a node of this namespace and return the result of each."""
        client = self._clients.setdefault(
            name,
            self._clients.get(name)
            or AsyncParameterClient(self.node, f'{self.node.get_namespace()}/{name}'),
        )
        self.until(client.services_are_ready, 20.0)
        given = [Parameter(name, value=value) for name, value in values.items()]
        answer = service_calls.answer(self.executor, lambda: client.set_parameters(given))
        return [(result.successful, result.reason) for result in answer.results]

    def again_until(self, do, condition, limit_s=20.0):
        """Repeat an action until a condition holds, since nodes take a while to connect."""

        def tried():
            do()
            self.spin(0.1)
            return condition()

        self.until(tried, limit_s)

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()
