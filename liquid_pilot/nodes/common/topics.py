"""The topics and services of the package: names, types, users, quality of service.

This is the only list of them: nodes take their names from here, and `docs/reference/topics.md` is
made from it. Names are relative, except those that begin with `/`. The topics that an autopilot
prescribes are in `nodes.outputs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

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
HAND_COMMAND = 'hand/command'
JOY = 'joy'
LESSON_TICK = 'lesson/tick'
LESSON_CORRECTION = 'lesson/correction'
MISSION = 'mission'
EXPERT_COMMAND = 'expert/command'
OBSTACLES = 'obstacles'
NEURONS = 'pilot/neurons'
TEMPORAL_FILTER = 'adaptation/filter'
SIGNALS = 'adaptation/signals'
ROBOT_DESCRIPTION = 'robot_description'
MARKERS = 'visualization/markers'
PATH = 'visualization/path'
PATH_POINTS = 'visualization/path_points'
TF = '/tf'
TF_STATIC = '/tf_static'
CLOCK = '/clock'
DIAGNOSTICS = '/diagnostics'


class Topic(NamedTuple):
    """What a topic carries, and between whom."""

    type: str
    """Message type, such as 'sensor_msgs/msg/Image'."""
    publishers: tuple[str, ...]
    """Nodes of this package, and others, that publish it."""
    subscribers: tuple[str, ...]
    """Nodes of this package, and others, that subscribe to it, besides the recorder."""
    qos: str
    """Name of its profile in `nodes.common.qos`, outside of lock-step."""
    description: str
    """Content, as a phrase without a full stop."""


class Service(NamedTuple):
    """What a service does."""

    type: str
    """Service type, such as 'std_srvs/srv/Trigger'."""
    description: str
    """Effect, as a phrase without a full stop."""


TOPICS: Mapping[str, Topic] = {
    IMAGE: Topic(
        'sensor_msgs/msg/Image',
        ('camera driver', 'simulator', 'scene'),
        ('pilot', 'gazebo', 'dashboard'),
        'IMAGE',
        'frames of the camera; the stamp is the time of capture',
    ),
    COMPRESSED_IMAGE: Topic(
        'sensor_msgs/msg/CompressedImage',
        ('camera driver',),
        ('pilot', 'dashboard'),
        'IMAGE',
        'the same as JPEG or PNG, with the parameter `image_transport: compressed`',
    ),
    CAMERA_INFO: Topic(
        'sensor_msgs/msg/CameraInfo',
        ('camera driver', 'simulator', 'scene'),
        ('pilot', 'dashboard'),
        'SENSOR',
        'calibration: focal lengths, distortion, region of interest, binning',
    ),
    IMU: Topic(
        'sensor_msgs/msg/Imu',
        ('IMU driver', 'autopilot', 'guard', 'simulator'),
        ('pilot',),
        'SENSOR',
        'angular velocity (rad/s) and specific force (m/s²) in `base_link`; the guard publishes it '
        'for autopilots that are not ROS nodes',
    ),
    PILOT_COMMAND: Topic(
        'geometry_msgs/msg/TwistStamped',
        ('pilot', 'simulator'),
        ('guard', 'hand', 'dashboard'),
        'COMMAND',
        'command of the network in `base_link`; the stamp is that of the frame. The simulator '
        'publishes it in place of the pilot while the expert demonstrates',
    ),
    PILOT_TRACE: Topic(
        'std_msgs/msg/Float64MultiArray',
        ('pilot',),
        ('adaptation', 'simulator', 'gazebo', 'scene', 'visualization', 'dashboard'),
        'TRACE',
        'inputs, state and outputs of a tick '
        '(docs/reference/ros_interface.md#trace-and-time-scales)',
    ),
    TIME_SCALES: Topic(
        'std_msgs/msg/Float32MultiArray',
        ('adaptation',),
        ('pilot',),
        'TRACE',
        'logarithms of the factors on the time constants, with the parameter `adaptation: true` '
        '(docs/reference/ros_interface.md#trace-and-time-scales)',
    ),
    CMD_VEL: Topic(
        'geometry_msgs/msg/TwistStamped',
        ('guard',),
        ('vehicle', 'simulator', 'gazebo', 'dashboard'),
        'COMMAND',
        'body velocity that the guard lets through; with `stamped: false` a geometry_msgs/Twist',
    ),
    ATTITUDE_THRUST: Topic(
        'trajectory_msgs/msg/MultiDOFJointTrajectory',
        ('guard',),
        ('vehicle', 'simulator', 'dashboard'),
        'COMMAND',
        'attitude and thrust that the guard lets through, with `adapter: attitude_thrust` '
        '(docs/reference/ros_interface.md#frames-and-units)',
    ),
    ODOMETRY: Topic(
        'nav_msgs/msg/Odometry',
        ('autopilot', 'guard', 'simulator'),
        ('guard', 'gazebo', 'scene', 'visualization', 'dashboard'),
        'SENSOR',
        'pose and velocity, for adapters that need it, for the geofence and for a scene; the guard '
        'publishes it for autopilots that are not ROS nodes',
    ),
    GUARD_OVERRIDE: Topic(
        'std_msgs/msg/Bool',
        ('hand', 'RC receiver'),
        ('guard',),
        'COMMAND',
        'true while a human has the vehicle; nothing is sent then, or with `forward_hand` the '
        'commands of the human',
    ),
    HAND_COMMAND: Topic(
        'geometry_msgs/msg/TwistStamped',
        ('hand', 'guard'),
        ('guard', 'pilot', 'adaptation'),
        'COMMAND',
        'command of the human who has the vehicle, in `base_link`: what a lesson learns from; the '
        'guard publishes it from the sticks of a remote control, with `rc_hand`',
    ),
    JOY: Topic(
        'sensor_msgs/msg/Joy',
        ('joystick driver',),
        ('hand',),
        'SENSOR',
        'axes and buttons of a joystick that takes over',
    ),
    LESSON_TICK: Topic(
        'std_msgs/msg/Float64MultiArray',
        ('pilot',),
        ('adaptation',),
        'TRACE',
        'a tick of which a `lesson` can learn: while a human has the vehicle, or any '
        '(docs/reference/ros_interface.md#lessons)',
    ),
    LESSON_CORRECTION: Topic(
        'std_msgs/msg/Float32MultiArray',
        ('adaptation',),
        ('pilot',),
        'LATCHED',
        'what the lesson has taught so far, and what of it is accepted '
        '(docs/reference/ros_interface.md#lessons)',
    ),
    MISSION: Topic(
        'std_msgs/msg/Header',
        ('simulator', 'gazebo', 'scene'),
        ('pilot', 'visualization', 'dashboard'),
        'MISSION',
        '`seed 7` at the stamp of the first frame of a mission, `end success` at the last',
    ),
    EXPERT_COMMAND: Topic(
        'geometry_msgs/msg/TwistStamped',
        ('simulator',),
        ('hand',),
        'SENSOR_RELIABLE',
        'command of the expert: before noise is added, with `fly --demonstrate`; for a hand, with '
        '`fly --lesson`',
    ),
    OBSTACLES: Topic(
        'sensor_msgs/msg/PointCloud2',
        ('simulator', 'scene'),
        ('dashboard',),
        'LATCHED',
        'surfaces of trunks, posts and hedges in `odom`, once a mission',
    ),
    NEURONS: Topic(
        'sensor_msgs/msg/JointState',
        ('visualization',),
        (),
        'PLOTS',
        'the network by the names of its neurons, with the stamp of the frame: `position` is the '
        'potential, `velocity` the time constant (s), `effort` the sum of the synaptic currents',
    ),
    TEMPORAL_FILTER: Topic(
        'sensor_msgs/msg/JointState',
        ('visualization',),
        (),
        'PLOTS',
        'the temporal filter of a pilot that adapts, by row and column of its blocks: `velocity` '
        'is the time constant (s), `position` the frame-prediction error, `effort` its gradient by '
        'the log of the time constant',
    ),
    SIGNALS: Topic(
        'sensor_msgs/msg/JointState',
        ('visualization',),
        (),
        'PLOTS',
        'novelty, photometric gain, friction, and gain and noise of the temporal filter (grey '
        'levels, where the pilot estimates them) of a pilot that adapts, by name, as `position`',
    ),
    ROBOT_DESCRIPTION: Topic(
        'std_msgs/msg/String', ('visualization',), (), 'LATCHED', 'URDF of the vehicle'
    ),
    MARKERS: Topic(
        'visualization_msgs/msg/MarkerArray',
        ('visualization',),
        (),
        'LATCHED',
        'trees, other obstacles, road and target of the mission, and the geofence of the guard, '
        'in `odom`',
    ),
    PATH: Topic(
        'nav_msgs/msg/Path', ('visualization',), (), 'LATCHED', 'the way flown in this mission'
    ),
    PATH_POINTS: Topic(
        'sensor_msgs/msg/PointCloud2',
        ('visualization',),
        (),
        'LATCHED',
        'the same as points, for tools that show no path',
    ),
    TF: Topic(
        'tf2_msgs/msg/TFMessage',
        ('visualization',),
        (),
        'TRANSFORMS',
        '`odom` to `base_link`, from the odometry, where tf2_msgs is installed',
    ),
    TF_STATIC: Topic(
        'tf2_msgs/msg/TFMessage',
        ('visualization', 'static_transform_publisher'),
        (),
        'LATCHED',
        '`base_link` to camera and IMU, where their poses are known',
    ),
    CLOCK: Topic(
        'rosgraph_msgs/msg/Clock',
        ('simulator',),
        ('every node with use_sim_time', 'gazebo'),
        'CLOCK',
        'simulated time; in Gazebo the bridge publishes it',
    ),
    DIAGNOSTICS: Topic(
        'diagnostic_msgs/msg/DiagnosticArray',
        ('every node',),
        (
            *('pilot', 'guard', 'simulator', 'gazebo', 'scene', 'visualization', 'dashboard'),
            'hand',
        ),
        'DIAGNOSTICS',
        'health of each node (docs/reference/ros_interface.md#diagnostics)',
    ),
}
"""The topics by name, in the order of `docs/reference/topics.md`."""

RECORDED_TOPICS = (
    CAMERA_INFO,
    IMU,
    ODOMETRY,
    PILOT_COMMAND,
    PILOT_TRACE,
    TIME_SCALES,
    HAND_COMMAND,
    LESSON_TICK,
    LESSON_CORRECTION,
    CMD_VEL,
    ATTITUDE_THRUST,
    EXPERT_COMMAND,
    MISSION,
    OBSTACLES,
    NEURONS,
    TEMPORAL_FILTER,
    SIGNALS,
    ROBOT_DESCRIPTION,
    MARKERS,
    PATH,
    PATH_POINTS,
    TF,
    TF_STATIC,
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
LESSON_ACCEPT = 'lesson/accept'
LESSON_UNDO = 'lesson/undo'
LESSON_RESET = 'lesson/reset'
LESSON_SAVE = 'lesson/save'

SERVICES: Mapping[str, Service] = {
    GUARD_ENGAGE: Service(
        'std_srvs/srv/SetBool',
        'engage (true) or disengage (false); refused, with the reasons, until the checks pass '
        '(docs/explanation/guard.md)',
    ),
    GUARD_STOP: Service(
        'std_srvs/srv/Trigger', 'send the safe command until the guard is engaged again'
    ),
    PILOT_RESET: Service('std_srvs/srv/Trigger', 'reset the state of the network'),
    ADAPTATION_ENABLE: Service(
        'std_srvs/srv/SetBool', 'learn (true), or propose the trained time constants (false)'
    ),
    ADAPTATION_RESET: Service('std_srvs/srv/Trigger', 'discard what was learned'),
    ADAPTATION_SNAPSHOT: Service(
        'std_srvs/srv/Trigger', 'save what was learned to the file of the parameter `snapshot`'
    ),
    ADAPTATION_RESTORE: Service('std_srvs/srv/Trigger', 'restore it from that file'),
    LESSON_ACCEPT: Service(
        'std_srvs/srv/Trigger', 'fly with what a hand has taught so far, with a `lesson`'
    ),
    LESSON_UNDO: Service(
        'std_srvs/srv/Trigger', 'take back what was accepted last, and what was taught since'
    ),
    LESSON_RESET: Service('std_srvs/srv/Trigger', 'forget all that was taught'),
    LESSON_SAVE: Service(
        'std_srvs/srv/Trigger',
        'save what was accepted as a pilot, in the folder of the parameter `taught_pilot`',
    ),
}
"""The services by name, in the order of `docs/reference/topics.md`."""
