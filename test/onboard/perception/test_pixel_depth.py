"""Pixels of 16 bits of which fewer count: the picture is right, and a wrong depth is named."""

import cv2
import numpy as np
import pytest
from camera_images import TARGET, luma, quadrants

from liquid_pilot.interfaces import ImageBuffer
from liquid_pilot.onboard.perception.compressed_image import decode_compressed
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.onboard.perception.pixel_depth import DepthWatch, largest_value

GREY = np.rint(luma(quadrants(64, 32))).astype(np.uint8)


def deep(grey, bits, encoding='mono16', big=False, padding=0):
    """The picture of a camera of that many bits, which leaves the upper ones empty."""
    values = np.rint(grey * (((1 << bits) - 1) / 255)).astype('>u2' if big else '<u2')
    rows = values.view(np.uint8).reshape(len(grey), -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    return ImageBuffer(rows.tobytes(), grey.shape[1], len(grey), rows.shape[1], encoding, big)


def eight(grey):
    return ImageBuffer(grey.tobytes(), grey.shape[1], len(grey), grey.shape[1], 'mono8')


@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
@pytest.mark.parametrize('bits', [8, 10, 12, 14, 16])
def test_the_picture_is_that_of_eight_bits(bits, encoding):
    tensor = Preprocessor(TARGET, mono16_bits=bits)(deep(GREY, bits, encoding, padding=3))
    expected = Preprocessor(TARGET)(eight(GREY))
    assert np.abs(tensor - expected).max() < 0.004
    as_sixteen = Preprocessor(TARGET)(deep(GREY, bits, encoding))
    assert as_sixteen.max() == pytest.approx(tensor.max() * (2**bits - 1) / 65535)


def test_larger_values_are_white_before_they_are_averaged():
    grey = np.zeros((32, 64), np.uint8)
    grey[::2] = 255
    image = deep(grey, 16)
    tensor = Preprocessor(TARGET, mono16_bits=12)(image)
    assert tensor == pytest.approx(0.5, abs=1e-3)


def png(values):
    return cv2.imencode('.png', values)[1].tobytes()


@pytest.mark.parametrize('bits', [8, 10, 12, 16])
@pytest.mark.parametrize('colour', [False, True])
def test_a_png_of_sixteen_bits_is_read_by_the_bits_that_count(bits, colour):
    picture = quadrants(64, 32)[..., ::-1] if colour else GREY
    values = np.rint(picture * (((1 << bits) - 1) / 255)).astype(np.uint16)
    image = decode_compressed(png(values), 'png', mono16_bits=bits)
    assert image.encoding == 'bgr8' and image.step == 3 * 64
    expected = picture if colour else np.repeat(GREY[..., None], 3, -1)
    assert np.abs(np.asarray(image.data, int) - expected).max() <= 1
    above = decode_compressed(png(np.full_like(values, 65535)), 'png', mono16_bits=bits)
    assert np.asarray(above.data).min() == 255


def test_eight_bits_are_not_touched():
    image, data = eight(GREY), png(GREY)
    as_before = Preprocessor(TARGET)(image).copy()
    assert np.array_equal(Preprocessor(TARGET, mono16_bits=12)(image), as_before)
    assert np.array_equal(
        decode_compressed(data, 'png', mono16_bits=12).data, decode_compressed(data, 'png').data
    )


def test_the_largest_value_is_that_of_the_pixels_alone():
    assert largest_value(deep(GREY, 12, padding=4)) == largest_value(deep(GREY, 12, big=True))
    assert largest_value(deep(GREY, 12, padding=3)) == round(int(GREY.max()) * 4095 / 255)
    assert largest_value(eight(GREY)) is None
    assert largest_value(deep(GREY, 12)._replace(data=b'')) is None
    assert largest_value(deep(GREY, 12)._replace(width=0)) is None


def watched(largest, seconds, bits=16, watch=None, since_s=0.0):
    watch = watch or DepthWatch(bits)
    for k in range(round(20 * seconds)):
        watch.update(largest, since_s + k / 20)
    return watch


def test_values_of_twelve_bits_are_named_after_a_while_with_the_parameter():
    assert watched(4095, 2.9).text() == ''
    watch = watched(4095, 3.2)
    assert 'exceeds 4095 (12 bits)' in watch.text() and 'set mono16_bits' in watch.text()
    # One bright frame is a reflex; a second of them is another picture.
    watch.update(5000, 3.2)
    assert watch.text()
    assert watched(5000, 1.2, watch=watch, since_s=3.3).text() == ''


@pytest.mark.parametrize(('bits', 'largest'), [(16, 4096), (16, 65535), (12, 4095), (16, 0)])
def test_a_picture_that_uses_its_bits_is_not_named_nor_is_a_black_one(bits, largest):
    assert watched(largest, 10.0, bits).text() == ''


def test_values_that_do_not_fit_are_named():
    text = watched(60000, 4.0, bits=12).text()
    assert 'reach 60000' in text and 'above 4095 are white; set mono16_bits to 16' in text
