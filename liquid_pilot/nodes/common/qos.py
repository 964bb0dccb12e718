"""Quality-of-service profiles, by what a topic carries.

A subscription that requests less than its publisher offers is served. One that requests more gets
nothing. Therefore the simulator offers reliable IMU and odometry, and the pilot requests it in
lock-step only: the best-effort IMU of a driver must be received too.
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
"""Camera frames: a late frame is worth nothing, so only the newest is kept."""
SENSOR = _profile(reliable=False, depth=100)
"""IMU and odometry, as drivers publish them."""
SENSOR_RELIABLE = _profile(reliable=True, depth=500)
"""IMU and odometry in lock-step, where every sample counts, even over a second without a frame."""
LATCHED = _profile(reliable=True, depth=1, latched=True)
"""The newest message of a publisher that keeps it for late subscribers, such as a camera_info that
is published once."""
COMMAND = _profile(reliable=True, depth=1)
"""Commands: delivery of the newest is guaranteed."""
COMMAND_BEST_EFFORT = _profile(reliable=False, depth=1)
"""Commands from any publisher, reliable or not."""
TRACE = _profile(reliable=True, depth=20)
"""Traces of the pilot, and the time scales that answer them."""
CLOCK = _profile(reliable=True, depth=1)
"""Simulated time, as the simulator publishes it."""
CLOCK_BEST_EFFORT = _profile(reliable=False, depth=1)
"""Simulated time from any publisher, reliable or not."""
DIAGNOSTICS = _profile(reliable=True, depth=10)
"""Health of every node."""
MISSION = _profile(reliable=True, depth=100, latched=True)
"""Start and end of each mission; late subscribers receive the past ones too."""
TRANSFORMS = _profile(reliable=True, depth=100)
"""Transforms, as tf2 publishes and requests them."""
PLOTS = _profile(reliable=True, depth=20)
"""What people plot: some tools request reliable delivery, and get nothing without it."""
FRAMES_RELIABLE = _profile(reliable=True, depth=100)
"""Camera frames of demonstrations, which are recorded and not flown on."""


def sensor(lockstep: bool) -> QoSProfile:
    """Return the profile of a subscription to IMU, odometry or camera_info."""
    return SENSOR_RELIABLE if lockstep else SENSOR


def recording(reliable: bool, latched: bool) -> QoSProfile:
    """Return the profile of a subscription that requests all that a publisher offers.

    Args:
        reliable: whether the publisher is reliable (else best effort).
        latched: whether the publisher keeps messages for late subscribers (transient local).
    """
    return _profile(reliable, 400, latched)
