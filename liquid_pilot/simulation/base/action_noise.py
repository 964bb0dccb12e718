"""Noise injected into an expert's commands (Laskey et al. 2017, DART).

The expert's command is recorded as the label, the noisy command is flown. A pilot that learns the
labels therefore also learns to return to the expert's route.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liquid_pilot.interfaces import Command


@dataclass(frozen=True)
class ActionNoiseSettings:
    """Parameters of the noise on the executed command: bursts of an Ornstein-Uhlenbeck process.

    Each episode draws its level uniformly from [0, level]. Within an episode, bursts with a mean
    duration of `burst_s` alternate with calm periods of the same mean duration.
    """

    level: float = 1.3
    """Upper end of the range of levels, a factor on `sigma`."""
    sigma: tuple[float, float, float, float] = (0.5, 0.8, 0.4, 0.6)
    """Standard deviation at level 1: forward, left and up in m/s, yaw rate in rad/s."""
    correlation_s: float = 0.6
    """Correlation time of the process, s."""
    burst_s: float = 1.2
    """Mean duration of a burst and of a calm period, s."""


UNDECIDED_SHARE = 0.6
"""Share of the memory courses on which `UndecidedSteering` acts at the decision point."""
_UNDECIDED_DURATION_S = (0.4, 1.6)
_MAX_UNDECIDED_YAW_RATE_RAD_S = 1.0


class UndecidedSteering:
    """Random steering for a short time after the decision point of a memory course.

    Without it the expert's own turn reveals the side of the target: a pilot would copy the turn
    from the IMU and remember nothing (de Haan et al. 2019, 'Causal confusion in imitation
    learning').

    Args:
        rng: source of the duration and of the yaw rate.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.duration_s = (
            float(rng.uniform(*_UNDECIDED_DURATION_S)) if rng.random() < UNDECIDED_SHARE else 0.0
        )
        """Duration of the random steering, s; 0 on the courses that have none."""
        self._remaining_s = self.duration_s
        self._yaw_rate_rad_s = float(
            rng.uniform(-_MAX_UNDECIDED_YAW_RATE_RAD_S, _MAX_UNDECIDED_YAW_RATE_RAD_S)
        )

    def __call__(self, command: Command, at_decision_point: bool, period_s: float) -> Command:
        """Return the command to fly in place of `command`.

        Args:
            command: the expert's command.
            at_decision_point: whether the decision point has been reached.
            period_s: duration of one control period, s.
        """
        if not at_decision_point or self._remaining_s <= 0.0:
            return command
        self._remaining_s -= period_s
        # Neither a turn nor a sidestep may reveal what the expert would do.
        return command._replace(forward_m_s=0.3, left_m_s=0.0, yaw_rate_rad_s=self._yaw_rate_rad_s)


class ActionNoise:
    """Adds noise to the commands of one episode.

    Args:
        settings: parameters of the noise.
        rng: source of the level and of all noise.
        period_s: time between two commands, s.
    """

    def __init__(self, settings: ActionNoiseSettings, rng: np.random.Generator, period_s: float):
        self._rng, self._settings = rng, settings
        self._level = settings.level * rng.uniform()
        self._decay = math.exp(-period_s / settings.correlation_s)
        self._switch_probability = period_s / settings.burst_s
        self._noise, self._in_burst = np.zeros(4), rng.random() < 0.5

    def __call__(self, command: Command) -> Command:
        """Return the command to fly in place of `command`."""
        if self._rng.random() < self._switch_probability:
            self._in_burst = not self._in_burst
        kick = math.sqrt(1 - self._decay**2) * self._rng.standard_normal(4)
        self._noise = self._decay * self._noise + kick
        if not self._in_burst:
            return command
        scale = self._level * np.array(self._settings.sigma)
        noisy = np.array(command.values) + scale * self._noise
        return Command(command.stamp_ns, *noisy.tolist())
