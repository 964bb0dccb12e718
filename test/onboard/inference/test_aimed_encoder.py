"""The encoder of a turned camera: its picture is turned back before it is read."""

import math

import cv2
import numpy as np
import pytest

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.onboard.inference.aimed_encoder import AimedEncoder
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount
from liquid_pilot.onboard.perception.rectification import Rectification

CAMERA = CameraGeometry.from_vertical_fov(128, 72, math.radians(60.0))
SIZE = (128, 72)


def smooth(seed=3):
    """A picture (1, 3, 72, 128) without hard edges."""
    rng = np.random.default_rng(seed)
    picture = cv2.GaussianBlur(rng.random((72, 128, 3)), (0, 0), 6.0)
    picture = (picture - picture.min()) / (picture.max() - picture.min())
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)


def encode(picture):
    """The picture itself, as features."""
    return np.array(picture, np.float32).ravel()


def test_a_straight_camera_is_read_as_it_is_to_the_bit():
    picture = smooth()
    assert np.array_equal(AimedEncoder(encode, CAMERA)(picture), encode(picture))
    back = AimedEncoder(encode, CAMERA, CameraMount(0.1, 0.0, 0.0))
    back.aim = CameraMount(-0.1, 0.0, 0.0)
    assert np.array_equal(back(picture), encode(picture))


@pytest.mark.parametrize(
    'mount',
    [
        CameraMount.from_degrees(9.0, 0.0, 0.0),
        CameraMount.from_degrees(0.0, -6.0, 0.0),
        CameraMount.from_degrees(0.0, 0.0, 15.0),
        CameraMount.from_degrees(-5.0, 4.0, -8.0),
    ],
)
def test_it_turns_pictures_back_as_the_parameter_of_the_mount_does(mount):
    picture = smooth()
    aimed = AimedEncoder(encode, CAMERA)
    aimed.aim = mount
    rectify = Rectification(CAMERA, CAMERA, *SIZE, mount, max_missing=1.0)
    x, y, width, height = rectify.source_crop
    pixels = np.round(255 * picture[0].transpose(1, 2, 0)[y : y + height, x : x + width])
    expected = cv2.resize(rectify(pixels.astype(np.uint8)), SIZE, interpolation=cv2.INTER_AREA)
    turned = aimed(picture).reshape(3, 72, 128).transpose(1, 2, 0)
    middle = np.s_[20:-20, 30:-30]
    assert np.abs(turned[middle] - expected[middle] / 255).max() < 0.02
    assert np.abs(turned[middle] - picture[0].transpose(1, 2, 0)[middle]).max() > 0.05


def test_further_turns_are_those_of_a_sum_of_angles():
    picture, turns = smooth(), (CameraMount(0.05, 0.0, 0.0), CameraMount(0.0, 0.0, -0.1))
    aimed = AimedEncoder(encode, CAMERA)
    aimed.aim = CameraMount(0.02, 0.01, 0.0)
    aimed(picture)
    rows = aimed.features_of_turns(turns)
    assert rows.shape == (2, encode(picture).size)
    for row, turn in zip(rows, turns, strict=True):
        other = AimedEncoder(encode, CAMERA)
        other.aim = aimed.aim.plus(turn)
        assert np.array_equal(row, other(picture))
    assert aimed.aim == CameraMount(0.02, 0.01, 0.0) and STRAIGHT.is_straight
