"""Pair each camera frame with the IMU samples that belong to it, without a clock of its own.

In lock-step a frame waits for the IMU sample of its own instant. It gets exactly the samples
between the previous frame and itself, in whatever order they arrived, so that a flight is the same
as in one process. On a vehicle the clocks of camera and IMU need not agree. There a frame gets the
samples that arrived since the previous frame.
"""

from __future__ import annotations

from collections import deque

from liquid_pilot.interfaces import ImageBuffer, ImuSample, Observation, ObservationError

_MAX_SAMPLES = 2000
"""Number of IMU samples that are kept; older ones are dropped."""


class ImuTimeoutError(ObservationError):
    """There is no IMU sample for a frame; the message says since when."""


class CameraImuSync:
    """Collects IMU samples and the newest frame; `now_s` is the steady time of arrival, s."""

    def __init__(self, lockstep: bool) -> None:
        """Start without frames and samples.

        Args:
            lockstep: whether frames and samples are paired by their stamps (else by arrival).
        """
        self.lockstep = lockstep
        self.reset()

    def reset(self) -> None:
        """Forget all frames and samples."""
        self._samples: deque[tuple[float, ImuSample]] = deque(maxlen=_MAX_SAMPLES)
        self._last: tuple[float, ImuSample] | None = None
        self._frame: tuple[int, ImageBuffer] | None = None

    def add_imu(self, sample: ImuSample, now_s: float) -> None:
        """Store a sample."""
        self._samples.append((now_s, sample))
        self._last = (now_s, sample)

    def add_frame(self, stamp_ns: int, image: ImageBuffer) -> None:
        """Store a frame; it replaces one that still waits."""
        self._frame = (stamp_ns, image)

    @property
    def has_frame(self) -> bool:
        """Whether a frame waits for its IMU samples."""
        return self._frame is not None

    @property
    def has_imu(self) -> bool:
        """Whether any sample has arrived since the last reset."""
        return self._last is not None

    def pop_observation(self, now_s: float, imu_timeout_s: float) -> Observation | None:
        """Return the frame with its samples and forget the frame.

        Args:
            now_s: steady time in seconds.
            imu_timeout_s: maximum age of a sample, by its arrival, when not in lock-step.

        Returns:
            The observation, or None when there is no frame or it has to wait for its samples.

        Raises:
            ImuTimeoutError: no sample is young enough; the frame is dropped.
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
                # The IMU is slower than the camera: its last sample is still valid.
                imu = (self._last[1],)
        self._frame = None
        if not imu:
            raise ImuTimeoutError(
                'no message has ever arrived'
                if self._last is None
                else f'no message for {now_s - self._last[0]:.1f} s'
            )
        return Observation(stamp_ns, image, imu)

    def consume(self, stamp_ns: int) -> None:
        """Remove the samples of a frame that was flown on, in lock-step.

        A frame that was rejected is sent again and needs its samples again, so they are kept until
        a tick has succeeded.

        Args:
            stamp_ns: stamp of the frame.
        """
        if self.lockstep:
            while self._samples and self._samples[0][1].stamp_ns <= stamp_ns:
                self._samples.popleft()
