"""The overlay can be read: in grey, on bright and on dark pictures."""

import cv2
import numpy as np
import pytest

from liquid_pilot.explanation.overlay import colours, overlay

RAMP = np.linspace(0.0, 1.0, 256, dtype=np.float32)[None]


def brightness(rgb):
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[:, :, 0].astype(int)


def test_brightness_grows_with_saliency():
    """So the order can be told in grey, and with any kind of colour vision."""
    levels = brightness(colours(RAMP))[0]
    assert (np.diff(levels) >= 0).all()
    assert levels[-1] - levels[0] > 200


@pytest.mark.parametrize('light', [0.06, 0.5, 1.0])
def test_it_can_be_read_in_any_light(light):
    rng = np.random.default_rng(0)
    rgb = np.uint8(255 * light * rng.uniform(0.7, 1.0, (72, 128, 3)))
    saliency = np.zeros((72, 128), np.float32)
    saliency[20:30, 40:60] = 1.0
    drawn = overlay(rgb, saliency)
    inside = saliency > 0.5
    assert drawn.shape == rgb.shape and drawn.dtype == np.uint8
    # Where nothing counts it is grey, and the picture is still there.
    outside = drawn[~inside].astype(int)
    assert (outside.max(axis=1) == outside.min(axis=1)).all()
    assert np.corrcoef(outside[:, 0], cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[~inside])[0, 1] > 0.95
    # Where all of it counts it is coloured and brighter than anywhere else.
    assert (drawn[inside, 0].astype(int) - drawn[inside, 2]).min() > 40
    assert brightness(drawn)[inside].mean() > brightness(drawn)[~inside].max()


def test_a_map_is_scaled_to_the_picture():
    rgb = np.full((144, 256, 3), 100, np.uint8)
    saliency = np.zeros((72, 128), np.float32)
    saliency[:, 64:] = 1.0
    drawn = overlay(rgb, saliency)
    assert drawn.shape == rgb.shape
    assert brightness(drawn)[:, 140:].min() > brightness(drawn)[:, :120].max()
    assert (rgb == 100).all()


def test_strength_zero_leaves_the_grey_picture():
    rgb = np.random.default_rng(1).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    saliency = np.ones((20, 30), np.float32)
    assert np.ptp(overlay(rgb, saliency, strength=0.0).astype(int), axis=2).max() == 0
    assert np.ptp(overlay(rgb, saliency, strength=1.0).reshape(-1, 3), axis=0).max() == 0
