"""What happens to light on its way to the sensor: season, fog, motion blur, dirt on the lens."""

from __future__ import annotations

import math

import cv2
import numpy as np

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.simulation.conditions.frame_context import FrameContext

_AUTUMN_HUE = (6, 16)
"""Range of the hue that a leaf turns to, in OpenCV's half degrees."""
_GREENS = (22, 40, 78, 92)
"""Hues between the second and the third are leaves; they fade in and out at both sides."""
_SMEAR_HALVINGS = 5
_EXPOSURE_PER_LENGTH_S = 0.25
"""Exposure that goes with a smear of the whole width: what turning adds to vibration."""


class Season:
    """Autumn: greens turn to a hue drawn for the flight; sky, bark and what is red stay."""

    def __init__(self, rng: np.random.Generator, share: float) -> None:
        hue = np.arange(256, dtype=np.float64)
        weight = np.interp(hue, _GREENS, (0.0, 1.0, 1.0, 0.0)) * share
        autumn = rng.uniform(*_AUTUMN_HUE)
        # Leaves keep some of their variety: yellow greens go further to red than blue greens.
        turned = autumn + 0.15 * (hue - 0.5 * (_GREENS[1] + _GREENS[2]))
        identity = np.arange(256, dtype=np.uint8)
        new_hue = np.clip(hue + weight * (turned - hue), 0, 179)
        self._hue = np.where(hue < 180, np.rint(new_hue), hue).astype(np.uint8)
        self._saturation = np.clip(identity * (1.0 + 0.5 * share), 0, 255).astype(np.uint8)
        self._green = (weight > 0.02).astype(np.uint8) * 255

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """Turn the leaves."""
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
        hue, saturation, value = cv2.split(hsv)
        green = cv2.LUT(hue, self._green)
        saturation = np.where(green, cv2.LUT(saturation, self._saturation), saturation)
        return cv2.cvtColor(
            cv2.merge((cv2.LUT(hue, self._hue), saturation, value)), cv2.COLOR_HSV2RGB
        )


class Fog:
    """Koschmieder's law: what is d metres away is seen by exp(-extinction d), the rest is fog."""

    def __init__(
        self,
        camera: CameraGeometry,
        extinction_1_m: float,
        colour: tuple[int, int, int] = (198, 203, 206),
    ) -> None:
        across = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
        down = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
        ray = np.sqrt(1.0 + across[None, :] ** 2 + down[:, None] ** 2)
        self._exponent = (-extinction_1_m * ray).astype(np.float32)
        self._air = np.array(colour, np.float32)

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """Fade by distance."""
        seen = cv2.exp(self._exponent * view.depth_m)
        seen3 = cv2.merge((seen, seen, seen))
        out = (rgb - self._air) * seen3 + self._air
        return cv2.convertScaleAbs(out)


class Blur:
    """A smear along a line: vibration in a direction that wanders, and turning while exposed."""

    def __init__(self, rng: np.random.Generator, camera: CameraGeometry, share: float) -> None:
        self._rng, self._camera = rng, camera
        self._length_px = share * camera.width
        self._exposure_s = _EXPOSURE_PER_LENGTH_S * share
        self._angle = rng.uniform(0.0, math.pi)

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """Smear: five times the mean of the picture and itself, half as far each time."""
        self._angle += 0.6 * self._rng.standard_normal()
        _, pitch_rate, yaw_rate = view.state.angular_velocity_flu_rad_s
        turn = self._camera.fx * self._exposure_s
        x = self._length_px * math.cos(self._angle) + turn * yaw_rate
        y = self._length_px * math.sin(self._angle) - turn * pitch_rate
        size = (rgb.shape[1], rgb.shape[0])
        # Centred: the smear goes as far back as forth.
        out = _shift_image(rgb, -0.5 * x, -0.5 * y, size)
        for step in range(1, _SMEAR_HALVINGS + 1):
            dx, dy = x / 2**step, y / 2**step
            if math.hypot(dx, dy) < 0.25:
                break
            out = cv2.addWeighted(out, 0.5, _shift_image(out, dx, dy, size), 0.5, 0.0)
        return out


def _shift_image(rgb: np.ndarray, x: float, y: float, size: tuple[int, int]) -> np.ndarray:
    shift = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    return cv2.warpAffine(rgb, shift, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


class Dirt:
    """Specks and smears that stay where they are; out of focus, as they are on the lens."""

    def __init__(self, rng: np.random.Generator, camera: CameraGeometry, share: float) -> None:
        width, height = camera.width, camera.height
        field = np.zeros((height, width), np.float32)
        for weight, cells in ((1.0, 5), (0.7, 11), (0.4, 23)):
            grid = rng.standard_normal((cells, round(cells * width / height))).astype(np.float32)
            field += weight * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        edge = np.quantile(field, 1.0 - share)
        soft = 0.12 * float(field.std())
        opacity = 0.94 * np.clip((field - edge) / soft + 0.5, 0.0, 1.0)[..., None]
        colour = np.array([62.0, 52.0, 40.0]) * rng.uniform(0.7, 1.2)
        self._clear = np.repeat(255.0 * (1.0 - opacity), 3, axis=2).astype(np.uint8)
        self._dirt = (opacity * colour).astype(np.uint8)

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """Lay it over the picture."""
        return cv2.add(cv2.multiply(rgb, self._clear, scale=1.0 / 255.0), self._dirt)
