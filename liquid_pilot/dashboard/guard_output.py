"""What the guard sends, read from the messages of each kind of output, beside the pilot's command.

Some outputs are velocities, in one frame or another, which are turned back into the frame of the
pilot's command. Others are an attitude and a thrust, a steering angle or a height, which are shown
as they are. Messages may come from a topic or from a recording: only their fields are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, Command, ObservationError
from liquid_pilot.onboard.geometry import (
    Quaternion,
    Vector,
    attitude_enu_ned,
    enu_ned,
    heading_rad,
    into_world,
    rotation_rows,
    unit_quaternion,
)

_UNKNOWN = math.nan
_DEGREES = 180.0 / math.pi


class Sent(NamedTuple):
    """One setpoint of the guard. What is not in it, or cannot be read, is NaN."""

    stamp_ns: int
    """Stamp of the frame that it answers; 0 where the message has another one."""
    values: tuple[float, float, float, float] = (_UNKNOWN,) * 4
    """Forward, left, up (m/s) and yaw rate (rad/s), in the frame of the pilot's command."""
    nose_down: float = _UNKNOWN
    """Pitch of the attitude, degrees; positive: the nose is down."""
    lean_right: float = _UNKNOWN
    """Roll of the attitude, degrees; positive: to the right."""
    thrust_share: float = _UNKNOWN
    """Thrust, percent of the full one."""
    thrust: float = _UNKNOWN
    """Thrust for each unit of mass, m/s^2."""
    steering_left: float = _UNKNOWN
    """Angle of the front wheels, degrees; positive: to the left."""
    height: float = _UNKNOWN
    """Height above the ground, m."""

    @classmethod
    def of(cls, command: Command) -> Sent:
        """Return a velocity in the frame of the pilot's command as a setpoint."""
        return cls(command.stamp_ns, command.values)

    @property
    def others(self) -> tuple[float, ...]:
        """What `OTHERS` lists, in its order."""
        return self[2:]


class Other(NamedTuple):
    """A number of a setpoint that is none of the velocities, as the page shows it."""

    name: str
    """Its name in words."""
    unit: str
    """Its unit."""
    maximum: float
    """Value at the end of its bar."""


OTHERS = (
    Other('nose down', '°', 35.0),
    Other('lean right', '°', 35.0),
    Other('thrust', '%', 100.0),
    Other('thrust', 'm/s²', 20.0),
    Other('steer left', '°', 35.0),
    Other('height', 'm', 5.0),
)
"""The numbers of `Sent.others`."""
Reader = Callable[[Any, Quaternion | None], Sent]
"""Function of a message and the attitude of the vehicle (None: not known) that returns a setpoint.
"""


class GuardOutput(NamedTuple):
    """The output of one adapter of the guard."""

    words: str
    """What it sends, as the end of a sentence: 'The guard sends ...'."""
    readers: Mapping[str, Reader]
    """What reads its messages, by their type, 'package/msg/Name'."""
    is_rotated: bool = False
    """Whether its velocities were turned back into the frame of the pilot's command, so that
    forward and left agree with that only nearly."""


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return int(stamp.sec) * NANOSECONDS_PER_SECOND + int(stamp.nanosec)


def _triple(vector: Any) -> Vector:
    return float(vector.x), float(vector.y), float(vector.z)


def _into_heading(velocity_enu: Vector, attitude: Quaternion | None) -> Vector:
    """Return a velocity of the world in the heading frame; NaN where the heading is not known."""
    east, north, up = velocity_enu
    if east == 0.0 and north == 0.0:
        return 0.0, 0.0, up
    if attitude is None:
        return _UNKNOWN, _UNKNOWN, up
    yaw = heading_rad(attitude)
    return (
        east * math.cos(yaw) + north * math.sin(yaw),
        north * math.cos(yaw) - east * math.sin(yaw),
        up,
    )


def _with_attitude(sent: Sent, orientation: Quaternion) -> Sent:
    """Return a setpoint with an attitude (FLU to ENU)."""
    try:
        _, _, (x_up, y_up, z_up) = rotation_rows(*unit_quaternion(orientation))
    except ObservationError:
        return sent
    return sent._replace(
        nose_down=-_DEGREES * math.asin(min(max(x_up, -1.0), 1.0)),
        lean_right=_DEGREES * math.atan2(y_up, z_up),
    )


def _wxyz(turn: Any) -> Quaternion:
    return float(turn.w), float(turn.x), float(turn.y), float(turn.z)


def _heading_twist(message: Any, attitude: Quaternion | None) -> Sent:
    twist = message.twist
    return Sent(_stamp_ns(message), (*_triple(twist.linear), float(twist.angular.z)))


def _bare_twist(message: Any, attitude: Quaternion | None) -> Sent:
    return Sent(0, (*_triple(message.linear), float(message.angular.z)))


def _body_twist(message: Any, attitude: Quaternion | None) -> Sent:
    body, yaw_rate = _triple(message.twist.linear), float(message.twist.angular.z)
    velocity = (_UNKNOWN,) * 3 if attitude is None else into_world(attitude, body)
    return Sent(_stamp_ns(message), (*_into_heading(velocity, attitude), yaw_rate))


def _world_twist(message: Any, attitude: Quaternion | None) -> Sent:
    twist = message.twist
    velocity = _into_heading(_triple(twist.linear), attitude)
    return Sent(_stamp_ns(message), (*velocity, float(twist.angular.z)))


def _attitude_trajectory(message: Any, attitude: Quaternion | None) -> Sent:
    (point,) = message.points
    yaw_rate = float(point.velocities[0].angular.z)
    sent = Sent(
        _stamp_ns(message),
        (_UNKNOWN, _UNKNOWN, _UNKNOWN, yaw_rate),
        thrust=float(point.accelerations[0].linear.z),
    )
    return _with_attitude(sent, _wxyz(point.transforms[0].rotation))


def _mavros_attitude(message: Any, attitude: Quaternion | None) -> Sent:
    sent = Sent(
        _stamp_ns(message),
        (_UNKNOWN, _UNKNOWN, _UNKNOWN, float(message.body_rate.z)),
        thrust_share=100.0 * float(message.thrust),
    )
    return _with_attitude(sent, _wxyz(message.orientation))


def _px4_velocity(message: Any, attitude: Quaternion | None) -> Sent:
    east, north, up = enu_ned(_three(message.velocity))
    return Sent(0, (*_into_heading((east, north, up), attitude), -float(message.yawspeed)))


def _px4_attitude(message: Any, attitude: Quaternion | None) -> Sent:
    w, x, y, z = map(float, message.q_d)
    sent = Sent(
        0,
        (_UNKNOWN, _UNKNOWN, _UNKNOWN, -float(message.yaw_sp_move_rate)),
        thrust_share=-100.0 * _three(message.thrust_body)[2],
    )
    return _with_attitude(sent, attitude_enu_ned((w, x, y, z)))


def _three(values: Any) -> Vector:
    x, y, z = map(float, values)
    return x, y, z


def _ackermann(message: Any, attitude: Quaternion | None) -> Sent:
    drive = message.drive
    return Sent(
        _stamp_ns(message),
        (float(drive.speed), _UNKNOWN, _UNKNOWN, _UNKNOWN),
        steering_left=_DEGREES * float(drive.steering_angle),
    )


def _hover(message: Any, attitude: Quaternion | None) -> Sent:
    # The sign of its yaw rate is a setting of the guard, which the message does not tell.
    return Sent(
        _stamp_ns(message),
        (float(message.vx), float(message.vy), _UNKNOWN, _UNKNOWN),
        height=float(message.z_distance),
    )


_TWIST = 'geometry_msgs/msg/TwistStamped'
_VELOCITY = {_TWIST: _heading_twist, 'geometry_msgs/msg/Twist': _bare_twist}
_PX4 = {
    'px4_msgs/msg/TrajectorySetpoint': _px4_velocity,
    'px4_msgs/msg/VehicleAttitudeSetpoint': _px4_attitude,
}
_OVER_MAVLINK = 'MAVLink messages, which are no topic: they cannot be read here'
_ATTITUDE = 'an attitude and a thrust, by which the vehicle follows the velocity'
_WORLD = 'a velocity of the world, turned back here by the heading of the vehicle'
OUTPUTS: Mapping[str, GuardOutput] = {
    'cmd_vel': GuardOutput('a velocity', _VELOCITY),
    'gazebo': GuardOutput(
        'a velocity along the tilted body, turned back here by its attitude',
        {_TWIST: _body_twist},
        True,
    ),
    'attitude_thrust': GuardOutput(
        _ATTITUDE, {'trajectory_msgs/msg/MultiDOFJointTrajectory': _attitude_trajectory}
    ),
    'mavros': GuardOutput(_WORLD, {_TWIST: _world_twist}, True),
    'mavros_attitude': GuardOutput(
        _ATTITUDE,
        {'mavros_msgs/msg/AttitudeTarget': _mavros_attitude, _TWIST: _world_twist},
        True,
    ),
    'ardupilot': GuardOutput(_WORLD, {_TWIST: _world_twist}, True),
    'px4': GuardOutput(_WORLD, _PX4, True),
    'px4_attitude': GuardOutput(_ATTITUDE, _PX4, True),
    'mavlink': GuardOutput(_OVER_MAVLINK, {}),
    'mavlink_attitude': GuardOutput(_OVER_MAVLINK, {}),
    'mavlink_rover': GuardOutput(_OVER_MAVLINK, {}),
    'ackermann': GuardOutput(
        'a speed and a steering angle', {'ackermann_msgs/msg/AckermannDriveStamped': _ackermann}
    ),
    'crazyflie': GuardOutput('a velocity and a height', {'crazyflie_interfaces/msg/Hover': _hover}),
}
"""The outputs by the name of the adapter."""


def read_sent(
    adapter: str, kind: str, message: Any, attitude: Quaternion | None = None
) -> Sent | None:
    """Return the setpoint of a message that the guard has sent.

    Args:
        adapter: name of the adapter of the guard.
        kind: type of the message, 'package/msg/Name'.
        message: the message.
        attitude: attitude of the vehicle (FLU to ENU); None: it is not known.

    Returns:
        The setpoint; None where the adapter sends no such message, or the message is broken.
    """
    output = OUTPUTS.get(adapter)
    reader = output.readers.get(kind) if output else None
    if reader is None:
        return None
    try:
        return reader(message, None if attitude is None else unit_quaternion(attitude))
    except ObservationError:
        return reader(message, None)
    except (ValueError, IndexError):
        return None
