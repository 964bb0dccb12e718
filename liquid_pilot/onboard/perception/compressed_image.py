"""Decodes JPEG and PNG, after a look at their headers.

A decoder allocates what a header asks for, and a few bytes can ask for gigabytes. So the size of
the image and the lengths of the parts are read and bounded before it sees anything.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np

from liquid_pilot.interfaces import ImageBuffer, ObservationError
from liquid_pilot.onboard.perception.pixel_depth import FULL_BITS, is_deep_png, max_value
from liquid_pilot.utils.settings import setting

_PNG_MAGIC, _JPEG_MAGIC = b'\x89PNG\r\n\x1a\n', b'\xff\xd8'
_PNG_KEPT = (b'IHDR', b'PLTE', b'tRNS', b'IDAT', b'IEND')
"""Parts of a PNG that make its first picture. Decoders unpack texts and colour profiles too."""
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Number of channels by the colour type of a PNG."""
_UNCHECKED_PNG_BYTES = 100_000
"""Number of compressed bytes that cannot become more than a hundred megabytes."""
_MAX_PARTS = 100_000
"""Largest number of parts (PNG chunks, JPEG segments before the first scan)."""
_MAX_SCANS, _MAX_SCANNED_PIXELS = 100, 100_000_000
"""Largest number of scans of a JPEG, and of pixels that all of them pass over. Ten are common."""
_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers of a frame header, which holds the size."""
_STANDALONE_MARKERS = frozenset((0x01, *range(0xD0, 0xD8)))
"""JPEG markers without a length."""
_BAYER_8 = ('bayer_rggb8', 'bayer_bggr8', 'bayer_gbrg8', 'bayer_grbg8')


@dataclass(frozen=True)
class CompressedLimits:
    """Limits on what is decoded. Within them a frame takes less than a second and 300 MB."""

    max_compressed_pixels: int = setting(
        8_400_000,
        'compressed images: a frame with more pixels than this is refused before it is decoded',
        'pixels',
        low=10_000,
        high=8_400_000,
        live=True,
    )
    max_compressed_bytes: int = setting(
        16_000_000,
        'compressed images: a frame of more bytes than this is refused before it is decoded',
        'bytes',
        low=10_000,
        high=32_000_000,
        live=True,
    )


DEFAULT_LIMITS = CompressedLimits()


def decode_compressed(
    data: bytes,
    format: str,
    limits: CompressedLimits = DEFAULT_LIMITS,
    mono16_bits: int = FULL_BITS,
) -> ImageBuffer:
    """Decode a sensor_msgs/CompressedImage (JPEG or PNG).

    Args:
        data: the bytes of the message, which decide what it is.
        format: its format, such as 'jpeg' or 'rgb8; jpeg compressed bgr8'. It tells whether a grey
            picture is a colour mosaic.
        limits: the largest picture that is decoded.
        mono16_bits: number of bits that count in a PNG of 16 bits, 8 to 16; larger values are
            white.

    Returns:
        The image, bgr8; a colour mosaic keeps its encoding, such as bayer_rggb8.

    Raises:
        ObservationError: the data are neither JPEG nor PNG, are cut short, cannot be decoded, or
            exceed the limits; or they are a colour mosaic whose colours are lost.
    """
    raw = bytes(data)
    if len(raw) > limits.max_compressed_bytes:
        raise ObservationError(
            f'compressed image: {len(raw)} bytes are more than the {limits.max_compressed_bytes} '
            'that are decoded (max_compressed_bytes); make the driver send smaller images'
        )
    is_jpeg = raw.startswith(_JPEG_MAGIC)
    if not is_jpeg and not raw.startswith(_PNG_MAGIC[:4]):
        raise ObservationError(
            f'compressed image: format {format!r} with {len(raw)} bytes is neither JPEG nor PNG; '
            'set the image transport to `compressed`'
        )
    mosaic = _mosaic_of(format)
    try:
        width, height, raw = (
            _open_jpeg(raw) if is_jpeg else _open_png(raw, limits.max_compressed_pixels)
        )
    except (ValueError, struct.error) as error:
        raise _broken(len(data), format, str(error)) from None
    if width * height > limits.max_compressed_pixels:
        raise ObservationError(
            f'compressed image: {width} x {height} pixels are more than the '
            f'{limits.max_compressed_pixels} that are decoded (max_compressed_pixels); make '
            'the driver send smaller images'
        )
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    shallow = mono16_bits < FULL_BITS and not mosaic and is_deep_png(raw)
    if shallow:
        flags |= cv2.IMREAD_ANYDEPTH
    try:
        image = cv2.imdecode(
            np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED if mosaic else flags
        )
        if shallow and image is not None:
            # It rounds, and cuts off what is above 255.
            image = cv2.convertScaleAbs(image, alpha=255 / max_value(mono16_bits))
    except cv2.error:
        image = None
    if image is None or image.shape[:2] != (height, width):
        raise _broken(len(data), format, 'it cannot be decoded')
    if mosaic:
        return _of_mosaic(image, mosaic, format)
    return ImageBuffer(image, width, height, 3 * width, 'bgr8')


def _broken(length: int, format: str, reason: str) -> ObservationError:
    return ObservationError(
        f'compressed image: {length} bytes of {format!r} are broken or cut short ({reason}); '
        'check the driver and the connection'
    )


def _mosaic_of(format: str) -> str:
    """Return the encoding of the colour mosaic that was compressed; empty: it was none."""
    encoding = format.partition(';')[0].strip()
    return encoding if encoding.startswith('bayer_') else ''


def _of_mosaic(image: np.ndarray, encoding: str, format: str) -> ImageBuffer:
    """Return the image of a camera with a colour mosaic.

    compressed_image_transport sends the mosaic as a grey picture, or a picture that it converted
    to colour; where it converted to grey, nothing brings the colours back.

    Raises:
        ObservationError: the picture is grey and no mosaic of 8 bits.
    """
    height, width = image.shape[:2]
    if image.ndim == 3 and image.dtype == np.uint8:
        colour = image if image.shape[2] == 3 else np.ascontiguousarray(image[..., :3])
        return ImageBuffer(colour, width, height, 3 * width, 'bgr8')
    made = format.partition('compressed')[2].strip()
    if image.dtype != np.uint8 or encoding not in _BAYER_8 or made not in ('', encoding):
        what = f'{8 * image.itemsize} bits of {made or encoding}'
        raise ObservationError(
            f'compressed image: {format!r} is the grey picture of a colour camera ({what}), whose '
            'colours are lost; convert to colour before compressing (image_proc debayer), or set '
            'image_transport to raw'
        )
    return ImageBuffer(image, width, height, width, encoding)


def _open_png(raw: bytes, max_pixels: int) -> tuple[int, int, bytes]:
    """Return width, height and the parts of a PNG that make its picture.

    Args:
        raw: the PNG.
        max_pixels: number of pixels above which its pixels need no look.

    Raises:
        ValueError: a part is longer than the data, or one is missing, or the pixels are too many.
    """
    if not raw.startswith(_PNG_MAGIC) or raw[12:16] != b'IHDR':
        raise ValueError('it has no PNG header')
    width, height = struct.unpack('>II', raw[16:24])
    kept, pixels, at = [_PNG_MAGIC], [], len(_PNG_MAGIC)
    for _ in range(_MAX_PARTS):
        length, kind = struct.unpack('>I4s', raw[at : at + 8])
        end = at + 12 + length
        if end > len(raw):
            raise ValueError('a part is longer than the data')
        if kind in _PNG_KEPT:
            kept.append(raw[at:end])
        if kind == b'IDAT':
            pixels.append(raw[at + 8 : end - 4])
        if kind == b'IEND':
            break
        at = end
    else:
        raise ValueError('it has too many parts')
    if sum(map(len, pixels)) > _UNCHECKED_PNG_BYTES and width * height <= max_pixels:
        bits = raw[24] * _PNG_CHANNELS.get(raw[25], 4)
        _check_inflated(b''.join(pixels), (-(-width * bits // 8) + 1) * height)
    return *_positive(width, height), b''.join(kept)


def _check_inflated(pixels: bytes, expected: int) -> None:
    """Check that compressed pixels do not become much more than a picture has.

    A decoder unpacks all of them, a thousand bytes out of one, and then drops what is too much.

    Args:
        pixels: the compressed data.
        expected: number of bytes of the rows of the picture.

    Raises:
        ValueError: they become more, or are damaged.
    """
    # Interlaced pictures have more rows, each with a byte of its own.
    limit = expected + expected // 4 + 65536
    try:
        inflated = len(zlib.decompressobj().decompress(pixels, limit + 1))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if inflated > limit:
        raise ValueError(f'it holds more than the {expected} bytes of its pixels')


def _open_jpeg(raw: bytes) -> tuple[int, int, bytes]:
    """Return width, height and the data of a JPEG, whose end is there.

    Raises:
        ValueError: there is no header, the end is missing, or it has too many scans.
    """
    # OpenCV fills the missing part of a truncated JPEG with grey, which must not be flown on.
    # Some cameras pad with zeros after the end.
    if not raw.rstrip(b'\x00').endswith(b'\xff\xd9'):
        raise ValueError('its end is missing')
    # Inside a scan this pair of bytes cannot occur.
    scans, at = raw.count(b'\xff\xda'), 2
    for _ in range(_MAX_PARTS):
        if raw[at] != 0xFF:
            raise ValueError('it has no header')
        marker = raw[at + 1] if at + 1 < len(raw) else 0xD9
        if marker == 0xFF:
            at += 1
            continue
        if marker in (0xD9, 0xDA):
            raise ValueError('it has no header')
        if marker in _STANDALONE_MARKERS:
            at += 2
            continue
        (length,) = struct.unpack('>H', raw[at + 2 : at + 4])
        end = at + 2 + length
        if length < 2 or end >= len(raw):
            raise ValueError('a part is longer than the data')
        if marker in _SIZE_MARKERS:
            height, width = struct.unpack('>HH', raw[at + 5 : at + 9])
            if scans > _MAX_SCANS or scans * width * height > _MAX_SCANNED_PIXELS:
                raise ValueError(f'{scans} scans of {width} x {height} pixels are too many')
            return *_positive(width, height), raw
        at = end
    raise ValueError('it has too many parts')


def _positive(width: int, height: int) -> tuple[int, int]:
    """Return a size.

    Raises:
        ValueError: it is empty.
    """
    if min(width, height) < 1:
        raise ValueError(f'it has {width} x {height} pixels')
    return width, height
