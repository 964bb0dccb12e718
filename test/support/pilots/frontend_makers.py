"""Sizes, settings and a measure of pictures that the tests of the frontend share."""

import numpy as np

from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings

HEIGHT, WIDTH, GRID = 32, 64, (4, 8)
DT_S = 0.05
ALL_OFF = FrontendSettings(
    photometric=False,
    temporal_filter=False,
    reject_novel_frames=False,
    slow_core_on_novelty=False,
    slowdown_on_blindness=False,
)


def luminance(image):
    """Return the luminance (H, W) of an image (1, 3, H, W), in float64."""
    return np.tensordot((0.299, 0.587, 0.114), image[0].astype(float), 1)
