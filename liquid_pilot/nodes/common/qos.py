"""Qualities of service, by what a topic carries.

A subscription that asks for less than its publisher offers is served; one that asks for more gets
nothing. So the simulator offers reliable IMU and odometry, and the pilot asks for it in lock-step
only: a driver's best-effort IMU must be heard too.
"""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _profile(reliable: bool, depth: int, latched: bool = False) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


IMAGE = _profile(reliable=False, depth=1)
"""Frames: a late one is worth nothing, so only the newest is kept."""
SENSOR = _profile(reliable=False, depth=100)
"""IMU and odometry as drivers publish them."""
SENSOR_RELIABLE = _profile(reliable=True, depth=500)
"""IMU and odometry in lock-step, where every sample counts, a slow camera's second of them too."""
COMMAND = _profile(reliable=True, depth=1)
"""Commands: the newest, and surely."""
COMMAND_BEST_EFFORT = _profile(reliable=False, depth=1)
"""Commands from whoever publishes them."""
TRACE = _profile(reliable=True, depth=20)
CLOCK = _profile(reliable=True, depth=1)
CLOCK_BEST_EFFORT = _profile(reliable=False, depth=1)
"""Simulated time from whoever publishes it."""
DIAGNOSTICS = _profile(reliable=True, depth=10)
MISSION = _profile(reliable=True, depth=100, latched=True)
"""Where one mission ends and the next begins, told to who comes late too."""
FRAMES_RELIABLE = _profile(reliable=True, depth=100)
"""Frames of demonstrations, which are recorded and not flown on."""


def sensor(lockstep: bool) -> QoSProfile:
    """For a subscription to IMU, odometry or camera_info."""
    return SENSOR_RELIABLE if lockstep else SENSOR


def recording(reliable: bool, latched: bool) -> QoSProfile:
    """For a subscription that asks for all that a publisher offers."""
    return _profile(reliable, 400, latched)
