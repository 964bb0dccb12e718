"""Frames and shape of the vehicle, for `/tf`, `/tf_static` and `robot_description`.

The names of frames are global, whatever the namespace of a node: of several vehicles in one graph
each has a prefix.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from geometry_msgs.msg import TransformStamped, Vector3
from nav_msgs.msg import Odometry

from liquid_pilot.nodes.common import messages, qos, topics
from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.launch.hardware_options import parse_pose
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.tasks.registry import task_of
from liquid_pilot.simulation.vehicles.urdf import (
    Mounting,
    make_urdf,
    optical_mounting,
    rotation_matrix,
    rpy,
)

AUTO = 'auto'
"""Value of a pose: that of the simulated vehicle."""
_OPTICAL_RPY_RAD = (-0.5 * math.pi, 0.0, -0.5 * math.pi)
"""Rotation of an optical frame that looks straight ahead."""


class VehicleModel(NamedTuple):
    """A vehicle as the tools show it."""

    urdf: str
    """Text of the URDF."""
    mountings: tuple[Mounting, ...]
    """Sensors whose poses are known; the names of their frames have the prefix."""


def vehicle_model(
    vehicle: str,
    camera: tuple[str, str] = (messages.CAMERA_FRAME, AUTO),
    imu: tuple[str, str] = ('imu_link', AUTO),
    base_frame: str = messages.BASE_FRAME,
    prefix: str = '',
) -> VehicleModel:
    """Return the model of a vehicle.

    Args:
        vehicle: name of the vehicle.
        camera: optical frame of the images, and the pose of the camera, 'x y z roll pitch yaw'
            (m, rad), forward at zero angles. The pose 'auto' is that of the simulated vehicle;
            with an empty one the frame is left out.
        imu: frame and pose of the IMU, alike; 'auto' is the origin of the vehicle.
        base_frame: frame of the vehicle.
        prefix: prefix of all frames.

    Raises:
        LiquidPilotError: there is no such vehicle, or a pose is not six numbers.
    """
    body, _, _ = task_of(vehicle).vehicle().mjcf(SimulationSettings().camera_vertical_fov_rad)
    mountings: list[Mounting] = []
    if camera[1] == AUTO:
        mountings.append(optical_mounting(body, prefix + camera[0]))
    elif pose := parse_pose('camera_pose', camera[1]):
        optical = rotation_matrix(pose[3:]) @ rotation_matrix(_OPTICAL_RPY_RAD)
        mountings.append(Mounting(prefix + camera[0], (pose[0], pose[1], pose[2]), rpy(optical)))
    if pose := parse_pose('imu_pose', '0 0 0 0 0 0' if imu[1] == AUTO else imu[1]):
        x, y, z, roll, pitch, yaw = pose
        mountings.append(Mounting(prefix + imu[0], (x, y, z), (roll, pitch, yaw)))
    return VehicleModel(make_urdf(body, vehicle, prefix + base_frame, mountings), tuple(mountings))


def quaternion_wxyz(rpy_rad: Sequence[float]) -> tuple[float, float, float, float]:
    """Return the unit quaternion of roll, pitch and yaw about the fixed axes, rad."""
    (sr, cr), (sp, cp), (sy, cy) = (
        (math.sin(0.5 * angle), math.cos(0.5 * angle)) for angle in rpy_rad
    )
    return (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )


def static_transforms(
    mountings: Sequence[Mounting], base_frame: str, stamp_ns: int
) -> list[TransformStamped]:
    """Return the transforms from the vehicle to its sensors.

    Args:
        mountings: the sensors.
        base_frame: frame of the vehicle, with its prefix.
        stamp_ns: stamp of the messages.
    """
    transforms = []
    for mounting in mountings:
        message = TransformStamped(child_frame_id=mounting.frame)
        message.header = messages.pack_header(stamp_ns, base_frame)
        x, y, z = mounting.position_m
        message.transform.translation = Vector3(x=float(x), y=float(y), z=float(z))
        message.transform.rotation = messages.pack_quaternion(quaternion_wxyz(mounting.rpy_rad))
        transforms.append(message)
    return transforms


def vehicle_transform(odometry: Odometry, base_frame: str, prefix: str = '') -> TransformStamped:
    """Return the pose of a nav_msgs/Odometry as a transform, with its stamp and world frame.

    Args:
        odometry: the message.
        base_frame: frame of the vehicle, which the sensors are mounted in.
        prefix: prefix of both frames.
    """
    pose = odometry.pose.pose
    message = TransformStamped(child_frame_id=prefix + base_frame)
    message.header.stamp = odometry.header.stamp
    message.header.frame_id = prefix + (odometry.header.frame_id or messages.WORLD_FRAME)
    message.transform.translation = Vector3(x=pose.position.x, y=pose.position.y, z=pose.position.z)
    message.transform.rotation = pose.orientation
    return message


class TransformPublisher:
    """Publishes transforms where tf2_msgs is installed, as it is with every ROS from apt."""

    def __init__(self, node: LiquidNode) -> None:
        """Create the publishers; without tf2_msgs there are none, and the node says so once."""
        self._dynamic: Any = None
        try:
            self._type = importlib.import_module('tf2_msgs.msg').TFMessage
        except ImportError:
            node.get_logger().info(
                f'{topics.TF} needs tf2_msgs, which is not installed; install ROS 2 from apt'
            )
            return
        self._dynamic = node.create_publisher(self._type, topics.TF, qos.TRANSFORMS)
        self._static = node.create_publisher(self._type, topics.TF_STATIC, qos.LATCHED)

    @property
    def available(self) -> bool:
        """Whether transforms are published."""
        return self._dynamic is not None

    def publish(self, transform: TransformStamped) -> None:
        """Publish a transform that changes."""
        if self._dynamic is not None:
            self._dynamic.publish(self._type(transforms=[transform]))

    def publish_static(self, transforms: Sequence[TransformStamped]) -> None:
        """Publish the transforms that stay, in place of those published before."""
        if self._dynamic is not None and transforms:
            self._static.publish(self._type(transforms=list(transforms)))
