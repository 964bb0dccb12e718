"""Effects on light on its way to the sensor: season, fog, motion blur, dirt on the lens."""

from __future__ import annotations

import math

import cv2
import numpy as np

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.simulation.base.frame_context import FrameContext, Picture

_AUTUMN_HUE = (6, 16)
"""Range of the hue of autumn leaves, in OpenCV's half degrees."""
_GREEN_HUES = (22, 40, 78, 92)
"""Hues between the second and the third are leaves; the effect fades out towards both ends."""
_SMEAR_HALVINGS = 5
_EXPOSURE_PER_LENGTH_S = 0.25
"""Exposure time of a smear across the whole width by vibration. Turning adds to it."""


class Season:
    """Turns the greens to an autumn hue that is drawn for the flight. Other hues stay.

    Args:
        rng: source of the hue.
        share: share of the way from summer to autumn.
    """

    def __init__(self, rng: np.random.Generator, share: float) -> None:
        hue = np.arange(256, dtype=np.float64)
        weight = np.interp(hue, _GREEN_HUES, (0.0, 1.0, 1.0, 0.0)) * share
        autumn = rng.uniform(*_AUTUMN_HUE)
        # Leaves keep some of their variety: yellow greens go further to red than blue greens.
        target_hue = autumn + 0.15 * (hue - 0.5 * (_GREEN_HUES[1] + _GREEN_HUES[2]))
        identity = np.arange(256, dtype=np.uint8)
        new_hue = np.clip(hue + weight * (target_hue - hue), 0, 179)
        self._hue = np.where(hue < 180, np.rint(new_hue), hue).astype(np.uint8)
        self._saturation = np.clip(identity * (1.0 + 0.5 * share), 0, 255).astype(np.uint8)
        self._green = (weight > 0.02).astype(np.uint8) * 255

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture with autumn leaves."""
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
        hue, saturation, value = cv2.split(hsv)
        green = cv2.LUT(hue, self._green)
        saturation = np.where(green, cv2.LUT(saturation, self._saturation), saturation)
        return cv2.cvtColor(
            cv2.merge((cv2.LUT(hue, self._hue), saturation, value)), cv2.COLOR_HSV2RGB
        )


class Fog:
    """Fades every pixel towards the colour of fog by its distance (Koschmieder's law).

    The share of a surface at distance d that is visible is exp(-extinction d).

    Args:
        camera: geometry of the picture.
        extinction_1_m: extinction, 1/m.
        colour: red, green and blue of the fog, 0 to 255.
    """

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
        self._fog_colour = np.array(colour, np.float32)

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the faded picture. The context needs depth."""
        visible = cv2.exp(self._exponent * context.require_depth())
        visible3 = cv2.merge((visible, visible, visible))
        faded = (rgb - self._fog_colour) * visible3 + self._fog_colour
        return cv2.convertScaleAbs(faded)


class Blur:
    """Smears the picture along a line: vibration in a wandering direction, and turning.

    Args:
        rng: source of the directions.
        camera: geometry of the picture.
        share: length of the smear by vibration, as a share of the picture's width.
    """

    def __init__(self, rng: np.random.Generator, camera: CameraGeometry, share: float) -> None:
        self._rng, self._camera = rng, camera
        self._length_px = share * camera.width
        self._exposure_s = _EXPOSURE_PER_LENGTH_S * share
        self._angle = rng.uniform(0.0, math.pi)

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the smeared picture.

        A smear is the repeated mean of the picture and a shifted copy, with the shift halved each
        time.
        """
        self._angle += 0.6 * self._rng.standard_normal()
        _, pitch_rate, yaw_rate = context.state.angular_velocity_flu_rad_s
        px_per_rad_s = self._camera.fx * self._exposure_s
        x = self._length_px * math.cos(self._angle) + px_per_rad_s * yaw_rate
        y = self._length_px * math.sin(self._angle) - px_per_rad_s * pitch_rate
        size = (rgb.shape[1], rgb.shape[0])
        # The smear extends equally to both sides.
        blurred = _shift_image(rgb, -0.5 * x, -0.5 * y, size)
        for step in range(1, _SMEAR_HALVINGS + 1):
            dx, dy = x / 2**step, y / 2**step
            if math.hypot(dx, dy) < 0.25:
                break
            blurred = cv2.addWeighted(blurred, 0.5, _shift_image(blurred, dx, dy, size), 0.5, 0.0)
        return blurred


def _shift_image(rgb: Picture, x: float, y: float, size: tuple[int, int]) -> Picture:
    """Return the picture shifted by x and y pixels, to a size of (width, height)."""
    shift = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
    return cv2.warpAffine(rgb, shift, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


class Dirt:
    """Overlays specks and smears that stay in place, out of focus as they are on a lens.

    Args:
        rng: source of the pattern.
        camera: geometry of the picture.
        share: share of the lens that is covered.
    """

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
        self._transmission = np.repeat(255.0 * (1.0 - opacity), 3, axis=2).astype(np.uint8)
        self._dirt = (opacity * colour).astype(np.uint8)

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture behind the dirt."""
        return cv2.add(cv2.multiply(rgb, self._transmission, scale=1.0 / 255.0), self._dirt)
