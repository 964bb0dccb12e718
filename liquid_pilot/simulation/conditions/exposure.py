"""Exposure and sensor: gain curves, grain, and the compression of a narrow link."""

from __future__ import annotations

import cv2
import numpy as np

from liquid_pilot.simulation.conditions.frame_context import FrameContext

_FULL = 255.0
_BANK_FRAMES = 3


def exposure_table(stops: float) -> np.ndarray:
    """(256,) uint8 table: light doubled `stops` times, cut at full scale."""
    return _table(np.arange(256) * 2.0**stops)


def contrast_table(share: float, level: float = 118.0) -> np.ndarray:
    """(256,) uint8 table: contrast about `level` lower by `share`."""
    return _table(level + (1.0 - share) * (np.arange(256) - level))


def _table(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


class ToneCurve:
    """The same table for every pixel and channel."""

    def __init__(self, table: np.ndarray) -> None:
        self._table = table

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """Look every value up."""
        return cv2.LUT(rgb, self._table)


class SensorNoise:
    """White Gaussian noise, in each pixel, channel and frame; `sigma` as a share of full scale.

    A frame's grain is cut at a random place out of a bank that is drawn once a flight.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int, int], sigma: float) -> None:
        self._rng = rng
        self._size = int(np.prod(shape))
        bank = rng.standard_normal(_BANK_FRAMES * self._size, dtype=np.float32)
        self._bank = np.rint(bank * (sigma * _FULL)).astype(np.int16)

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """Add this frame's grain."""
        start = int(self._rng.integers(self._bank.size - self._size))
        grain = self._bank[start : start + self._size].reshape(rgb.shape)
        return cv2.add(rgb, grain, dtype=cv2.CV_8U)


class Night:
    """`stops` less light, of which the camera's gain makes up 40 %, with its grain.

    The grain of a full-scale pixel grows with the root of what is amplified (shot noise), and the
    colours go towards blue.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int, int], stops: float) -> None:
        level = 2.0 ** (-0.6 * stops)
        tint = np.array([1.0, 1.0, 1.0]) * (
            1.0 - (1.0 - np.array([0.80, 0.90, 1.0])) * min(1.0, stops / 4.0)
        )
        tables = [_table(np.arange(256) * level * channel) for channel in tint]
        self._tables = np.stack(tables, axis=1)[None]
        self._grain = SensorNoise(rng, shape, min(0.12, 0.003 * (2.0**stops - 1.0)))

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """Darken, and add the grain."""
        return self._grain(cv2.LUT(rgb, self._tables), view)


class Jpeg:
    """Through a JPEG file of a low quality and back."""

    def __init__(self, loss: float) -> None:
        self._settings = [cv2.IMWRITE_JPEG_QUALITY, max(1, round(100.0 - loss))]

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """Compress and restore."""
        bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
        coded = cv2.imencode('.jpg', bgr, self._settings)[1]
        return cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
