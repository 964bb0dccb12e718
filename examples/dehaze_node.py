"""A ROS 2 node of your own between camera and pilot: it stretches the contrast of each frame.

Shows: the one rule for such a node. What it publishes carries the stamp of the frame that it was
made from: the pilot takes elapsed times from it, and lock-step simulation waits for it.
Run:   python examples/dehaze_node.py                      (extra `ros`, or a sourced ROS 2)
and, in another terminal with the same ROS_AUTOMATIC_DISCOVERY_RANGE:
       liquid-pilot fly --camera-topic camera/image_dehazed --condition contrast:3
"""

import contextlib
from array import array

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image


class Dehaze(Node):
    """Subscribes to camera/image_raw and publishes camera/image_dehazed."""

    def __init__(self):
        super().__init__('dehaze')
        self.publisher = self.create_publisher(Image, 'camera/image_dehazed', 1)
        self.create_subscription(Image, 'camera/image_raw', self.on_image, qos_profile_sensor_data)

    def on_image(self, message):
        """Publish the frame with its darkest 1 % black and its brightest 1 % white."""
        pixels = np.asarray(message.data, np.uint8).astype(np.float32)
        dark, bright = np.percentile(pixels[::7], (1, 99))
        stretched = 255.0 * (pixels - dark) / max(bright - dark, 1.0)
        message.data = array('B', np.clip(stretched, 0, 255).astype(np.uint8).tobytes())
        self.publisher.publish(message)  # its header, and so its stamp, is the frame's


rclpy.init()
with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
    rclpy.spin(Dehaze())
