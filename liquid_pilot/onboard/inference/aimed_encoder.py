"""The encoder of a picture that is turned as if the camera looked elsewhere.

A camera that is turned against the vehicle shows what a straight one would, in other places. For a
picture of a pinhole camera the turn R is the homography K R K^-1 (R. Hartley and A. Zisserman,
'Multiple View Geometry in Computer Vision', 2004, section 8.4), whatever stands in it. What the
camera does not see is filled with the nearest pixel that it sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount

Encode = Callable[[npt.NDArray[np.floating[Any]]], npt.NDArray[np.float32]]
"""Returns the features (F,) of a picture (1, 3, H, W)."""

TURN_RAD = math.radians(4.0)
TURNS = (
    CameraMount(yaw_rad=TURN_RAD),
    CameraMount(pitch_rad=TURN_RAD),
    CameraMount(roll_rad=TURN_RAD),
)
"""By how much a lesson has pictures turned further, to learn what each angle does."""


class AimedEncoder:
    """An encoder that sees pictures of a turned camera as a straight camera would show them.

    Args:
        encode: the encoder.
        camera: geometry of its pictures.
        base: how the camera is turned by the pilot file.
    """

    def __init__(
        self, encode: Encode, camera: CameraGeometry, base: CameraMount = STRAIGHT
    ) -> None:
        self._encode, self._base = encode, base
        self._camera = np.array(
            [[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]]
        )
        # A pixel is at its centre; positions of the geometry count from its corner.
        self._camera[:2, 2] -= 0.5
        self._from_pixels = np.linalg.inv(self._camera)
        self.aim = STRAIGHT
        """How the camera is believed to be turned, beyond what the pilot file says. A picture of a
        straight camera is encoded as it is, to the bit."""
        self._picture: npt.NDArray[np.floating[Any]] | None = None
        self._turned: npt.NDArray[np.float32] | None = None

    def __call__(self, picture: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """Return the features (F,) of a picture (1, 3, H, W), in a new array."""
        self._picture = picture
        return self._features(self.aim)

    def features_of_turns(self, turns: Sequence[CameraMount]) -> npt.NDArray[np.float32]:
        """Return what the features of the last picture were if the aim differed by each turn.

        Args:
            turns: what is added to the angles of the aim.

        Returns:
            (K, F) features, one row for each turn.
        """
        return np.stack([self._features(self.aim.plus(turn)) for turn in turns])

    def _features(self, aim: CameraMount) -> npt.NDArray[np.float32]:
        picture = self._picture
        assert picture is not None, 'encode a picture first'
        mount = self._base.plus(aim)
        return self._encode(picture if mount.is_straight else self._turn(picture, mount))

    def _turn(
        self, picture: npt.NDArray[np.floating[Any]], mount: CameraMount
    ) -> npt.NDArray[np.float32]:
        """Return the picture of a straight camera; it is valid until the next call."""
        if self._turned is None:
            self._turned = np.empty(picture.shape, np.float32)
        homography = self._camera @ mount.to_straight @ self._from_pixels
        for plane, turned in zip(picture[0], self._turned[0], strict=True):
            cv2.warpPerspective(
                plane,
                homography,
                plane.shape[::-1],
                dst=turned,
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
        return self._turned
