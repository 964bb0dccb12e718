"""camera_info: the part of the sensor that the images show, and the lens in front of it."""

from types import SimpleNamespace

import numpy as np
import pytest

from liquid_pilot.interfaces import (
    CameraGeometry,
    DistortedCamera,
    ImageBuffer,
    ObservationError,
)
from liquid_pilot.onboard.perception.camera_info import camera_from_info
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor

WHOLE = (0, 0, 0, 0)


def info(
    size=(320, 240),
    focal=160.0,
    axis=(160.0, 120.0),
    roi=WHOLE,
    binning=(0, 0),
    model='plumb_bob',
    d=(0.0,) * 5,
    p_axis=None,
):
    """A sensor_msgs/CameraInfo; `roi` is x, y, width, height."""
    px, py = axis if p_axis is None else p_axis
    return SimpleNamespace(
        width=size[0],
        height=size[1],
        distortion_model=model,
        d=list(d),
        k=[focal, 0.0, axis[0], 0.0, focal, axis[1], 0.0, 0.0, 1.0],
        p=[focal, 0.0, px, 0.0, 0.0, focal, py, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning_x=binning[0],
        binning_y=binning[1],
        roi=SimpleNamespace(x_offset=roi[0], y_offset=roi[1], width=roi[2], height=roi[3]),
    )


@pytest.mark.parametrize('rectified', [False, True])
@pytest.mark.parametrize(
    ('message', 'camera'),
    [
        (info(), CameraGeometry(320, 240, 160.0, 160.0, 160.0, 120.0)),
        (
            info(roi=(80, 60, 160, 120)),
            CameraGeometry(160, 120, 160.0, 160.0, 80.0, 60.0),
        ),
        (
            info(roi=(0, 40, 320, 100)),
            CameraGeometry(320, 100, 160.0, 160.0, 160.0, 80.0),
        ),
        (info(roi=(0, 0, 320, 240)), CameraGeometry(320, 240, 160.0, 160.0, 160.0, 120.0)),
        (info(binning=(2, 2)), CameraGeometry(160, 120, 80.0, 80.0, 80.0, 60.0)),
        (info(binning=(1, 1)), CameraGeometry(320, 240, 160.0, 160.0, 160.0, 120.0)),
        (info(binning=(2, 1)), CameraGeometry(160, 240, 80.0, 160.0, 80.0, 120.0)),
        (
            info(roi=(100, 60, 160, 121), binning=(2, 2)),
            CameraGeometry(80, 60, 80.0, 80.0, 30.0, 30.0),
        ),
    ],
)
def test_region_and_binning_give_the_camera_of_the_image(message, camera, rectified):
    assert camera_from_info(message, rectified) == camera


def test_a_region_changes_what_a_distorted_camera_sees_by_nothing():
    """The picture that is cut by hand, and the camera_info with its region: the same view."""
    target = CameraGeometry(32, 24, 60.0, 60.0, 16.0, 12.0)
    d = (-0.3, 0.09, 0.001, -0.0008, 0.0)
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    picture = coarse.repeat(10, axis=0).repeat(10, axis=1)
    part = np.ascontiguousarray(picture[30:210, 40:280])

    def seen(message, pixels):
        height, width = pixels.shape[:2]
        image = ImageBuffer(pixels.tobytes(), width, height, 3 * width, 'rgb8')
        return Preprocessor(target, camera_from_info(message))(image)

    whole = seen(info(d=d), picture)
    assert np.abs(whole - seen(info(d=d, roi=(40, 30, 240, 180)), part)).max() < 0.01
    # With the size of the region alone it is another view, and is refused.
    with pytest.raises(ObservationError, match='240 x 180 but camera_info says 320 x 240'):
        seen(info(d=d), part)


@pytest.mark.parametrize('size', [(160, 120), (640, 480), (318, 240)])
def test_an_image_of_another_size_is_refused(size):
    """It may be scaled or a part: nothing says which, and they see 53 and 90 degrees."""
    target = CameraGeometry(16, 12, 8.0, 8.0, 8.0, 6.0)
    read = Preprocessor(target, camera_from_info(info()))
    width, height = size
    with pytest.raises(ObservationError, match='region of interest and binning'):
        read(ImageBuffer(bytes(width * height), width, height, width, 'mono8'))


def test_a_region_that_sees_too_little_is_refused():
    """The report of a vehicle: 90 degrees by the numbers alone, and 53 in truth."""
    target = CameraGeometry.from_vertical_fov(16, 12, 1.1)
    Preprocessor(target, camera_from_info(info()))
    with pytest.raises(ObservationError, match=r'it sees 53\.1 x 41\.1 degrees'):
        Preprocessor(target, camera_from_info(info(roi=(80, 60, 160, 120))))


def test_a_driver_that_calls_the_region_the_sensor_is_understood_by_its_axis():
    """A robot's arm camera: k of the whole sensor, p of the region, and the region's size."""
    arm = info((640, 400), 404.0, (631.0, 376.0), (320, 200, 640, 400), (1, 1), p_axis=(311, 176))
    expected = CameraGeometry(640, 400, 404.0, 404.0, 311.0, 176.0)
    assert camera_from_info(arm) == camera_from_info(arm, rectified=True) == expected
    # A driver that has moved both already.
    moved = info(roi=(80, 60, 320, 240))
    assert camera_from_info(moved) == camera_from_info(info())


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        # Intrinsics of the binned image with the size of the whole sensor.
        (info((2064, 1544), 300.0, (254.0, 184.0), binning=(4, 4)), 'of another size'),
        (info((640, 480)), 'of another size'),
        (info((1280, 720), axis=(960.0, 540.0)), 'of another size'),
        (info((1920, 1080), axis=(640.0, 360.0)), 'of another size'),
        (info((640, 360), axis=(320.0, 240.0)), 'of another size'),
        (info(axis=(160.0, -3.0)), 'of another size'),
        (info(roi=(200, 0, 200, 240)), 'lies outside its 320 x 240 pixels'),
        (info(roi=(80, 60, 0, 0)), 'is empty'),
        (info(roi=(0, 0, 320, 0)), 'is empty'),
        (info(binning=(400, 1)), 'leaves nothing'),
        (info(roi=(0, 0, 8, 8), binning=(9, 9)), 'leaves nothing'),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(message, words):
    with pytest.raises(ObservationError, match=words) as refused:
        camera_from_info(message)
    assert str(refused.value).startswith('camera: ')


def test_an_uncalibrated_camera_is_returned_and_refused_later():
    nothing = camera_from_info(info(focal=0.0, axis=(0.0, 0.0)))
    assert nothing == CameraGeometry(320, 240, 0.0, 0.0, 0.0, 0.0)
    with pytest.raises(ObservationError, match='not calibrated'):
        Preprocessor(CameraGeometry(16, 12, 8.0, 8.0, 8.0, 6.0), nothing)


@pytest.mark.parametrize(
    ('model', 'd'),
    [
        ('plumb_bob', (0.0,) * 5),
        ('plumb_bob', ()),
        ('rational_polynomial', (0.0,) * 8),
        ('', ()),
        ('none', ()),
        ('', (0.0,) * 5),
    ],
)
def test_no_distortion_is_a_pinhole(model, d):
    camera = camera_from_info(info(model=model, d=d))
    assert type(camera) is CameraGeometry


@pytest.mark.parametrize(
    'model',
    ['equidistant', 'fisheye', 'Kannala-Brandt', 'kannala_brandt4', 'equi', 'opencv_fisheye'],
)
@pytest.mark.parametrize('d', [(0.0,) * 4, (0.0,) * 5, (0.1, 0.0, 0.0, 0.0, 0.0, 0.0)])
def test_a_fisheye_without_coefficients_is_a_fisheye(model, d):
    camera = camera_from_info(info(model=model, d=d))
    assert isinstance(camera, DistortedCamera)
    assert (camera.model, camera.coefficients) == ('equidistant', d[:4])


def test_a_fisheye_is_seen_by_angles():
    """The radius grows with the angle, not with its tangent."""
    target = CameraGeometry(31, 11, 15.0, 15.0, 15.5, 5.5)
    columns = np.arange(320, dtype=float)
    rgb = np.repeat(np.round((columns + 0.5) / 320 * 255)[None, :, None], 240, axis=0)
    pixels = np.ascontiguousarray(rgb.repeat(3, axis=2).astype(np.uint8))
    image = ImageBuffer(pixels.tobytes(), 320, 240, 960, 'rgb8')
    camera = camera_from_info(info(model='equidistant', d=(0.0,) * 4))
    seen = Preprocessor(target, camera)(image)[0, 0, 5] * 320.0
    tangents = (np.arange(31) + 0.5 - 15.5) / 15.0
    assert seen == pytest.approx(160.0 + 160.0 * np.arctan(tangents), abs=2.5)
    assert np.abs(seen - (160.0 + 160.0 * tangents)).max() > 30.0


@pytest.mark.parametrize(
    ('model', 'd', 'words'),
    [
        ('my_lens', (0.0,) * 5, "'my_lens' is not known"),
        ('my_lens', (), "'my_lens' is not known"),
        ('inverse_brown_conrady', (0.0,) * 5, 'is not known'),
        ('thin_prism_fisheye', (0.0,) * 8, 'is not known'),
        ('ftheta', (0.0,) * 6, 'is not known'),
        ('', (0.1, 0.0, 0.0, 0.0, 0.0), "'' is not known"),
        ('equidistant', (), 'which needs 4 finite'),
        ('plumb_bob', (0.1, 0.0, 0.0, 0.0, 0.0, 0.1, 0.0, 0.0), 'needs 4 or 5 finite'),
    ],
)
def test_a_lens_that_cannot_be_undone_never_passes(model, d, words):
    target = CameraGeometry(16, 12, 20.0, 20.0, 8.0, 6.0)
    with pytest.raises(ObservationError, match=words):
        Preprocessor(target, camera_from_info(info(model=model, d=d)))


@pytest.mark.parametrize(
    ('model', 'd', 'same'),
    [
        ('plumb_bob', (-0.03, 0.035, -1e-4, -1e-4, -0.012, 0.0, 0.0, 0.0), ('plumb_bob', 5)),
        ('radtan', (-0.03, 0.035, -1e-4, -1e-4), ('plumb_bob', 4)),
        ('Brown_Conrady', (-0.03, 0.035, -1e-4, -1e-4, 0.0), ('plumb_bob', 5)),
        ('rational_polynomial', (0.1,) * 8 + (0.0,) * 4, ('rational_polynomial', 12)),
        ('rational_polynomial', (0.1,) * 8 + (0.0,) * 8, ('rational_polynomial', 14)),
        ('thin_prism', (0.1,) * 12, ('rational_polynomial', 12)),
    ],
)
def test_zeros_behind_the_coefficients_and_other_names_change_nothing(model, d, same):
    camera = camera_from_info(info(model=model, d=d))
    assert isinstance(camera, DistortedCamera)
    assert (camera.model, camera.coefficients) == (same[0], d[: same[1]])
