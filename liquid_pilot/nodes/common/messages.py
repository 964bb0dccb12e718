"""Conversion between plain data and ROS messages.

Messages are packed and unpacked here and in `trace_messages`; those that only tools read, in
`nodes.views`. Every scalar is wrapped in `float()`, `int()` or `bool()`, because rclpy silently
writes a numpy scalar into a field as another number. Images are filled with `bytes`, which is 50
times faster than a list. Vectors are FLU in `base_link` and ENU in `odom` (REP-103).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Quaternion, Transform, Twist, TwistStamped, Vector3
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import (
    CameraInfo,
    CompressedImage,
    Image,
    Imu,
    PointCloud2,
    PointField,
)
from std_msgs.msg import Header
from trajectory_msgs.msg import MultiDOFJointTrajectory, MultiDOFJointTrajectoryPoint

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    AttitudeThrust,
    CameraGeometry,
    Command,
    ImageBuffer,
    ImuSample,
    LiquidPilotError,
    ObservationError,
    VehicleState,
)
from liquid_pilot.utils.foreign_text import plain_text

BASE_FRAME = 'base_link'
"""Body frame (FLU)."""
CAMERA_FRAME = 'camera_link_optical'
"""Optical frame of the camera (x right, y down, z forward)."""
WORLD_FRAME = 'odom'
"""World frame (ENU)."""


def to_nanoseconds(stamp: Time) -> int:
    """Return a stamp as integer nanoseconds."""
    return stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec


def to_time(stamp_ns: int) -> Time:
    """Return integer nanoseconds as a stamp."""
    seconds, nanoseconds = divmod(int(stamp_ns), NANOSECONDS_PER_SECOND)
    return Time(sec=seconds, nanosec=nanoseconds)


def _vector(values: Sequence[float]) -> Vector3:
    return Vector3(x=float(values[0]), y=float(values[1]), z=float(values[2]))


def _triple(vector: Vector3) -> tuple[float, float, float]:
    return vector.x, vector.y, vector.z


def pack_quaternion(wxyz: Sequence[float]) -> Quaternion:
    """Convert a quaternion (w, x, y, z) to geometry_msgs/Quaternion."""
    w, x, y, z = (float(value) for value in wxyz)
    return Quaternion(w=w, x=x, y=y, z=z)


def _wxyz(quaternion: Quaternion) -> tuple[float, float, float, float]:
    return quaternion.w, quaternion.x, quaternion.y, quaternion.z


# Camera


def pack_image(image: ImageBuffer, stamp_ns: int) -> Image:
    """Convert an ImageBuffer to sensor_msgs/Image."""
    message = Image(
        height=int(image.height),
        width=int(image.width),
        step=int(image.step),
        encoding=image.encoding,
        is_bigendian=int(bool(image.is_bigendian)),
    )
    message.header.stamp = to_time(stamp_ns)
    message.header.frame_id = CAMERA_FRAME
    data = image.data
    if not isinstance(data, bytes):
        # NumPy's stubs declare the buffer protocol of arrays from Python 3.12 on only.
        data = bytes(memoryview(cast('bytearray', data)).cast('B'))
    message.data = data
    return message


def unpack_image(message: Image) -> tuple[int, ImageBuffer]:
    """Convert sensor_msgs/Image to its stamp in ns and a buffer over the memory of the message."""
    return to_nanoseconds(message.header.stamp), ImageBuffer(
        message.data,
        message.width,
        message.height,
        message.step,
        message.encoding,
        bool(message.is_bigendian),
    )


def unpack_compressed(message: CompressedImage) -> tuple[int, bytes, str]:
    """Return the stamp in ns, the data and the format of sensor_msgs/CompressedImage."""
    return to_nanoseconds(message.header.stamp), bytes(message.data), message.format


def pack_camera_info(camera: CameraGeometry, stamp_ns: int) -> CameraInfo:
    """Convert a CameraGeometry to sensor_msgs/CameraInfo of a rectified camera."""
    fx, fy, cx, cy = (float(value) for value in (camera.fx, camera.fy, camera.cx, camera.cy))
    message = CameraInfo(
        height=int(camera.height),
        width=int(camera.width),
        distortion_model='plumb_bob',
        d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
    message.header.stamp = to_time(stamp_ns)
    message.header.frame_id = CAMERA_FRAME
    return message


# IMU and odometry


def pack_imu(sample: ImuSample) -> Imu:
    """Convert an ImuSample to sensor_msgs/Imu without an orientation (REP-145)."""
    message = Imu(
        angular_velocity=_vector(sample.angular_velocity_flu_rad_s),
        linear_acceleration=_vector(sample.specific_force_flu_m_s2),
        orientation_covariance=[-1.0] + [0.0] * 8,
    )
    message.header.stamp = to_time(sample.stamp_ns)
    message.header.frame_id = BASE_FRAME
    return message


def unpack_imu(message: Imu) -> ImuSample:
    """Convert sensor_msgs/Imu to an ImuSample.

    Raises:
        ObservationError: the message declares that it holds no angular velocity or acceleration.
    """
    for name in ('angular_velocity', 'linear_acceleration'):
        if getattr(message, f'{name}_covariance')[0] == -1.0:
            raise ObservationError(
                f'imu: the messages say that they hold no {name} (covariance[0] is -1); '
                'remap imu/data to a topic that has gyroscope and accelerometer'
            )
    return ImuSample(
        to_nanoseconds(message.header.stamp),
        _triple(message.angular_velocity),
        _triple(message.linear_acceleration),
    )


def pack_odometry(state: VehicleState) -> Odometry:
    """Convert a VehicleState to nav_msgs/Odometry: pose in `odom`, twist in `base_link`."""
    message = Odometry(child_frame_id=BASE_FRAME)
    message.header.stamp = to_time(state.stamp_ns)
    message.header.frame_id = WORLD_FRAME
    position = message.pose.pose.position
    position.x, position.y, position.z = (float(value) for value in state.position_enu_m)
    message.pose.pose.orientation = pack_quaternion(state.orientation_wxyz)
    message.twist.twist.linear = _vector(state.velocity_flu_m_s)
    message.twist.twist.angular = _vector(state.angular_velocity_flu_rad_s)
    return message


def unpack_odometry(message: Odometry) -> VehicleState:
    """Convert nav_msgs/Odometry to a VehicleState."""
    position = message.pose.pose.position
    return VehicleState(
        to_nanoseconds(message.header.stamp),
        (position.x, position.y, position.z),
        _wxyz(message.pose.pose.orientation),
        _triple(message.twist.twist.linear),
        _triple(message.twist.twist.angular),
    )


# Commands


def pack_twist(command: Command) -> Twist:
    """Convert a Command to geometry_msgs/Twist."""
    forward, left, up, yaw = (float(value) for value in command.values)
    return Twist(linear=Vector3(x=forward, y=left, z=up), angular=Vector3(z=yaw))


def pack_command(command: Command) -> TwistStamped:
    """Convert a Command to geometry_msgs/TwistStamped in `base_link`."""
    message = TwistStamped(twist=pack_twist(command))
    message.header.stamp = to_time(command.stamp_ns)
    message.header.frame_id = BASE_FRAME
    return message


def pack_world_twist(
    stamp_ns: int, velocity_enu_m_s: Sequence[float], yaw_rate_rad_s: float
) -> TwistStamped:
    """Convert a velocity in the world and a yaw rate to geometry_msgs/TwistStamped in `map`.

    Args:
        stamp_ns: stamp of the message.
        velocity_enu_m_s: velocity (east, north, up) in m/s.
        yaw_rate_rad_s: yaw rate about the upward axis in rad/s.
    """
    east, north, up = map(float, velocity_enu_m_s)
    message = TwistStamped(
        twist=Twist(linear=Vector3(x=east, y=north, z=up), angular=Vector3(z=float(yaw_rate_rad_s)))
    )
    message.header.stamp = to_time(stamp_ns)
    message.header.frame_id = 'map'
    return message


def unpack_twist(message: Twist, stamp_ns: int) -> Command:
    """Convert geometry_msgs/Twist to a Command; roll and pitch rates are not used."""
    return Command(
        stamp_ns, message.linear.x, message.linear.y, message.linear.z, message.angular.z
    )


def unpack_command(message: TwistStamped) -> Command:
    """Convert geometry_msgs/TwistStamped to a Command."""
    return unpack_twist(message.twist, to_nanoseconds(message.header.stamp))


def pack_attitude_thrust(setpoint: AttitudeThrust) -> MultiDOFJointTrajectory:
    """Convert an AttitudeThrust to trajectory_msgs/MultiDOFJointTrajectory with one point.

    Attitude is in transforms[0].rotation, yaw rate (rad/s) in velocities[0].angular.z and thrust
    (m/s^2 along body z) in accelerations[0].linear.z.
    """
    point = MultiDOFJointTrajectoryPoint(
        transforms=[Transform(rotation=pack_quaternion(setpoint.orientation_wxyz))],
        velocities=[Twist(angular=Vector3(z=float(setpoint.yaw_rate_rad_s)))],
        accelerations=[Twist(linear=Vector3(z=float(setpoint.thrust_m_s2)))],
    )
    message = MultiDOFJointTrajectory(joint_names=[BASE_FRAME], points=[point])
    message.header.stamp = to_time(setpoint.stamp_ns)
    message.header.frame_id = WORLD_FRAME
    return message


def unpack_attitude_thrust(message: MultiDOFJointTrajectory) -> AttitudeThrust:
    """Convert trajectory_msgs/MultiDOFJointTrajectory to an AttitudeThrust.

    Raises:
        LiquidPilotError: the message has no point with a transform, a velocity and an acceleration.
    """
    point = message.points[0] if message.points else None
    if point is None or not (point.transforms and point.velocities and point.accelerations):
        raise LiquidPilotError(
            'attitude_thrust: a message must have one point with a transform, a velocity and an '
            'acceleration'
        )
    return AttitudeThrust(
        to_nanoseconds(message.header.stamp),
        _wxyz(point.transforms[0].rotation),
        point.velocities[0].angular.z,
        point.accelerations[0].linear.z,
    )


def pack_clock(stamp_ns: int) -> Clock:
    """Convert a stamp in ns to rosgraph_msgs/Clock."""
    return Clock(clock=to_time(stamp_ns))


def pack_header(stamp_ns: int, text: str) -> Header:
    """Return a stamp and a text as std_msgs/Header."""
    return Header(stamp=to_time(stamp_ns), frame_id=text)


def pack_cloud(points_m: npt.NDArray[np.float32], header: Header) -> PointCloud2:
    """Convert (n, 3) points to sensor_msgs/PointCloud2 with the fields x, y and z.

    Args:
        points_m: the points, m.
        header: their frame and stamp.
    """
    little_endian = np.ascontiguousarray(points_m, '<f4')
    return PointCloud2(
        header=header,
        height=1,
        width=len(little_endian),
        fields=[
            PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
            for index, name in enumerate('xyz')
        ],
        is_bigendian=False,
        point_step=12,
        row_step=12 * len(little_endian),
        data=little_endian.tobytes(),
        is_dense=True,
    )


# Diagnostics


class NodeStatus(NamedTuple):
    """One status of /diagnostics."""

    name: str
    """Constant name: that of the node, with its namespace and without the leading slash."""
    level: int
    """Severity: 0 ok, 1 warning, 2 error."""
    message: str
    """All problems in one line, or the state where there is none."""
    values: dict[str, str]
    """Measured values, the state among them, as text."""
    hardware_id: str = ''
    """Fully qualified name of the node."""


def pack_diagnostics(status: NodeStatus, stamp_ns: int) -> DiagnosticArray:
    """Convert a NodeStatus to diagnostic_msgs/DiagnosticArray."""
    entry = DiagnosticStatus(
        level=bytes([int(status.level)]),
        name=plain_text(status.name),
        message=plain_text(status.message),
        hardware_id=plain_text(status.hardware_id),
        values=[
            KeyValue(key=plain_text(str(key)), value=plain_text(str(value)))
            for key, value in status.values.items()
        ],
    )
    message = DiagnosticArray(status=[entry])
    message.header.stamp = to_time(stamp_ns)
    return message


def unpack_diagnostics(message: DiagnosticArray) -> list[NodeStatus]:
    """Return every status of diagnostic_msgs/DiagnosticArray, whose texts are fit to be shown."""
    return [
        NodeStatus(
            plain_text(entry.name),
            entry.level[0],
            plain_text(entry.message),
            {plain_text(item.key): plain_text(item.value) for item in entry.values},
            plain_text(entry.hardware_id),
        )
        for entry in message.status
    ]
