"""Whatever comes in: no command from the pilot, the safe command from the guard, and then on again.

Real pilot and guard as processes, over DDS; this test is camera and IMU. They are started once.
"""

import math
import re
import shutil

import pytest
from flight_rig import PERIOD_S, SAFE, TIMEOUT_S, Turntable
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.interfaces import CameraGeometry

IMU_TIMEOUT_S = 0.2

pytestmark = pytest.mark.realtime


def test_the_guard_refuses_to_engage_while_nobody_steers(rig):
    rig.engage(False)
    rig.fly(1.0, image=None)
    answer = rig.call(rig.engage_client, SetBool.Request(data=True))
    assert not answer.success
    assert 'no command on /pilot/command' in answer.message
    assert not rig.outputs


def with_changes(**changes):
    return lambda: Turntable().image()._replace(**changes)


FAULTS = {
    'camera stops': ({'image': None}, r'camera: no frame for \d\.\d s on /camera/image_raw'),
    'IMU stops': ({'imu': None}, r'imu: no message for \d\.\d s on /imu/data \(1 publisher\)'),
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


QUICK = ('camera stops', 'IMU is NaN', 'frame has no data')
"""Faults of the quick tests."""


@pytest.mark.parametrize(
    'fault',
    [pytest.param(fault, marks=[] if fault in QUICK else pytest.mark.slow) for fault in FAULTS],
)
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


@pytest.mark.slow
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
    # A busy machine gives too few frames for a moment, and the guard refuses then.
    flying.take_off()


def test_disengaged_the_guard_gives_the_safe_command_once_and_is_silent(flying):
    flying.outputs.clear()
    assert flying.call(flying.engage_client, SetBool.Request(data=False)).success
    flying.spin(0.2)
    assert flying.outputs[-1][1].values == SAFE
    flying.fly(0.5)
    assert flying.commands
    assert not flying.outputs


@pytest.mark.slow
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
    flying.take_off()


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
    flying.take_off()


@pytest.mark.slow
def test_engaging_names_each_check_that_fails(flying):
    flying.call(flying.engage_client, SetBool.Request(data=False))
    # Frames that are stamped two seconds ago, and no IMU.
    for _ in range(3):
        flying.fly(1.2, imu=None, shift_ns=-2_000_000_000)
    refused = flying.call(flying.engage_client, SetBool.Request(data=True))
    assert not refused.success
    for words in ('imu: 0 samples/s', 'camera: its stamps are 2', 'the pilot says "'):
        assert words in refused.message, refused.message
    flying.take_off()


@pytest.mark.slow
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
    # For the tests that follow.
    flying.guard = flying.start_guard()
