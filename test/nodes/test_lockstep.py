"""Lock-step: the answer to a frame, to the same frame again, and to one whose IMU is late."""

import math
import time

import numpy as np
import pytest
import rclpy
import service_calls
from geometry_msgs.msg import TwistStamped
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import CameraInfo, Image, Imu
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ImuSample, Observation
from liquid_pilot.nodes.common import messages, qos, trace_messages
from liquid_pilot.onboard.inference.engine import Engine

CAMERA = CameraGeometry.from_vertical_fov(128, 72, math.radians(52.0))
STEP_NS = 50_000_000


def image(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (72, 128, 3), dtype=np.uint8)
    return ImageBuffer(pixels.tobytes(), 128, 72, 384, 'rgb8')


def imu(stamp_ns):
    return tuple(
        ImuSample(stamp_ns - k * 10_000_000, (0.1 * k, 0.2, 0.0), (0.0, 0.1 * k, 9.8))
        for k in (4, 3, 2, 1, 0)
    )


class Simulator:
    """The other side of a lock-step pilot."""

    def __init__(self):
        self.node = rclpy.create_node('other_side', namespace='lock')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        publish, hear = self.node.create_publisher, self.node.create_subscription
        self.images = publish(Image, 'camera/image_raw', qos.IMAGE)
        self.infos = publish(CameraInfo, 'camera/camera_info', qos.SENSOR_RELIABLE)
        self.imus = publish(Imu, 'imu/data', qos.SENSOR_RELIABLE)
        self.reset = self.node.create_client(Trigger, 'pilot/reset')
        self.commands, self.traces = [], []
        hear(
            TwistStamped,
            'pilot/command',
            lambda m: self.commands.append(messages.unpack_command(m)),
            qos.COMMAND,
        )
        hear(
            Float64MultiArray,
            'pilot/trace',
            lambda m: self.traces.append(trace_messages.unpack_trace(m)),
            qos.TRACE,
        )

    def send_frame(self, stamp_ns, seed):
        self.images.publish(messages.pack_image(image(seed), stamp_ns))

    def send_imu(self, stamp_ns):
        for sample in imu(stamp_ns):
            self.imus.publish(messages.pack_imu(sample))

    def restart(self):
        assert service_calls.call(self.executor, self.reset, Trigger.Request()).success
        self.spin(0.1)
        self.commands.clear()
        self.traces.clear()

    def spin(self, seconds):
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.executor.spin_once(timeout_sec=0.02)


@pytest.fixture(scope='module')
def other_side(ros, start_node, pilot, tmp_path_factory):
    process = start_node(
        'pilot',
        tmp_path_factory.mktemp('lock') / 'pilot.log',
        namespace='lock',
        pilot=str(pilot.path),
        lockstep=True,
    )
    made = Simulator()
    end_s = time.monotonic() + 60.0
    # The graph knows of a publisher before that publisher knows who listens, and what it sends till
    # then is lost: frames are flown until both answers come, and then the pilot starts again.
    stamp_ns = 0
    while not (made.commands and made.traces):
        assert time.monotonic() < end_s, process.output
        stamp_ns += STEP_NS
        made.infos.publish(messages.pack_camera_info(CAMERA, 1))
        made.send_imu(stamp_ns)
        made.send_frame(stamp_ns, 0)
        made.spin(0.05)
    made.spin(0.3)
    made.restart()
    yield made
    made.executor.shutdown()
    made.node.destroy_node()


def test_every_frame_is_answered_once_with_the_bits_of_the_engine(other_side, pilot, eventually):
    engine = Engine(pilot, source_camera=CAMERA)
    state = engine.initial_state()
    sim = other_side
    sim.restart()
    for index in range(1, 5):
        stamp_ns = index * STEP_NS
        tick = engine.tick(state, Observation(stamp_ns, image(index), imu(stamp_ns)))
        state = tick.state
        count = len(sim.commands)
        if index == 2:
            # The frame first: it waits for its IMU.
            sim.send_frame(stamp_ns, index)
            sim.spin(0.3)
            assert len(sim.commands) == count
            sim.send_imu(stamp_ns)
        else:
            sim.send_imu(stamp_ns)
            sim.send_frame(stamp_ns, index)
        eventually(lambda count=count: len(sim.commands) > count, step=lambda: sim.spin(0.02))
        assert sim.commands[-1] == tick.command
        # Sent again, even with other pixels, it gets the same answer and no tick.
        sim.send_frame(stamp_ns, 99)
        eventually(lambda count=count: len(sim.commands) > count + 1, step=lambda: sim.spin(0.02))
        assert sim.commands[-1] == tick.command
    sim.spin(0.3)
    assert [trace.sequence for trace in sim.traces] == [1, 2, 3, 4]
    last = sim.traces[-1]
    assert last.digest == pilot.digest
    assert np.array_equal(last.state, tick.state.core)
    assert np.array_equal(last.tau, engine.time_constants(tick))
    assert last.dt_s == tick.dt_s


def test_a_refused_frame_flies_when_it_comes_again_in_order(other_side, eventually):
    sim = other_side
    stamp_ns = 10 * STEP_NS
    sim.infos.publish(messages.pack_camera_info(CAMERA, 1))
    sim.send_imu(stamp_ns)
    count = len(sim.commands)
    sim.images.publish(messages.pack_image(image(1)._replace(encoding='32FC3'), stamp_ns))
    sim.spin(0.3)
    assert len(sim.commands) == count
    sim.send_frame(stamp_ns, 1)
    eventually(lambda: len(sim.commands) > count, step=lambda: sim.spin(0.02))
    assert sim.commands[-1].stamp_ns == stamp_ns
