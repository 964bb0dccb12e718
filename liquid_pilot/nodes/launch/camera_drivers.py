"""Camera drivers that `hardware.launch.py` can start: their packages, parameters and topics.

Drivers are started with their own parameters; their launch files are not copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple


@dataclass(frozen=True)
class CameraRequest:
    """The settings that a camera driver is started with."""

    device: str
    """Device, name or serial number of the camera; empty: the driver's first."""
    width: int
    """Width of the image, pixels."""
    height: int
    """Height of the image, pixels."""
    rate_hz: float
    """Frame rate, Hz."""
    frame: str
    """Frame of the images."""
    info_url: str
    """URL of the calibration; empty: the driver's own."""
    pixel_format: str = ''
    """Pixel format in the driver's own words; empty: one that the pilot reads."""


class CameraDriver(NamedTuple):
    """A camera driver."""

    package: str
    """ROS package of the driver."""
    executable: str
    """Executable in that package."""
    parameters: Callable[[CameraRequest], dict[str, Any]]
    """Function that returns the driver's own parameters for a request."""
    image: str = 'image_raw'
    """Image topic of the driver, relative to the node."""
    info: str = 'camera_info'
    """Topic of the driver's camera_info, relative to the node."""


def _v4l2(request: CameraRequest) -> dict[str, Any]:
    period = Fraction(1.0 / request.rate_hz).limit_denominator(1000)
    return {
        'video_device': request.device or '/dev/video0',
        'image_size': [request.width, request.height],
        'time_per_frame': [period.numerator, period.denominator],
        'camera_frame_id': request.frame,
        **non_empty(camera_info_url=request.info_url, pixel_format=request.pixel_format),
    }


def _usb_cam(request: CameraRequest) -> dict[str, Any]:
    return {
        'video_device': request.device or '/dev/video0',
        'image_width': request.width,
        'image_height': request.height,
        'framerate': float(request.rate_hz),
        'frame_id': request.frame,
        **non_empty(camera_info_url=request.info_url, pixel_format=request.pixel_format),
    }


def _camera_ros(request: CameraRequest) -> dict[str, Any]:
    period_us = round(1e6 / request.rate_hz)
    return {
        'width': request.width,
        'height': request.height,
        'frame_id': request.frame,
        # Left to itself it takes the first format of the camera, whatever that is.
        'format': request.pixel_format or 'RGB888',
        'FrameDurationLimits': [period_us, period_us],
        **non_empty(camera=request.device, camera_info_url=request.info_url),
    }


def _realsense(request: CameraRequest) -> dict[str, Any]:
    size = f'{request.width}x{request.height}x{round(request.rate_hz)}'
    return {
        'enable_color': True,
        'enable_depth': False,
        'rgb_camera.color_profile': size,
        **non_empty(
            **{'serial_no': request.device, 'rgb_camera.color_format': request.pixel_format}
        ),
    }


def non_empty(**values: str) -> dict[str, str]:
    """Return the values that are not empty, by name."""
    return {name: value for name, value in values.items() if value}


DRIVERS: dict[str, CameraDriver] = {
    'v4l2_camera': CameraDriver('v4l2_camera', 'v4l2_camera_node', _v4l2),
    'usb_cam': CameraDriver('usb_cam', 'usb_cam_node_exe', _usb_cam),
    'camera_ros': CameraDriver('camera_ros', 'camera_node', _camera_ros),
    'realsense2_camera': CameraDriver(
        'realsense2_camera',
        'realsense2_camera_node',
        _realsense,
        'color/image_raw',
        'color/camera_info',
    ),
}
"""The drivers by the value of the argument `camera`."""
