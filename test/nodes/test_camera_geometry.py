"""The pilot node and what its camera says of itself: once, of a part, and of another size."""

import time

import numpy as np
import pytest
from adaptation_rig import CAMERA, Rig, buffer, imu
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import CameraInfo, Image, Imu

from liquid_pilot.nodes.common import messages, qos

pytestmark = pytest.mark.slow


class Vehicle(Rig):
    """A driver that keeps its camera_info for late subscribers, and ears for the commands."""

    def __init__(self, namespace, eventually):
        super().__init__(namespace, eventually)
        publish = self.node.create_publisher
        self.infos = publish(CameraInfo, 'camera/camera_info', qos.LATCHED)
        self._images = publish(Image, 'camera/image_raw', qos.IMAGE)
        self._imus = publish(Imu, 'imu/data', qos.SENSOR)
        self.commands = []
        self.node.create_subscription(
            TwistStamped, 'pilot/command', self.commands.append, qos.COMMAND
        )

    def info(self, **changes):
        """Publish a camera_info once."""
        message = messages.pack_camera_info(CAMERA, time.time_ns())
        for name, value in changes.items():
            setattr(message, name, value)
        self.infos.publish(message)

    def frame(self):
        stamp_ns = time.time_ns()
        for sample in imu(stamp_ns):
            self._imus.publish(messages.pack_imu(sample))
        pixels = np.random.default_rng(stamp_ns).integers(0, 256, (72, 128, 3), dtype=np.uint8)
        self._images.publish(messages.pack_image(buffer(pixels), stamp_ns))


def test_camera_info_once_of_a_part_and_of_another_size(
    ros, start_node, pilot, eventually, tmp_path
):
    vehicle = Vehicle('uav', eventually)
    try:
        # Before the pilot starts, and never again.
        vehicle.info()
        node = start_node(
            'pilot', tmp_path / 'pilot.log', 'uav', pilot=str(pilot.path), check_sensors=False
        )

        def frame():
            assert node.popen.poll() is None, node.output
            vehicle.frame()

        vehicle.again_until(frame, lambda: vehicle.commands, 60.0)

        def refused(words, **changes):
            vehicle.info(**changes)
            vehicle.again_until(frame, lambda: words in vehicle.said.get('pilot', ''))
            vehicle.spin(0.3)
            vehicle.commands.clear()
            for _ in range(5):
                frame()
                vehicle.spin(0.1)
            assert not vehicle.commands
            vehicle.info()
            vehicle.again_until(frame, lambda: vehicle.commands)
            vehicle.forget()

        whole = messages.pack_camera_info(CAMERA, 1)
        # The same image is the middle half of a sensor of twice the size: half the tangent.
        region = type(whole.roi)(x_offset=64, y_offset=36, width=128, height=72)
        k = list(whole.k)
        k[2], k[5] = 128.0, 72.0
        k[0] = k[4] = 2.0 * k[0]
        refused('it sees', width=256, height=144, k=k, roi=region)
        refused('its calibration is of another size', width=256, height=144)
        refused("the distortion model 'my_lens' is not known", distortion_model='my_lens')
    finally:
        vehicle.close()
