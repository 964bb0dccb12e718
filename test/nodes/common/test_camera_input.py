"""The pilot's ears for its camera: a camera_info that came before it, frames, and what is lost."""

import itertools
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.nodes.common.process.dds_profile import PROFILE_VARIABLES
from liquid_pilot.nodes.common.sensors import image_bridge
from liquid_pilot.nodes.common.sensors.camera_input import WRONG_DEPTH, CameraInput
from liquid_pilot.nodes.common.sensors.frame_loss import FrameLoss

CAMERA = CameraGeometry.from_vertical_fov(64, 32, 1.0)


class Ears(LiquidNode):
    """A node with the parameters of the pilot, and its camera."""

    parameters = PilotParameters

    def __init__(self, **values):
        super().__init__('ears')
        self.settings.current = PilotParameters(**values)
        self.infos, self.frames, self.refused = [], [], []
        self.camera = CameraInput(
            self,
            self.infos.append,
            lambda stamp_ns, image: self.frames.append((stamp_ns, image)),
            self.refused.append,
        )


@pytest.fixture
def listen(ros):
    """Function (**parameters of the pilot) -> (node, function to spin until a condition holds)."""
    executor, nodes = SingleThreadedExecutor(), []

    def make(**values):
        nodes.append(node := Ears(**values))
        executor.add_node(node)

        def until(condition, limit_s=20.0, step=lambda: None):
            end_s = time.monotonic() + limit_s
            while not condition():
                assert time.monotonic() < end_s, 'it does not happen'
                step()
                executor.spin_once(timeout_sec=0.02)

        return node, until

    yield make
    executor.shutdown()
    for node in nodes:
        node.destroy_node()


def speaker():
    return rclpy.create_node('driver')


@pytest.mark.parametrize('lockstep', [False, True])
def test_a_camera_info_of_before_the_start_arrives(listen, lockstep):
    """A driver that publishes it once, and keeps it for those who come later."""
    driver = speaker()
    infos = driver.create_publisher(CameraInfo, 'camera/camera_info', qos.LATCHED)
    infos.publish(messages.pack_camera_info(CAMERA, 7))
    time.sleep(0.2)
    node, until = listen(lockstep=lockstep)
    until(lambda: node.infos, step=node.camera.ask_for_latched_info)
    assert messages.to_nanoseconds(node.infos[0].header.stamp) == 7
    driver.destroy_node()


@pytest.mark.parametrize('profile', [qos.SENSOR, qos.SENSOR_RELIABLE, qos.LATCHED])
def test_a_camera_info_that_comes_again_and_again_arrives(listen, profile):
    node, until = listen()
    driver = speaker()
    infos = driver.create_publisher(CameraInfo, 'camera/camera_info', profile)

    def publish():
        infos.publish(messages.pack_camera_info(CAMERA, 8))
        node.camera.ask_for_latched_info()

    until(lambda: len(node.infos) > 3, step=publish)
    latched = [s for s in node.subscriptions if s.qos_profile.durability == qos.LATCHED.durability]
    # Otherwise the driver would warn of a subscription that it cannot serve.
    assert len(latched) == (profile is qos.LATCHED)
    driver.destroy_node()


def compressed(picture, format='jpeg'):
    ok, data = cv2.imencode('.png' if 'png' in format else '.jpg', picture)
    assert ok
    return CompressedImage(format=format, data=data.tobytes())


def test_compressed_frames_are_bounded_by_the_parameters(listen):
    node, _ = listen(image_transport='compressed', max_compressed_pixels=10_000)
    assert node.camera.topic == '/camera/image_raw/compressed'
    node.camera._on_compressed(compressed(np.zeros((80, 100, 3), np.uint8)))
    node.camera._on_compressed(compressed(np.zeros((101, 100, 3), np.uint8)))
    assert [image.width for _, image in node.frames] == [100]
    assert '100 x 101 pixels are more than the 10000' in node.refused[0]


def test_a_compressed_mosaic_keeps_its_encoding(listen):
    node, _ = listen(image_transport='compressed')
    grey = np.zeros((32, 64), np.uint8)
    node.camera._on_compressed(compressed(grey, 'bayer_rggb8; png compressed '))
    node.camera._on_compressed(compressed(grey, 'bayer_rggb8; png compressed mono8'))
    assert [image.encoding for _, image in node.frames] == ['bayer_rggb8']
    assert 'colours are lost' in node.refused[0]


def twelve_bits(as_png):
    values = np.linspace(0, 4095, 64 * 32).reshape(32, 64).astype('<u2')
    if as_png:
        return compressed(values, 'png')
    return Image(height=32, width=64, step=128, encoding='mono16', data=values.tobytes())


@pytest.mark.parametrize('as_png', [False, True])
@pytest.mark.parametrize('bits', [16, 12])
def test_twelve_bits_are_named_while_sixteen_count(listen, bits, as_png):
    transport = 'compressed' if as_png else 'raw'
    node, _ = listen(image_transport=transport, mono16_bits=bits)
    times_s = itertools.count(1.0, 0.05)
    node.steady_s = lambda: next(times_s)
    take = node.camera._on_compressed if as_png else node.camera._on_image
    for _ in range(80):
        take(twelve_bits(as_png))
    text = node.camera.warnings(next(times_s))[WRONG_DEPTH]
    assert text == '' if bits == 12 else 'set mono16_bits' in text
    assert len(node.frames) == 80


@pytest.fixture
def cv_bridge(monkeypatch):
    """Function (module or None): what is imported as cv_bridge; None: it is not installed."""

    def install(module):
        monkeypatch.setitem(sys.modules, 'cv_bridge', module)
        image_bridge._bridge.cache_clear()

    yield install
    image_bridge._bridge.cache_clear()


def exotic(encoding='rgb16'):
    return Image(height=2, width=3, step=18, encoding=encoding, data=bytes(36))


def test_without_cv_bridge_an_unknown_encoding_stays_as_it_is(listen, cv_bridge):
    cv_bridge(None)
    node, _ = listen()
    node.camera._on_image(exotic())
    assert node.frames[0][1].encoding == 'rgb16' and not node.refused


def test_a_cv_bridge_of_another_numpy_is_as_good_as_none(listen, cv_bridge):
    def fail():
        raise SystemError('initialization of cv_bridge_boost raised unreported exception')

    cv_bridge(SimpleNamespace(CvBridge=fail))
    node, _ = listen()
    node.camera._on_image(exotic())
    assert node.frames[0][1].encoding == 'rgb16'


def test_cv_bridge_reads_what_the_preprocessing_does_not(listen, cv_bridge):
    asked = []

    class CvBridge:
        def imgmsg_to_cv2(self, message, desired_encoding):
            asked.append((message.encoding, desired_encoding))
            if message.encoding == '32FC1':
                raise RuntimeError('[32FC1] is not a color format\nbut [rgb8] is')
            return np.arange(18, dtype=np.uint8).reshape(2, 3, 3)

    cv_bridge(SimpleNamespace(CvBridge=CvBridge))
    node, _ = listen()
    node.camera._on_image(Image(height=2, width=3, step=9, encoding='rgb8', data=bytes(18)))
    assert not asked
    node.camera._on_image(exotic())
    image = node.frames[1][1]
    assert (image.encoding, image.width, image.height, image.step) == ('rgb8', 3, 2, 9)
    assert asked == [('rgb16', 'rgb8')]
    node.camera._on_image(exotic('32FC1'))
    assert 'cv_bridge cannot convert it ([32FC1] is not a color format but' in node.refused[0]


@pytest.fixture
def no_profile(monkeypatch):
    for name in PROFILE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def losses(lost, received, frame_bytes, seconds=1.0):
    loss = FrameLoss()
    for k in range(lost + received):
        if k < received:
            loss.received(seconds * k / (lost + received), frame_bytes)
        else:
            loss.lost(seconds * k / (lost + received), 1)
    return loss


def test_what_is_lost_is_said_with_the_reason(no_profile, monkeypatch):
    text = losses(22, 28, 2_764_800).text(1.0)
    assert text.startswith('22 of 50 frames of 2.8 MB were lost between the driver and the pilot')
    assert 'into pieces' in text and 'config/fastdds_vehicle.xml' in text
    small = losses(22, 28, 60_000).text(1.0)
    assert 'too slow' in small and 'fastdds_vehicle' not in small
    monkeypatch.setenv(PROFILE_VARIABLES[0], '/mine.xml')
    assert 'too slow' in losses(22, 28, 2_764_800).text(1.0)
    assert losses(12, 0, 0).text(1.0).startswith('12 of 12 frames were lost')


def test_little_that_is_lost_is_not_spoken_of():
    assert losses(5, 45, 1000).text(1.0) == ''
    assert losses(9, 0, 1000).text(1.0) == ''
    # It is over after some seconds.
    assert losses(25, 25, 1000).text(20.0) == ''


SENDER = """
import sys, time, rclpy
from sensor_msgs.msg import Image
from liquid_pilot.nodes.common import qos
rclpy.init()
node = rclpy.create_node('driver')
images = node.create_publisher(Image, 'camera/image_raw', qos.IMAGE)
image = Image(width=1920, height=1080, step=5760, encoding='rgb8', data=bytes(1920 * 1080 * 3))
while not images.get_subscription_count():
    time.sleep(0.05)
for _ in range(40):
    images.publish(image)
    time.sleep(0.1)
print('sent')
"""


@pytest.mark.slow
def test_the_middleware_counts_frames_that_are_too_large_for_it(listen, no_profile):
    """Frames of 6 MB with the default settings: each arrives or is counted as lost."""
    node, until = listen()
    arrived, lost = [], []
    node.camera._on_frame = lambda stamp_ns, image: arrived.append(image)
    count = node.camera.loss.lost
    node.camera.loss.lost = lambda now_s, n: (lost.append(n), count(now_s, n))
    environment = {k: v for k, v in os.environ.items() if k not in PROFILE_VARIABLES}
    sender = subprocess.Popen(
        [sys.executable, '-c', SENDER], env=environment, stdout=subprocess.PIPE
    )
    until(lambda: len(arrived) + sum(lost) >= 30, 60.0)
    assert sender.wait(30.0) == 0
