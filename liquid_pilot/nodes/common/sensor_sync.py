"""Pairs each camera frame with the IMU samples that belong to it. Plain Python, no clock.

In lock-step a frame waits for the IMU sample of its own instant and gets exactly the samples
between the frame before and itself, whatever order they arrived in: the flight is then the same as
in one process. On a vehicle the clocks of camera and IMU need not agree, so there a frame gets the
samples that arrived since the one before it.
"""

from __future__ import annotations

from collections import deque

from liquid_pilot.interfaces import ImageBuffer, ImuSample, Observation, ObservationError

_MAX_SAMPLES = 2000


class ImuTimeoutError(ObservationError):
    """No IMU sample for a frame; the message says since when."""


class CameraImuSync:
    """Collects samples and the newest frame; `now_s` are steady seconds of arrival."""

    def __init__(self, lockstep: bool) -> None:
        self.lockstep = lockstep
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._samples: deque[tuple[float, ImuSample]] = deque(maxlen=_MAX_SAMPLES)
        self._last: tuple[float, ImuSample] | None = None
        self._frame: tuple[int, ImageBuffer] | None = None

    def add_imu(self, sample: ImuSample, now_s: float) -> None:
        """Keep a sample."""
        self._samples.append((now_s, sample))
        self._last = (now_s, sample)

    def add_frame(self, stamp_ns: int, image: ImageBuffer) -> None:
        """Keep a frame, in place of one that still waits."""
        self._frame = (stamp_ns, image)

    @property
    def waiting(self) -> bool:
        """Whether a frame waits for its IMU samples."""
        return self._frame is not None

    @property
    def has_imu(self) -> bool:
        """Whether any sample has come."""
        return self._last is not None

    def take(self, now_s: float, imu_timeout_s: float) -> Observation | None:
        """The frame with its samples; None when there is no frame, or when it has to wait.

        ImuTimeoutError when no sample is young enough: the frame is then gone.
        """
        if self._frame is None:
            return None
        stamp_ns, image = self._frame
        if self.lockstep:
            if self._last is None or self._last[1].stamp_ns < stamp_ns:
                return None
            imu = tuple(sample for _, sample in self._samples if sample.stamp_ns <= stamp_ns)
        else:
            imu = tuple(
                sample for arrived_s, sample in self._samples if now_s - arrived_s <= imu_timeout_s
            )
            self._samples.clear()
            if not imu and self._last is not None and now_s - self._last[0] <= imu_timeout_s:
                # An IMU slower than the camera: its last sample still holds.
                imu = (self._last[1],)
        self._frame = None
        if not imu:
            raise ImuTimeoutError(
                'no message has ever come'
                if self._last is None
                else f'no message for {now_s - self._last[0]:.1f} s'
            )
        return Observation(stamp_ns, image, imu)

    def flown(self, stamp_ns: int) -> None:
        """The observation was flown on: in lock-step its samples are used up only now.

        A frame that was refused is sent again, and needs them again.
        """
        if self.lockstep:
            while self._samples and self._samples[0][1].stamp_ns <= stamp_ns:
                self._samples.popleft()
