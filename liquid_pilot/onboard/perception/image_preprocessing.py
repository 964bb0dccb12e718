"""From a camera's image buffer to the encoder's input.

Reads every encoding that it names in ENCODINGS, honours `step` and endianness, cuts out the
pilot's field of view, and scales by area. All image-size buffers are made when the camera's
format is first seen, and used again for every frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from liquid_pilot.interfaces import (
    CameraGeometry,
    DistortedCamera,
    ImageBuffer,
    ObservationError,
)
from liquid_pilot.onboard.perception.field_of_view import (
    Crop,
    centre_crop,
    check_calibrated,
    matching_crop,
)
from liquid_pilot.onboard.perception.rectification import Rectification


class _Encoding(NamedTuple):
    """How the bytes of one pixel are read."""

    channels: int
    order: tuple[int, int, int] = (0, 0, 0)
    """Which channel is red, green, blue; all zero for grey."""
    bytes_per_channel: int = 1
    to_rgb: int | None = None
    """OpenCV's conversion, for mosaics and chroma subsampling."""
    cell: tuple[int, int] = (1, 1)
    """Width and height of a group of pixels that must not be cut."""
    least: tuple[int, int] = (1, 1)
    """Smallest width and height that can be converted."""


_RGB, _BGR = (0, 1, 2), (2, 1, 0)


def _yuv(to_rgb: int) -> _Encoding:
    return _Encoding(2, _RGB, to_rgb=to_rgb, cell=(2, 1), least=(2, 1))


def _bayer(to_rgb: int) -> _Encoding:
    # Below three pixels OpenCV gives black without a word.
    return _Encoding(1, _RGB, to_rgb=to_rgb, cell=(2, 2), least=(4, 4))


ENCODINGS: dict[str, _Encoding] = {
    'rgb8': _Encoding(3, _RGB),
    'bgr8': _Encoding(3, _BGR),
    'rgba8': _Encoding(4, _RGB),
    'bgra8': _Encoding(4, _BGR),
    '8UC3': _Encoding(3, _BGR),
    '8UC4': _Encoding(4, _BGR),
    'mono8': _Encoding(1),
    '8UC1': _Encoding(1),
    'mono16': _Encoding(1, bytes_per_channel=2),
    '16UC1': _Encoding(1, bytes_per_channel=2),
    'yuv422': _yuv(cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': _yuv(cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': _yuv(cv2.COLOR_YUV2RGB_YUYV),
    'yuyv': _yuv(cv2.COLOR_YUV2RGB_YUYV),
    # OpenCV names a mosaic by its second row's second and third pixel, ROS by its first four.
    'bayer_rggb8': _bayer(cv2.COLOR_BayerBG2RGB),
    'bayer_bggr8': _bayer(cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': _bayer(cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': _bayer(cv2.COLOR_BayerGB2RGB),
}


class Preprocessor:
    """One camera's way to the encoder: call it with each frame.

    `target` is the camera that the encoder was trained with, `source` the one that flies (None:
    not known, then the centre is cut out at the target's aspect). `rectify`: the distortion of a
    DistortedCamera is undone; False: its images are taken as they are.
    """

    def __init__(
        self, target: CameraGeometry, source: CameraGeometry | None = None, rectify: bool = True
    ) -> None:
        # A pool of OpenCV's own would fight with the other processes over the few cores.
        cv2.setNumThreads(1)
        self.target = target
        self._rectify = rectify
        self._rectified: tuple[tuple, Rectification] | None = None
        self._source: CameraGeometry | None = None
        self._format: tuple | None = None
        self._read: Callable[[np.ndarray], np.ndarray] | None = None
        self._output = np.zeros((1, 3, target.height, target.width), np.float32)
        self.set_source(source)

    @property
    def source(self) -> CameraGeometry | None:
        """The camera that flies, as last set."""
        return self._source

    def set_source(self, source: CameraGeometry | None) -> None:
        """Take the camera's intrinsics; ObservationError when they cannot serve the pilot."""
        if source is not None:
            check_calibrated(source)
            self._crop(source, source.width, source.height)
        self._source = source
        self._format = None

    def __call__(self, image: ImageBuffer) -> np.ndarray:
        """The encoder's input (1, 3, H, W), RGB in [0, 1]; valid until the next call.

        ObservationError for an unknown encoding, an empty image, and a `step` or an amount of
        data that does not fit the size.
        """
        height, width, step = image.height, image.width, image.step
        encoding = ENCODINGS.get(image.encoding)
        if encoding is None:
            raise ObservationError(
                f'image: encoding {image.encoding!r} is not known; known: {", ".join(ENCODINGS)}'
            )
        if width < encoding.least[0] or height < encoding.least[1]:
            raise ObservationError(f'image: {width} x {height} pixels are too few to fly on')
        row = width * encoding.channels * encoding.bytes_per_channel
        if step < row:
            raise ObservationError(
                f'image: step {step} is less than the {row} bytes of a row of {width} pixels '
                f'of {image.encoding}'
            )
        data = _bytes_of(image.data)
        if not step * (height - 1) + row <= data.size <= step * height:
            raise ObservationError(
                f'image: {data.size} bytes of data, but {height} rows of {step} bytes (step) '
                f'make {step * height}'
            )
        layout = (width, height, step, image.encoding, bool(image.is_bigendian))
        if layout != self._format:
            self._read = self._plan(encoding, width, height, step, bool(image.is_bigendian))
            self._format = layout
        return self._read(data)

    def _crop(
        self, source: CameraGeometry | None, width: int, height: int
    ) -> tuple[Crop, Rectification | None]:
        """What is cut out of an image, and what is made of that."""
        if source is None:
            return centre_crop(self.target, width, height), None
        if self._rectify and isinstance(source, DistortedCamera):
            key = (source, width, height)
            if self._rectified is None or self._rectified[0] != key:
                # Takes a tenth of a second or more; best before the first frame.
                self._rectified = key, Rectification(self.target, source, width, height)
            return self._rectified[1].box, self._rectified[1]
        return matching_crop(self.target, source, width, height), None

    def _plan(
        self, encoding: _Encoding, width: int, height: int, step: int, big_endian: bool
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Decide the crop and make the buffers for one image format; returns the reader."""
        target = self.target
        crop, rectified = self._crop(self._source, width, height)
        left, inner_left, cut_width, inner_width = _align_to_cells(
            crop.left, crop.width, encoding.cell[0], encoding.least[0], width
        )
        top, inner_top, cut_height, inner_height = _align_to_cells(
            crop.top, crop.height, encoding.cell[1], encoding.least[1], height
        )
        read = _reader(encoding, Crop(left, top, cut_width, cut_height), step, big_endian)
        inner = (
            slice(inner_top, inner_top + inner_height),
            slice(inner_left, inner_left + inner_width),
        )
        grey = encoding.order == (0, 0, 0)
        size = (target.width, target.height)
        found = (inner_width, inner_height)
        if rectified is not None:
            found = (target.width * rectified.factor, target.height * rectified.factor)
        same = found == size
        # Area averaging when shrinking; to enlarge it would leave blocks.
        shrinks = found[0] >= target.width and found[1] >= target.height
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        channels = 3 if encoding.to_rgb is not None else encoding.channels
        dtype = np.uint16 if encoding.bytes_per_channel == 2 else np.uint8
        shape = size[::-1] if channels == 1 else (*size[::-1], channels)
        small = np.zeros(shape, dtype)
        scale = np.float32(1.0 / np.iinfo(dtype).max)
        output = self._output
        planes = tuple(output[0])

        def run(data: np.ndarray) -> np.ndarray:
            pixels = read(data)[inner]
            if rectified is not None:
                pixels = rectified(pixels)
            if not same:
                pixels = cv2.resize(pixels, size, dst=small, interpolation=interpolation)
            if grey:
                np.multiply(pixels, scale, out=planes[0], dtype=np.float32)
                planes[1][:] = planes[0]
                planes[2][:] = planes[0]
            else:
                for plane, channel in zip(planes, encoding.order, strict=True):
                    np.multiply(pixels[..., channel], scale, out=plane, dtype=np.float32)
            return output

        return run


def decode_compressed(data: bytes, format: str) -> ImageBuffer:
    """A sensor_msgs/CompressedImage (JPEG or PNG) as a bgr8 image.

    `format` is the message's, such as 'jpeg' or 'rgb8; jpeg compressed bgr8'; the bytes decide.
    ObservationError when it is neither, is cut short or cannot be decoded.
    """
    raw = bytes(data)
    if raw.startswith(b'\xff\xd8'):
        # OpenCV fills what a broken-off JPEG lacks with grey, which must not be flown on; some
        # cameras pad with zeros behind the end.
        complete = raw.rstrip(b'\x00').endswith(b'\xff\xd9')
    elif raw.startswith(b'\x89PNG'):
        complete = b'IEND' in raw[-64:]
    else:
        raise ObservationError(
            f'compressed image: format {format!r} with {len(raw)} bytes is neither JPEG nor PNG; '
            'set the image transport to `compressed`'
        )
    image = None
    if complete:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        try:
            image = cv2.imdecode(np.frombuffer(raw, np.uint8), flags)
        except cv2.error:
            image = None
    if image is None:
        raise ObservationError(
            f'compressed image: {len(raw)} bytes of {format!r} are broken or cut short'
        )
    height, width = image.shape[:2]
    return ImageBuffer(image, width, height, 3 * width, 'bgr8')


def _bytes_of(data: bytes | bytearray | memoryview | np.ndarray) -> np.ndarray:
    """Any buffer as flat uint8, without a copy where the memory is in one piece."""
    try:
        if isinstance(data, np.ndarray):
            return np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        return np.frombuffer(data, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        raise ObservationError(f'image: the data is not a buffer of bytes ({error})') from error


def _align_to_cells(
    start: int, length: int, cell: int, least: int, size: int
) -> tuple[int, int, int, int]:
    """Grow a span along one axis to whole cells inside the image, `least` pixels or more.

    Returns where to read from, where in that the span starts, how much to read, and the span's
    length; the odd last column of YUV or row of a mosaic is left out.
    """
    end = max(min(-(-(start + length) // cell) * cell, size // cell * cell), least)
    begin = max(min(start // cell * cell, end - least), 0)
    inner = min(start - begin, end - begin - 1)
    return begin, inner, end - begin, min(length, end - begin - inner)


def _reader(
    encoding: _Encoding, cut: Crop, step: int, big_endian: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """Flat bytes -> the cut (h, w) or (h, w, channels) of uint8 or native uint16."""
    pixel = encoding.channels * encoding.bytes_per_channel
    offset = cut.top * step + cut.left * pixel
    shape: tuple[int, ...] = (cut.height, cut.width)
    strides: tuple[int, ...] = (step, pixel)
    if encoding.channels > 1:
        shape, strides = (*shape, encoding.channels), (*strides, 1)
    dtype = np.dtype(np.uint8)
    if encoding.bytes_per_channel == 2:
        dtype = np.dtype('>u2' if big_endian else '<u2')

    def view(data: np.ndarray) -> np.ndarray:
        return np.ndarray(shape, dtype, data, offset, strides)

    if encoding.bytes_per_channel == 2:
        native = np.zeros(shape, np.uint16)

        def read_16(data: np.ndarray) -> np.ndarray:
            # OpenCV takes native, aligned words only; a copy is both.
            np.copyto(native, view(data))
            return native

        return read_16
    if encoding.to_rgb is not None:
        colour = np.zeros((cut.height, cut.width, 3), np.uint8)
        return lambda data: cv2.cvtColor(view(data), encoding.to_rgb, dst=colour)
    return view
