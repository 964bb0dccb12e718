"""The protocol of a condition that another package adds: its severities and its effects.

Another package adds a condition by an entry point of the group `liquid_pilot.conditions` that names
a `ConditionSpec` (docs/how_to/own_weather.md). The conditions of this package are not described by
it: they are tables and classes in `simulation.conditions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.simulation.base.frame_context import ImageEffect

NUMBER_OF_SEVERITIES = 5
STAGES = ('scene', 'picture')
"""Values of `ConditionSpec.stage`."""
ImageEffectFactory: TypeAlias = Callable[[np.random.Generator, CameraGeometry, float], ImageEffect]
"""Makes the effect on the pictures of one flight.

Its arguments are the random stream of the condition in this flight, the geometry of the camera, and
the strength.
"""


class WindSource(Protocol):
    """The additional wind of one flight."""

    def step(self) -> tuple[float, float, float]:
        """Return the wind in the world frame (ENU), m/s, after one more physics step."""


WindFactory: TypeAlias = Callable[[np.random.Generator, float, float], WindSource]
"""Makes the additional wind of one flight.

Its arguments are the random stream of the condition in this flight, the time between two calls of
`step` in seconds, and the strength.
"""


@dataclass(frozen=True)
class ConditionSpec:
    """A condition: five severities, and what it does to the pictures, to the air, or to both.

    Everything random must be drawn from the streams that the factories are given, and nothing may
    depend on a clock: a flight is then determined by its seed, in one process as through ROS.

    Raises:
        LiquidPilotError: the severities do not rise within the range, or there is no effect.
    """

    description: str
    """Description in one line."""
    unit: str
    """Unit of a strength, as text."""
    strength_range: tuple[float, float]
    """Harmless strength, and the largest one that is possible."""
    severities: tuple[float, ...]
    """Strengths of the severities 1 to 5, in ascending order within the range."""
    image: ImageEffectFactory | None = None
    """Makes the effect on the pictures; None: there is none."""
    wind: WindFactory | None = None
    """Makes the additional wind; None: there is none."""
    needs_depth: bool = False
    """Whether the effect on the pictures needs the distance of each pixel."""
    stage: str = 'scene'
    """Where the effect on the pictures takes place: 'scene', after the weather and the dirt on the
    lens, and before the exposure of the sensor; or 'picture', on the finished picture."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        bounds = (self.strength_range[0], *self.severities, self.strength_range[1])
        if (
            len(self.severities) != NUMBER_OF_SEVERITIES
            or not all(map(math.isfinite, bounds))
            or list(bounds) != sorted(bounds)
        ):
            raise LiquidPilotError(
                f'{self.description!r}: a condition needs {NUMBER_OF_SEVERITIES} severities that '
                f'rise within its range, not {self.severities} within {self.strength_range}'
            )
        if self.image is None and self.wind is None:
            raise LiquidPilotError(f'{self.description!r}: set image or wind, or both')
        if self.stage not in STAGES:
            raise LiquidPilotError(
                f'{self.description!r}: stage is {" or ".join(STAGES)}, not {self.stage!r}'
            )
