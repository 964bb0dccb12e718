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
    sync = CameraImuSync(lockstep=True)
    sync.add_imu(sample(100), 0.0)
    sync.add_frame(100, IMAGE)
    assert stamps(sync.pop_observation(0.0, 0.2)) == [100]
    sync.consume(100)
    for stamp in (110, 120):
        sync.add_imu(sample(stamp), 0.0)
    sync.add_frame(130, IMAGE)
    assert sync.pop_observation(0.0, 0.2) is None
    assert sync.has_frame
    for stamp in (130, 140):
        sync.add_imu(sample(stamp), 99.0)
    observation = sync.pop_observation(99.0, 0.2)
    assert (observation.stamp_ns, stamps(observation)) == (130, [110, 120, 130])
    assert not sync.has_frame
    sync.consume(130)
    sync.add_frame(140, IMAGE)
    assert stamps(sync.pop_observation(99.0, 0.2)) == [140]


def test_in_lockstep_a_refused_frame_that_is_sent_again_gets_the_same_samples():
    sync = CameraImuSync(lockstep=True)
    for stamp in (90, 100):
        sync.add_imu(sample(stamp), 0.0)
    for _ in range(2):
        sync.add_frame(100, IMAGE)
        assert stamps(sync.pop_observation(0.0, 0.2)) == [90, 100]


def test_on_a_vehicle_a_frame_gets_what_arrived_whatever_the_stamps_say():
    sync = CameraImuSync(lockstep=False)
    for stamp in (5_000, 3):
        sync.add_imu(sample(stamp), 1.0)
    sync.add_frame(100, IMAGE)
    assert stamps(sync.pop_observation(1.01, 0.2)) == [5_000, 3]
    sync.add_frame(200, IMAGE)
    assert stamps(sync.pop_observation(1.05, 0.2)) == [3]
    sync.add_frame(300, IMAGE)
    with pytest.raises(ImuTimeoutError, match=r'no message for 0\.3 s'):
        sync.pop_observation(1.3, 0.2)
    assert sync.pop_observation(1.3, 0.2) is None


def test_old_samples_are_not_flown_on():
    sync = CameraImuSync(lockstep=False)
    sync.add_imu(sample(1), 0.0)
    sync.add_imu(sample(2), 5.0)
    sync.add_frame(100, IMAGE)
    assert stamps(sync.pop_observation(5.1, 0.2)) == [2]


def test_an_imu_that_never_came_is_distinguished_from_one_that_stopped():
    sync = CameraImuSync(lockstep=False)
    sync.add_frame(100, IMAGE)
    with pytest.raises(ImuTimeoutError, match='ever'):
        sync.pop_observation(0.0, 0.2)


def test_only_the_newest_frame_is_kept_and_a_reset_forgets():
    sync = CameraImuSync(lockstep=False)
    sync.add_imu(sample(1), 0.0)
    sync.add_frame(100, IMAGE)
    sync.add_frame(200, IMAGE)
    assert sync.pop_observation(0.0, 0.2).stamp_ns == 200
    sync.add_frame(300, IMAGE)
    sync.reset()
    assert sync.pop_observation(0.0, 0.2) is None
    sync.add_frame(400, IMAGE)
    with pytest.raises(ImuTimeoutError, match='ever'):
        sync.pop_observation(0.0, 0.2)
