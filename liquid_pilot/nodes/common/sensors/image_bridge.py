"""Reads image encodings that the preprocessing does not know, by cv_bridge where it is installed.

It is part of ROS from apt and built for one version of NumPy, so that it may be absent or fail to
be imported: then such encodings are refused, and nothing else changes.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np
from sensor_msgs.msg import Image

from liquid_pilot.interfaces import ImageBuffer, ObservationError
from liquid_pilot.onboard.perception.image_preprocessing import ENCODINGS


def converted(message: Image) -> ImageBuffer | None:
    """Return an image of an unknown encoding as rgb8.

    Args:
        message: the image.

    Returns:
        The image; None where the preprocessing knows the encoding, or cv_bridge is absent.

    Raises:
        ObservationError: cv_bridge cannot convert it.
    """
    if message.encoding in ENCODINGS:
        return None
    bridge = _bridge()
    if bridge is None:
        return None
    try:
        rgb = np.ascontiguousarray(bridge.imgmsg_to_cv2(message, desired_encoding='rgb8'))
        height, width = rgb.shape[:2]
    # Its errors are of several kinds: CvBridgeError, cv2.error, ValueError, TypeError.
    except Exception as error:
        reason = ' '.join(str(error).split())
        raise ObservationError(
            f'image: encoding {message.encoding!r} is not known, and cv_bridge cannot convert it '
            f'({reason}); make the driver send one of {", ".join(ENCODINGS)}'
        ) from None
    return ImageBuffer(rgb, width, height, 3 * width, 'rgb8')


@cache
def _bridge() -> Any:
    """Return cv_bridge's converter; None where it cannot be imported."""
    try:
        return importlib.import_module('cv_bridge').CvBridge()
    # Built for another NumPy it raises more than ImportError.
    except Exception:
        return None
