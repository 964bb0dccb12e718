"""Conditions that act on the vehicle: wind, a payload, a weak rotor, a slippery ground."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liquid_pilot.simulation.mujoco.sensors import Gusts

if TYPE_CHECKING:
    import mujoco

_CELL_M = 7.0
"""Distance between two points of the noise that patches are made of: the size of a patch."""
_GRID_CELLS = 64
"""Number of cells after which the pattern of patches repeats."""
_PATCH_SHARE = 0.4
"""Share of the ground that patches cover."""
_GUSTINESS = 0.4
"""Ratio of the standard deviation of the gusts to the mean wind."""


class MeanWind:
    """A mean wind from a direction drawn for the flight, with gusts in proportion to it.

    Args:
        rng: source of the direction and of the gusts.
        step_s: time between two calls of `step`, s.
        mean_m_s: speed of the mean wind, m/s.
    """

    def __init__(self, rng: np.random.Generator, step_s: float, mean_m_s: float) -> None:
        angle = rng.uniform(-math.pi, math.pi)
        self._mean = (mean_m_s * math.cos(angle), mean_m_s * math.sin(angle), 0.0)
        self._gusts = Gusts(rng, step_s, mean_m_s=0.0, sigma_m_s=_GUSTINESS * mean_m_s)

    def step(self) -> tuple[float, float, float]:
        """Return the wind in the world frame (ENU), m/s, after one more physics step."""
        gust = self._gusts.step()
        return self._mean[0] + gust[0], self._mean[1] + gust[1], self._mean[2] + gust[2]


class FrictionMap:
    """The share of dry friction that remains, by position.

    Args:
        rng: source of the pattern of patches.
        uniform: share of friction that is lost everywhere.
        patches: share of friction that is lost on patches.
    """

    def __init__(self, rng: np.random.Generator, uniform: float, patches: float) -> None:
        self._factor, self._patch_factor = 1.0 - uniform, 1.0 - patches
        self._offset = rng.uniform(0.0, 1e3, 2).tolist()
        # Lists, because single elements are read at every wheel and physics step.
        self._grid = rng.random((_GRID_CELLS, _GRID_CELLS)).tolist()
        self._threshold = math.inf
        """Noise above this value is a patch."""
        if patches:
            x, y = rng.uniform(0.0, 1e3, (2, 4000)).tolist()
            self._threshold = float(
                np.quantile(
                    [self._noise(a, b) for a, b in zip(x, y, strict=True)], 1.0 - _PATCH_SHARE
                )
            )

    def _noise(self, x: float, y: float) -> float:
        """Return the bilinear interpolation of a periodic grid."""
        a, b = (x + self._offset[0]) / _CELL_M, (y + self._offset[1]) / _CELL_M
        i, j = math.floor(a), math.floor(b)
        p, q = a - i, b - j
        n, grid = _GRID_CELLS, self._grid
        i, j, k, m = i % n, j % n, (i + 1) % n, (j + 1) % n
        return (1 - p) * ((1 - q) * grid[i][j] + q * grid[i][m]) + p * (
            (1 - q) * grid[k][j] + q * grid[k][m]
        )

    def __call__(self, x: float, y: float) -> float:
        """Return the share of dry friction at east x and north y, m."""
        if self._patch_factor < 1.0 and self._noise(x, y) > self._threshold:
            return self._factor * self._patch_factor
        return self._factor


def add_payload(model: mujoco.MjModel, body: int, share: float) -> None:
    """Increase the mass and the inertia of a body, as a payload at its centre of mass does.

    Args:
        model: the compiled model, which is changed.
        body: index of the vehicle's body.
        share: mass of the payload over that of the vehicle.
    """
    for array in (model.body_mass, model.body_inertia, model.body_subtreemass):
        array[body] *= 1.0 + share
    model.body_subtreemass[0] += model.body_subtreemass[body] * share / (1.0 + share)


def reduce_rotor_thrust(model: mujoco.MjModel, rng: np.random.Generator, share: float) -> None:
    """Reduce the thrust and the torque of one rotor.

    Args:
        model: the compiled model, which is changed; each actuator is a rotor.
        rng: source of the choice of rotor.
        share: share of thrust and torque that is lost.
    """
    model.actuator_gear[int(rng.integers(model.nu))] *= 1.0 - share
