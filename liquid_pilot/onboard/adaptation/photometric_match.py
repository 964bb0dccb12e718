"""Photometric match: preprocessing that brings the image's luminance back to that of training.

The running mean and contrast of the luminance are compared with those of training. Within the
spread of training the image is left as it is, to the bit. Far outside of it the image is shifted
and scaled until both are as in training. In between it is corrected in part.

Contrast is restored as far as the light took it away. What a blurred or dirty lens took is left out
of the gain (`lens_loss`): the light is as before, and amplifying would stretch what is left.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

from liquid_pilot.onboard.adaptation import _filter_kernels
from liquid_pilot.onboard.adaptation.learner_messages import FloatArray
from liquid_pilot.onboard.adaptation.lens_loss import LensLoss, LensSigns
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics

SMOOTHING_S = 1.0
"""Time constant of the running statistics, s."""
DEAD_BAND_SIGMAS = (2.0, 4.0)
"""Standard deviations of training from its mean: up to the first nothing is corrected, from the
second on everything."""
GAIN_RANGE = (1.0, 16.0)
"""Bounds of the gain."""
_MIN_CONTRAST = 2.0 / 255.0
"""Contrast below which an image says nothing about the luminance."""


class LuminanceStats(NamedTuple):
    """Running statistics of the luminance."""

    mean: float
    """Mean over the image, in [0, 1]."""
    log_contrast: float
    """Logarithm of the standard deviation over the image."""
    lens: LensSigns | None = None
    """What tells of a blurred or dirty lens; None unless contrast is so low that a gain is due."""


class PhotometricStage(Protocol):
    """The part of the frontend that corrects the luminance; its first state is None."""

    def process(
        self, image: FloatArray, luminance: LuminanceStats | None, dt_s: float
    ) -> tuple[LuminanceStats | None, float]:
        """Correct an image in place; see `PhotometricMatch.process`."""
        ...


class NoPhotometricMatch:
    """The null stage: images stay as they are."""

    def process(
        self, image: FloatArray, luminance: LuminanceStats | None, dt_s: float
    ) -> tuple[None, float]:
        """Leave the image unchanged; return no statistics and a gain of 1."""
        return None, 1.0


class PhotometricMatch:
    """The photometric match of one pilot.

    Args:
        statistics: training statistics of the pilot.
        height: height of the images, pixels.
        width: width of the images, pixels.

    Raises:
        LiquidPilotError: there are more blocks than pixels along an axis.
    """

    def __init__(self, statistics: TrainingStatistics, height: int, width: int) -> None:
        self._mean, self._log_contrast = map(float, statistics.luminance[0])
        self._sigma_mean, self._sigma_log_contrast = map(float, statistics.luminance[1])
        self._lens_loss = LensLoss(statistics.texture_mean, height, width)

    def process(
        self, image: FloatArray, luminance: LuminanceStats | None, dt_s: float
    ) -> tuple[LuminanceStats | None, float]:
        """Correct an image in place.

        Args:
            image: (3, H, W) float32 in [0, 1].
            luminance: the running statistics; None before the first image.
            dt_s: elapsed time since the image before it, s.

        Returns:
            The new running statistics, and the gain that was applied.
        """
        luminance = self._update(image, luminance, dt_s)
        if luminance is None:
            return None, 1.0
        taken_by_lens = self._lens_loss.contrast(luminance.lens) if luminance.lens else 0.0
        log_gain = self._correct_contrast(luminance, taken_by_lens)
        gain = min(max(math.exp(log_gain), GAIN_RANGE[0]), GAIN_RANGE[1])
        target = luminance.mean + _correction(self._mean - luminance.mean, self._sigma_mean)
        if gain != 1.0 or target != luminance.mean:
            _filter_kernels.apply_gain_offset(image, gain, target - gain * luminance.mean)
        return luminance, gain

    def _update(
        self, image: FloatArray, luminance: LuminanceStats | None, dt_s: float
    ) -> LuminanceStats | None:
        """Return the running statistics after an image; a blank one leaves them as they were."""
        mean, contrast = _filter_kernels.luminance_stats(image)
        if contrast < _MIN_CONTRAST:
            return luminance
        log_contrast = math.log(contrast)
        before = luminance or LuminanceStats(mean, log_contrast)
        smoothing = -math.expm1(-dt_s / SMOOTHING_S)
        after = LuminanceStats(
            before.mean + smoothing * (mean - before.mean),
            before.log_contrast + smoothing * (log_contrast - before.log_contrast),
        )
        if self._correct_contrast(after, 0.0) <= 0.0:
            return after
        missing = self._log_contrast - log_contrast
        signs = self._lens_loss.update(image, missing, before.lens, dt_s, SMOOTHING_S)
        return after._replace(lens=signs)

    def _correct_contrast(self, luminance: LuminanceStats, taken_by_lens: float) -> float:
        """Return the logarithm of the gain that the running contrast calls for."""
        missing = self._log_contrast - luminance.log_contrast - taken_by_lens
        return _correction(missing, self._sigma_log_contrast)


def _correction(difference: float, sigma: float) -> float:
    """Return the part of a difference from training that is corrected."""
    inner, outer = DEAD_BAND_SIGMAS
    return difference * min(max((abs(difference) / sigma - inner) / (outer - inner), 0.0), 1.0)
