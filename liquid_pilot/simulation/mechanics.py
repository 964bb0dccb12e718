"""What acts on the vehicle: a storm, a payload, a rotor that has lost thrust."""

from __future__ import annotations

import math

import numpy as np

from liquid_pilot.simulation.rendering import mujoco
from liquid_pilot.simulation.sensors import Gusts
from liquid_pilot.simulation.vehicles import ROTORS

_GUSTINESS = 0.4
"""Standard deviation of the gusts over the mean wind."""


class Storm:
    """A mean wind from a direction drawn for the flight, and gusts in proportion to it."""

    def __init__(self, rng: np.random.Generator, step_s: float, mean_m_s: float) -> None:
        angle = rng.uniform(-math.pi, math.pi)
        self._mean = (mean_m_s * math.cos(angle), mean_m_s * math.sin(angle), 0.0)
        self._gusts = Gusts(rng, step_s, mean_m_s=0.0, sigma_m_s=_GUSTINESS * mean_m_s)

    def step(self) -> tuple[float, float, float]:
        """Wind in the world frame (ENU), m/s, one physics step later."""
        return tuple(m + g for m, g in zip(self._mean, self._gusts.step(), strict=True))


def load(model: mujoco.MjModel, body: int, share: float) -> None:
    """A payload at the vehicle's centre: mass and inertia grow by `share`."""
    for array in (model.body_mass, model.body_inertia, model.body_subtreemass):
        array[body] *= 1.0 + share
    model.body_subtreemass[0] += model.body_subtreemass[body] * share / (1.0 + share)


def weaken(model: mujoco.MjModel, rng: np.random.Generator, share: float) -> None:
    """One rotor, drawn, gives `share` less thrust and torque than it is told to."""
    model.actuator_gear[int(rng.integers(len(ROTORS)))] *= 1.0 - share
