"""What an effect on the picture may know besides the pixels, and what such an effect is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from liquid_pilot.interfaces import VehicleState


@dataclass(frozen=True)
class FrameContext:
    """The instant at which a frame is taken."""

    time_s: float
    """Since the start of the flight."""
    state: VehicleState
    depth_m: np.ndarray | None
    """(H, W) float32 distance along the optical axis; None unless an effect asks for it."""


ImageEffect = Callable[[np.ndarray, FrameContext], np.ndarray]
"""(H, W, 3) uint8 RGB to another such array; the one given may be changed in place.

Made anew for each flight with a random stream of its own, and called once for each frame that is
taken, in the order of time, so that a flight stays what seed and setpoints make it.
"""
