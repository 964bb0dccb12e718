"""Photometric match: preprocessing that brings the picture's light back to what was trained on.

A running mean and contrast of the luminance are compared with those of training. Within the spread
that training has, the picture is left as it is, to the bit; far outside it is moved and stretched
until both are as in training; in between, partly.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from liquid_pilot.onboard.adaptation import _filter_kernels

SMOOTHING_S = 1.0
"""Time constant of the running mean and contrast."""
DEAD_BAND_SIGMAS = (2.0, 4.0)
"""Spreads of training from its mean: up to where nothing is done, and from where all is."""
GAIN_RANGE = (1.0, 16.0)
_MIN_CONTRAST = 2.0 / 255.0
"""A picture with less contrast than this says nothing about the light."""


class LuminanceStats(NamedTuple):
    """What of the light goes from tick to tick."""

    mean: float
    log_contrast: float


class PhotometricMatch:
    """`usual` (2, 2): mean luminance and log standard deviation: mean, then spread."""

    def __init__(self, usual: np.ndarray) -> None:
        (self._mean, self._log_contrast), self._spread = usual.astype(float).tolist()

    def __call__(
        self, image: np.ndarray, light: LuminanceStats | None, dt_s: float
    ) -> tuple[LuminanceStats | None, float]:
        """Change (3, H, W) float32 in [0, 1] in place; the new running light, the gain used."""
        mean, contrast = _filter_kernels.luminance_stats(image)
        if contrast >= _MIN_CONTRAST:
            now = LuminanceStats(mean, math.log(contrast))
            if light is None:
                light = now
            else:
                share = -math.expm1(-dt_s / SMOOTHING_S)
                light = LuminanceStats(
                    *(old + share * (new - old) for old, new in zip(light, now, strict=True))
                )
        if light is None:
            return None, 1.0
        log_gain = self._correction(self._log_contrast - light.log_contrast, self._spread[1])
        gain = min(max(math.exp(log_gain), GAIN_RANGE[0]), GAIN_RANGE[1])
        offset = light.mean + self._correction(self._mean - light.mean, self._spread[0])
        if gain != 1.0 or offset != light.mean:
            _filter_kernels.apply_gain_offset(image, gain, offset - gain * light.mean)
        return light, gain

    @staticmethod
    def _correction(difference: float, spread: float) -> float:
        """How much of a difference is mended."""
        inner, outer = DEAD_BAND_SIGMAS
        return difference * min(max((abs(difference) / spread - inner) / (outer - inner), 0.0), 1.0)
