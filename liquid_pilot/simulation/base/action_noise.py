"""Noise injected into a demonstrator's commands (Laskey et al. 2017, DART).

The demonstrator labels, the disturbed command is flown: so a pilot that learns the labels also
learns to come back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liquid_pilot.interfaces import Command


@dataclass(frozen=True)
class ActionNoiseSettings:
    """Noise on the executed command: bursts of an Ornstein-Uhlenbeck process.

    Each episode draws a level in [0, level]; within it, bursts of `burst_s` alternate with calm
    of the same mean length.
    """

    level: float = 1.3
    sigma: tuple[float, float, float, float] = (0.5, 0.8, 0.4, 0.6)
    """Forward, left, up in m/s, and yaw rate in rad/s."""
    correlation_s: float = 0.6
    burst_s: float = 1.2


UNDECIDED_SHARE = 0.6
"""Of the courses on which somebody undecided steers at the moment of decision."""
_WAVER_S = (0.4, 1.6)
_MAX_UNDECIDED_YAW_RATE_RAD_S = 1.0


class UndecidedSteering:
    """Somebody undecided, who has the helm for a moment when a course has to be remembered.

    Without it the demonstrator's own turn tells where it turns to: what the IMU says of it would be
    copied, and nothing remembered (de Haan et al. 2019, 'Causal confusion in imitation learning').
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.duration_s = float(rng.uniform(*_WAVER_S)) if rng.random() < UNDECIDED_SHARE else 0.0
        self._left_s = self.duration_s
        self._yaw_rate_rad_s = float(
            rng.uniform(-_MAX_UNDECIDED_YAW_RATE_RAD_S, _MAX_UNDECIDED_YAW_RATE_RAD_S)
        )

    def __call__(self, command: Command, at_decision_point: bool, period_s: float) -> Command:
        """The command to fly in place of this one; `at_decision_point`: the moment has come, or is past."""
        if not at_decision_point or self._left_s <= 0.0:
            return command
        self._left_s -= period_s
        # Neither turn nor sidestep may tell what the demonstrator would do.
        return command._replace(forward_m_s=0.3, left_m_s=0.0, yaw_rate_rad_s=self._yaw_rate_rad_s)


class ActionNoise:
    """Disturbs one episode, command by command, every `period_s`."""

    def __init__(self, disturbance: ActionNoiseSettings, rng: np.random.Generator, period_s: float):
        self._rng, self._d = rng, disturbance
        self._level = disturbance.level * rng.uniform()
        self._decay = math.exp(-period_s / disturbance.correlation_s)
        self._switch = period_s / disturbance.burst_s
        self._noise, self._on = np.zeros(4), rng.random() < 0.5

    def __call__(self, command: Command) -> Command:
        """The command to fly in place of this one."""
        if self._rng.random() < self._switch:
            self._on = not self._on
        kick = math.sqrt(1 - self._decay**2) * self._rng.standard_normal(4)
        self._noise = self._decay * self._noise + kick
        if not self._on:
            return command
        noisy = np.array(command.values) + self._level * np.array(self._d.sigma) * self._noise
        return Command(command.stamp_ns, *noisy.tolist())
