"""Camera and IMU of a vehicle that stands and turns as it is told, beside a real pilot and guard.

The picture is a panorama that moves as the vehicle turns, with the noise of a sensor; so has the
IMU. A test replaces either by what it wants to try.
"""

import math
import time

import cv2
import numpy as np
import pytest
import rclpy
import service_calls
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, Image, Imu
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ImuSample
from liquid_pilot.nodes.common import messages, qos

TIMEOUT_S = 0.3
PERIOD_S = 0.05
HALF_NS = 25_000_000
SAFE = (0.0, 0.0, 0.0, 0.0)
CAMERA = CameraGeometry.from_vertical_fov(128, 72, math.radians(52.0))
RNG = np.random.default_rng(0)
PANORAMA = cv2.resize(
    np.random.default_rng(1).integers(0, 256, (3, 40, 3), dtype=np.uint8),
    (1280, 72),
    interpolation=cv2.INTER_CUBIC,
)


def picture(pixels):
    """Pixels (72, 128, 3) uint8 as a frame."""
    return ImageBuffer(np.ascontiguousarray(pixels).tobytes(), 128, 72, 384, 'rgb8')


class Turntable:
    """What camera and IMU sense of a vehicle that turns."""

    def __init__(self):
        self.yaw_rad = self.rate_rad_s = 0.0
        self.wanted_rad_s = 0.0

    def step(self):
        self.rate_rad_s += 0.3 * (self.wanted_rad_s - self.rate_rad_s)
        self.yaw_rad += self.rate_rad_s * PERIOD_S

    def image(self):
        left = round(-self.yaw_rad * CAMERA.fx)
        seen = PANORAMA.take(range(left, left + 128), axis=1, mode='wrap')
        return picture(np.clip(seen + RNG.normal(0.0, 2.0, seen.shape), 0, 255).astype(np.uint8))

    def imu(self):
        """Angular velocity and specific force."""
        gyro = RNG.normal((0.0, 0.0, self.rate_rad_s), 0.004)
        return tuple(gyro.tolist()), tuple(RNG.normal((0.0, 0.0, 9.81), 0.06).tolist())


class Rig:
    """Camera, IMU, and ears."""

    def __init__(self, start_node, pilot, folder, **parameters):
        self.start_node, self.folder, self.path = start_node, folder, pilot.path
        self._parameters = parameters
        self.guard = self.start_guard()
        self.pilot = self.start_pilot(pilot.path)
        self.vehicle = Turntable()
        self.node = rclpy.create_node('rig')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        publish, hear = self.node.create_publisher, self.node.create_subscription
        self._images = publish(Image, 'camera/image_raw', qos.IMAGE)
        self._infos = publish(CameraInfo, 'camera/camera_info', qos.SENSOR_RELIABLE)
        self._imus = publish(Imu, 'imu/data', qos.SENSOR_RELIABLE)
        self.said, self.commands, self.outputs = {}, [], []
        self.began_ns = 0
        self._output_s = -math.inf
        hear(DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS)
        hear(TwistStamped, 'pilot/command', lambda m: self._keep(self.commands, m), qos.COMMAND)
        hear(TwistStamped, 'cmd_vel', self._on_output, qos.COMMAND)
        self.override = publish(Bool, 'guard/override', qos.COMMAND)
        self.engage_client = self.node.create_client(SetBool, 'guard/engage')
        self.stop_client = self.node.create_client(Trigger, 'guard/stop')
        self.reset_client = self.node.create_client(Trigger, 'pilot/reset')

    def end(self):
        """End the processes, which are in no namespace, where other tests fly."""
        self.guard.end()
        self.pilot.end()
        self.executor.shutdown()
        self.node.destroy_node()

    def start_guard(self):
        return self.start_node('guard', self.folder / 'guard.log', command_timeout_s=TIMEOUT_S)

    def start_pilot(self, path):
        return self.start_node(
            'pilot',
            self.folder / 'pilot.log',
            pilot=str(path),
            time_jump_s=0.4,
            vehicle='quadrotor',
            **self._parameters,
        )

    def _on_diagnostics(self, message):
        stamp = message.header.stamp
        if stamp.sec * 1_000_000_000 + stamp.nanosec < self.began_ns:
            # It was said before this flight, and is late.
            return
        for status in messages.unpack_diagnostics(message):
            self.said.setdefault(status.hardware_id, []).append(status)

    def _on_output(self, message):
        self._keep(self.outputs, message)
        self._output_s = self.outputs[-1][0]
        self.vehicle.wanted_rad_s = self.outputs[-1][1].yaw_rate_rad_s

    def _keep(self, where, message):
        where.append((time.monotonic(), messages.unpack_command(message)))

    def spin(self, seconds):
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0:
            self.executor.spin_once(timeout_sec=left_s)

    def call(self, client, request):
        return service_calls.call(self.executor, client, request)

    def engage(self, wanted=True):
        return self.call(self.engage_client, SetBool.Request(data=wanted))

    def fly(self, seconds, image=True, imu=True, shift_ns=0, camera=CAMERA):
        """Be camera and IMU for that long; what came meanwhile is in commands and outputs.

        Args:
            seconds: for how long.
            image: function that makes a frame; True: what the vehicle sees; None: no frames.
            imu: angular velocity, or function that makes it and the specific force; True: what the
                vehicle does; None: no samples.
            shift_ns: added to the stamps.
            camera: geometry; None: no camera_info.
        """
        self.commands.clear()
        self.outputs.clear()
        self.said.clear()
        self.began_s = time.monotonic()
        self.began_ns = self.node.get_clock().now().nanoseconds
        for _ in range(round(seconds / PERIOD_S)):
            if time.monotonic() - self._output_s > 0.2:
                # As a vehicle does that gets no setpoints.
                self.vehicle.wanted_rad_s = 0.0
            self.vehicle.step()
            stamp_ns = max(0, self.node.get_clock().now().nanoseconds + shift_ns)
            if imu is not None:
                # Two, so that their rate is enough on a busy machine too.
                for at_ns in (max(0, stamp_ns - HALF_NS), stamp_ns):
                    gyro, force = self.vehicle.imu()
                    if callable(imu):
                        gyro, force = imu(gyro, force)
                    elif imu is not True:
                        gyro = imu
                    self._imus.publish(messages.pack_imu(ImuSample(at_ns, gyro, force)))
            if camera is not None:
                self._infos.publish(messages.pack_camera_info(camera, stamp_ns))
            if image is not None:
                frame = self.vehicle.image() if image is True else image()
                self._images.publish(messages.pack_image(frame, stamp_ns))
            self.spin(PERIOD_S)

    def settle(self, **inputs):
        """Fly until what the pilot wants reaches the vehicle; False when it does not."""
        for _ in range(40):
            self.fly(0.25, **inputs)
            if self.outputs and self.commands and self.outputs[-1][1].values != SAFE:
                return True
        return False

    def take_off(self):
        """Engage as soon as the guard lets, and fly."""
        deadline_s = time.monotonic() + 60.0
        while True:
            self.fly(0.2)
            if self.commands and self.engage().success:
                break
            assert time.monotonic() < deadline_s, self.pilot.output + self.guard.output
        assert self.settle()

    def last_live(self):
        """When the last command left that was not the safe one, seconds into this flight."""
        live = [at for at, command in self.outputs if command.values != SAFE]
        return live[-1] - self.began_s if live else 0.0

    def problems(self, name):
        return ' | '.join(
            status.message for status in self.said.get(f'/{name}', []) if status.level
        )


@pytest.fixture(scope='module')
def rig(ros, start_node, pilot, tmp_path_factory):
    """A pilot and a guard as processes, which the file of tests shares."""
    made = Rig(start_node, pilot, tmp_path_factory.mktemp('logs'))
    yield made
    made.end()


@pytest.fixture
def flying(rig):
    """The rig with a pilot that steers and a guard that lets it."""
    rig.take_off()
    return rig
