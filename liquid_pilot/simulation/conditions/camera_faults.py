"""What fails about a camera: blank frames, something before the lens, frames late or lost."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, ImageBuffer
from liquid_pilot.simulation.conditions.frame_context import FrameContext

_BURST_S = (0.75, 1.75)
_TIME_TOLERANCE_S = 1e-6


class Blink:
    """A share of the frames is black, each for itself."""

    def __init__(self, rng: np.random.Generator, share: float) -> None:
        self._rng, self._share = rng, share

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """The frame, or a black one."""
        return np.zeros_like(rgb) if self._rng.random() < self._share else rgb


class Occlusion:
    """Something flat hangs before most of the lens, in bursts of 0.75 to 1.75 s.

    `share` of the time on average; each burst has a place, a size and a colour of its own.
    """

    def __init__(self, rng: np.random.Generator, share: float) -> None:
        self._rng, self._share = rng, share
        self._until_s: float | None = None
        self._covering = False

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """The frame, covered during a burst."""
        if self._share <= 0.0:
            return rgb
        if self._until_s is None:
            # Begun anywhere in a burst or a pause.
            self._next(view.time_s, self._rng.random() < self._share)
        while view.time_s >= self._until_s:
            self._next(self._until_s, not self._covering)
        if not self._covering:
            return rgb
        height, width = rgb.shape[:2]
        left, top, right, bottom = (self._corners * (width, height, width, height)).astype(int)
        rgb = rgb.copy()
        cv2.rectangle(rgb, (left, top), (right, bottom), self._colour, cv2.FILLED)
        return rgb

    def _next(self, now_s: float, covering: bool) -> None:
        rng, self._covering = self._rng, covering
        length_s = rng.uniform(*_BURST_S)
        if not covering:
            length_s *= (1.0 - self._share) / self._share
        self._until_s = now_s + length_s
        low, high = rng.uniform(0.0, 0.12, 2), rng.uniform(0.88, 1.0, 2)
        self._corners = np.concatenate([low, high])
        self._colour = tuple(float(value) for value in rng.uniform(20, 110, 3))


class FrameTiming:
    """Which frames are taken, which get lost, and when they arrive. The first always does, at once.

    Args:
        rng: for the lost frames.
        period_s: between two frames, with its onset; None: one every control period.
        lost: the share of frames that is lost, with its onset.
        delay_s: from a frame's capture to its arrival, with its onset.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        period_s: tuple[float, float] | None,
        lost: tuple[float, float] | None,
        delay_s: tuple[float, float] | None,
    ) -> None:
        self._rng = rng
        self._period, self._lost, self._delay = period_s, lost, delay_s
        self._due_s = 0.0
        self._first = True
        self._under_way: deque[tuple[int, ImageBuffer]] = deque()

    def taken(self, time_s: float) -> bool:
        """Whether the camera takes a frame now that does not get lost."""
        if self._first:
            self._first = False
            if self._period is not None and self._period[1] <= 0.0:
                self._due_s = self._period[0]
            return True
        if self._period is not None and time_s >= self._period[1] - _TIME_TOLERANCE_S:
            if time_s < self._due_s - _TIME_TOLERANCE_S:
                return False
            self._due_s = max(self._due_s, self._period[1]) + self._period[0]
        lossy = self._lost is not None and time_s >= self._lost[1] - _TIME_TOLERANCE_S
        return not (lossy and self._rng.random() < self._lost[0])

    def arrived(
        self, now_ns: int, time_s: float, frame: tuple[int, ImageBuffer] | None
    ) -> tuple[int, ImageBuffer] | None:
        """Take in the frame taken now, if any; the one that arrives now as (stamp, frame)."""
        if frame is not None:
            self._under_way.append(frame)
        delay_ns = 0
        if (
            self._delay is not None
            and time_s >= self._delay[1] - _TIME_TOLERANCE_S
            and time_s > 0.0
        ):
            delay_ns = round(self._delay[0] * NANOSECONDS_PER_SECOND)
        newest = None
        while self._under_way and self._under_way[0][0] <= now_ns - delay_ns:
            newest = self._under_way.popleft()
        return newest
