"""Masks of objects in the size of the picture that the encoder sees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.encoder.operators import FloatArray
from liquid_pilot.interfaces import ImageBuffer
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor


def preprocessed_mask(mask: npt.NDArray[np.bool_], preprocess: Preprocessor) -> FloatArray:
    """Return how much of each pixel of the preprocessed picture an object covers.

    The mask takes the way of the picture: the same cut, the same scaling.

    Args:
        mask: (h, w) pixels of the camera's picture that show the object.
        preprocess: the preprocessing of the pilot for this camera.

    Returns:
        (H, W) share of each pixel, in [0, 1], in steps of 1/255.
    """
    height, width = mask.shape
    grey = np.where(mask, np.uint8(255), np.uint8(0))
    picture = preprocess(ImageBuffer(grey.tobytes(), width, height, width, 'mono8'))
    share: FloatArray = picture[0, 0].copy()
    return share
