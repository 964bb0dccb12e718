"""JPEG and PNG: what their headers ask for is looked at before it is allocated."""

import contextlib
import resource
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from camera_images import COLOURS, TARGET, corners, pack, quadrants
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import ObservationError
from liquid_pilot.onboard.perception.compressed_image import CompressedLimits, decode_compressed
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor


@pytest.mark.parametrize(('suffix', 'name'), [('.jpg', 'jpeg'), ('.png', 'png')])
def test_compressed_images_are_decoded(suffix, name):
    rgb = quadrants(64, 32)
    ok, encoded = cv2.imencode(suffix, rgb[..., ::-1])
    assert ok
    image = decode_compressed(encoded.tobytes(), f'rgb8; {name} compressed bgr8')
    assert (image.width, image.height, image.encoding) == (64, 32, 'bgr8')
    tolerance = 6.0 if name == 'jpeg' else 1.0
    assert corners(Preprocessor(TARGET)(image)) == pytest.approx(
        COLOURS.astype(float), abs=tolerance
    )
    padded = decode_compressed(encoded.tobytes() + bytes(16), name)
    assert np.array_equal(padded.data, image.data)


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_a_compressed_image_that_broke_off_is_refused(suffix):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    encoded = cv2.imencode(suffix, noise)[1].tobytes()
    for keep in (20, len(encoded) // 2, len(encoded) - 1):
        with pytest.raises(ObservationError, match='broken or cut short'):
            decode_compressed(encoded[:keep], 'jpeg')


@pytest.mark.parametrize('data', [b'', b'hello', b'\x00' * 100])
def test_compressed_data_that_is_no_image_is_refused(data):
    with pytest.raises(ObservationError, match='neither JPEG nor PNG'):
        decode_compressed(data, 'h264')


@pytest.mark.parametrize(
    'data', [b'\xff\xd8' + b'\x11' * 50 + b'\xff\xd9', b'\x89PNG\r\n\x1a\n' + b'IEND']
)
def test_compressed_data_that_only_looks_like_an_image_is_refused(data):
    with pytest.raises(ObservationError, match='broken'):
        decode_compressed(data, 'jpeg')


def chunk(kind, data=b'', length=None):
    """A part of a PNG; its length may be a lie."""
    size = len(data) if length is None else length
    return struct.pack('>I', size) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png(width, height, depth=8, colour=2, data=b'', more=b'', after=b''):
    header = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, 0))
    body = b'\x89PNG\r\n\x1a\n' + header + more + chunk(b'IDAT', data) + after
    return body + chunk(b'IEND')


def jpeg_of_size(width, height):
    """A small JPEG whose header says another size."""
    raw = bytearray(cv2.imencode('.jpg', np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    at = raw.index(b'\xff\xc0')
    raw[at + 5 : at + 9] = struct.pack('>HH', height, width)
    return bytes(raw)


def progressive_bomb(width, height, scans):
    """A JPEG whose last scan comes again and again."""
    picture = np.zeros((height, width, 3), np.uint8)
    raw = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    at = raw.rindex(b'\xff\xda')
    last, before = raw[at:-2], raw[:at].count(b'\xff\xda')
    return raw[:at] + (scans - before) * last + b'\xff\xd9'


def inflated(count):
    """Zeros that `count` zeros were compressed to, a thousandth of them."""
    pack_zeros = zlib.compressobj(9)
    return b''.join(pack_zeros.compress(bytes(1 << 20)) for _ in range(count >> 20)) + (
        pack_zeros.flush()
    )


def bombs():
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    small = zlib.compress(b''.join(b'\0' + row.tobytes() for row in noise))
    yield 'length', png(8, 8, data=small, more=chunk(b'tEXt', b'x', length=0x7FFFFFFF))
    yield 'length of the picture', png(8, 8, more=chunk(b'IDAT', b'x', length=0x7FFFFFF0))
    yield 'end', png(8, 8, data=small)[:-12] + chunk(b'IEND', length=0x7FFFFFFF)
    yield 'size', png(100_000, 100_000, data=small)
    yield 'width', png(0x7FFFFFFF, 1, data=small)
    yield 'text', png(8, 8, data=small, more=chunk(b'zTXt', b'a\0\0' + inflated(1 << 28)))
    yield 'colours', png(8, 8, data=small, more=chunk(b'iCCP', b'a\0\0' + inflated(1 << 28)))
    yield 'animation', png(8, 8, data=small, more=chunk(b'acTL', struct.pack('>II', 0x7FFFFFFF, 0)))
    yield 'rest', png(8, 8, data=inflated(1 << 28))
    yield 'a little rest', png(8, 8, data=inflated(96 << 20))
    yield 'deep', png(3840, 2160, 16, 6, data=inflated(3840 * 2160 * 8 + (1 << 22)))
    yield 'parts', png(8, 8, data=small, more=chunk(b'tEXt') * 1_200_000)
    yield 'jpeg', jpeg_of_size(65_000, 65_000)
    yield 'jpeg parts', b'\xff\xd8' + b'\xff\xfe\0\2' * 3_900_000 + b'\xff\xd9'
    yield 'scans', progressive_bomb(3840, 2160, 12)
    yield 'scans of a smaller one', progressive_bomb(1280, 720, 100)
    yield 'too many scans', progressive_bomb(1280, 720, 1000)
    yield 'long', cv2.imencode('.png', noise)[1].tobytes() + bytes(20_000_000)


@pytest.mark.slow
def test_nothing_takes_more_than_a_second_or_300_mb():
    """CPU time and memory, so that a busy machine does not matter."""
    took = {}
    for name, raw in bombs():
        before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started_s = time.process_time()
        with contextlib.suppress(ObservationError):
            decode_compressed(raw, 'jpeg')
        grown_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb
        took[name] = (round(time.process_time() - started_s, 2), round(grown_mb))
    print(took)
    assert max(seconds for seconds, _ in took.values()) < 1.0, took
    assert max(megabytes for _, megabytes in took.values()) < 300.0, took


@pytest.mark.parametrize(
    ('raw', 'words'),
    [
        (png(8, 8, more=chunk(b'tEXt', b'x', length=0x7FFFFFFF)), 'longer than the data'),
        (png(100_000, 100_000), '100000 x 100000 pixels.*max_compressed_pixels'),
        (png(0, 8), '0 x 8 pixels'),
        (png(8, 8, data=bytes(200_000)), 'incorrect|invalid|unknown'),
        (jpeg_of_size(5_000, 5_000), '5000 x 5000 pixels are more'),
        (jpeg_of_size(0, 8), '0 x 8 pixels'),
        (b'\xff\xd8' + bytes(20_000_000) + b'\xff\xd9', 'max_compressed_bytes'),
        (progressive_bomb(640, 480, 101), '101 scans of 640 x 480 pixels are too many'),
        (progressive_bomb(3840, 2160, 13), '13 scans of 3840 x 2160'),
        (b'\xff\xd8\xff\xfe\xff\xff\xff\xd9', 'longer than the data'),
        (b'\xff\xd8\xff\xd9', 'no header'),
    ],
)
def test_a_header_that_asks_for_too_much_is_refused_before_it_is_decoded(monkeypatch, raw, words):
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('it was decoded'))
    with pytest.raises(ObservationError, match=words):
        decode_compressed(raw, 'png')


def test_the_limits_are_settings():
    raw = cv2.imencode('.jpg', np.zeros((120, 160, 3), np.uint8))[1].tobytes()
    assert decode_compressed(raw, 'jpeg', CompressedLimits(160 * 120, len(raw))).width == 160
    with pytest.raises(ObservationError, match='160 x 120 pixels are more'):
        decode_compressed(raw, 'jpeg', CompressedLimits(160 * 120 - 1))
    with pytest.raises(ObservationError, match='bytes are more'):
        decode_compressed(raw, 'jpeg', CompressedLimits(160 * 120, len(raw) - 1))


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 10_000))
def test_a_changed_byte_is_refused_or_gives_a_picture(suffix, place, value, end):
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    raw = bytearray(cv2.imencode(suffix, noise)[1].tobytes())
    raw[place % len(raw)] = value
    raw = bytes(raw)[: None if end > 5000 else end % len(raw)]
    try:
        image = decode_compressed(raw, suffix)
    except ObservationError:
        return
    assert image.data.size == 3 * image.width * image.height


MOSAICS = ['bayer_rggb8', 'bayer_bggr8', 'bayer_gbrg8', 'bayer_grbg8']


@pytest.mark.parametrize('form', ['{}; png compressed {}', '{}; png compressed ', '{}; png'])
@pytest.mark.parametrize('encoding', MOSAICS)
def test_a_compressed_mosaic_shows_its_colours(encoding, form):
    raw = cv2.imencode('.png', pack(quadrants(64, 32), encoding))[1].tobytes()
    image = decode_compressed(raw, form.format(encoding, encoding))
    assert image.encoding == encoding
    assert corners(Preprocessor(TARGET)(image)) == pytest.approx(COLOURS.astype(float), abs=2.5)


def test_a_mosaic_as_jpeg_shows_its_colours():
    raw = cv2.imencode('.jpg', pack(quadrants(64, 32), 'bayer_rggb8'))[1].tobytes()
    image = decode_compressed(raw, 'bayer_rggb8; jpeg compressed ')
    found = corners(Preprocessor(TARGET)(image))
    assert found == pytest.approx(COLOURS.astype(float), abs=12.0)


def test_a_mosaic_that_was_converted_to_colour_is_colour():
    raw = cv2.imencode('.png', quadrants(64, 32)[..., ::-1])[1].tobytes()
    image = decode_compressed(raw, 'bayer_rggb8; png compressed bgr8')
    assert image.encoding == 'bgr8'
    assert corners(Preprocessor(TARGET)(image)) == pytest.approx(COLOURS.astype(float), abs=1.0)


@pytest.mark.parametrize(
    ('format', 'deep'),
    [
        ('bayer_rggb8; jpeg compressed mono8', False),
        ('bayer_xyz8; png compressed ', False),
        ('bayer_rggb16; png compressed bayer_rggb16', True),
        ('bayer_rggb8; png compressed bayer_rggb8', True),
    ],
)
def test_a_mosaic_whose_colours_are_lost_is_never_flown_on(format, deep):
    grey = np.full((32, 64), 200, np.uint16 if deep else np.uint8)
    raw = cv2.imencode('.png', grey)[1].tobytes()
    with pytest.raises(ObservationError, match=r'colours are lost.*debayer'):
        decode_compressed(raw, format)
