"""The protocol of an image effect, and what it may use besides the pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError, VehicleState

Picture: TypeAlias = npt.NDArray[Any]
"""(H, W, 3) uint8 RGB picture. OpenCV's types do not say which type of number they return."""


@dataclass(frozen=True)
class FrameContext:
    """The circumstances in which a frame is captured."""

    time_s: float
    """Time since the start of the flight, s."""
    state: VehicleState
    """State of the vehicle."""
    depth_m: npt.NDArray[np.float32] | None
    """(H, W) distance along the optical axis, m; None unless an effect of the frame needs it."""

    def require_depth(self) -> npt.NDArray[np.float32]:
        """Return the (H, W) distance along the optical axis, m.

        Raises:
            LiquidPilotError: if the frame was rendered without depth.
        """
        if self.depth_m is None:
            raise LiquidPilotError('this effect needs depth: render the frame with depth')
        return self.depth_m


ImageEffect = Callable[[Picture, FrameContext], Picture]
"""Maps a picture to another one of the same size. It may change its argument in place.

One is made for each flight, with a random stream of its own, and called once for each captured
frame, in the order of time. A flight therefore depends on seed and setpoints alone.
"""
