"""A camera that is turned against the vehicle: the pilot sees what is straight ahead."""

import math

import numpy as np
import pytest

from liquid_pilot.interfaces import (
    CameraGeometry,
    DistortedCamera,
    ImageBuffer,
    ObservationError,
)
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor

TARGET = CameraGeometry.from_vertical_fov(128, 72, math.radians(40.0))
WIDE = CameraGeometry.from_vertical_fov(640, 480, math.radians(90.0))


def view(mount, source=WIDE, **more):
    """The (2, H, W) columns and rows of the camera's image that the pilot sees, pixels."""
    columns, rows = np.meshgrid(np.arange(source.width), np.arange(source.height))
    pixels = np.stack([columns / 4, rows / 4, 0 * rows], axis=-1).round().astype(np.uint8)
    image = ImageBuffer(pixels.tobytes(), source.width, source.height, 3 * source.width, 'rgb8')
    seen = Preprocessor(TARGET, source, mount=mount, **more)(image)[0, :2]
    return seen * 255 * 4


@pytest.mark.parametrize(
    ('mount', 'right_px', 'down_px'),
    [
        (CameraMount.from_degrees(12.0, 0.0, 0.0), 1.0, 0.0),
        (CameraMount.from_degrees(-12.0, 0.0, 0.0), -1.0, 0.0),
        (CameraMount.from_degrees(0.0, 12.0, 0.0), 0.0, -1.0),
        (CameraMount.from_degrees(0.0, -12.0, 0.0), 0.0, 1.0),
    ],
)
def test_what_is_ahead_stands_to_the_other_side_in_a_turned_camera(mount, right_px, down_px):
    # To the right in a camera that is turned to the left, and above in one that is turned down.
    columns, rows = view(mount)
    shift = WIDE.fx * math.tan(math.radians(12.0))
    assert columns[36, 64] == pytest.approx(WIDE.cx + right_px * shift, abs=4.0)
    assert rows[36, 64] == pytest.approx(WIDE.cy + down_px * shift, abs=4.0)


def test_a_rolled_camera_is_turned_back():
    columns, rows = view(CameraMount.from_degrees(0.0, 0.0, 30.0))
    # Rolled clockwise, it sees the horizon turn the other way: on the right it rises.
    right = columns[36, 110] - columns[36, 18], rows[36, 110] - rows[36, 18]
    assert math.degrees(math.atan2(right[1], right[0])) == pytest.approx(-30.0, abs=1.0)


def test_a_straight_camera_is_seen_as_before_to_the_bit():
    assert STRAIGHT.is_straight
    assert np.array_equal(view(STRAIGHT), view(CameraMount(0.0, 0.0, 0.0)))
    tiny = view(CameraMount.from_degrees(0.01, 0.0, 0.0))
    assert np.abs(tiny - view(STRAIGHT)).max() < 6.0


def test_a_lens_with_distortion_is_turned_and_straightened_at_once():
    fisheye = DistortedCamera(
        640, 480, 300.0, 300.0, 320.0, 240.0, 'equidistant', (0.0, 0.0, 0.0, 0.0)
    )
    columns, _ = view(CameraMount.from_degrees(12.0, 0.0, 0.0), fisheye)
    # Equidistant: the distance from the axis is the focal length times the angle.
    assert columns[36, 64] == pytest.approx(320.0 + 300.0 * math.radians(12.0), abs=4.0)
    flat, _ = view(CameraMount.from_degrees(12.0, 0.0, 0.0), fisheye, rectify=False)
    assert flat[36, 64] == pytest.approx(320.0 + 300.0 * math.tan(math.radians(12.0)), abs=4.0)


@pytest.mark.parametrize('yaw', [40.0, 95.0, 180.0])
def test_a_camera_that_is_turned_too_far_is_refused(yaw):
    with pytest.raises(ObservationError, match=r'turned as it is; use a wider lens'):
        view(CameraMount.from_degrees(yaw, 0.0, 0.0))
