"""What a pilot's four motor outputs mean: the one definition, for training and for flight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liquid_pilot.interfaces import STEERING_MODES

YAW_RATE, CURVATURE = STEERING_MODES
MIN_SPEED_M_S = 0.5
"""Below this speed a car's yaw rate stands for the curvature that it would be at this speed, so
that steering survives standing still."""


def curvature_to_yaw_rate(
    curvature_1_m: float, speed_m_s: float, min_speed_m_s: float = MIN_SPEED_M_S
) -> float:
    """The yaw rate, in rad/s, that stands for a curvature at a speed."""
    return curvature_1_m * max(abs(speed_m_s), min_speed_m_s)


def yaw_rate_to_curvature(
    yaw_rate_rad_s: float, speed_m_s: float, min_speed_m_s: float = MIN_SPEED_M_S
) -> float:
    """And back, in 1/m."""
    return yaw_rate_rad_s / max(abs(speed_m_s), min_speed_m_s)


@dataclass(frozen=True)
class ActionScaling:
    """Scale and meaning of motor outputs."""

    scale: tuple[float, ...]
    """An output of one stands for so much of forward, left, up (m/s), and yaw rate (rad/s) or, of
    what steers by curvature, 1/m."""
    steering: str = YAW_RATE
    """Whether the last output is the yaw rate, or the curvature of the path as a car has it."""

    def command(self, outputs: list[float], trust: float = 1.0) -> tuple[float, ...]:
        """Motor outputs to forward, left, up (m/s) and yaw rate (rad/s).

        `trust` in [0, 1] slows it down; what steers by curvature keeps its path.
        """
        *velocity, turn = (value * scale for value, scale in zip(outputs, self.scale, strict=True))
        velocity = [value * trust for value in velocity]
        if self.steering == CURVATURE:
            return (*velocity, curvature_to_yaw_rate(turn, velocity[0]))
        return (*velocity, turn * trust)

    def outputs(self, commands: np.ndarray) -> np.ndarray:
        """(..., 4) commands to the motor outputs that make them, float32."""
        coded = commands
        if self.steering == CURVATURE:
            coded = np.array(commands)
            coded[..., 3] /= np.maximum(np.abs(coded[..., 0]), MIN_SPEED_M_S)
        return (coded / np.float32(self.scale)).astype(np.float32)
