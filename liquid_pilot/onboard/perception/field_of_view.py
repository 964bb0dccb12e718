"""The part of a camera's image that has the field of view the pilot was trained with.

Cameras here are pinhole cameras; `rectification` covers those with lens distortion.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from liquid_pilot.interfaces import CameraGeometry, ObservationError

_SNAP_TOLERANCE = 0.02
"""Relative change of the field of view that is accepted for an integer scale, by which resizing is
10 times faster."""
MAX_MISSING_FRACTION = 0.03
"""Largest fraction of the pilot's view, in width or height, that a camera may lack.

Every calibration finds an optical axis a little off the centre, which must not ground a camera. The
view is then shifted by at most this fraction.
"""


class Crop(NamedTuple):
    """A rectangle of the source image, in pixels."""

    left: int
    top: int
    width: int
    height: int


def centre_crop(target: CameraGeometry, width: int, height: int) -> Crop:
    """Return the largest centred rectangle with the aspect ratio of a target camera.

    Args:
        target: the camera that the pilot was trained with.
        width: width of the image, pixels.
        height: height of the image, pixels.
    """
    scale = min(width / target.width, height / target.height)
    left, cut_width = _span(0.5 * width, scale * target.width, target.width, width)
    top, cut_height = _span(0.5 * height, scale * target.height, target.height, height)
    return Crop(left, top, cut_width, cut_height)


_MAX_PIXELS, _MIN_FOCAL_LENGTH = 1e6, 1e-2
"""Bounds of intrinsics that a camera can have, pixels."""


def matching_crop(target: CameraGeometry, source: CameraGeometry, width: int, height: int) -> Crop:
    """Return the rectangle that has the field of view of a target camera.

    Args:
        target: the camera that the pilot was trained with.
        source: the camera that flies.
        width: width of the image, pixels.
        height: height of the image, pixels.

    Raises:
        ObservationError: the size differs, the source is not calibrated, or it lacks more than
            MAX_MISSING_FRACTION of the target's view; the message gives degrees.
    """
    check_calibrated(source)
    check_image_size(source, width, height)
    # Along each axis a ray at tangent t meets the image at c + f * t. The target's edges give the
    # span.
    left = source.cx - source.fx * target.cx / target.fx
    right = source.cx + source.fx * (target.width - target.cx) / target.fx
    top = source.cy - source.fy * target.cy / target.fy
    bottom = source.cy + source.fy * (target.height - target.cy) / target.fy
    missing_x = (max(0.0, -left) + max(0.0, right - source.width)) / (right - left)
    missing_y = (max(0.0, -top) + max(0.0, bottom - source.height)) / (bottom - top)
    if missing_x > MAX_MISSING_FRACTION or missing_y > MAX_MISSING_FRACTION:
        raise ObservationError(
            f'camera: it sees {format_fov(source)}, and the pilot needs {format_fov(target)} about '
            'its axis; use a wider lens or a pilot trained for this camera'
        )
    x, cut_width = _span(0.5 * (left + right), right - left, target.width, width)
    y, cut_height = _span(0.5 * (top + bottom), bottom - top, target.height, height)
    return Crop(x, y, cut_width, cut_height)


def pinhole(source: CameraGeometry) -> CameraGeometry:
    """Return the pinhole intrinsics of a camera, without its distortion."""
    return CameraGeometry(source.width, source.height, source.fx, source.fy, source.cx, source.cy)


def check_image_size(source: CameraGeometry, width: int, height: int) -> None:
    """Check that an image has the size that its camera_info gives.

    An image of another size may be a scaled one or a part, with another field of view each, and
    nothing says which.

    Args:
        source: the camera_info, with region of interest and binning applied.
        width: width of the image, pixels.
        height: height of the image, pixels.

    Raises:
        ObservationError: the sizes differ by more than the pixel that binning may round.
    """
    if abs(width - source.width) > 1 or abs(height - source.height) > 1:
        raise ObservationError(
            f'camera: the image is {width} x {height} but camera_info says {source.width} x '
            f'{source.height}; make the driver publish the camera_info of this image, with its '
            'region of interest and binning'
        )


def check_calibrated(source: CameraGeometry) -> None:
    """Raise ObservationError for the all-zero camera_info of an uncalibrated driver."""
    numbers = (source.fx, source.fy, source.cx, source.cy)
    if (
        source.width <= 0
        or source.height <= 0
        # Written so that NaN is refused.
        or not all(abs(number) < _MAX_PIXELS for number in numbers)
        or min(source.fx, source.fy) < _MIN_FOCAL_LENGTH
    ):
        raise ObservationError(
            f'camera: camera_info is not calibrated ({source}); calibrate the camera, or fly '
            'without camera_info to use the centre of the image'
        )


def _span(centre: float, extent: float, target: int, size: int) -> tuple[int, int]:
    """Return start and length in whole pixels; a multiple of the target where that is close."""
    factor = max(1, round(extent / target))
    snapped = factor * target
    if snapped <= size and abs(snapped / extent - 1.0) <= _SNAP_TOLERANCE:
        wanted = round(centre - 0.5 * snapped)
        start = min(max(wanted, 0), size - snapped)
        # At the edge of the image a wider span would move the view further than its excess.
        if abs(start - wanted) <= max(1.0, _SNAP_TOLERANCE * extent):
            return start, snapped
    start = min(max(round(centre - 0.5 * extent), 0), size - 1)
    end = min(max(round(centre + 0.5 * extent), start + 1), size)
    return start, end - start


def format_fov(camera: CameraGeometry) -> str:
    """Return the field of view of a camera as text, in degrees."""
    horizontal, vertical = (
        math.degrees(angle) for angle in (camera.horizontal_fov_rad, camera.vertical_fov_rad)
    )
    return f'{horizontal:.1f} x {vertical:.1f} degrees'
