"""Exposure and sensor: tone curves, noise, and the compression of a link of low bandwidth."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.simulation.base.frame_context import FrameContext, Picture

_FULL_SCALE = 255.0
_BANK_FRAMES = 3


def exposure_table(stops: float) -> npt.NDArray[np.uint8]:
    """Return the (256,) tone curve of a picture overexposed by `stops`, cut at full scale."""
    return _table(np.arange(256) * 2.0**stops)


def contrast_table(share: float, level: float = 118.0) -> npt.NDArray[np.uint8]:
    """Return the (256,) tone curve of a picture with less contrast.

    Args:
        share: share of the contrast that is lost.
        level: value that stays as it is.
    """
    return _table(level + (1.0 - share) * (np.arange(256) - level))


def _table(values: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


class ToneCurve:
    """Applies one table of (256,) uint8 to every pixel and channel."""

    def __init__(self, table: npt.NDArray[np.uint8]) -> None:
        self._table = table

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture with every value replaced by its entry in the table."""
        return cv2.LUT(rgb, self._table)


class SensorNoise:
    """Adds white Gaussian noise to each pixel and channel of each frame.

    The noise of a frame is cut at a random position out of a bank that is drawn once per flight.

    Args:
        rng: source of the bank and of the positions.
        shape: (H, W, 3) of the picture.
        sigma: standard deviation, as a share of full scale.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int, int], sigma: float) -> None:
        self._rng = rng
        self._size = int(np.prod(shape))
        bank = rng.standard_normal(_BANK_FRAMES * self._size, dtype=np.float32)
        self._bank = np.rint(bank * (sigma * _FULL_SCALE)).astype(np.int16)

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture with the noise of this frame."""
        start = int(self._rng.integers(self._bank.size - self._size))
        noise = self._bank[start : start + self._size].reshape(rgb.shape)
        return cv2.add(rgb, noise, dtype=cv2.CV_8U)


class Night:
    """Darkens the picture and adds the noise of a high gain, which makes up 40 % of the stops.

    The noise of a full-scale pixel grows with the root of the amplification (shot noise), and the
    colours shift towards blue.

    Args:
        rng: source of the noise.
        shape: (H, W, 3) of the picture.
        stops: number of times that the light is halved.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int, int], stops: float) -> None:
        level = 2.0 ** (-0.6 * stops)
        tint = np.array([1.0, 1.0, 1.0]) * (
            1.0 - (1.0 - np.array([0.80, 0.90, 1.0])) * min(1.0, stops / 4.0)
        )
        tables = [_table(np.arange(256) * level * channel) for channel in tint]
        self._tables = np.stack(tables, axis=1)[None]
        self._noise = SensorNoise(rng, shape, min(0.12, 0.003 * (2.0**stops - 1.0)))

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the darkened picture with the noise of this frame."""
        return self._noise(cv2.LUT(rgb, self._tables), context)


class Jpeg:
    """Compresses the picture to a JPEG file of low quality and decompresses it.

    Args:
        loss: 100 minus the quality of the file.
    """

    def __init__(self, loss: float) -> None:
        self._settings = [cv2.IMWRITE_JPEG_QUALITY, max(1, round(100.0 - loss))]

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture with the artefacts of the compression."""
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        coded = cv2.imencode('.jpg', bgr, self._settings)[1]
        decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert decoded is not None  # it decodes what was encoded one line before
        return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
