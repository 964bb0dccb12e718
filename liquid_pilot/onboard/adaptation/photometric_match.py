"""Photometric match: preprocessing that brings the image's luminance back to that of training.

The running mean and contrast of the luminance are compared with those of training. Within the
spread of training the image is left as it is, to the bit. Far outside of it the image is shifted
and scaled until both are as in training. In between it is corrected in part.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

from liquid_pilot.onboard.adaptation import _filter_kernels
from liquid_pilot.onboard.adaptation.learner_messages import FloatArray

SMOOTHING_S = 1.0
"""Time constant of the running mean and contrast, s."""
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
        reference: (2, 2) the mean, then the standard deviation over training, of the mean luminance
            and of the log of its standard deviation within an image.
    """

    def __init__(self, reference: FloatArray) -> None:
        (self._mean, self._log_contrast), self._reference_sigma = reference.astype(float).tolist()

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
        mean, contrast = _filter_kernels.luminance_stats(image)
        if contrast >= _MIN_CONTRAST:
            current = LuminanceStats(mean, math.log(contrast))
            if luminance is None:
                luminance = current
            else:
                smoothing = -math.expm1(-dt_s / SMOOTHING_S)
                luminance = LuminanceStats(
                    *(
                        old + smoothing * (new - old)
                        for old, new in zip(luminance, current, strict=True)
                    )
                )
        if luminance is None:
            return None, 1.0
        log_gain = _correction(
            self._log_contrast - luminance.log_contrast, self._reference_sigma[1]
        )
        gain = min(max(math.exp(log_gain), GAIN_RANGE[0]), GAIN_RANGE[1])
        target = luminance.mean + _correction(self._mean - luminance.mean, self._reference_sigma[0])
        if gain != 1.0 or target != luminance.mean:
            _filter_kernels.apply_gain_offset(image, gain, target - gain * luminance.mean)
        return luminance, gain


def _correction(difference: float, sigma: float) -> float:
    """Return the part of a difference from training that is corrected."""
    inner, outer = DEAD_BAND_SIGMAS
    return difference * min(max((abs(difference) / sigma - inner) / (outer - inner), 0.0), 1.0)
