"""Which IMU samples a frame gets."""

import pytest

from liquid_pilot.interfaces import ImageBuffer, ImuSample
from liquid_pilot.nodes.common.sensor_sync import CameraImuSync, ImuTimeoutError

IMAGE = ImageBuffer(b'abc', 1, 1, 3, 'rgb8')


def sample(stamp_ns):
    return ImuSample(stamp_ns, (0.0, 0.0, 0.0), (0.0, 0.0, 9.8))


def stamps(observation):
    return [one.stamp_ns for one in observation.imu]


def test_in_lockstep_a_frame_waits_for_its_own_sample_and_gets_those_since_the_last():
    intake = CameraImuSync(lockstep=True)
    intake.add_imu(sample(100), 0.0)
    intake.add_frame(100, IMAGE)
    assert stamps(intake.take(0.0, 0.2)) == [100]
    intake.flown(100)
    for stamp in (110, 120):
        intake.add_imu(sample(stamp), 0.0)
    intake.add_frame(130, IMAGE)
    assert intake.take(0.0, 0.2) is None
    assert intake.waiting
    for stamp in (130, 140):
        intake.add_imu(sample(stamp), 99.0)
    observation = intake.take(99.0, 0.2)
    assert (observation.stamp_ns, stamps(observation)) == (130, [110, 120, 130])
    assert not intake.waiting
    intake.flown(130)
    intake.add_frame(140, IMAGE)
    assert stamps(intake.take(99.0, 0.2)) == [140]


def test_in_lockstep_a_refused_frame_that_is_sent_again_gets_the_same_samples():
    intake = CameraImuSync(lockstep=True)
    for stamp in (90, 100):
        intake.add_imu(sample(stamp), 0.0)
    for _ in range(2):
        intake.add_frame(100, IMAGE)
        assert stamps(intake.take(0.0, 0.2)) == [90, 100]


def test_on_a_vehicle_a_frame_gets_what_arrived_whatever_the_stamps_say():
    intake = CameraImuSync(lockstep=False)
    for stamp in (5_000, 3):
        intake.add_imu(sample(stamp), 1.0)
    intake.add_frame(100, IMAGE)
    assert stamps(intake.take(1.01, 0.2)) == [5_000, 3]
    intake.add_frame(200, IMAGE)
    assert stamps(intake.take(1.05, 0.2)) == [3]
    intake.add_frame(300, IMAGE)
    with pytest.raises(ImuTimeoutError, match=r'no message for 0\.3 s'):
        intake.take(1.3, 0.2)
    assert intake.take(1.3, 0.2) is None


def test_old_samples_are_not_flown_on():
    intake = CameraImuSync(lockstep=False)
    intake.add_imu(sample(1), 0.0)
    intake.add_imu(sample(2), 5.0)
    intake.add_frame(100, IMAGE)
    assert stamps(intake.take(5.1, 0.2)) == [2]


def test_an_imu_that_never_came_is_told_from_one_that_stopped():
    intake = CameraImuSync(lockstep=False)
    intake.add_frame(100, IMAGE)
    with pytest.raises(ImuTimeoutError, match='ever'):
        intake.take(0.0, 0.2)


def test_only_the_newest_frame_is_kept_and_a_reset_forgets():
    intake = CameraImuSync(lockstep=False)
    intake.add_imu(sample(1), 0.0)
    intake.add_frame(100, IMAGE)
    intake.add_frame(200, IMAGE)
    assert intake.take(0.0, 0.2).stamp_ns == 200
    intake.add_frame(300, IMAGE)
    intake.reset()
    assert intake.take(0.0, 0.2) is None
    intake.add_frame(400, IMAGE)
    with pytest.raises(ImuTimeoutError, match='ever'):
        intake.take(0.0, 0.2)
