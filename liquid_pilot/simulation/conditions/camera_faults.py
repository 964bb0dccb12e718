"""Faults of a camera: blank frames, a covered lens, and frames that arrive late or get lost."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import cv2
import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, ImageBuffer
from liquid_pilot.simulation.base.frame_context import FrameContext, Picture

_BURST_S = (0.75, 1.75)
_TIME_TOLERANCE_S = 1e-6


class Blink:
    """Makes a share of the frames black, each independently.

    Args:
        rng: source of the choice.
        share: probability of a black frame.
    """

    def __init__(self, rng: np.random.Generator, share: float) -> None:
        self._rng, self._share = rng, share

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the frame, or a black one."""
        return np.zeros_like(rgb) if self._rng.random() < self._share else rgb


class Occlusion:
    """Covers most of the picture with a plain rectangle, in bursts of 0.75 to 1.75 s.

    Position, size and colour are drawn for each burst.

    Args:
        rng: source of times, rectangles and colours.
        share: mean share of time that bursts take.
    """

    def __init__(self, rng: np.random.Generator, share: float) -> None:
        self._rng, self._share = rng, share
        self._until_s: float | None = None
        self._covering = False

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the frame, covered during a burst."""
        if self._share <= 0.0:
            return rgb
        until_s = self._until_s
        if until_s is None:
            until_s = self._begin_phase(context.time_s, self._rng.random() < self._share)
        while context.time_s >= until_s:
            until_s = self._begin_phase(until_s, not self._covering)
        self._until_s = until_s
        if not self._covering:
            return rgb
        height, width = rgb.shape[:2]
        left, top, right, bottom = (self._corners * (width, height, width, height)).astype(int)
        rgb = rgb.copy()
        cv2.rectangle(rgb, (left, top), (right, bottom), self._colour, cv2.FILLED)
        return rgb

    def _begin_phase(self, now_s: float, covering: bool) -> float:
        """Begin a burst or a pause. Return the time of its end, s."""
        rng, self._covering = self._rng, covering
        length_s = rng.uniform(*_BURST_S)
        if not covering:
            length_s *= (1.0 - self._share) / self._share
        low, high = rng.uniform(0.0, 0.12, 2), rng.uniform(0.88, 1.0, 2)
        self._corners = np.concatenate([low, high])
        self._colour = tuple(float(value) for value in rng.uniform(20, 110, 3))
        return now_s + length_s


class TimedStrength(NamedTuple):
    """The strength of a condition of timing, and its onset."""

    strength: float
    """Strength, in the unit of the family."""
    onset_s: float
    """Time of flight at which the condition begins, s."""

    def active(self, time_s: float) -> bool:
        """Return whether the condition has begun at a time of flight."""
        return time_s >= self.onset_s - _TIME_TOLERANCE_S


class FrameTiming:
    """Decides which frames are captured, which get lost, and when they arrive.

    The first frame is always captured.

    Args:
        rng: source of the choice of lost frames.
        period: seconds between two frames; None: one frame every control period.
        lost: probability that a frame is lost; None: no frame is lost.
        delay: seconds from the capture of a frame to its arrival; None: frames arrive at once.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        period: TimedStrength | None,
        lost: TimedStrength | None,
        delay: TimedStrength | None,
    ) -> None:
        self._rng = rng
        self._period, self._lost, self._delay = period, lost, delay
        self._due_s = 0.0
        self._first = True
        self._under_way: deque[tuple[int, ImageBuffer]] = deque()

    def captures_frame(self, time_s: float) -> bool:
        """Return whether the camera captures a frame that does not get lost.

        Args:
            time_s: time of flight, s; call it once per control period.
        """
        period, lost = self._period, self._lost
        if self._first:
            self._first = False
            if period is not None and period.onset_s <= 0.0:
                self._due_s = period.strength
            return True
        if period is not None and period.active(time_s):
            if time_s < self._due_s - _TIME_TOLERANCE_S:
                return False
            self._due_s = max(self._due_s, period.onset_s) + period.strength
        if lost is None or not lost.active(time_s):
            return True
        return not self._rng.random() < lost.strength

    def arrived(
        self, now_ns: int, time_s: float, frame: tuple[int, ImageBuffer] | None
    ) -> tuple[int, ImageBuffer] | None:
        """Return the frame that arrives now.

        Args:
            now_ns: reading of the clock, ns.
            time_s: time of flight, s.
            frame: stamp (ns) and picture of the frame captured now, if there is one.

        Returns:
            Stamp and picture of the newest frame that arrives; None if none does.
        """
        if frame is not None:
            self._under_way.append(frame)
        delay_ns = 0
        if self._delay is not None and self._delay.active(time_s) and time_s > 0.0:
            delay_ns = round(self._delay.strength * NANOSECONDS_PER_SECOND)
        newest = None
        while self._under_way and self._under_way[0][0] <= now_ns - delay_ns:
            newest = self._under_way.popleft()
        return newest
