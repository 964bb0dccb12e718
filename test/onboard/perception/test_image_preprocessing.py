"""Reading what cameras send: every claimed encoding, at every size, and what must be refused."""

import math

import numpy as np
import pytest
from camera_images import COLOURS, TARGET, corners, luma, pack, quadrants
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ObservationError
from liquid_pilot.onboard.perception.image_preprocessing import ENCODINGS, Preprocessor


def buffer_of(rgb, encoding, padding=0):
    rows = pack(rgb, encoding)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    height, width = rgb.shape[:2]
    return ImageBuffer(padded.tobytes(), width, height, padded.shape[1], encoding)


def expected(encoding):
    if ENCODINGS[encoding].order == (0, 0, 0):
        return np.repeat(luma(COLOURS)[:, None], 3, axis=1)
    return COLOURS.astype(float)


@pytest.mark.parametrize('padding', [0, 1, 7, 64])
@pytest.mark.parametrize('size', [(64, 32), (16, 8), (67, 35), (641, 479), (33, 101), (15, 17)])
@pytest.mark.parametrize('encoding', sorted(ENCODINGS))
def test_every_encoding_shows_the_same_scene(encoding, size, padding):
    read = Preprocessor(TARGET)
    tensor = read(buffer_of(quadrants(*size), encoding, padding))
    assert tensor.shape == (1, 3, 8, 16)
    assert tensor.dtype == np.float32
    assert tensor.min() >= 0.0 and tensor.max() <= 1.0
    tolerance = 2.5 if ENCODINGS[encoding].to_rgb is not None else 1.0
    assert corners(tensor) == pytest.approx(expected(encoding), abs=tolerance)


@pytest.mark.parametrize('size', [(4, 4), (5, 5), (7, 4), (4, 9), (9, 200), (200, 5)])
@pytest.mark.parametrize('encoding', sorted(ENCODINGS))
def test_an_image_smaller_than_the_target_is_enlarged(encoding, size):
    width, height = size
    flat = np.broadcast_to(COLOURS[3], (height, width, 3))
    tensor = Preprocessor(TARGET)(buffer_of(flat, encoding, 3))
    wanted = expected(encoding)[3][:, None, None]
    assert np.abs(tensor[0] * 255.0 - wanted).max() < 2.5


def test_a_whole_factor_is_the_mean_of_the_block():
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (24, 48, 3), dtype=np.uint8)
    tensor = Preprocessor(TARGET)(buffer_of(rgb, 'rgb8', 5))
    mean = rgb.reshape(8, 3, 16, 3, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    assert tensor[0] * 255.0 == pytest.approx(mean, abs=0.501)


def test_the_targets_own_size_is_not_touched():
    rng = np.random.default_rng(2)
    rgb = rng.integers(0, 256, (8, 16, 3), dtype=np.uint8)
    tensor = Preprocessor(TARGET)(buffer_of(rgb, 'rgb8'))
    assert np.array_equal(np.rint(tensor[0] * 255.0).astype(np.uint8), rgb.transpose(2, 0, 1))
    white = Preprocessor(TARGET)(buffer_of(np.full_like(rgb, 255), 'rgb8'))
    assert white.max() == 1.0


@pytest.mark.parametrize('padding', [0, 1])
def test_big_endian_words_are_read_as_such(padding):
    little = buffer_of(quadrants(67, 35), 'mono16', padding)
    rows = pack(quadrants(67, 35), 'mono16').view('<u2').astype('>u2').view(np.uint8)
    big = little._replace(data=np.pad(rows, ((0, 0), (0, padding))).tobytes(), is_bigendian=True)
    assert np.array_equal(Preprocessor(TARGET)(little).copy(), Preprocessor(TARGET)(big))
    wrong = Preprocessor(TARGET)(big._replace(is_bigendian=False))
    assert np.abs(wrong - Preprocessor(TARGET)(little)).max() > 0.01


@pytest.mark.parametrize('make', [bytes, bytearray, memoryview, np.frombuffer])
def test_any_buffer_of_bytes_is_read(make):
    image = buffer_of(quadrants(32, 16), 'rgb8')
    data = np.frombuffer(image.data, np.uint8) if make is np.frombuffer else make(image.data)
    read = Preprocessor(TARGET)
    assert np.array_equal(read(image).copy(), read(image._replace(data=data)))


def test_words_at_an_odd_address_are_read():
    image = buffer_of(quadrants(32, 16), 'mono16')
    odd = memoryview(b'\x00' + image.data)[1:]
    read = Preprocessor(TARGET)
    assert np.array_equal(read(image).copy(), read(image._replace(data=odd)))


@pytest.mark.parametrize('encoding', ['nv12', 'nv21'])
def test_chroma_that_is_counted_into_the_step_is_read(encoding):
    """depthai's driver gives the bytes of the data by the height as the step."""
    image = buffer_of(quadrants(64, 32), encoding)
    read = Preprocessor(TARGET)
    assert np.array_equal(read(image).copy(), read(image._replace(step=96)))
    with pytest.raises(ObservationError, match='48 rows of 64 bytes'):
        read(image._replace(data=image.data[: 64 * 32]))


def test_a_change_of_format_in_flight_is_followed():
    read = Preprocessor(TARGET)
    for width, height, encoding in ((64, 32, 'rgb8'), (80, 60, 'bgr8'), (64, 32, 'mono8')):
        tensor = read(buffer_of(quadrants(width, height), encoding))
        assert corners(tensor) == pytest.approx(expected(encoding), abs=1.0)


def test_the_field_of_view_is_cut_out():
    """Colour says which ray a pixel sees: red grows with the tangent to the right, green down."""
    source = CameraGeometry(320, 240, 120.0, 120.0, 150.0, 130.0)
    tangent_x = (np.arange(320) + 0.5 - source.cx) / source.fx
    tangent_y = (np.arange(240) + 0.5 - source.cy) / source.fy
    rgb = np.zeros((240, 320, 3), np.uint8)
    rgb[..., 0] = np.rint(np.clip(127.5 + 90.0 * tangent_x, 0, 255))[None, :]
    rgb[..., 1] = np.rint(np.clip(127.5 + 90.0 * tangent_y, 0, 255))[:, None]
    tensor = Preprocessor(TARGET, source)(buffer_of(rgb, 'rgb8'))
    seen_x = (tensor[0, 0] * 255.0 - 127.5) / 90.0
    seen_y = (tensor[0, 1] * 255.0 - 127.5) / 90.0
    want_x = (np.arange(16) + 0.5 - TARGET.cx) / TARGET.fx
    want_y = (np.arange(8) + 0.5 - TARGET.cy) / TARGET.fy
    # Two source pixels, and the two hundredths that a whole factor may cost.
    assert np.abs(seen_x - want_x[None, :]).max() < 2.0 / 120.0 + 0.02 * 1.16
    assert np.abs(seen_y - want_y[:, None]).max() < 2.0 / 120.0 + 0.02 * 0.58


@pytest.mark.parametrize('encoding', sorted(ENCODINGS))
@pytest.mark.parametrize('offset', [(0, 0), (1, 0), (0, 1), (3, 5)])
def test_a_cut_through_a_cell_is_still_exact(encoding, offset):
    """Chroma pairs and mosaics start at even pixels; the crop may not."""
    x, y = 8.0 + offset[0], 6.0 + offset[1]
    source = CameraGeometry(40, 30, TARGET.fx, TARGET.fy, x + 8.0, y + 4.0)
    grey = 40.0 + 5.0 * np.arange(40)[None, :] - 4.0 * (np.arange(30) - 15)[:, None]
    rgb = np.clip(grey, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    tensor = Preprocessor(TARGET, source)(buffer_of(rgb, encoding, 2))
    wanted = rgb[int(y) : int(y) + 8, int(x) : int(x) + 16, 0]
    # Demosaicing repeats the border of what it is given: there a colour may be one pixel off.
    tolerance = 10.0 if encoding.startswith('bayer') else 1.5
    assert np.abs(tensor[0] * 255.0 - wanted).max() < tolerance
    assert np.abs(tensor[0] * 255.0 - wanted)[:, 2:-2, 2:-2].max() < 1.5


def test_a_camera_that_sees_too_little_is_refused_when_it_is_set():
    narrow = CameraGeometry.from_vertical_fov(640, 320, math.radians(30.0))
    with pytest.raises(ObservationError, match='degrees'):
        Preprocessor(TARGET, narrow)
    read = Preprocessor(TARGET)
    with pytest.raises(ObservationError, match='degrees'):
        read.set_source(narrow)
    assert read.source is None


def test_steady_state_makes_no_image_size_arrays():
    import tracemalloc

    image = buffer_of(quadrants(640, 480), 'bgr8')
    read = Preprocessor(TARGET)
    first = read(image)
    tracemalloc.start()
    assert read(image) is first
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000


GOOD = buffer_of(quadrants(32, 16), 'rgb8')


@pytest.mark.parametrize(
    ('bad', 'words'),
    [
        (GOOD._replace(encoding='32FC1'), "'32FC1' is not known.*rgb8.*bayer_rggb8"),
        (GOOD._replace(encoding=''), 'not known'),
        (GOOD._replace(width=0), 'too few'),
        (GOOD._replace(height=0), 'too few'),
        (GOOD._replace(height=0, width=0, step=0, data=b''), 'too few'),
        (GOOD._replace(width=-3), 'too few'),
        (GOOD._replace(step=95), 'step 95 is less than the 96 bytes'),
        (GOOD._replace(step=0), 'step 0'),
        (GOOD._replace(step=97), 'rows of 97 bytes'),
        (GOOD._replace(data=GOOD.data[:-1]), '1535 bytes of data'),
        (GOOD._replace(data=b''), '0 bytes of data'),
        (GOOD._replace(data=GOOD.data * 2), '3072 bytes of data'),
        (GOOD._replace(data=None), 'not a buffer'),
        (GOOD._replace(data='text'), 'not a buffer'),
        (GOOD._replace(width=2**31, step=2**33), 'bytes of data'),
        (GOOD._replace(encoding='bayer_rggb8', width=32, height=2, step=32), 'too few'),
        (GOOD._replace(encoding='yuyv', width=1, height=2, step=32), 'too few'),
    ],
)
def test_what_must_not_be_flown_on_is_refused(bad, words):
    read = Preprocessor(TARGET)
    with pytest.raises(ObservationError, match=words):
        read(bad)
    assert corners(read(GOOD)) == pytest.approx(COLOURS.astype(float), abs=1.0)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(ENCODINGS)),
    st.integers(-2, 40),
    st.integers(-2, 40),
    st.integers(-2, 200),
    st.integers(-300, 300),
    st.booleans(),
)
def test_any_header_is_read_inside_the_data_or_refused(enc, width, height, step, extra, big):
    data = bytes(max(0, step * max(height, 0) + extra))
    try:
        tensor = Preprocessor(TARGET)(ImageBuffer(data, width, height, step, enc, big))
    except ObservationError:
        return
    assert np.isfinite(tensor).all()
    rows = ENCODINGS[enc].row_count(height)
    packed = rows > height and len(data) == rows * (width + width % 2)
    assert step * (rows - 1) < len(data) <= step * rows or packed
