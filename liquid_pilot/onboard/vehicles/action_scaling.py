"""The meaning of a pilot's four motor outputs, defined once for training and for flight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liquid_pilot.interfaces import STEERING_MODES

if TYPE_CHECKING:
    # The vehicles are known without pilot files, as for the help of a command.
    from liquid_pilot.pilot_file import PilotSpecification

YAW_RATE, CURVATURE = STEERING_MODES
"""Meanings of the last motor output."""
MIN_SPEED_M_S = 0.5
"""Minimum speed at which a yaw rate is converted to a curvature, so that a standing car can be
steered, m/s."""


def curvature_to_yaw_rate(
    curvature_1_m: float, speed_m_s: float, min_speed_m_s: float = MIN_SPEED_M_S
) -> float:
    """Return the yaw rate, in rad/s, that stands for a curvature at a speed.

    >>> curvature_to_yaw_rate(0.1, speed_m_s=4.0), curvature_to_yaw_rate(0.1, speed_m_s=0.0)
    (0.4, 0.05)

    Args:
        curvature_1_m: curvature of the path, positive to the left, 1/m.
        speed_m_s: speed, of either sign, m/s.
        min_speed_m_s: speed that is used when the vehicle is slower, m/s.
    """
    return curvature_1_m * max(abs(speed_m_s), min_speed_m_s)


def yaw_rate_to_curvature(
    yaw_rate_rad_s: float, speed_m_s: float, min_speed_m_s: float = MIN_SPEED_M_S
) -> float:
    """Return the curvature, in 1/m, that a yaw rate stands for; see `curvature_to_yaw_rate`."""
    return yaw_rate_rad_s / max(abs(speed_m_s), min_speed_m_s)


@dataclass(frozen=True)
class ActionScaling:
    """Scale and meaning of motor outputs.

    >>> scaling = ActionScaling(scale=(8.0, 1.0, 1.0, 0.125), steering=CURVATURE)
    >>> scaling.to_command([0.5, 0.0, 0.0, 1.0])
    (4.0, 0.0, 0.0, 0.5)
    >>> scaling.to_command([0.5, 0.0, 0.0, 1.0], speed_factor=0.5)
    (2.0, 0.0, 0.0, 0.25)
    """

    scale: tuple[float, ...]
    """Values that outputs of one stand for: forward, left, up (m/s) and yaw rate (rad/s), or
    curvature (1/m)."""
    steering: str = YAW_RATE
    """Meaning of the last output: YAW_RATE, or CURVATURE of the path, as cars steer."""

    @classmethod
    def of(cls, specification: PilotSpecification) -> ActionScaling:
        """Return the scale and the meaning of the outputs of a pilot."""
        return cls(tuple(map(float, specification.command_scale)), specification.steering)

    def to_command(self, outputs: list[float], speed_factor: float = 1.0) -> tuple[float, ...]:
        """Return forward, left, up (m/s) and yaw rate (rad/s) for motor outputs.

        Args:
            outputs: four motor outputs.
            speed_factor: factor in [0, 1] on velocities and yaw rate. A vehicle that steers by
                curvature keeps its path.
        """
        *velocity, turn = (value * scale for value, scale in zip(outputs, self.scale, strict=True))
        velocity = [value * speed_factor for value in velocity]
        if self.steering == CURVATURE:
            return (*velocity, curvature_to_yaw_rate(turn, velocity[0]))
        return (*velocity, turn * speed_factor)

    def to_outputs(self, commands: np.ndarray) -> np.ndarray:
        """Return the motor outputs, float32, that stand for commands.

        Args:
            commands: (..., 4) forward, left, up (m/s) and yaw rate (rad/s).
        """
        scaled = commands
        if self.steering == CURVATURE:
            scaled = np.array(commands)
            scaled[..., 3] /= np.maximum(np.abs(scaled[..., 0]), MIN_SPEED_M_S)
        outputs: np.ndarray = (scaled / np.array(self.scale, np.float32)).astype(np.float32)
        return outputs
