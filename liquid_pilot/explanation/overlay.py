"""Draws a saliency map over a picture, in colours that everybody can tell apart."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.encoder.operators import FloatArray

STOPS = (
    (0.00, (26, 10, 60)),
    (0.35, (122, 28, 109)),
    (0.60, (213, 72, 66)),
    (0.82, (251, 164, 34)),
    (1.00, (255, 250, 170)),
)
"""Colours of the map: from a dark purple over red and orange to a light yellow. Their brightness
grows throughout, so that the order is right in grey and with any kind of colour vision."""


def colours(saliency: FloatArray) -> npt.NDArray[np.uint8]:
    """Return the colours of a map.

    Args:
        saliency: (H, W) in [0, 1].

    Returns:
        (H, W, 3) RGB.
    """
    places = [place for place, _ in STOPS]
    table = [
        np.interp(np.linspace(0.0, 1.0, 256), places, [colour[channel] for _, colour in STOPS])
        for channel in range(3)
    ]
    levels = (255.0 * np.clip(saliency, 0.0, 1.0) + 0.5).astype(np.uint8)
    picked: npt.NDArray[np.uint8] = (np.stack(table, axis=1) + 0.5).astype(np.uint8)[levels]
    return picked


def overlay(
    rgb: npt.NDArray[np.uint8], saliency: FloatArray, strength: float = 0.6
) -> npt.NDArray[np.uint8]:
    """Return a picture with its saliency map laid over it.

    The picture turns grey and dim where nothing counts, so that colour means saliency alone, and
    it stays recognisable: a bright picture such as one of snow, and a dark one, are brought to the
    same range of brightness first.

    Args:
        rgb: (H, W, 3) picture of any size.
        saliency: (h, w) in [0, 1]; it is scaled to the size of the picture.
        strength: share of the colour where the saliency is 1, 0 to 1.

    Returns:
        (H, W, 3) RGB.
    """
    height, width = rgb.shape[:2]
    scaled = cv2.resize(
        np.asarray(saliency, np.float32), (width, height), interpolation=cv2.INTER_LINEAR
    )
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    low, high = np.percentile(grey, (1.0, 99.0))
    span = max(float(high - low), 32.0)
    grey = np.clip((grey - low) / span, 0.0, 1.0) * 140.0 + 20.0
    # The square root shows weak saliency too: most pixels of a map are far below its maximum.
    share = (strength * np.sqrt(np.clip(scaled, 0.0, 1.0)))[:, :, None]
    mixed = (1.0 - share) * grey[:, :, None] + share * colours(np.sqrt(np.clip(scaled, 0.0, 1.0)))
    rounded: npt.NDArray[np.uint8] = (mixed + 0.5).astype(np.uint8)
    return rounded
