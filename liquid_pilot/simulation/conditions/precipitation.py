"""Rain and snow as drops and flakes in space, that fall while the vehicle flies through them.

They stand in a cube about the camera that repeats itself: what leaves on one side comes in on the
other. Where each of them is follows from time and the camera's pose alone, so they are coherent
from frame to frame. A streak is the way of a drop in the picture during the exposure.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.onboard.geometry import rotation_rows
from liquid_pilot.simulation.conditions.frame_context import FrameContext
from liquid_pilot.simulation.conditions.optics import Fog

_NEAR_M = 0.12
_SUBPIXEL = 3
_MAX_THICKNESS_PX = 24


@dataclass(frozen=True)
class PrecipitationModel:
    """What falls. Metres and seconds."""

    cube_m: float
    fall_m_s: float
    flutter_m_s: float
    """Standard deviation of each one's own horizontal velocity."""
    diameter_m: tuple[float, float]
    exposure_s: float
    brightness: int
    opacity: float
    extinction_per_density_m2: float
    """Extinction of what is too far to be seen one by one, per number density (1/m per 1/m^3)."""


RAIN = PrecipitationModel(3.0, 7.0, 0.3, (0.002, 0.004), 0.014, 215, 0.55, 5e-4)
SNOW = PrecipitationModel(4.0, 1.2, 0.4, (0.006, 0.016), 0.008, 250, 0.95, 1.6e-3)


class Precipitation:
    """Rain or snow of one flight; `density_1_m3` drops or flakes in a cubic metre."""

    def __init__(
        self,
        rng: np.random.Generator,
        camera: CameraGeometry,
        kind: PrecipitationModel,
        density_1_m3: float,
    ) -> None:
        self._camera, self._kind = camera, kind
        count = round(density_1_m3 * kind.cube_m**3)
        # Drawn one by one, so that a stronger fall holds all that a weaker one does.
        drawn = rng.random((count, 6)).astype(np.float32)
        self._start = drawn[:, :3] * kind.cube_m
        self._drift = (drawn[:, 3:6] - 0.5) * np.float32(3.46 * kind.flutter_m_s)
        self._drift[:, 2] = -kind.fall_m_s * (0.8 + 0.4 * drawn[:, 5])
        low, high = kind.diameter_m
        self._diameter = low + (high - low) * drawn[:, 3]
        self._veil = Fog(camera, density_1_m3 * kind.extinction_per_density_m2)

    def __call__(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """Draw what falls before the camera."""
        rgb = self._veil(rgb, view)
        kind = self._kind
        position = np.array(view.state.position_enu_m)
        axes = np.array(rotation_rows(*view.state.orientation_wxyz))
        moving = axes @ np.array(view.state.velocity_flu_m_s)
        offset = (view.time_s * self._drift.astype(np.float64) - position).astype(np.float32)
        relative = (self._start + offset) % np.float32(kind.cube_m) - np.float32(0.5 * kind.cube_m)
        body = relative @ axes.astype(np.float32)
        ahead = body[:, 0] > _NEAR_M
        body, diameter = body[ahead], self._diameter[ahead]
        way = (
            (self._drift[ahead] - moving.astype(np.float32)) * np.float32(kind.exposure_s)
        ) @ axes.astype(np.float32)
        ends = np.stack([self._pixels(body), self._pixels(body + way)], axis=1)
        thick = diameter * np.float32(self._camera.fx) / body[:, 0]
        mask = np.zeros(rgb.shape[:2], np.uint8)
        inside = ((ends > -40.0) & (ends < (rgb.shape[1] + 40, rgb.shape[0] + 40))).all(axis=(1, 2))
        self._draw(mask, ends[inside], thick[inside])
        cover = cv2.merge((mask, mask, mask))
        shown = cv2.multiply(rgb, cv2.bitwise_not(cover), scale=1.0 / 255.0)
        return cv2.add(shown, cv2.multiply(cover, kind.brightness / 255.0))

    def _pixels(self, body: np.ndarray) -> np.ndarray:
        """(n, 2) columns and rows of (n, 3) points in the body frame (FLU)."""
        camera = self._camera
        depth = np.maximum(body[:, 0], 0.5 * _NEAR_M)
        return np.stack(
            [
                camera.cx - camera.fx * body[:, 1] / depth,
                camera.cy - camera.fy * body[:, 2] / depth,
            ],
            axis=1,
        )

    def _draw(self, mask: np.ndarray, ends: np.ndarray, thick: np.ndarray) -> None:
        """Lines of their thickness; what is thinner than a pixel is fainter instead."""
        points = np.rint(ends * 2**_SUBPIXEL).astype(np.int32)
        opacity = 255.0 * self._kind.opacity
        for low, high, width, faint in (
            (0.0, 0.35, 1, 0.3),
            (0.35, 0.7, 1, 0.6),
            (0.7, 1.5, 1, 1.0),
        ):
            chosen = points[(thick >= low) & (thick < high)]
            if len(chosen):
                cv2.polylines(
                    mask, list(chosen), False, faint * opacity, width, cv2.LINE_AA, _SUBPIXEL
                )
        size = np.clip(np.rint(thick), 2, _MAX_THICKNESS_PX).astype(int)
        for width in np.unique(size[thick >= 1.5]):
            chosen = points[(size == width) & (thick >= 1.5)]
            cv2.polylines(mask, list(chosen), False, opacity, int(width), cv2.LINE_AA, _SUBPIXEL)
