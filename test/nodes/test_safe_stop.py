"""Whatever comes in: no command from the pilot, the safe command from the guard, and then on again.

Real pilot and guard as processes, over DDS; this test is camera and IMU. They are started once.
"""

import math
import re
import shutil
import time

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
IMU_TIMEOUT_S = 0.2
PERIOD_S = 0.05
HALF_NS = 25_000_000
SAFE = (0.0, 0.0, 0.0, 0.0)

pytestmark = pytest.mark.realtime
CAMERA = CameraGeometry.from_vertical_fov(128, 72, math.radians(52.0))


def good_image():
    pixels = np.random.default_rng(0).integers(0, 256, (72, 128, 3), dtype=np.uint8)
    return ImageBuffer(pixels.tobytes(), 128, 72, 384, 'rgb8')


class Rig:
    """Camera, IMU, and ears."""

    def __init__(self, start_node, pilot, folder):
        self.start_node, self.folder, self.path = start_node, folder, pilot.path
        self.guard = start_node('guard', folder / 'guard.log', command_timeout_s=TIMEOUT_S)
        self.pilot = self.start_pilot(pilot.path)
        self.node = rclpy.create_node('rig')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        publish, hear = self.node.create_publisher, self.node.create_subscription
        self._images = publish(Image, 'camera/image_raw', qos.IMAGE)
        self._infos = publish(CameraInfo, 'camera/camera_info', qos.SENSOR_RELIABLE)
        self._imus = publish(Imu, 'imu/data', qos.SENSOR_RELIABLE)
        self.said, self.commands, self.outputs = {}, [], []
        self.began_ns = 0
        hear(DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS)
        hear(TwistStamped, 'pilot/command', lambda m: self._keep(self.commands, m), qos.COMMAND)
        hear(TwistStamped, 'cmd_vel', lambda m: self._keep(self.outputs, m), qos.COMMAND)
        self.override = publish(Bool, 'guard/override', qos.COMMAND)
        self.engage_client = self.node.create_client(SetBool, 'guard/engage')
        self.stop_client = self.node.create_client(Trigger, 'guard/stop')
        self.reset_client = self.node.create_client(Trigger, 'pilot/reset')

    def start_pilot(self, path):
        return self.start_node(
            'pilot',
            self.folder / 'pilot.log',
            pilot=str(path),
            time_jump_s=0.4,
            vehicle='quadrotor',
        )

    def _on_diagnostics(self, message):
        stamp = message.header.stamp
        if stamp.sec * 1_000_000_000 + stamp.nanosec < self.began_ns:
            # It was said before this flight, and is late.
            return
        for status in messages.unpack_diagnostics(message):
            self.said.setdefault(status.hardware_id, []).append(status)

    def _keep(self, where, message):
        where.append((time.monotonic(), messages.unpack_command(message)))

    def spin(self, seconds):
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0:
            self.executor.spin_once(timeout_sec=left_s)

    def call(self, client, request):
        return service_calls.call(self.executor, client, request)

    def fly(self, seconds, image=good_image, imu=(0.1, 0.0, 0.0), shift_ns=0, camera=CAMERA):
        """Be camera and IMU for that long; what came meanwhile is in commands and outputs."""
        self.commands.clear()
        self.outputs.clear()
        self.said.clear()
        self.began_s = time.monotonic()
        self.began_ns = self.node.get_clock().now().nanoseconds
        for _ in range(round(seconds / PERIOD_S)):
            stamp_ns = max(0, self.node.get_clock().now().nanoseconds + shift_ns)
            if imu is not None:
                # Two, so that their rate is enough on a busy machine too.
                for at_ns in (max(0, stamp_ns - HALF_NS), stamp_ns):
                    self._imus.publish(messages.pack_imu(ImuSample(at_ns, imu, (0.0, 0.0, 9.8))))
            if camera is not None:
                self._infos.publish(messages.pack_camera_info(camera, stamp_ns))
            if image is not None:
                self._images.publish(messages.pack_image(image(), stamp_ns))
            self.spin(PERIOD_S)

    def settle(self, **inputs):
        """Fly until what the pilot wants reaches the vehicle; False when it does not."""
        for _ in range(40):
            self.fly(0.25, **inputs)
            if self.outputs and self.commands and self.outputs[-1][1].values != SAFE:
                return True
        return False

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
    made = Rig(start_node, pilot, tmp_path_factory.mktemp('logs'))
    yield made
    # They are in no namespace, where other tests fly.
    made.guard.end()
    made.pilot.end()
    made.executor.shutdown()
    made.node.destroy_node()


@pytest.fixture
def flying(rig):
    """The rig with a pilot that steers and a guard that lets it."""
    deadline_s = time.monotonic() + 60.0
    while True:
        rig.fly(0.2)
        if rig.commands and rig.call(rig.engage_client, SetBool.Request(data=True)).success:
            break
        assert time.monotonic() < deadline_s, rig.pilot.output + rig.guard.output
    assert rig.settle()
    return rig


def test_the_guard_refuses_to_engage_while_nobody_steers(rig):
    rig.fly(0.4, image=None)
    answer = rig.call(rig.engage_client, SetBool.Request(data=True))
    assert not answer.success
    assert 'no command on /pilot/command' in answer.message
    assert not rig.outputs


def with_changes(**changes):
    return lambda: good_image()._replace(**changes)


FAULTS = {
    'camera stops': ({'image': None}, r'camera: no frame for \d\.\d s on /camera/image_raw'),
    'IMU stops': ({'imu': None}, r'imu: no message for \d\.\d s on /imu/data \(1 publishers\)'),
    'IMU is NaN': ({'imu': (0.0, math.nan, 0.0)}, 'imu: a sample is not finite'),
    'IMU is infinite': ({'imu': (math.inf, 0.0, 0.0)}, 'imu: a sample is not finite'),
    'frame is empty': (
        {'image': with_changes(data=b'', width=0, height=0, step=0)},
        'image: 0 x 0 pixels are too few',
    ),
    'frame has no data': ({'image': with_changes(data=b'')}, 'image: 0 bytes of data'),
    'encoding is unknown': (
        {'image': with_changes(encoding='32FC3')},
        "image: encoding '32FC3' is not known; known: rgb8",
    ),
    'step is wrong': ({'image': with_changes(step=100)}, 'image: step 100 is less than the 384'),
    'time jumps back': ({'shift_ns': -(10**10)}, r'camera: time jumped back by 9\.\d+ s'),
    'frames have no stamp': ({'shift_ns': -(10**19)}, 'camera: the frames carry no time stamp'),
    'camera sees too little': (
        {'camera': CameraGeometry.from_vertical_fov(128, 72, 0.4)},
        'camera: it sees',
    ),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_a_fault_stops_the_pilot_says_why_and_ends_with_the_safe_command(flying, fault):
    inputs, words = FAULTS[fault]
    flying.fly(1.0, **inputs)
    # One command may have been sent already when the fault began, and the last IMU sample serves a
    # little longer.
    held_s = IMU_TIMEOUT_S if fault == 'IMU stops' else PERIOD_S
    assert flying.last_live() < held_s + PERIOD_S
    after = [
        command.values
        for at, command in flying.outputs
        if at - flying.began_s > held_s + TIMEOUT_S + 2 * PERIOD_S
    ]
    assert len(after) > 5
    assert set(after) == {SAFE}
    if fault != 'time jumps back':
        assert len(flying.commands) <= 1 + held_s / PERIOD_S
    assert re.search(words, flying.problems('pilot'))
    assert 'safe command' in flying.problems('guard') or 'older' in flying.problems('guard')
    assert flying.settle(), 'did not fly on'
    assert flying.pilot.popen.poll() is None
    assert flying.guard.popen.poll() is None


def test_an_imu_that_never_came(flying):
    flying.call(flying.reset_client, Trigger.Request())
    # After a reset samples may take three seconds to come before that is a complaint.
    flying.fly(3.5, imu=None)
    assert not flying.commands
    assert flying.outputs[-1][1].values == SAFE
    assert 'imu: no message has ever arrived on /imu/data' in flying.problems('pilot')
    assert flying.settle()


def test_messages_are_throttled_and_there_is_no_traceback(flying):
    before = flying.pilot.output.count('32FC3')
    flying.fly(1.2, image=with_changes(encoding='32FC3'))
    assert flying.pilot.output.count('32FC3') - before <= 1
    assert 'Traceback' not in flying.pilot.output + flying.guard.output
    assert flying.settle()


def test_a_stop_holds_until_engaged_again(flying):
    assert flying.call(flying.stop_client, Trigger.Request()).success
    flying.fly(0.6)
    assert {command.values for _, command in flying.outputs} == {SAFE}
    assert flying.commands
    assert flying.call(flying.engage_client, SetBool.Request(data=True)).success
    assert flying.settle()


def test_disengaged_the_guard_gives_the_safe_command_once_and_is_silent(flying):
    flying.outputs.clear()
    assert flying.call(flying.engage_client, SetBool.Request(data=False)).success
    flying.spin(0.2)
    assert flying.outputs[-1][1].values == SAFE
    flying.fly(0.5)
    assert flying.commands
    assert not flying.outputs


@pytest.mark.parametrize(
    ('damage', 'words'),
    [
        (None, 'there is no pilot'),
        ('encoder.onnx', r'encoder\.onnx: the content does not match'),
        ('pilot.json', r'pilot\.json: not valid JSON'),
    ],
)
def test_a_pilot_that_dies_and_comes_back_broken(flying, tmp_path, damage, words):
    """The guard holds the vehicle; a good pilot later flies on without engaging again."""
    folder = tmp_path / 'broken'
    if damage:
        shutil.copytree(flying.path, folder)
        (folder / damage).write_bytes((folder / damage).read_bytes()[:-100])
    flying.pilot.popen.kill()
    flying.pilot.popen.wait()
    broken = flying.start_node('pilot', tmp_path / 'broken.log', pilot=str(folder))
    flying.fly(1.0)
    assert flying.last_live() < PERIOD_S + TIMEOUT_S
    assert flying.outputs[-1][1].values == SAFE
    assert broken.popen.wait(60) == 1
    assert re.search(words, broken.output)
    assert broken.output.count('\n') == 1
    flying.pilot = flying.start_pilot(flying.path)
    assert flying.settle()


def test_a_human_wins_at_once_and_nothing_flies_again_by_itself(flying):
    flying.override.publish(Bool(data=True))
    flying.spin(0.1)
    flying.fly(0.5)
    assert flying.commands and not flying.outputs
    refused = flying.call(flying.engage_client, SetBool.Request(data=True))
    assert not refused.success and 'a human has the vehicle' in refused.message
    stopped = flying.call(flying.stop_client, Trigger.Request())
    assert not stopped.success and not flying.outputs
    flying.override.publish(Bool(data=False))
    flying.spin(0.1)
    flying.fly(0.5)
    assert flying.commands and not flying.outputs
    assert flying.call(flying.engage_client, SetBool.Request(data=True)).success
    assert flying.settle()


@pytest.mark.slow
def test_two_pilots_of_one_name_end_in_the_safe_command_and_one_flies_on(flying, tmp_path):
    twin = flying.start_node('pilot', tmp_path / 'twin.log', pilot=str(flying.path))
    for _ in range(60):
        flying.fly(0.5)
        if 'two publishers' in flying.problems('guard') and flying.outputs[-1][1].values == SAFE:
            break
    else:
        raise AssertionError(twin.output + flying.guard.output)
    flying.call(flying.engage_client, SetBool.Request(data=False))
    refused = flying.call(flying.engage_client, SetBool.Request(data=True))
    assert not refused.success and 'two publishers of /pilot/command' in refused.message
    twin.end()
    for _ in range(30):
        flying.fly(0.5)
        if flying.call(flying.engage_client, SetBool.Request(data=True)).success:
            break
    assert flying.settle()


def test_engaging_names_each_check_that_fails(flying):
    flying.call(flying.engage_client, SetBool.Request(data=False))
    # Frames that are stamped two seconds ago, and no IMU.
    for _ in range(3):
        flying.fly(1.2, imu=None, shift_ns=-2_000_000_000)
    refused = flying.call(flying.engage_client, SetBool.Request(data=True))
    assert not refused.success
    for words in ('imu: 0 samples/s', 'camera: its stamps are 2', 'the pilot says "'):
        assert words in refused.message, refused.message
    for _ in range(60):
        flying.fly(0.5)
        answer = flying.call(flying.engage_client, SetBool.Request(data=True))
        if answer.success:
            break
    assert answer.success, answer.message
    assert flying.settle()


def test_what_it_takes_from_frame_to_vehicle_is_measured(flying):
    flying.fly(2.5)
    values = flying.said['/guard'][-1].values
    p50, p99 = (float(values[f'frame_to_vehicle_{name}_ms']) for name in ('p50', 'p99'))
    assert 0.0 < p50 <= p99 < 1000 * TIMEOUT_S
    assert float(flying.said['/pilot'][-1].values['frame_age_p99_ms']) > 0.0


def test_a_guard_that_ends_leaves_the_safe_command(flying):
    flying.outputs.clear()
    assert flying.guard.end() == 0
    flying.spin(0.3)
    assert flying.outputs[-1][1].values == SAFE
    assert 'Traceback' not in flying.pilot.output + flying.guard.output
