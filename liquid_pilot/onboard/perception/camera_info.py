"""The camera that a sensor_msgs/CameraInfo describes, as its images show it.

By REP 104 size, intrinsics and distortion belong to the whole sensor. An image may be a part of it
(`roi`), of which `binning_x` by `binning_y` pixels are read as one.
"""

from __future__ import annotations

import math
from typing import Any

from liquid_pilot.interfaces import CameraGeometry, DistortedCamera, ObservationError
from liquid_pilot.onboard.perception.lens_models import is_pinhole, normalise

_MAX_AXIS_OFFSET = 0.15
"""Largest distance of the optical axis from the middle of the whole sensor, relative to its size.

Lenses are centred within a few percent. A calibration that was made at another size gives an axis
that is off by much more: a third less or half more pixels put it at a third or at three quarters.
"""


def camera_from_info(info: Any, rectified: bool = False) -> CameraGeometry:
    """Return the camera that gives the images of a sensor_msgs/CameraInfo.

    Args:
        info: the message, unpacked by any library.
        rectified: whether its images are rectified, as by image_proc: the intrinsics are those of
            `p`, without distortion.

    Returns:
        The camera, with region of interest and binning applied; a DistortedCamera where the message
        names a lens that is no pinhole, or a model that is not known. An uncalibrated one, whose
        focal lengths are zero, is returned as it is.

    Raises:
        ObservationError: the numbers contradict each other: a region outside the sensor, or
            intrinsics of another size.
    """
    numbers = [float(value) for value in (info.p if rectified else info.k)]
    fx, fy = numbers[0], numbers[5 if rectified else 4]
    axis = numbers[2], numbers[6 if rectified else 5]
    size = int(info.width), int(info.height)
    binning = max(1, int(info.binning_x)), max(1, int(info.binning_y))
    calibrated = all(map(math.isfinite, (fx, fy, *axis))) and min(fx, fy) > 0.0
    offset, region = _region(info, size)
    if calibrated and min(*size, *region) > 0:
        axis = _axis_in_region(axis, size, offset, region)
    width, height = region[0] // binning[0], region[1] // binning[1]
    if min(region) > 0 and min(width, height) < 1:
        raise ObservationError(
            f'camera: by camera_info {binning[0]} x {binning[1]} pixels of a region of '
            f'{region[0]} x {region[1]} are read as one, which leaves nothing; make the driver '
            'publish the binning of its images'
        )
    pinhole = (
        width,
        height,
        fx / binning[0],
        fy / binning[1],
        axis[0] / binning[0],
        axis[1] / binning[1],
    )
    model, coefficients = normalise(str(info.distortion_model), info.d)
    if rectified or is_pinhole(model, coefficients):
        return CameraGeometry(*pinhole)
    return DistortedCamera(*pinhole, model, coefficients)


def _region(info: Any, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return upper left corner and size of the region that the images show, pixels.

    Raises:
        ObservationError: the region is empty.
    """
    roi = info.roi
    offset, region = (int(roi.x_offset), int(roi.y_offset)), (int(roi.width), int(roi.height))
    if not any(offset + region):
        return (0, 0), size
    if min(region) < 1:
        raise ObservationError(
            f'camera: the region of interest of camera_info is empty ({region[0]} x {region[1]} at '
            f'{offset[0]}, {offset[1]}); make the driver publish the region of its images, or '
            'four zeros for the whole sensor'
        )
    return offset, region


def _axis_in_region(
    axis: tuple[float, float],
    size: tuple[int, int],
    offset: tuple[int, int],
    region: tuple[int, int],
) -> tuple[float, float]:
    """Return the optical axis relative to the region, in pixels of the sensor.

    Some drivers give the size of the region as that of the sensor. Then the region seems to lie
    outside, and the intrinsics may be those of the sensor or of the region: the axis tells which.

    Raises:
        ObservationError: the axis is far from the middle of the sensor, or the region lies outside.
    """
    moved = axis[0] - offset[0], axis[1] - offset[1]
    ends = offset[0] + region[0], offset[1] + region[1]
    if ends[0] <= size[0] and ends[1] <= size[1]:
        if not _is_near_middle(axis, size):
            raise ObservationError(
                f'camera: camera_info has its optical axis at ({axis[0]:.0f}, {axis[1]:.0f}) of '
                f'{size[0]} x {size[1]} pixels, so its calibration is of another size; calibrate '
                'at this size, make the driver scale k and p with it, or let it publish the part '
                'of the image that it sends as region of interest'
            )
        return moved
    fitting = [place for place in (moved, axis) if _is_near_middle(place, region)]
    if region == size and len(fitting) == 1:
        return fitting[0]
    raise ObservationError(
        f'camera: the region of interest of camera_info, {region[0]} x {region[1]} at '
        f'({offset[0]}, {offset[1]}), lies outside its {size[0]} x {size[1]} pixels; make the '
        'driver publish the size of the whole sensor'
    )


def _is_near_middle(axis: tuple[float, float], size: tuple[int, int]) -> bool:
    """Return whether an optical axis is where that of a lens can be."""
    return all(
        abs(place / length - 0.5) <= _MAX_AXIS_OFFSET
        for place, length in zip(axis, size, strict=True)
    )
