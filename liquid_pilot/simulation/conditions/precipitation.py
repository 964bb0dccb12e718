"""Rain and snow as particles in space that fall while the vehicle flies through them.

The particles fill a cube around the camera that repeats in all directions: a particle that leaves
on one side enters on the other. Their positions follow from time and the pose of the camera alone,
so they are coherent from frame to frame. A streak is the path of a particle in the picture during
the exposure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.onboard.geometry import rotation_rows
from liquid_pilot.simulation.base.frame_context import FrameContext, Picture
from liquid_pilot.simulation.conditions.optics import Fog

_NEAR_M = 0.12
_SUBPIXEL_BITS = 3
_MAX_THICKNESS_PX = 24


@dataclass(frozen=True)
class PrecipitationModel:
    """Properties of one kind of precipitation."""

    cube_m: float
    """Edge length of the cube that repeats."""
    fall_m_s: float
    """Speed of fall."""
    flutter_m_s: float
    """Standard deviation of a particle's own horizontal velocity."""
    diameter_m: tuple[float, float]
    """Min and max diameter of a particle."""
    exposure_s: float
    """Exposure time of the camera."""
    brightness: int
    """Brightness of a particle, 0 to 255."""
    opacity: float
    """Opacity of a particle, in [0, 1]."""
    extinction_per_density_m2: float
    """Extinction by distant particles over number density (1/m per 1/m^3)."""


RAIN = PrecipitationModel(3.0, 7.0, 0.3, (0.002, 0.004), 0.014, 215, 0.55, 5e-4)
SNOW = PrecipitationModel(4.0, 1.2, 0.4, (0.006, 0.016), 0.008, 250, 0.95, 1.6e-3)


class Precipitation:
    """Draws the rain or the snow of one flight.

    Args:
        rng: source of the particles.
        camera: geometry of the picture.
        model: kind of precipitation.
        density_1_m3: number of particles per cubic metre.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        camera: CameraGeometry,
        model: PrecipitationModel,
        density_1_m3: float,
    ) -> None:
        self._camera, self._model = camera, model
        count = round(density_1_m3 * model.cube_m**3)
        # One row per particle: a higher density keeps all the particles of a lower one.
        drawn = rng.random((count, 6)).astype(np.float32)
        self._start = drawn[:, :3] * model.cube_m
        self._drift = (drawn[:, 3:6] - 0.5) * np.float32(3.46 * model.flutter_m_s)
        self._drift[:, 2] = -model.fall_m_s * (0.8 + 0.4 * drawn[:, 5])
        low, high = model.diameter_m
        self._diameter = low + (high - low) * drawn[:, 3]
        self._veil = Fog(camera, density_1_m3 * model.extinction_per_density_m2)

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture with the particles in front. The context needs depth."""
        rgb = self._veil(rgb, context)
        model = self._model
        position = np.array(context.state.position_enu_m)
        axes = np.array(rotation_rows(*context.state.orientation_wxyz))
        velocity = axes @ np.array(context.state.velocity_flu_m_s)
        offset = (context.time_s * self._drift.astype(np.float64) - position).astype(np.float32)
        relative = (self._start + offset) % np.float32(model.cube_m) - np.float32(
            0.5 * model.cube_m
        )
        body = relative @ axes.astype(np.float32)
        ahead = body[:, 0] > _NEAR_M
        body, diameter = body[ahead], self._diameter[ahead]
        path = (
            (self._drift[ahead] - velocity.astype(np.float32)) * np.float32(model.exposure_s)
        ) @ axes.astype(np.float32)
        ends = np.stack([self._project(body), self._project(body + path)], axis=1)
        thickness = diameter * np.float32(self._camera.fx) / body[:, 0]
        mask = np.zeros(rgb.shape[:2], np.uint8)
        inside = ((ends > -40.0) & (ends < (rgb.shape[1] + 40, rgb.shape[0] + 40))).all(axis=(1, 2))
        self._draw(mask, ends[inside], thickness[inside])
        cover = cv2.merge((mask, mask, mask))
        background = cv2.multiply(rgb, cv2.bitwise_not(cover), scale=1.0 / 255.0)
        # OpenCV multiplies by a number too, which its type stubs do not know.
        multiply: Any = cv2.multiply
        return cv2.add(background, multiply(cover, model.brightness / 255.0))

    def _project(self, body: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return (n, 2) columns and rows of (n, 3) points in the body frame (FLU), m."""
        camera = self._camera
        depth = np.maximum(body[:, 0], 0.5 * _NEAR_M)
        return np.stack(
            [
                camera.cx - camera.fx * body[:, 1] / depth,
                camera.cy - camera.fy * body[:, 2] / depth,
            ],
            axis=1,
        )

    def _draw(
        self,
        mask: npt.NDArray[np.uint8],
        ends: npt.NDArray[np.float32],
        thickness: npt.NDArray[np.float32],
    ) -> None:
        """Draw streaks into a mask. A streak thinner than a pixel is drawn fainter instead.

        Args:
            mask: (H, W) opacity, which is changed.
            ends: (n, 2, 2) columns and rows of both ends of each streak.
            thickness: (n,) thickness of each streak, pixels.
        """
        points = np.rint(ends * 2**_SUBPIXEL_BITS).astype(np.int32)
        opacity = 255.0 * self._model.opacity
        for low, high, width, faintness in (
            (0.0, 0.35, 1, 0.3),
            (0.35, 0.7, 1, 0.6),
            (0.7, 1.5, 1, 1.0),
        ):
            chosen = points[(thickness >= low) & (thickness < high)]
            if len(chosen):
                _draw_lines(mask, chosen, faintness * opacity, width)
        size = np.clip(np.rint(thickness), 2, _MAX_THICKNESS_PX).astype(int)
        for width in np.unique(size[thickness >= 1.5]):
            _draw_lines(mask, points[(size == width) & (thickness >= 1.5)], opacity, int(width))


def _draw_lines(
    mask: npt.NDArray[np.uint8], points: npt.NDArray[np.int32], opacity: float, width: int
) -> None:
    cv2.polylines(mask, list(points), False, opacity, width, cv2.LINE_AA, _SUBPIXEL_BITS)
