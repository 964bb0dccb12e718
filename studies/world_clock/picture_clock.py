"""The control that reads the clock from picture and gyroscope, without a bank of cores.

A camera that turns by an angle moves its picture by the focal length times that angle. The
gyroscope's rate times the told elapsed time is the angle by the stamps; the shift of the picture
tells the true one. Their ratio is the factor by which the stamps lie, whatever the core is.
"""

from __future__ import annotations

import json
import math

import cv2
import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate
from liquid_pilot.onboard.adaptation.time_scales import capacitance_log_range
from liquid_pilot.onboard.adaptation.world_clock.clock_evidence import ClockSettings
from liquid_pilot.pilot_file import PilotFile

MIN_SHIFT_PX = 0.7
"""Smallest shift of a picture that counts, pixels: what is smaller is noise."""
MIN_RESPONSE = 0.1
"""Smallest peak of the phase correlation that counts, of 1."""
MIN_COUNT = 8
"""Number of shifts from which on the ratio is believed."""
DEAD_BAND = math.log(1.5)
"""Log-ratio up to which the clock is believed."""
_GREY = np.float32((0.299, 0.587, 0.114))
"""Weights of red, green and blue in luminance (ITU-R BT.601)."""


class ShiftMeter:
    """Measures how far a picture has moved sideways since the one before it.

    Phase correlation (Kuglin and Hines 1975) of the luminance, in a Hann window.
    """

    def __init__(self) -> None:
        self._window: np.ndarray | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the last picture."""
        self._last: np.ndarray | None = None
        self.shift_px: float | None = None
        """Shift to the right since the picture before, pixels; None where it cannot be told."""

    def watch(self, picture: np.ndarray) -> None:
        """Take the next picture, (1, 3, H, W) float32."""
        grey = np.tensordot(_GREY, picture[0], 1)
        grey = np.ascontiguousarray(grey - grey.mean(), np.float32)
        if self._window is None:
            self._window = cv2.createHanningWindow(grey.shape[::-1], cv2.CV_32F)
        last, self._last, self.shift_px = self._last, grey, None
        if last is not None:
            (right, _), response = cv2.phaseCorrelate(last, grey, self._window)
            if response >= MIN_RESPONSE:
                self.shift_px = float(right)


class PictureClockLearner:
    """A learner that scales the core by the ratio of the gyroscope's turns to the picture's.

    The ratio is the weighted median over the flight, with the shifts as weights. The change of the
    log-scale is bounded as that of the bank, and so is its trust region.

    Args:
        pilot: the pilot file.
    """

    def __init__(self, pilot: PilotFile) -> None:
        statistics, specification = pilot.require_statistics(), pilot.specification
        assert pilot.wiring is not None
        self._neurons = pilot.wiring.neurons
        self._zeros = np.zeros(statistics.filter_tau_s.shape, np.float32)
        self._focal_px = specification.camera.fx
        self._range = capacitance_log_range(specification)
        self._step = ClockSettings().max_change_per_tick
        self.meter = ShiftMeter()
        """The meter, which must be given each picture before the tick is learned from."""
        self.reset()

    def reset(self) -> None:
        """Forget all shifts."""
        self.meter.reset()
        self._ratios: list[float] = []
        self._weights: list[float] = []
        self._log_scale = 0.0

    def update(self, learner_input: LearnerInput) -> TimeScaleUpdate:
        """Compare the last turn with the last shift; see `Learner.update`."""
        shift_px = self.meter.shift_px
        # To turn left moves the picture right (`AdaptiveFrontend.image_shift_px`).
        expected_px = self._focal_px * float(learner_input.imu[2]) * learner_input.dt_s
        if shift_px is not None and abs(shift_px) >= MIN_SHIFT_PX and expected_px / shift_px > 0.0:
            self._ratios.append(math.log(expected_px / shift_px))
            self._weights.append(abs(shift_px))
        target = self._target()
        self._log_scale += min(max(target - self._log_scale, -self._step), self._step)
        log_cm = np.full(self._neurons, self._log_scale, np.float32)
        return TimeScaleUpdate(learner_input.sequence, self._zeros, log_cm, 0.0 * log_cm)

    def _target(self) -> float:
        if len(self._ratios) < MIN_COUNT:
            return 0.0
        order = np.argsort(self._ratios)
        total = np.cumsum(np.array(self._weights)[order])
        median = self._ratios[order[int(np.searchsorted(total, 0.5 * total[-1]))]]
        return min(max(median, self._range[0]), self._range[1]) if abs(median) > DEAD_BAND else 0.0

    def snapshot(self, digest: str) -> str:
        """Return all turns that were compared as JSON; see `PersistentLearner.snapshot`."""
        return json.dumps([digest, self._ratios, self._weights, self._log_scale])

    def restore(self, text: str, digest: str) -> None:
        """Take over the turns of a snapshot; see `PersistentLearner.restore`."""
        source, ratios, weights, log_scale = json.loads(text)
        if source != digest:
            raise LiquidPilotError(f'snapshot: it is of the pilot {source:.12}')
        self._ratios, self._weights, self._log_scale = ratios, weights, log_scale

    def describe(self) -> tuple[str, str]:
        """Return the state in one word, and the reason in one sentence."""
        return 'comparing', f'the stamps run {math.exp(self._target()):.2f} times too fast'
