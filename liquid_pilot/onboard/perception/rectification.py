"""Rectification: the pilot's view out of the image of a camera that is distorted or turned.

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
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount
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
_MIN_AHEAD = 0.05
"""Smallest cosine to the optical axis of what a camera can see."""
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
        mount: how the camera is turned against the vehicle; the view is straight ahead.
        max_missing: largest share of the target's view that the camera may lack.

    Raises:
        ObservationError: the calibration cannot be used, or the camera lacks more of the target's
            view.
    """

    def __init__(
        self,
        target: CameraGeometry,
        source: CameraGeometry,
        width: int,
        height: int,
        mount: CameraMount = STRAIGHT,
        max_missing: float = MAX_MISSING_FRACTION,
    ) -> None:
        if isinstance(source, DistortedCamera):
            _check_distortion(source)
        check_image_size(source, width, height)
        self._target, self._mount, self._max_missing = target, mount, max_missing
        rays = _rays(target, 2, mount)
        self._check_seen(rays[..., 2] > _MIN_AHEAD)
        coarse = _project(source, rays)
        with np.errstate(over='ignore', invalid='ignore'):
            right, down = np.gradient(coarse, axis=1), np.gradient(coarse, axis=0)
            areas = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
        if isinstance(source, DistortedCamera) and not (
            np.isfinite(coarse).all() and (areas > 0.0).all()
        ):
            # Far from the axis the polynomials turn back, and show a ring of the image twice.
            raise ObservationError(
                f'camera: its distortion ({source.model}) does not hold out to the '
                f'{format_fov(target)} that the pilot needs; calibrate it with the board near the '
                "image's corners, or use a wider lens"
            )
        within = (coarse >= 0.0) & (coarse <= (width, height))
        inside: npt.NDArray[np.bool_] = np.all(within, axis=-1)
        self._check_seen(inside)
        # As fine as the image is at its finest, so that no pixel is skipped.
        self.oversampling = min(
            max(math.ceil(2.0 * math.sqrt(np.nanmax(areas)) - 0.02), 1), _MAX_OVERSAMPLING
        )
        """Number of samples per pixel of the target, along each axis."""
        # Positions here count from the corner of a pixel, those of OpenCV from its centre.
        fine = _project(source, _rays(target, self.oversampling, mount)) - 0.5
        fine = np.clip(np.nan_to_num(fine), 0.0, (width - 1, height - 1))
        begin = np.floor(fine.min(axis=(0, 1))).astype(int)
        end = np.minimum(np.floor(fine.max(axis=(0, 1))).astype(int) + 2, (width, height))
        self.source_crop = Crop(*map(int, begin), *map(int, end - begin))
        """The part of the image that it needs."""
        fine = (fine - begin).astype(np.float32)
        self._map, self._map_fraction = cv2.convertMaps(fine[..., 0], fine[..., 1], cv2.CV_16SC2)
        self._view: Pixels | None = None

    def _check_seen(self, seen: npt.NDArray[np.bool_]) -> None:
        """Raise ObservationError if the camera lacks too much of the target's view.

        Args:
            seen: whether it sees each of the samples of the target.
        """
        missing = 1.0 - float(seen.mean())
        if missing > self._max_missing:
            turned = '' if self._mount.is_straight else ', turned as it is'
            raise ObservationError(
                f'camera: {missing:.0%} of the {format_fov(self._target)} that the pilot needs lie '
                f'outside its image{turned}; use a wider lens or a pilot trained for this camera'
            )

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


def _rays(target: CameraGeometry, oversampling: int, mount: CameraMount) -> npt.NDArray[np.float64]:
    """Return the directions of the samples of a target in the frame of the camera, (h, w, 3)."""
    x = ((np.arange(target.width * oversampling) + 0.5) / oversampling - target.cx) / target.fx
    y = ((np.arange(target.height * oversampling) + 0.5) / oversampling - target.cy) / target.fy
    ahead = np.stack([*np.meshgrid(x, y), np.ones((len(y), len(x)))], axis=-1)
    # A row times the matrix is the inverse rotation of the vector.
    return ahead if mount.is_straight else ahead @ mount.to_straight


def _project(source: CameraGeometry, rays: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return where rays (h, w, 3) meet the image, in pixels from its upper left corner.

    What is beside or behind the camera is not finite.
    """
    flat = rays.reshape(-1, 3)
    with np.errstate(divide='ignore', invalid='ignore'):
        flat = np.where(flat[:, 2:] > _MIN_AHEAD, flat / flat[:, 2:], np.nan)
    if not isinstance(source, DistortedCamera):
        points = flat[:, :2] * (source.fx, source.fy) + (source.cx, source.cy)
        return points.reshape(*rays.shape[:2], 2)
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
    return points.reshape(*rays.shape[:2], 2)
