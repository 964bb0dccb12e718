"""Copies of one LRC core that read the same inputs, each by a clock of its own.

A factor on all capacitances of an LRC core is an elapsed time divided by that factor, as in an LTC
core: in the equations of `lrc.dynamics` they stand in dt/cm alone. What the sensory synapses add is
computed for each copy, since a step has no unfolds that would share it.
"""

from __future__ import annotations

import numpy as np

from liquid_pilot.liquid.copies.ltc_copies import checked_factors
from liquid_pilot.liquid.lrc.dynamics import LrcDynamics
from liquid_pilot.liquid.lrc.parameters import LrcParameters


class LrcCopies:
    """The states of K copies of one LRC core, which are stepped together; see `CoreCopies`.

    Args:
        parameters: the parameters of the core, which are validated.
        factors: (K,) positive factors on the capacitances of all neurons.

    Raises:
        LiquidPilotError: a parameter or a factor is wrong.
    """

    def __init__(self, parameters: LrcParameters, factors: np.ndarray) -> None:
        self._factors = checked_factors(factors)
        self._core = LrcDynamics(parameters)
        self._x = np.zeros(self._core.inputs, np.float32)
        self.states: np.ndarray = np.zeros((len(self._factors), self._core.neurons), np.float32)
        """(K, N) float32 states after the last step, which the next one changes in place."""

    def reset(self) -> None:
        """Return all copies to rest, from which a flight begins."""
        self.states[:] = 0.0

    def warm_up(self) -> None:
        """Compile, or load from the cache, the kernel that this object calls; then reset."""
        self.step(np.zeros_like(self._x), 0.05)
        self.reset()

    def step(self, x: np.ndarray, dt_s: float) -> None:
        """Advance all copies by an elapsed time; see `CoreCopies.step`."""
        for state, elapsed_s in zip(self.states, dt_s / self._factors, strict=True):
            self._core.step(state, x, float(elapsed_s), out=state)
