"""Rectification: the pilot's view out of the image of a camera with lens distortion.

Calibrations are those of sensor_msgs/CameraInfo: the models of OpenCV's calib3d and fisheye modules
under the names of ROS (sensor_msgs/distortion_models.hpp).
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import CameraGeometry, DistortedCamera, ObservationError
from liquid_pilot.onboard.perception.field_of_view import (
    MAX_MISSING_FRACTION,
    Crop,
    check_calibrated,
    check_image_size,
    format_fov,
)
from liquid_pilot.onboard.perception.lens_models import DISTORTION_MODELS, EQUIDISTANT

Pixels = npt.NDArray[Any]
"""An array (h, w) or (h, w, channels) of uint8 or uint16."""
_BLOCK = 16384
"""Number of points that are projected at a time."""
_MAX_OVERSAMPLING = 16
"""Largest number of samples per pixel of the pilot's image, along each axis."""


class Rectification:
    """The rectification of the images of one camera, of one size.

    Call it with the pixels of `source_crop`. It returns the target's view at `oversampling` times
    the target's size.

    Args:
        target: the camera that the pilot was trained with.
        source: the camera that flies.
        width: width of its images, pixels.
        height: height of its images, pixels.

    Raises:
        ObservationError: the calibration cannot be used, or the camera lacks more than
            MAX_MISSING_FRACTION of the target's view.
    """

    def __init__(
        self, target: CameraGeometry, source: DistortedCamera, width: int, height: int
    ) -> None:
        _check_distortion(source)
        check_image_size(source, width, height)
        coarse = _project(source, _rays(target, 2))
        with np.errstate(over='ignore', invalid='ignore'):
            right, down = np.gradient(coarse, axis=1), np.gradient(coarse, axis=0)
            areas = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
        if not (np.isfinite(coarse).all() and (areas > 0.0).all()):
            # Far from the axis the polynomials turn back, and show a ring of the image twice.
            raise ObservationError(
                f'camera: its distortion ({source.model}) does not hold out to the '
                f'{format_fov(target)} that the pilot needs; calibrate it with the board near the '
                "image's corners, or use a wider lens"
            )
        inside = ((coarse >= 0.0) & (coarse <= (width, height))).all(axis=-1)
        missing = 1.0 - float(inside.mean())
        if missing > MAX_MISSING_FRACTION:
            raise ObservationError(
                f'camera: {missing:.0%} of the {format_fov(target)} that the pilot needs lie '
                'outside its image; use a wider lens or a pilot trained for this camera'
            )
        # As fine as the image is at its finest, so that no pixel is skipped.
        self.oversampling = min(
            max(math.ceil(2.0 * math.sqrt(areas.max()) - 0.02), 1), _MAX_OVERSAMPLING
        )
        """Number of samples per pixel of the target, along each axis."""
        # Positions here count from the corner of a pixel, those of OpenCV from its centre.
        fine = _project(source, _rays(target, self.oversampling)) - 0.5
        fine = np.clip(fine, 0.0, (width - 1, height - 1))
        begin = np.floor(fine.min(axis=(0, 1))).astype(int)
        end = np.minimum(np.floor(fine.max(axis=(0, 1))).astype(int) + 2, (width, height))
        self.source_crop = Crop(*map(int, begin), *map(int, end - begin))
        """The part of the image that it needs."""
        fine = (fine - begin).astype(np.float32)
        self._map, self._map_fraction = cv2.convertMaps(fine[..., 0], fine[..., 1], cv2.CV_16SC2)
        self._view: Pixels | None = None

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return the target's view; it is valid until the next call.

        Args:
            pixels: (h, w) or (h, w, channels) of `source_crop`.
        """
        self._view = view = cv2.remap(
            pixels,
            self._map,
            self._map_fraction,
            cv2.INTER_LINEAR,
            dst=self._view,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return view


def _check_distortion(source: DistortedCamera) -> None:
    """Raise ObservationError for a calibration that cannot be used."""
    check_calibrated(source)
    counts = DISTORTION_MODELS.get(source.model)
    if counts is None:
        raise ObservationError(
            f'camera: the distortion model {source.model!r} is not known '
            f'({", ".join(DISTORTION_MODELS)} are); rectify before the pilot (image_proc), and set '
            '`rectified` to true'
        )
    if len(source.coefficients) not in counts or not all(map(math.isfinite, source.coefficients)):
        raise ObservationError(
            f'camera: camera_info has the coefficients {list(source.coefficients)} for '
            f'{source.model}, which needs {" or ".join(map(str, counts))} finite ones; '
            'calibrate the camera'
        )


def _rays(target: CameraGeometry, oversampling: int) -> npt.NDArray[np.float64]:
    """Return the tangents of the rays through the samples of a target, (h, w, 2)."""
    x = ((np.arange(target.width * oversampling) + 0.5) / oversampling - target.cx) / target.fx
    y = ((np.arange(target.height * oversampling) + 0.5) / oversampling - target.cy) / target.fy
    return np.stack(np.meshgrid(x, y), axis=-1)


def _project(source: DistortedCamera, rays: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return where rays (h, w, 2) meet the image, in pixels from its upper left corner."""
    flat = np.concatenate([rays.reshape(-1, 2), np.ones((rays.size // 2, 1))], axis=1)
    matrix = np.array([[source.fx, 0.0, source.cx], [0.0, source.fy, source.cy], [0.0, 0.0, 1.0]])
    coefficients, zero = np.array(source.coefficients), np.zeros(3)
    points = np.empty((len(flat), 2))
    # In blocks: OpenCV makes the derivatives of all points too, which take ten times their memory.
    for first in range(0, len(flat), _BLOCK):
        part = flat[first : first + _BLOCK]
        if source.model == EQUIDISTANT:
            made, _ = cv2.fisheye.projectPoints(part[None], zero, zero, matrix, coefficients)
        else:
            made, _ = cv2.projectPoints(part, zero, zero, matrix, coefficients)
        points[first : first + _BLOCK] = made.reshape(-1, 2)
    return points.reshape(rays.shape)
