"""Encoding of pictures as PNG."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def encode_png(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture as the bytes of a PNG file.

    Args:
        rgb: (H, W, 3) uint8 RGB.
    """
    data: npt.NDArray[np.uint8] = cv2.imencode('.png', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1]
    return data.tobytes()
