"""What acts on the vehicle: a storm, a payload, a rotor that has lost thrust."""

from __future__ import annotations

import math

import numpy as np

from liquid_pilot.simulation.mujoco.rendering import mujoco
from liquid_pilot.simulation.mujoco.sensors import Gusts
from liquid_pilot.simulation.vehicles.quadrotor import ROTORS

_PATCH_M, _PATCH_CELLS, _PATCH_SHARE = 7.0, 64, 0.4
"""Size of a slippery patch, after how many of them the pattern repeats, and their share."""
_GUSTINESS = 0.4
"""Standard deviation of the gusts over the mean wind."""


class MeanWind:
    """A mean wind from a direction drawn for the flight, and gusts in proportion to it."""

    def __init__(self, rng: np.random.Generator, step_s: float, mean_m_s: float) -> None:
        angle = rng.uniform(-math.pi, math.pi)
        self._mean = (mean_m_s * math.cos(angle), mean_m_s * math.sin(angle), 0.0)
        self._gusts = Gusts(rng, step_s, mean_m_s=0.0, sigma_m_s=_GUSTINESS * mean_m_s)

    def step(self) -> tuple[float, float, float]:
        """Wind in the world frame (ENU), m/s, one physics step later."""
        return tuple(m + g for m, g in zip(self._mean, self._gusts.step(), strict=True))


class FrictionMap:
    """How much of the dry grip is left, by place and time."""

    def __init__(self, rng: np.random.Generator, uniform: float, patches: float) -> None:
        """Args: the source of the patches, and the shares of grip lost everywhere and on them."""
        self._left, self._left_there = 1.0 - uniform, 1.0 - patches
        self._offset = rng.uniform(0.0, 1e3, 2).tolist()
        # As lists: it is asked for at every wheel and physics step.
        self._coarse = rng.random((_PATCH_CELLS, _PATCH_CELLS)).tolist()
        self._edge = math.inf
        if patches:
            # The value that this share of the interpolated noise lies above.
            x, y = rng.uniform(0.0, 1e3, (2, 4000)).tolist()
            self._edge = float(
                np.quantile(
                    [self._noise(a, b) for a, b in zip(x, y, strict=True)], 1.0 - _PATCH_SHARE
                )
            )

    def _noise(self, x: float, y: float) -> float:
        """Smooth in between the corners of a grid that repeats."""
        a, b = (x + self._offset[0]) / _PATCH_M, (y + self._offset[1]) / _PATCH_M
        i, j = math.floor(a), math.floor(b)
        p, q = a - i, b - j
        n, grid = _PATCH_CELLS, self._coarse
        i, j, k, m = i % n, j % n, (i + 1) % n, (j + 1) % n
        return (1 - p) * ((1 - q) * grid[i][j] + q * grid[i][m]) + p * (
            (1 - q) * grid[k][j] + q * grid[k][m]
        )

    def __call__(self, x: float, y: float) -> float:
        """Share of dry friction at east and north."""
        if self._left_there < 1.0 and self._noise(x, y) > self._edge:
            return self._left * self._left_there
        return self._left


def add_payload(model: mujoco.MjModel, body: int, share: float) -> None:
    """A payload at the vehicle's centre: mass and inertia grow by `share`."""
    for array in (model.body_mass, model.body_inertia, model.body_subtreemass):
        array[body] *= 1.0 + share
    model.body_subtreemass[0] += model.body_subtreemass[body] * share / (1.0 + share)


def reduce_rotor_thrust(model: mujoco.MjModel, rng: np.random.Generator, share: float) -> None:
    """One rotor, drawn, gives `share` less thrust and torque than it is told to."""
    model.actuator_gear[int(rng.integers(len(ROTORS)))] *= 1.0 - share
