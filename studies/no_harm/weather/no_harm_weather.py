"""Five shifts of the picture that neither the package nor an earlier study has.

They are conditions of another package (docs/how_to/own_weather.md): with this folder on the path
they fly like those of liquid_pilot, `PYTHONPATH=studies/no_harm/weather liquid-pilot fly
--condition defocus:3`. Severity 3 is the one that the study judges; calibration.json, one folder
above, has how it was found.

Defocus, drops and grease take texture away and leave the light as it was. Uneven light and flicker
change the light, but not by one gain and one offset for the whole picture.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

import liquid_pilot as lp
from liquid_pilot.simulation.base.frame_context import FrameContext, Picture

_FULL_SCALE = 255.0


class Defocus:
    """The lens is focused on a near object: each point becomes an even disc.

    Args:
        rng: not used; the disc is the same in all flights.
        camera: geometry of the picture.
        share: diameter of the disc, as a share of the picture's width.
    """

    def __init__(self, rng: np.random.Generator, camera: lp.CameraGeometry, share: float) -> None:
        radius = 0.5 * share * camera.width
        reach = math.ceil(radius + 0.5)
        offset = np.arange(-reach, reach + 1, dtype=np.float32)
        # The edge of the disc is one pixel wide, so that the diameter need not be a whole number.
        disc = np.clip(radius + 0.5 - np.hypot(*np.meshgrid(offset, offset)), 0.0, 1.0)
        self._disc = (disc / disc.sum()).astype(np.float32)

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture out of focus."""
        return cv2.filter2D(rgb, -1, self._disc, borderType=cv2.BORDER_REFLECT)


class Drops:
    """Water drops that lie on the lens, each a small lens out of focus.

    A drop shows the scene around it upside down and smaller, blurred, and darker towards its rim.
    The drops of a flight stay where they are.

    Args:
        rng: source of places and sizes.
        camera: geometry of the picture.
        share: share of the picture that is covered.
    """

    RADII = (0.02, 0.09)
    """Smallest and largest radius of a drop, as a share of the picture's width."""
    REACH = 2.5
    """The rim of a drop shows what is this number of radii away from its middle."""
    BLUR = 0.3
    """Standard deviation of the blur within drops, as a share of the mean radius."""
    RIM = 0.45
    """Share of the light that the rim loses."""

    def __init__(self, rng: np.random.Generator, camera: lp.CameraGeometry, share: float) -> None:
        width, height = camera.width, camera.height
        columns, rows = np.meshgrid(
            np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        )
        self._x, self._y = columns.copy(), rows.copy()
        wet = np.zeros((height, width), np.float32)
        light = np.ones((height, width), np.float32)
        while wet.mean() < share:
            x, y = rng.uniform(0.0, width), rng.uniform(0.0, height)
            low, high = (math.log(radius * width) for radius in self.RADII)
            radius = math.exp(rng.uniform(low, high))
            right, down = columns - x, rows - y
            distance = np.hypot(right, down) / radius
            inside = distance < 1.0
            self._x[inside] = (x - self.REACH * right)[inside]
            self._y[inside] = (y - self.REACH * down)[inside]
            light[inside] = (1.0 - self.RIM * distance**4)[inside]
            # A later drop lies over an earlier one.
            wet = np.maximum(wet, np.clip((1.0 - distance) * radius, 0.0, 1.0))
        self._wet, self._light = wet[..., None], light[..., None]
        self._blur_px = self.BLUR * 0.5 * sum(self.RADII) * width

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture behind the drops."""
        blurred = cv2.GaussianBlur(rgb, (0, 0), self._blur_px)
        seen = cv2.remap(
            blurred, self._x, self._y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        drops = seen * self._light
        return (rgb + self._wet * (drops - rgb)).astype(np.uint8)


class Grease:
    """A greasy lens that was wiped: a film with streaks scatters a share of the light.

    What is scattered falls along a line across the direction of wiping, and into a wide halo. The
    film is thicker in some streaks than in others.

    Args:
        rng: source of the direction and of the streaks.
        camera: geometry of the picture.
        share: mean share of the light that is scattered.
    """

    LINE, HALO = 0.25, 0.08
    """Length of the line, and standard deviation of the halo, as shares of the picture's width."""
    UNEVENNESS = 0.2
    """Standard deviation of the share from place to place."""

    def __init__(self, rng: np.random.Generator, camera: lp.CameraGeometry, share: float) -> None:
        width, height = camera.width, camera.height
        angle = rng.uniform(0.0, math.pi)
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        across = math.cos(angle) * columns + math.sin(angle) * rows
        streaks = rng.standard_normal(width // 4 + 1)
        phase = (across - across.min()) / (across.max() - across.min()) * (streaks.size - 1)
        film = np.interp(phase, np.arange(streaks.size), streaks)
        film = self.UNEVENNESS * (film - film.mean()) / film.std()
        self._share = np.clip(share + film, 0.0, 1.0).astype(np.float32)[..., None]
        self._halo_px = self.HALO * width
        reach = math.ceil(0.5 * self.LINE * width)
        line = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
        end = reach * math.cos(angle), reach * math.sin(angle)
        begin, to = (
            (round(reach + sign * end[0]), round(reach + sign * end[1])) for sign in (-1, 1)
        )
        cv2.line(line, begin, to, 1.0)
        self._line = line / line.sum()

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture through the film."""
        picture = rgb.astype(np.float32)
        line = cv2.filter2D(picture, -1, self._line, borderType=cv2.BORDER_REFLECT)
        halo = cv2.GaussianBlur(picture, (0, 0), self._halo_px, borderType=cv2.BORDER_REFLECT)
        scattered = 0.5 * (line + halo)
        return (picture + self._share * (scattered - picture)).astype(np.uint8)


class UnevenLight:
    """Sun on one side of the lens, shade on the other, and corners that fall off.

    The border between sun and shade is soft, lies anywhere near the middle in any direction, and
    stays where it is in the picture. Between both sides the exposure is as usual.

    Args:
        rng: source of the border.
        camera: geometry of the picture.
        stops: difference between sun and shade, in stops.
    """

    SOFT = 0.08
    """Half of the width of the border, as a share of the picture's width."""
    CORNER_STOPS = 0.25
    """Light that the corners lack, as a share of the difference between sun and shade."""

    def __init__(self, rng: np.random.Generator, camera: lp.CameraGeometry, stops: float) -> None:
        width, height = camera.width, camera.height
        angle = rng.uniform(0.0, 2.0 * math.pi)
        columns, rows = np.meshgrid(np.arange(width) - camera.cx, np.arange(height) - camera.cy)
        position = math.cos(angle) * columns + math.sin(angle) * rows
        position -= rng.uniform(-0.1, 0.1) * width
        side = np.tanh(position / (self.SOFT * width))
        corner = (columns**2 + rows**2) / (camera.cx**2 + camera.cy**2)
        exposure = stops * (0.5 * side - self.CORNER_STOPS * corner**2)
        self._gain = np.exp2(exposure).astype(np.float32)[..., None]

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture in uneven light, cut at full scale."""
        return np.minimum(rgb * self._gain, _FULL_SCALE).astype(np.uint8)


class Flicker:
    """Lamps that pulse, before a sensor that reads row by row: dark bands that roll.

    Args:
        rng: source of the frequency of the lamps and of their phase.
        camera: geometry of the picture.
        depth: share of the light that the dark half of a pulse lacks.
    """

    BANDS = 2.5
    """Pulses while one picture is read."""
    EXPOSURE = 0.2
    """Exposure time of a row, as a share of a pulse: it softens the edges of the bands."""
    BEAT_HZ = (0.3, 3.0)
    """Range of the number of bands that pass a row in a second."""

    def __init__(self, rng: np.random.Generator, camera: lp.CameraGeometry, depth: float) -> None:
        self._depth = depth
        self._rows = self.BANDS * np.arange(camera.height) / camera.height
        self._beat_hz = rng.choice((-1.0, 1.0)) * rng.uniform(*self.BEAT_HZ)
        self._phase = rng.uniform()

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture with the bands of its time."""
        phase = (self._rows + self._phase + self._beat_hz * context.time_s) % 1.0
        # A pulse is on for half of its time; an exposure that its edge divides gets a part of it.
        from_edge = np.minimum(np.abs(phase - 0.5), np.minimum(phase, 1.0 - phase))
        lit = 0.5 + np.where(phase < 0.5, 1.0, -1.0) * np.minimum(from_edge / self.EXPOSURE, 0.5)
        gain = 1.0 - self._depth * (1.0 - lit)
        return (rgb * gain[:, None, None]).astype(np.uint8)


DEFOCUS = lp.ConditionSpec(
    description='out of focus: each point becomes a disc',
    unit='diameter of the disc, share of the width',
    strength_range=(0.0, 0.5),
    severities=(0.094, 0.141, 0.188, 0.235, 0.282),
    image=Defocus,
)
DROPS = lp.ConditionSpec(
    description='water drops on the lens, each a small lens out of focus',
    unit='share of the picture that is covered',
    strength_range=(0.0, 0.95),
    severities=(0.6, 0.75, 0.89, 0.92, 0.95),
    image=Drops,
)
GREASE = lp.ConditionSpec(
    description='a greasy lens that was wiped: streaks and a halo',
    unit='share of the light that is scattered',
    strength_range=(0.0, 1.0),
    severities=(0.8, 0.9, 0.969, 0.985, 1.0),
    image=Grease,
)
UNEVEN_LIGHT = lp.ConditionSpec(
    description='sun on one side of the lens, shade on the other',
    unit='stops between sun and shade',
    strength_range=(0.0, 10.0),
    severities=(0.625, 0.94, 1.25, 1.88, 2.5),
    image=UnevenLight,
)
FLICKER = lp.ConditionSpec(
    description='pulsing lamps and a rolling shutter: dark bands that roll',
    unit='share of the light that the dark bands lack',
    strength_range=(0.0, 1.0),
    severities=(0.5, 0.7, 0.875, 0.95, 1.0),
    image=Flicker,
)
