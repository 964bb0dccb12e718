"""What is packed is unpacked as it was, and numpy numbers do not turn into others."""

import math

import numpy as np
import pytest
from geometry_msgs.msg import Twist
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage
from trajectory_msgs.msg import MultiDOFJointTrajectory

from liquid_pilot.interfaces import (
    AttitudeThrust,
    CameraGeometry,
    Command,
    ImageBuffer,
    ImuSample,
    LiquidPilotError,
    ObservationError,
    VehicleState,
)
from liquid_pilot.nodes.common import messages
from liquid_pilot.onboard.perception.camera_info import camera_from_info

STAMP = 1_700_000_000_123_456_789
ODD = (0.1, -1 / 3, math.pi)


def wire(message):
    """Through serialisation, as over DDS."""
    return deserialize_message(serialize_message(message), type(message))


@pytest.mark.parametrize('stamp_ns', [0, 1, 999_999_999, 10**9, STAMP, (2**31 - 1) * 10**9])
def test_stamps_keep_every_nanosecond(stamp_ns):
    time = messages.to_time(np.int64(stamp_ns))
    assert messages.to_nanoseconds(time) == stamp_ns
    assert 0 <= time.nanosec < 10**9


@pytest.mark.parametrize(
    'as_type', [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)]
)
def test_images_of_any_buffer(as_type):
    data = bytes(range(60))
    image = ImageBuffer(as_type(data), np.int64(4), np.int32(4), 15, 'rgb8', np.bool_(True))
    stamp, back = messages.unpack_image(wire(messages.pack_image(image, STAMP)))
    assert stamp == STAMP
    assert bytes(back.data) == data
    assert back[1:] == (4, 4, 15, 'rgb8', True)


def test_camera_info_keeps_the_intrinsics_exactly():
    camera = CameraGeometry(np.int64(640), 360, np.float64(331.123456789), 330.1, 320.7, 179.3)
    assert camera_from_info(wire(messages.pack_camera_info(camera, STAMP))) == camera


def test_imu_keeps_every_bit_and_says_it_has_no_orientation():
    sample = ImuSample(STAMP, ODD, (np.float64(1e-9), 9.80665, -0.0))
    message = wire(messages.pack_imu(sample))
    assert messages.unpack_imu(message) == sample
    assert message.orientation_covariance[0] == -1.0


@pytest.mark.parametrize('field', ['angular_velocity', 'linear_acceleration'])
def test_an_imu_without_a_reading_is_refused(field):
    message = messages.pack_imu(ImuSample(STAMP, ODD, ODD))
    covariance = np.zeros(9)
    covariance[0] = -1.0
    setattr(message, f'{field}_covariance', covariance)
    with pytest.raises(ObservationError, match=f'no {field}'):
        messages.unpack_imu(wire(message))


def test_odometry():
    state = VehicleState(STAMP, ODD, (0.5, 0.5, -0.5, 0.5), (1.0, 2.0, 3.0), (-1.0, -2.0, -3.0))
    message = wire(messages.pack_odometry(state))
    assert messages.unpack_odometry(message) == state
    assert (message.header.frame_id, message.child_frame_id) == ('odom', 'base_link')


def test_commands_also_of_numpy_numbers():
    values = np.array([0.1, -0.2, 1 / 3, 1.5])
    command = Command(STAMP, *values)
    message = wire(messages.pack_command(command))
    assert messages.unpack_command(message) == command
    assert message.header.frame_id == 'base_link'
    twist = wire(messages.pack_twist(Command(0, *np.float32([1.5, 2.5, -0.5, 0.25]))))
    assert isinstance(twist, Twist)
    assert messages.unpack_twist(twist, 7) == (7, 1.5, 2.5, -0.5, 0.25)


def test_attitude_and_thrust():
    setpoint = AttitudeThrust(STAMP, (0.9, 0.1, -0.2, 0.3), np.float64(0.7), 9.81)
    back = messages.unpack_attitude_thrust(wire(messages.pack_attitude_thrust(setpoint)))
    assert back == setpoint


def test_a_trajectory_that_is_no_setpoint_is_refused():
    with pytest.raises(LiquidPilotError, match='one point'):
        messages.unpack_attitude_thrust(MultiDOFJointTrajectory())


def test_diagnostics():
    status = messages.NodeStatus('drone1/pilot', 2, 'a', {'rate_hz': '20.0', 'n': 3}, '/pilot')
    [back] = messages.unpack_diagnostics(wire(messages.pack_diagnostics(status, STAMP)))
    assert back == status._replace(values={'rate_hz': '20.0', 'n': '3'})


def test_compressed_images():
    message = CompressedImage(format='jpeg', data=b'\xff\xd8abc')
    message.header.stamp = messages.to_time(STAMP)
    assert messages.unpack_compressed(wire(message)) == (STAMP, b'\xff\xd8abc', 'jpeg')
