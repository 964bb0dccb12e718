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
DEAD_BAND = (2.0, 4.0)
"""Spreads of training from its mean: up to where nothing is done, and from where all is."""
GAIN = (1.0, 16.0)
_BLANK = 2.0 / 255.0
"""A picture with less contrast than this says nothing about the light."""


class Light(NamedTuple):
    """What of the light goes from tick to tick."""

    mean: float
    log_contrast: float


class PhotometricMatch:
    """`usual` (2, 2): mean luminance and log standard deviation: mean, then spread."""

    def __init__(self, usual: np.ndarray) -> None:
        (self._mean, self._log_contrast), self._spread = usual.astype(float).tolist()

    def __call__(self, image: np.ndarray, light: Light | None, dt_s: float
                 ) -> tuple[Light | None, float]:
        """Change (3, H, W) float32 in [0, 1] in place; the new running light, the gain used."""
        mean, contrast = _filter_kernels.light(image)
        if contrast >= _BLANK:
            now = Light(mean, math.log(contrast))
            if light is None:
                light = now
            else:
                share = -math.expm1(-dt_s / SMOOTHING_S)
                light = Light(*(old + share * (new - old)
                                for old, new in zip(light, now, strict=True)))
        if light is None:
            return None, 1.0
        log_gain = self._outside(self._log_contrast - light.log_contrast, self._spread[1])
        gain = min(max(math.exp(log_gain), GAIN[0]), GAIN[1])
        offset = light.mean + self._outside(self._mean - light.mean, self._spread[0])
        if gain != 1.0 or offset != light.mean:
            _filter_kernels.adjust(image, gain, offset - gain * light.mean)
        return light, gain

    @staticmethod
    def _outside(difference: float, spread: float) -> float:
        """How much of a difference is mended."""
        inner, outer = DEAD_BAND
        return difference * min(max((abs(difference) / spread - inner) / (outer - inner), 0.0), 1.0)
