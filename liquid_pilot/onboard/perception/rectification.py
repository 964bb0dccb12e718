"""A lens that bends straight lines, and what a camera without it would have seen.

Calibrations are sensor_msgs/CameraInfo's: the models of OpenCV's calib3d and fisheye modules under
the names of ROS (sensor_msgs/distortion_models.hpp).
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from liquid_pilot.interfaces import CameraGeometry, DistortedCamera, ObservationError
from liquid_pilot.onboard.perception.field_of_view import (
    MAX_MISSING_FRACTION,
    Crop,
    check_calibrated,
    checked_image_scale,
    format_fov,
)

DISTORTION_MODELS: dict[str, tuple[int, ...]] = {
    'plumb_bob': (4, 5),
    'rational_polynomial': (8, 12, 14),
    'equidistant': (4,),
}
"""Distortion model to how many coefficients it may have."""
_MAX_OVERSAMPLING = 16
"""Pixels sampled per pixel of the pilot, along each axis, at most."""


class Rectification:
    """The target's view out of the distorted image of `source`, for one size of image.

    Call it with the pixels of `box` of the image; it gives the target's view at `factor` times
    the target's size. ObservationError when the calibration cannot be used, or when the camera
    lacks more than 3 % of the view.
    """

    def __init__(
        self, target: CameraGeometry, source: DistortedCamera, width: int, height: int
    ) -> None:
        _check_distortion(source)
        scale = checked_image_scale(source, width, height)
        coarse = _project(source, _rays(target, 2), scale)
        with np.errstate(over='ignore', invalid='ignore'):
            across, down = np.gradient(coarse, axis=1), np.gradient(coarse, axis=0)
            areas = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
        if not (np.isfinite(coarse).all() and (areas > 0.0).all()):
            # Far out the polynomials turn back, and show a ring of the image once more.
            raise ObservationError(
                f'camera: its distortion ({source.model}) does not hold out to the '
                f'{format_fov(target)} that the pilot needs; calibrate it with the board near the '
                "image's corners, or use a wider lens"
            )
        inside = ((coarse >= 0.0) & (coarse <= (width, height))).all(axis=-1)
        lacks = 1.0 - float(inside.mean())
        if lacks > MAX_MISSING_FRACTION:
            raise ObservationError(
                f'camera: {lacks:.0%} of the {format_fov(target)} that the pilot needs lie outside '
                'its image; use a wider lens or a pilot trained for this camera'
            )
        # As fine as the image where that is finest, so that nothing is skipped.
        self.factor = min(max(math.ceil(2.0 * math.sqrt(areas.max()) - 0.02), 1), _MAX_OVERSAMPLING)
        # Positions count from the corner of a pixel, OpenCV's from its centre.
        fine = _project(source, _rays(target, self.factor), scale) - 0.5
        fine = np.clip(fine, 0.0, (width - 1, height - 1))
        begin = np.floor(fine.min(axis=(0, 1))).astype(int)
        end = np.minimum(np.floor(fine.max(axis=(0, 1))).astype(int) + 2, (width, height))
        self.box = Crop(*map(int, begin), *map(int, end - begin))
        """What it needs of the image."""
        fine = (fine - begin).astype(np.float32)
        self._maps = cv2.convertMaps(fine[..., 0], fine[..., 1], cv2.CV_16SC2)
        self._made: np.ndarray | None = None

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """(h, w) or (h, w, channels) of `box` -> the view; valid until the next call."""
        self._made = cv2.remap(
            pixels, *self._maps, cv2.INTER_LINEAR, dst=self._made, borderMode=cv2.BORDER_REPLICATE
        )
        return self._made


def _check_distortion(source: DistortedCamera) -> None:
    check_calibrated(source)
    counts = DISTORTION_MODELS.get(source.model)
    if counts is None:
        raise ObservationError(
            f'camera: the distortion model {source.model!r} is not known ({", ".join(DISTORTION_MODELS)} '
            'are); rectify before the pilot (image_proc), and set `rectified` to true'
        )
    if len(source.coefficients) not in counts or not all(map(math.isfinite, source.coefficients)):
        raise ObservationError(
            f'camera: camera_info has the coefficients {list(source.coefficients)} for '
            f'{source.model}, which needs {" or ".join(map(str, counts))} finite ones; '
            'calibrate the camera'
        )


def _rays(target: CameraGeometry, factor: int) -> np.ndarray:
    """(h, w, 2) tangents of the rays through the pixels of a finer target."""
    x = ((np.arange(target.width * factor) + 0.5) / factor - target.cx) / target.fx
    y = ((np.arange(target.height * factor) + 0.5) / factor - target.cy) / target.fy
    return np.stack(np.meshgrid(x, y), axis=-1)


def _project(source: DistortedCamera, rays: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """(h, w, 2) where rays meet the image, in pixels from its upper left corner."""
    flat = np.concatenate([rays.reshape(-1, 2), np.ones((rays.size // 2, 1))], axis=1)
    matrix = np.array([[source.fx, 0.0, source.cx], [0.0, source.fy, source.cy], [0.0, 0.0, 1.0]])
    coefficients, nothing = np.array(source.coefficients), np.zeros(3)
    if source.model == 'equidistant':
        found, _ = cv2.fisheye.projectPoints(flat[None], nothing, nothing, matrix, coefficients)
    else:
        found, _ = cv2.projectPoints(flat, nothing, nothing, matrix, coefficients)
    return found.reshape(rays.shape) * scale
