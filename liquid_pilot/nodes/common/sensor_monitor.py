"""Checks of a pilot's sensors: stamps of frames, rates, ages, and the camera's geometry.

This is plain Python on the times that it is given, without ROS.
"""

from __future__ import annotations

import math

from liquid_pilot.interfaces import CameraGeometry, ObservationError
from liquid_pilot.nodes.common.health import HealthMonitor
from liquid_pilot.onboard.safety.preflight import (
    GEOMETRY_DIFFERS,
    GEOMETRY_MATCHES,
    GEOMETRY_UNCHECKED,
    GEOMETRY_UNKNOWN,
    Readiness,
)

_AGE_WINDOW_COUNT = 40
"""Number of recent frames (or IMU samples) over which the median age is taken before engaging."""
_BETWEEN_MISSIONS_S = 30.0
"""Time that a simulator has for its report, or to start its next world, s."""


class SensorMonitor:
    """Keeps rates and ages of frames and IMU samples, and whether the camera's geometry fits."""

    def __init__(self) -> None:
        self.frames = HealthMonitor()
        """Frames; the latency is their age on arrival, by the ROS clock."""
        self.imu = HealthMonitor()
        """IMU samples; the latency is their age on arrival, by the ROS clock."""
        self.camera: CameraGeometry | None = None
        """Geometry of the camera by its newest camera_info; None before the first."""
        self.camera_fits = False
        """Whether that geometry covers the pilot's field of view."""
        self._no_frame_due_until_s = -math.inf

    def on_mission(self, marker: str, now_s: float) -> None:
        """Take the start or the end of a mission in simulation.

        Args:
            marker: text of the message on `mission`: 'seed 7', or 'end success'.
            now_s: steady time in seconds.
        """
        ended = marker.startswith('end ')
        self._no_frame_due_until_s = now_s + _BETWEEN_MISSIONS_S if ended else -math.inf

    def frame_is_due(self, now_s: float) -> bool:
        """Return whether a camera that sends nothing is a fault, and not between two missions."""
        return now_s >= self._no_frame_due_until_s

    def geometry(self, use_camera_info: bool) -> str:
        """Return the state of the geometry check, one of the texts of `preflight`."""
        if not use_camera_info:
            return GEOMETRY_UNCHECKED
        if self.camera is None:
            return GEOMETRY_UNKNOWN
        return GEOMETRY_MATCHES if self.camera_fits else GEOMETRY_DIFFERS

    def readiness(
        self, state: str, trained_rate_hz: float, use_camera_info: bool, now_s: float
    ) -> Readiness:
        """Return the report that the guard checks before it engages.

        Args:
            state: state of the pilot, in a word.
            trained_rate_hz: frame rate of the pilot's training.
            use_camera_info: whether the camera's geometry is checked.
            now_s: steady time in seconds.
        """
        return Readiness(
            state,
            '',
            trained_rate_hz,
            self.frames.rate_hz(now_s),
            self.imu.rate_hz(now_s),
            1e-3 * self.frames.latency_ms(0.5, _AGE_WINDOW_COUNT),
            1e-3 * self.imu.latency_ms(0.5, _AGE_WINDOW_COUNT),
            self.geometry(use_camera_info),
        )


class FrameStampCheck:
    """Rejects frames without a stamp, repeated frames and old ones, and detects jumps of time."""

    def __init__(self) -> None:
        self._stale_since_s: float | None = None

    def check(self, stamp_ns: int, last_ns: int | None, now_s: float, time_jump_s: float) -> float:
        """Check the stamp of a frame.

        Args:
            stamp_ns: stamp of the frame.
            last_ns: stamp of the last frame that was flown on; None before the first.
            now_s: steady time in seconds.
            time_jump_s: time for which frames must have old stamps before a jump is assumed.

        Returns:
            0.0 for a newer frame. Otherwise time has jumped back by this many seconds for good, and
            the network must be reset.

        Raises:
            ObservationError: the frame must not be flown on.
        """
        if stamp_ns <= 0:
            raise ObservationError(
                'camera: the frames carry no time stamp; make the driver set header.stamp'
            )
        if last_ns is None or stamp_ns > last_ns:
            self._stale_since_s = None
            return 0.0
        if stamp_ns == last_ns:
            raise ObservationError(
                'camera: a frame has the same stamp as the one before it; make the driver set '
                'header.stamp'
            )
        if self._stale_since_s is None:
            self._stale_since_s = now_s
        back_s = (last_ns - stamp_ns) * 1e-9
        if now_s - self._stale_since_s < time_jump_s:
            raise ObservationError(
                f'camera: time jumped back by {back_s:.3f} s; if this lasts, the network is reset'
            )
        self._stale_since_s = None
        return back_s


def no_camera_info_text(topic: str, publishers: int) -> str:
    """Return what a pilot says that waits for camera_info.

    Args:
        topic: the topic, with its namespace.
        publishers: number of its publishers.
    """
    return (
        f'camera: no message has arrived on {topic} ({publishers} publishers), so its field of '
        "view is not known; start it, or set use_camera_info to false to use the image's centre"
    )
