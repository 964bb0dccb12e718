"""Distortion that camera_info tells is undone; what cannot be undone is refused in words."""

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.interfaces import (
    CameraGeometry,
    DistortedCamera,
    ImageBuffer,
    ObservationError,
)
from liquid_pilot.onboard.perception.camera_info import camera_from_info
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.onboard.perception.lens_models import DISTORTION_MODELS
from liquid_pilot.onboard.perception.rectification import Rectification

TARGET = CameraGeometry.from_vertical_fov(96, 64, math.radians(60.0))
LENSES = {
    # A webcam, a wide rational fit, and a fisheye, as calibrations find them.
    'webcam': ('plumb_bob', (-0.30, 0.09, 0.001, -0.0008, 0.0)),
    'pincushion': ('plumb_bob', (0.12, 0.02, 0.0, 0.0, 0.0)),
    'rational': ('rational_polynomial', (0.35, 0.02, 0.0004, -0.0002, 0.001, 0.68, 0.10, 0.005)),
    'fisheye': ('equidistant', (-0.01, 0.004, -0.003, 0.0005)),
}


def camera(name: str, width: int = 640, height: int = 480, focal: float = 330.0) -> DistortedCamera:
    model, coefficients = LENSES[name]
    return DistortedCamera(
        width, height, focal, focal * 1.02, 0.49 * width, 0.52 * height, model, coefficients
    )


def rays_of(lens: DistortedCamera) -> np.ndarray:
    """(h, w, 2) the tangents that the pixels of the image see, by OpenCV's own inverse."""
    matrix = np.array([[lens.fx, 0, lens.cx], [0, lens.fy, lens.cy], [0, 0, 1]])
    x, y = np.meshgrid(np.arange(lens.width) + 0.5, np.arange(lens.height) + 0.5)
    points = np.stack([x, y], axis=-1).reshape(-1, 1, 2)
    coefficients = np.array(lens.coefficients)
    if lens.model == 'equidistant':
        found = cv2.fisheye.undistortPoints(points, matrix, coefficients)
    else:
        found = cv2.undistortPoints(points, matrix, coefficients)
    return found.reshape(lens.height, lens.width, 2)


def scene(rays: np.ndarray) -> np.ndarray:
    """(h, w, 3) in [0, 1]: waves over the tangents, another in each channel."""
    x, y = rays[..., 0], rays[..., 1]
    waves = [np.sin(9.0 * x), np.sin(9.0 * y + 1.0), np.sin(7.0 * (x + y))]
    return 0.5 + 0.45 * np.stack(waves, axis=-1)


def seen_by_target() -> np.ndarray:
    x = (np.arange(TARGET.width) + 0.5 - TARGET.cx) / TARGET.fx
    y = (np.arange(TARGET.height) + 0.5 - TARGET.cy) / TARGET.fy
    return scene(np.stack(np.meshgrid(x, y), axis=-1))


def buffer(pixels: np.ndarray, encoding: str = 'rgb8') -> ImageBuffer:
    height, width = pixels.shape[:2]
    return ImageBuffer(pixels.tobytes(), width, height, pixels.nbytes // height, encoding)


def photograph(lens: DistortedCamera) -> np.ndarray:
    return np.round(255.0 * scene(np.nan_to_num(rays_of(lens)))).astype(np.uint8)


def error(found: np.ndarray) -> float:
    """Mean difference to what a pinhole would have seen, away from the border."""
    seen = found[0].transpose(1, 2, 0)
    return float(np.abs(seen - seen_by_target())[4:-4, 4:-4].mean())


@pytest.mark.parametrize('name', LENSES)
def test_a_distorted_camera_sees_what_a_pinhole_sees(name):
    lens = camera(name)
    image = buffer(photograph(lens))
    assert error(Preprocessor(TARGET, lens)(image)) < 0.006
    # As it comes, the same picture is far from it.
    assert error(Preprocessor(TARGET, lens, rectify=False)(image)) > 0.025


def test_a_binned_image_uses_the_same_calibration():
    lens = camera('webcam')
    half = cv2.resize(photograph(lens), (320, 240), interpolation=cv2.INTER_AREA)
    message = info(binning=2)
    message.k[:6] = [lens.fx, 0.0, lens.cx, 0.0, lens.fy, lens.cy]
    assert error(Preprocessor(TARGET, camera_from_info(message))(buffer(half))) < 0.01
    with pytest.raises(ObservationError, match='320 x 240 but camera_info says 640 x 480'):
        Preprocessor(TARGET, lens)(buffer(half))


@pytest.mark.parametrize(
    'encoding, make',
    [
        ('mono8', lambda rgb: rgb[..., 0]),
        ('bgr8', lambda rgb: rgb[..., ::-1]),
        ('rgba8', lambda rgb: np.dstack([rgb, rgb[..., :1]])),
        ('mono16', lambda rgb: rgb[..., 0].astype('<u2') * 257),
    ],
)
def test_every_layout_is_rectified(encoding, make):
    lens = camera('webcam')
    found = Preprocessor(TARGET, lens)(
        buffer(np.ascontiguousarray(make(photograph(lens))), encoding)
    )
    expected = seen_by_target()
    if encoding.startswith('mono'):
        expected = np.repeat(expected[..., :1], 3, axis=-1)
    assert np.abs(found[0].transpose(1, 2, 0) - expected)[4:-4, 4:-4].mean() < 0.006


def test_no_distortion_is_a_pinhole():
    plain = camera_from_info(info(d=[0.0] * 5))
    assert plain == CameraGeometry(640, 480, 330.0, 331.0, 320.0, 240.0)
    assert not isinstance(plain, DistortedCamera)


def info(
    model: str = 'plumb_bob', d: list[float] | None = None, binning: int = 0
) -> SimpleNamespace:
    return SimpleNamespace(
        width=640,
        height=480,
        distortion_model=model,
        d=LENSES['webcam'][1] if d is None else d,
        k=[330.0, 0.0, 320.0, 0.0, 331.0, 240.0, 0.0, 0.0, 1.0],
        p=[300.0, 0.0, 321.0, 0.0, 0.0, 301.0, 241.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning_x=binning,
        binning_y=binning,
        roi=SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0),
    )


def test_camera_info_is_read_raw_or_rectified():
    assert camera_from_info(info()) == DistortedCamera(
        640, 480, 330.0, 331.0, 320.0, 240.0, 'plumb_bob', LENSES['webcam'][1]
    )
    assert camera_from_info(info(), rectified=True) == CameraGeometry(
        640, 480, 300.0, 301.0, 321.0, 241.0
    )


@pytest.mark.parametrize(
    'change, words',
    [
        ({'model': 'my_lens'}, 'not known.*image_proc'),
        ({'coefficients': (0.1, 0.1)}, '4 or 5 finite ones'),
        ({'coefficients': (math.nan, 0.0, 0.0, 0.0, 0.0)}, 'finite'),
        (
            {'coefficients': (-1.4, 0.0, 0.0, 0.0, 0.0)},
            'does not hold out to the 81.8 x 60.0 degrees',
        ),
        ({'fx': 900.0, 'fy': 900.0}, '% of the 81.8 x 60.0 degrees .* wider lens'),
        ({'fx': 0.0}, 'not calibrated'),
    ],
)
def test_what_cannot_be_undone_is_refused_when_it_is_set(change, words):
    lens = DistortedCamera(**{**vars(camera('webcam')), **change})
    with pytest.raises(ObservationError, match=words):
        Preprocessor(TARGET, lens)


def test_the_steady_state_uses_the_same_memory():
    lens = camera('fisheye')
    view = Rectification(TARGET, lens, 640, 480)
    box = view.source_crop
    pixels = photograph(lens)[box.top : box.top + box.height, box.left : box.left + box.width]
    assert view(pixels) is view(pixels)
    assert view(pixels).shape == (64 * view.oversampling, 96 * view.oversampling, 3)
    assert view.oversampling >= 3


@given(st.sampled_from(sorted(DISTORTION_MODELS)), st.data())
def test_any_calibration_is_refused_or_gives_a_picture(model, data):
    number = st.floats(-3.0, 3.0) | st.floats()
    coefficients = data.draw(
        st.tuples(*[number] * data.draw(st.sampled_from(DISTORTION_MODELS[model])))
    )
    focal, centre = data.draw(st.floats(1.0, 500.0)), data.draw(st.floats(-50.0, 150.0))
    lens = DistortedCamera(128, 96, focal, focal, centre, 48.0, model, coefficients)
    try:
        preprocess = Preprocessor(TARGET, lens)
    except ObservationError as refused:
        assert str(refused).startswith('camera: ')
        return
    found = preprocess(buffer(np.full((96, 128, 3), 200, np.uint8)))
    assert np.allclose(found, 200.0 / 255.0, atol=1e-3)
