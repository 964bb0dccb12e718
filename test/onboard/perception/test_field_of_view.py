"""The part of an image that has the pilot's field of view."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.interfaces import CameraGeometry, ObservationError
from liquid_pilot.onboard.perception.field_of_view import Crop, centre_crop, matching_crop

TARGET = CameraGeometry.from_vertical_fov(128, 72, math.radians(60.0))


def test_the_pilots_own_camera_is_taken_whole():
    assert matching_crop(TARGET, TARGET, 128, 72) == Crop(0, 0, 128, 72)
    double = CameraGeometry.from_vertical_fov(256, 144, math.radians(60.0))
    assert matching_crop(TARGET, double, 256, 144) == Crop(0, 0, 256, 144)


def test_a_taller_sensor_loses_its_top_and_bottom():
    focal = TARGET.fx * 5
    vga = CameraGeometry(640, 480, focal, focal, 320.0, 240.0)
    assert matching_crop(TARGET, vga, 640, 480) == Crop(0, 60, 640, 360)


def test_an_axis_off_the_centre_moves_the_crop():
    focal = TARGET.fx * 2
    camera = CameraGeometry(400, 300, focal, focal, 180.0, 170.0)
    assert matching_crop(TARGET, camera, 400, 300) == Crop(180 - 128, 170 - 72, 256, 144)


def test_a_wide_lens_is_cut_to_the_view_and_to_a_whole_factor():
    wide = CameraGeometry.from_vertical_fov(1280, 720, math.radians(90.0))
    crop = matching_crop(TARGET, wide, 1280, 720)
    true_width = 1280 * math.tan(math.radians(30.0)) / math.tan(math.radians(45.0))
    assert true_width == pytest.approx(739.0, abs=0.1)
    # 739 lies 3.9 % from 6 x 128: not snapped.
    assert crop == Crop(270, 152, 740, 416)
    near = CameraGeometry.from_vertical_fov(1280, 720, 2 * math.atan(math.tan(math.pi / 6) / 0.605))
    assert matching_crop(TARGET, near, 1280, 720) == Crop(256, 144, 768, 432)


def test_a_narrow_lens_is_refused_with_degrees_and_advice():
    narrow = CameraGeometry.from_vertical_fov(640, 360, math.radians(40.0))
    with pytest.raises(ObservationError) as raised:
        matching_crop(TARGET, narrow, 640, 360)
    message = str(raised.value)
    assert '65.8 x 40.0 degrees' in message
    assert '91.5 x 60.0 degrees' in message
    assert 'wider lens' in message


def test_a_whole_factor_does_not_move_the_view_at_the_edge():
    focal, axis = 0.38671875 * 1739, 0.625 * 1739
    camera = CameraGeometry(1739, 754, focal, focal, axis, 377.0)
    crop = matching_crop(TARGET, camera, 1739, 754)
    # 11 x 128 pixels would be 2 % more, and 52 pixels to the left of the axis.
    assert crop.left == round(axis - focal * 64.0 / TARGET.fx)
    assert crop.left + crop.width == 1739


def test_a_hair_too_narrow_is_flown():
    narrow = CameraGeometry.from_vertical_fov(640, 360, math.radians(59.0))
    assert matching_crop(TARGET, narrow, 640, 360) == Crop(0, 0, 640, 360)


def test_an_image_of_another_size_is_not_taken_for_a_scaled_one():
    """It may be a part of the sensor as well, with a smaller field of view."""
    focal = TARGET.fx * 4
    wide = CameraGeometry(1200, 800, focal, focal, 500.0, 420.0)
    assert matching_crop(TARGET, wide, 1200, 800) == Crop(244, 276, 512, 288)
    with pytest.raises(ObservationError, match='600 x 400 but camera_info says 1200 x 800'):
        matching_crop(TARGET, wide, 600, 400)
    half = CameraGeometry(600, 400, 0.5 * focal, 0.5 * focal, 250.0, 210.0)
    assert matching_crop(TARGET, half, 600, 400) == Crop(122, 138, 256, 144)
    # Binning may round a size up or down.
    assert matching_crop(TARGET, half, 601, 400) == Crop(122, 138, 256, 144)


def test_pixels_need_not_be_square():
    target = CameraGeometry(100, 80, 60.0, 80.0, 40.0, 45.0)
    source = CameraGeometry(400, 300, 180.0, 160.0, 210.0, 140.0)
    assert matching_crop(target, source, 400, 300) == Crop(90, 50, 300, 160)


def test_an_image_of_another_shape_than_camera_info_is_refused():
    full = CameraGeometry.from_vertical_fov(1280, 720, math.radians(60.0))
    with pytest.raises(ObservationError, match='640 x 480 but camera_info says 1280 x 720'):
        matching_crop(TARGET, full, 640, 480)


@pytest.mark.parametrize('focal', [0.0, -1.0, math.nan, math.inf])
def test_a_camera_that_is_not_calibrated_is_refused(focal):
    with pytest.raises(ObservationError, match='not calibrated'):
        matching_crop(TARGET, CameraGeometry(640, 480, focal, 500.0, 320.0, 240.0), 640, 480)


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_the_centre_crop_lies_inside_and_keeps_the_aspect(width, height):
    left, top, w, h = centre_crop(TARGET, width, height)
    assert left >= 0 and top >= 0 and w >= 1 and h >= 1
    assert left + w <= width and top + h <= height
    assert abs(2 * left + w - width) <= 2 and abs(2 * top + h - height) <= 2
    assert w / 128 == pytest.approx(h / 72, rel=0.025, abs=1.1 / 72)


@given(
    st.integers(16, 2000),
    st.integers(16, 2000),
    st.floats(0.2, 2.0),
    st.floats(0.3, 0.7),
    st.floats(0.3, 0.7),
)
def test_a_matching_crop_has_the_pilots_field_of_view_or_is_refused(width, height, f, cx, cy):
    source = CameraGeometry(width, height, f * width, f * width, cx * width, cy * height)
    try:
        left, top, w, h = matching_crop(TARGET, source, width, height)
    except ObservationError:
        return
    assert left >= 0 and top >= 0 and left + w <= width and top + h <= height
    pixel = 1.5 / source.fx
    for edge, tangent in (
        ((left - source.cx) / source.fx, -64.0 / TARGET.fx),
        ((left + w - source.cx) / source.fx, 64.0 / TARGET.fx),
        ((top - source.cy) / source.fy, -36.0 / TARGET.fy),
        ((top + h - source.cy) / source.fy, 36.0 / TARGET.fy),
    ):
        # 3 % may be missing on one side, which moves the crop by as much; 1 % a whole factor.
        assert abs(edge - tangent) <= 0.04 * 2 * 64.0 / TARGET.fx + pixel
