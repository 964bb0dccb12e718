"""Preprocessing: from a camera's image buffer to the encoder's input.

It reads every encoding of ENCODINGS, honours `step` and endianness, cuts out the pilot's field of
view, and scales by area averaging. Buffers of the size of an image are made with the first frame of
a format and reused for every further one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import (
    CameraGeometry,
    DistortedCamera,
    ImageBuffer,
    ObservationError,
)
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount
from liquid_pilot.onboard.perception.field_of_view import (
    Crop,
    centre_crop,
    check_calibrated,
    matching_crop,
    pinhole,
)
from liquid_pilot.onboard.perception.pixel_depth import FULL_BITS, max_value
from liquid_pilot.onboard.perception.rectification import Rectification

Pixels = npt.NDArray[Any]
"""An array (h, w) or (h, w, channels) of uint8 or uint16."""
Float32Array = npt.NDArray[np.float32]
_Reader = Callable[[npt.NDArray[np.uint8]], Pixels]
"""Function from the flat bytes of an image to the pixels of a rectangle of it."""


class _Encoding(NamedTuple):
    """The layout of the bytes of one pixel."""

    channels: int
    order: tuple[int, int, int] = (0, 0, 0)
    """Indices of the red, green and blue channel; all zero for grey."""
    bytes_per_channel: int = 1
    to_rgb: int | None = None
    """Conversion code of OpenCV, for colour mosaics and chroma subsampling."""
    subsampling_cell: tuple[int, int] = (1, 1)
    """Width and height of a group of pixels that must not be cut."""
    min_size: tuple[int, int] = (1, 1)
    """Smallest width and height that can be converted."""
    chroma_rows: bool = False
    """Whether rows of interleaved chroma, for two rows of pixels each, follow those of the luma."""

    def row_bytes(self, width: int) -> int:
        """Return the number of bytes of a row of this width, without padding."""
        return (
            width + width % 2
            if self.chroma_rows
            else width * self.channels * self.bytes_per_channel
        )

    def row_count(self, height: int) -> int:
        """Return the number of rows of bytes of an image of this height."""
        return height + (height + 1) // 2 if self.chroma_rows else height


_RGB, _BGR = (0, 1, 2), (2, 1, 0)


def _yuv(to_rgb: int) -> _Encoding:
    return _Encoding(2, _RGB, to_rgb=to_rgb, subsampling_cell=(2, 1), min_size=(2, 1))


def _two_planes(to_rgb: int) -> _Encoding:
    return _Encoding(
        1, _RGB, to_rgb=to_rgb, subsampling_cell=(2, 2), min_size=(2, 2), chroma_rows=True
    )


def _bayer(to_rgb: int) -> _Encoding:
    # Below three pixels OpenCV returns black without an error.
    return _Encoding(1, _RGB, to_rgb=to_rgb, subsampling_cell=(2, 2), min_size=(4, 4))


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
    'nv12': _two_planes(cv2.COLOR_YUV2RGB_NV12),
    'nv21': _two_planes(cv2.COLOR_YUV2RGB_NV21),
    # OpenCV names a mosaic by the second and third pixel of its second row, ROS by its first four.
    'bayer_rggb8': _bayer(cv2.COLOR_BayerBG2RGB),
    'bayer_bggr8': _bayer(cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': _bayer(cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': _bayer(cv2.COLOR_BayerGB2RGB),
}
"""The encodings that can be read, by their name in sensor_msgs/Image."""


class Preprocessor:
    """The preprocessing of one camera's images; call it with each frame.

    Args:
        target: the camera that the encoder was trained with.
        source: the camera that flies; None: unknown, the centre is cut out at the target's aspect
            ratio.
        rectify: whether the distortion of a DistortedCamera is undone.
        mono16_bits: number of bits that count in pixels of 16 bits, 8 to 16; larger values are
            white.
        mount: how the camera is turned against the vehicle. The view is straight ahead where the
            camera is known.

    Raises:
        ObservationError: the source cannot serve the pilot.
    """

    def __init__(
        self,
        target: CameraGeometry,
        source: CameraGeometry | None = None,
        rectify: bool = True,
        mono16_bits: int = FULL_BITS,
        mount: CameraMount = STRAIGHT,
    ) -> None:
        # A thread pool of OpenCV would compete with the other processes for few processor cores.
        cv2.setNumThreads(1)
        self.target = target
        self._rectify, self._mount = rectify, mount
        self._max_deep = max_value(mono16_bits)
        self._rectified: tuple[tuple[CameraGeometry, int, int], Rectification] | None = None
        self._source: CameraGeometry | None = None
        self._format: tuple[int, int, int, str, bool] | None = None
        self._run: Callable[[npt.NDArray[np.uint8]], Float32Array] = _refuse
        self._output: Float32Array = np.zeros((1, 3, target.height, target.width), np.float32)
        self.set_source(source)

    @property
    def source(self) -> CameraGeometry | None:
        """The camera that flies, as last set."""
        return self._source

    def set_source(self, source: CameraGeometry | None) -> None:
        """Take the intrinsics of the camera that flies.

        Args:
            source: the camera; None: unknown.

        Raises:
            ObservationError: it is not calibrated or sees too little.
        """
        if source is not None:
            check_calibrated(source)
            self._crop(source, source.width, source.height)
        self._source = source
        self._format = None

    def __call__(self, image: ImageBuffer) -> Float32Array:
        """Return the encoder's input, which is valid until the next call.

        Args:
            image: the image of the camera.

        Returns:
            (1, 3, H, W) float32, RGB in [0, 1].

        Raises:
            ObservationError: the encoding is unknown, the image is empty, or `step` or the amount
                of data does not fit its size.
        """
        height, width, step = image.height, image.width, image.step
        encoding = ENCODINGS.get(image.encoding)
        if encoding is None:
            raise ObservationError(
                f'image: encoding {image.encoding!r} is not known; known: {", ".join(ENCODINGS)}'
            )
        if width < encoding.min_size[0] or height < encoding.min_size[1]:
            raise ObservationError(f'image: {width} x {height} pixels are too few to fly on')
        row = encoding.row_bytes(width)
        data, rows = _bytes_of(image.data), encoding.row_count(height)
        if encoding.chroma_rows and step > row and data.size == step * height == row * rows:
            # Some drivers spread the chroma over the steps of the rows of pixels.
            step = row
        if step < row:
            raise ObservationError(
                f'image: step {step} is less than the {row} bytes of a row of {width} pixels '
                f'of {image.encoding}'
            )
        if not step * (rows - 1) + row <= data.size <= step * rows:
            raise ObservationError(
                f'image: {data.size} bytes of data, but {rows} rows of {step} bytes (step) '
                f'make {step * rows}'
            )
        layout = (width, height, step, image.encoding, bool(image.is_bigendian))
        if layout != self._format:
            self._run = self._plan(encoding, width, height, step, bool(image.is_bigendian))
            self._format = layout
        return self._run(data)

    def _crop(
        self, source: CameraGeometry | None, width: int, height: int
    ) -> tuple[Crop, Rectification | None]:
        """Return the rectangle of an image that is needed, and its rectification if any."""
        if source is None:
            return centre_crop(self.target, width, height), None
        undistort = self._rectify and isinstance(source, DistortedCamera)
        if undistort or not self._mount.is_straight:
            key = (source, width, height)
            if self._rectified is None or self._rectified[0] != key:
                seen = source if undistort else pinhole(source)
                # This takes a tenth of a second or more, so it is done before the first frame.
                self._rectified = (
                    key,
                    Rectification(self.target, seen, width, height, self._mount),
                )
            return self._rectified[1].source_crop, self._rectified[1]
        return matching_crop(self.target, source, width, height), None

    def _plan(
        self, encoding: _Encoding, width: int, height: int, step: int, big_endian: bool
    ) -> Callable[[npt.NDArray[np.uint8]], Float32Array]:
        """Return the function from the bytes of one image format to the encoder's input."""
        target = self.target
        crop, rectified = self._crop(self._source, width, height)
        left, inner_left, cut_width, inner_width = _align_to_cells(
            crop.left, crop.width, encoding.subsampling_cell[0], encoding.min_size[0], width
        )
        top, inner_top, cut_height, inner_height = _align_to_cells(
            crop.top, crop.height, encoding.subsampling_cell[1], encoding.min_size[1], height
        )
        part = Crop(left, top, cut_width, cut_height)
        if encoding.chroma_rows:
            read = _two_plane_reader(encoding, part, step, height)
        else:
            read = _reader(encoding, part, step, big_endian, self._max_deep)
        inner = (
            slice(inner_top, inner_top + inner_height),
            slice(inner_left, inner_left + inner_width),
        )
        grey = encoding.order == (0, 0, 0)
        size = (target.width, target.height)
        source_size = (inner_width, inner_height)
        if rectified is not None:
            factor = rectified.oversampling
            source_size = (target.width * factor, target.height * factor)
        same_size = source_size == size
        # Area averaging is for shrinking; it would enlarge to visible blocks.
        shrinks = source_size[0] >= target.width and source_size[1] >= target.height
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        channels = 3 if encoding.to_rgb is not None else encoding.channels
        wide = encoding.bytes_per_channel == 2
        shape = size[::-1] if channels == 1 else (*size[::-1], channels)
        small: Pixels = np.zeros(shape, np.uint16 if wide else np.uint8)
        scale = np.float32(1.0 / (self._max_deep if wide else 255))
        output = self._output
        planes = tuple(output[0])

        def run(data: npt.NDArray[np.uint8]) -> Float32Array:
            pixels = read(data)[inner]
            if rectified is not None:
                pixels = rectified(pixels)
            if not same_size:
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


def _refuse(data: npt.NDArray[np.uint8]) -> Float32Array:
    """Refuse data before the first format is known."""
    raise ObservationError('image: no format is known yet')


def _bytes_of(data: bytes | bytearray | memoryview | Pixels) -> npt.NDArray[np.uint8]:
    """Return a buffer as flat uint8, without a copy where its memory is contiguous."""
    try:
        if isinstance(data, np.ndarray):
            return np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        return np.frombuffer(data, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        raise ObservationError(f'image: the data is not a buffer of bytes ({error})') from error


def _align_to_cells(
    start: int, length: int, cell: int, min_length: int, size: int
) -> tuple[int, int, int, int]:
    """Extend a span along one axis to whole cells inside the image.

    The odd last column of YUV, or row of a mosaic, is left out.

    Args:
        start: first pixel of the span.
        length: its length, pixels.
        cell: length of a cell, pixels.
        min_length: smallest length to read, pixels.
        size: length of the image, pixels.

    Returns:
        The first pixel to read, the start of the span after it, the length to read, and the length
        of the span.
    """
    end = max(min(-(-(start + length) // cell) * cell, size // cell * cell), min_length)
    begin = max(min(start // cell * cell, end - min_length), 0)
    inner = min(start - begin, end - begin - 1)
    return begin, inner, end - begin, min(length, end - begin - inner)


def _reader(encoding: _Encoding, crop: Crop, step: int, big_endian: bool, max_deep: int) -> _Reader:
    """Return the function that reads the pixels of a rectangle, as uint8 or native uint16.

    Values of 16 bits end at `max_deep`.
    """
    pixel = encoding.channels * encoding.bytes_per_channel
    offset = crop.top * step + crop.left * pixel
    shape: tuple[int, ...] = (crop.height, crop.width)
    strides: tuple[int, ...] = (step, pixel)
    if encoding.channels > 1:
        shape, strides = (*shape, encoding.channels), (*strides, 1)
    dtype: np.dtype[Any] = np.dtype(np.uint8)
    if encoding.bytes_per_channel == 2:
        dtype = np.dtype('>u2' if big_endian else '<u2')

    def view(data: npt.NDArray[np.uint8]) -> Pixels:
        return np.ndarray(shape, dtype, data, offset, strides)

    if encoding.bytes_per_channel == 2:
        native = np.zeros(shape, np.uint16)

        def read_16(data: npt.NDArray[np.uint8]) -> Pixels:
            # OpenCV takes native, aligned words only. A copy is both.
            np.copyto(native, view(data))
            if max_deep < 65535:
                np.minimum(native, max_deep, out=native)
            return native

        return read_16
    if encoding.to_rgb is not None:
        to_rgb, rgb = encoding.to_rgb, np.zeros((crop.height, crop.width, 3), np.uint8)
        return lambda data: cv2.cvtColor(view(data), to_rgb, dst=rgb)
    return view


def _two_plane_reader(encoding: _Encoding, crop: Crop, step: int, height: int) -> _Reader:
    """Return the function that reads a rectangle of luma rows and of the chroma rows below them."""
    assert encoding.to_rgb is not None
    to_rgb, rgb = encoding.to_rgb, np.zeros((crop.height, crop.width, 3), np.uint8)
    luma_at = crop.top * step + crop.left
    chroma_at = (height + crop.top // 2) * step + crop.left
    chroma_shape = (crop.height // 2, crop.width // 2, 2)

    def read(data: npt.NDArray[np.uint8]) -> Pixels:
        luma: Pixels = np.ndarray(rgb.shape[:2], np.uint8, data, luma_at, (step, 1))
        chroma: Pixels = np.ndarray(chroma_shape, np.uint8, data, chroma_at, (step, 2, 1))
        return cv2.cvtColorTwoPlane(luma, chroma, to_rgb, dst=rgb)

    return read
