"""A camera for the bench: one picture, published 20 times a second with its camera_info.

Shows: what a camera driver owes the pilot: frames with fresh stamps, and intrinsics that cover
the pilot's field of view. With it pilot and guard run where there is no camera yet.
Run:   python examples/still_camera.py [picture]           (extra `ros`, or a sourced ROS 2)
"""

import contextlib
import sys
import time

import cv2
import numpy as np
import rclpy
from sensor_msgs.msg import CameraInfo, Image

import liquid_pilot as lp

pilot_camera = lp.load_pilot('forest-ltc').specification.camera
camera = lp.CameraGeometry.from_vertical_fov(256, 144, pilot_camera.vertical_fov_rad)
squares = np.uint8(96 + 64 * (np.indices((9, 16)).sum(axis=0) % 2))
picture = cv2.imread(sys.argv[1]) if len(sys.argv) > 1 else cv2.merge([squares] * 3)
pixels = cv2.resize(picture, (256, 144))

rclpy.init()
node = rclpy.create_node('still_camera')
images = node.create_publisher(Image, 'camera/image_raw', 1)
infos = node.create_publisher(CameraInfo, 'camera/camera_info', 1)
image = Image(width=256, height=144, step=3 * 256, encoding='bgr8')
info = CameraInfo(width=256, height=144, distortion_model='plumb_bob', d=[0.0] * 5)
info.k = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]

with contextlib.suppress(KeyboardInterrupt):
    while rclpy.ok():
        image.header.stamp = info.header.stamp = node.get_clock().now().to_msg()
        pixels[-1] ^= 1  # A picture that never changes would be that of a frozen driver.
        image.data = pixels.tobytes()
        infos.publish(info)
        images.publish(image)
        time.sleep(0.05)
