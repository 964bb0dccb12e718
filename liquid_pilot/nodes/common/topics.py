"""Names and types of the topics and services of the package.

This is the only list of them: nodes take their names from here, and the tables of
`docs/reference/ros_interface.md` are compared with it. Names are relative, except those that begin
with `/`. The topics that an autopilot prescribes are in `nodes.outputs`.
"""

from __future__ import annotations

from collections.abc import Mapping

IMAGE = 'camera/image_raw'
COMPRESSED_IMAGE = f'{IMAGE}/compressed'
CAMERA_INFO = 'camera/camera_info'
IMU = 'imu/data'
ODOMETRY = 'odom'
PILOT_COMMAND = 'pilot/command'
PILOT_TRACE = 'pilot/trace'
TIME_SCALES = 'adaptation/time_scales'
CMD_VEL = 'cmd_vel'
ATTITUDE_THRUST = 'attitude_thrust'
GUARD_OVERRIDE = 'guard/override'
MISSION = 'mission'
EXPERT_COMMAND = 'expert/command'
CLOCK = '/clock'
DIAGNOSTICS = '/diagnostics'

TOPICS: Mapping[str, str] = {
    IMAGE: 'sensor_msgs/msg/Image',
    COMPRESSED_IMAGE: 'sensor_msgs/msg/CompressedImage',
    CAMERA_INFO: 'sensor_msgs/msg/CameraInfo',
    IMU: 'sensor_msgs/msg/Imu',
    PILOT_COMMAND: 'geometry_msgs/msg/TwistStamped',
    PILOT_TRACE: 'std_msgs/msg/Float64MultiArray',
    TIME_SCALES: 'std_msgs/msg/Float32MultiArray',
    CMD_VEL: 'geometry_msgs/msg/TwistStamped',
    ATTITUDE_THRUST: 'trajectory_msgs/msg/MultiDOFJointTrajectory',
    ODOMETRY: 'nav_msgs/msg/Odometry',
    GUARD_OVERRIDE: 'std_msgs/msg/Bool',
    MISSION: 'std_msgs/msg/Header',
    EXPERT_COMMAND: 'geometry_msgs/msg/TwistStamped',
    CLOCK: 'rosgraph_msgs/msg/Clock',
    DIAGNOSTICS: 'diagnostic_msgs/msg/DiagnosticArray',
}
"""Type of each topic, in the order of `docs/reference/ros_interface.md`."""

RECORDED_TOPICS = (
    CAMERA_INFO,
    IMU,
    ODOMETRY,
    PILOT_COMMAND,
    PILOT_TRACE,
    TIME_SCALES,
    CMD_VEL,
    ATTITUDE_THRUST,
    EXPERT_COMMAND,
    MISSION,
    DIAGNOSTICS,
    CLOCK,
)
"""Topics that the recorder stores besides the images, where they are published."""

GAZEBO_TWIST = 'gazebo/twist'
GAZEBO_ENABLE_MOTORS = 'gazebo/enable_motors'
GAZEBO_CONTACT = 'gazebo/contact'

GAZEBO_TOPICS: Mapping[str, str] = {
    GAZEBO_CONTACT: 'std_msgs/msg/Bool',
    GAZEBO_TWIST: 'geometry_msgs/msg/Twist',
    GAZEBO_ENABLE_MOTORS: 'std_msgs/msg/Bool',
}
"""Topics between the node `gazebo` and the bridge (`config/gazebo_bridge.yaml`), with types."""

GUARD_ENGAGE = 'guard/engage'
GUARD_STOP = 'guard/stop'
PILOT_RESET = 'pilot/reset'
ADAPTATION_ENABLE = 'adaptation/enable'
ADAPTATION_RESET = 'adaptation/reset'
ADAPTATION_SNAPSHOT = 'adaptation/snapshot'
ADAPTATION_RESTORE = 'adaptation/restore'

SERVICES: Mapping[str, str] = {
    GUARD_ENGAGE: 'std_srvs/srv/SetBool',
    GUARD_STOP: 'std_srvs/srv/Trigger',
    PILOT_RESET: 'std_srvs/srv/Trigger',
    ADAPTATION_ENABLE: 'std_srvs/srv/SetBool',
    ADAPTATION_RESET: 'std_srvs/srv/Trigger',
    ADAPTATION_SNAPSHOT: 'std_srvs/srv/Trigger',
    ADAPTATION_RESTORE: 'std_srvs/srv/Trigger',
}
"""Type of each service, in the order of `docs/reference/ros_interface.md`."""
