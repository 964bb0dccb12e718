"""Counts the camera frames that get lost on the way, and says why.

This is plain Python on the times that it is given, without ROS.
"""

from __future__ import annotations

import os
from collections import deque

from liquid_pilot.nodes.common.process.dds_profile import (
    PROFILE_VARIABLES,
    VEHICLE_PROFILE,
    profile_variable,
)
from liquid_pilot.utils.resources import share_path

_WINDOW_S = 5.0
"""Time over which frames are counted, s."""
_MIN_FRAMES = 10
"""Number of frames in the window below which nothing is said."""
_MAX_LOST_SHARE = 0.1
"""Share of frames that may get lost without a word."""
_DEFAULT_SEGMENT_BYTES = 500_000
"""Size of a frame above which Fast DDS does not use shared memory unless a profile says so."""


class FrameLoss:
    """The frames that arrived and those that were lost over the last seconds."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int, int]] = deque(maxlen=2000)
        self.frame_bytes = 0
        """Size of the newest frame that arrived, bytes; 0 before the first."""

    def received(self, now_s: float, frame_bytes: int) -> None:
        """Count a frame that arrived.

        Args:
            now_s: steady time in seconds.
            frame_bytes: number of bytes of its data.
        """
        self._counts.append((now_s, 1, 0))
        self.frame_bytes = frame_bytes

    def lost(self, now_s: float, count: int) -> None:
        """Count frames that the middleware reports as lost."""
        self._counts.append((now_s, 0, count))

    def text(self, now_s: float) -> str:
        """Return what was lost, why, and what to do; empty: nothing to speak of.

        Args:
            now_s: steady time in seconds.
        """
        recent = [entry for entry in self._counts if now_s - entry[0] <= _WINDOW_S]
        lost = sum(entry[2] for entry in recent)
        sent = lost + sum(entry[1] for entry in recent)
        if sent < _MIN_FRAMES or lost <= _MAX_LOST_SHARE * sent:
            return ''
        size = f' of {self.frame_bytes / 1e6:.1f} MB' if self.frame_bytes else ''
        what = f'{lost} of {sent} frames{size} were lost between the driver and the pilot'
        small = 0 < self.frame_bytes < _DEFAULT_SEGMENT_BYTES
        if small or any(os.environ.get(name) for name in PROFILE_VARIABLES):
            return (
                f'{what}: the computer or the network is too slow for them; send smaller or fewer '
                'frames, or compressed ones (image_transport:=compressed)'
            )
        return (
            f'{what}: without a profile Fast DDS cuts such frames into pieces, and the loss of one '
            f'loses the frame; start the driver and the pilot with {profile_variable()}='
            f'{share_path(VEHICLE_PROFILE)}, or send smaller or compressed frames'
        )
