"""How fast the pictures of a bag turn, measured from one picture to the next.

The shift between two pictures is found by phase correlation (Kuglin and Hines 1975), as
cv2.phaseCorrelate computes it. A camera that turns left sees its picture move to the right.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, CameraGeometry
from liquid_pilot.learning.rosbag.stamps import MISSING_NS

MAX_PAIRS = 3000
"""Number of pairs of pictures that are looked at, spread over the bag."""
_MIN_RESPONSE = 0.2
"""Response of the phase correlation below which a shift is not believed."""
_MAX_TURN_RAD_S = 4.0
"""Turn of a picture above which its shift is not believed, rad/s."""
_MAX_WIDTH = 160
_LARGEST_PERIODS = 3.0
"""Time between two pictures, in median periods, above which they are no pair."""


class PictureTurns(NamedTuple):
    """The turns of the pictures between pairs of stamps."""

    start_ns: np.ndarray
    """(n,) int64 stamps of the first picture of each pair, ns."""
    end_ns: np.ndarray
    """(n,) int64 stamps of the second, ns."""
    yaw_rate_rad_s: np.ndarray
    """(n,) float64 yaw rate of the camera, rad/s."""
    mean_level: float
    """Mean of all pixels that were looked at, 0 to 255; NaN for no pictures."""
    spread: float
    """Largest standard deviation of the pixels of a picture; NaN for no pictures."""
    repeated: float
    """Share of the pairs whose pictures are the same to the last bit; NaN for no pairs."""


def picture_turns(
    images: np.ndarray, stamps_ns: np.ndarray, camera: CameraGeometry
) -> PictureTurns:
    """Return how the pictures of a bag turn.

    Args:
        images: (F, H, W, 3) uint8 RGB.
        stamps_ns: (F,) int64 stamps, ns, in any order; MISSING_NS where there is none.
        camera: geometry of the pictures.
    """
    order = np.argsort(stamps_ns, kind='stable')
    order = order[stamps_ns[order] != MISSING_NS]
    steps = np.diff(stamps_ns[order])
    positive = steps[steps > 0]
    longest = _LARGEST_PERIODS * float(np.median(positive)) if len(positive) else 0.0
    pairs = np.flatnonzero((steps > 0) & (steps <= longest))
    if len(pairs) > MAX_PAIRS:
        pairs = pairs[np.round(np.linspace(0, len(pairs) - 1, MAX_PAIRS)).astype(int)]
    start_ns, end_ns, rates, levels, spreads = [], [], [], [], []
    repeated = 0
    window: np.ndarray | None = None
    last: tuple[int, np.ndarray] = (-1, np.zeros(0))
    for pair in pairs:
        first, second = order[pair], order[pair + 1]
        before = last[1] if last[0] == first else _grey(images[first])
        after = _grey(images[second])
        last = (second, after)
        if window is None:
            window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
        levels.append(float(after.mean()))
        spreads.append(float(after.std()))
        if np.array_equal(images[first], images[second]):
            repeated += 1
            continue
        (across, _), response = cv2.phaseCorrelate(before, after, window)
        elapsed_s = (stamps_ns[second] - stamps_ns[first]) / NANOSECONDS_PER_SECOND
        rate = across / (camera.fx * before.shape[1] / camera.width) / elapsed_s
        if response < _MIN_RESPONSE or not abs(rate) <= _MAX_TURN_RAD_S:
            continue
        start_ns.append(int(stamps_ns[first]))
        end_ns.append(int(stamps_ns[second]))
        rates.append(rate)
    return PictureTurns(
        np.array(start_ns, np.int64),
        np.array(end_ns, np.int64),
        np.array(rates, np.float64),
        float(np.mean(levels)) if levels else float('nan'),
        float(np.max(spreads)) if spreads else float('nan'),
        repeated / len(pairs) if len(pairs) else float('nan'),
    )


def _grey(image: np.ndarray) -> np.ndarray:
    """Return an image in grey, (h, w) float32, at most _MAX_WIDTH wide."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if grey.shape[1] > _MAX_WIDTH:
        height = max(1, round(_MAX_WIDTH * grey.shape[0] / grey.shape[1]))
        grey = cv2.resize(grey, (_MAX_WIDTH, height), interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.float32)
