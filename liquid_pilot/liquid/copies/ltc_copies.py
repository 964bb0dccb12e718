"""Copies of one LTC core that read the same inputs, each by a clock of its own.

A factor on all capacitances of a core is an elapsed time divided by that factor: in the equations
of `dynamics` they stand in cm/dt alone. So copies of different speeds are one core with different
elapsed times. What the sensory synapses add depends on neither, and is computed once for all.
Copies of an LRC core are in `lrc_copies`.
"""

from __future__ import annotations

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import _kernels
from liquid_pilot.liquid.kernel_arguments import folded_synapses, neuron_rows
from liquid_pilot.liquid.parameters import LtcParameters


def checked_factors(factors: np.ndarray) -> np.ndarray:
    """Return factors on capacitances, (K,) float64.

    Raises:
        LiquidPilotError: they are no vector of positive, finite numbers.
    """
    checked = np.array(factors, np.float64)
    if checked.ndim != 1 or not ((checked > 0) & (checked < np.inf)).all():
        raise LiquidPilotError('factors on capacitances must be a vector of positive numbers')
    return checked


class CoreCopies:
    """The states of K copies of one core, which are stepped together.

    >>> copies = CoreCopies(LtcParameters.ones(1, 1, 1), 6, factors=np.array([0.5, 1.0, 2.0]))
    >>> copies.step(np.ones(1, np.float32), 0.05)
    >>> copies.states.round(3)
    array([[0.152],
           [0.08 ],
           [0.041]], dtype=float32)

    Args:
        parameters: the parameters of the core, which are validated.
        unfolds: number of solver steps in a tick, at least 1.
        factors: (K,) positive factors on the capacitances of all neurons.

    Raises:
        LiquidPilotError: a parameter, `unfolds` or a factor is wrong.
    """

    def __init__(self, parameters: LtcParameters, unfolds: int, factors: np.ndarray) -> None:
        if unfolds < 1:
            raise LiquidPilotError(f'unfolds must be at least 1, not {unfolds}')
        self._factors = checked_factors(factors)
        parameters.validate()
        layout, self._table = folded_synapses(parameters)
        self._sources, self._bounds = layout.sources, layout.bounds
        self._neuron = neuron_rows(parameters, layout)
        self._sums = np.zeros((3, layout.padded_neurons), np.float32)
        self._x = np.zeros(parameters.inputs, np.float32)
        self._traces = np.zeros(
            (len(self._factors), unfolds + 1, 2, layout.padded_neurons), np.float32
        )
        self._before = self._traces[:, 0, 0]
        self._after = self._traces[:, -1, 0]
        self.states: np.ndarray = self._before[:, : parameters.neurons]
        """(K, N) float32 states after the last step, which the next one changes in place."""

    def reset(self) -> None:
        """Return all copies to rest, from which a flight begins."""
        self._traces[:] = 0.0

    def warm_up(self) -> None:
        """Compile, or load from the cache, the kernel that this object calls; then reset."""
        self.step(np.zeros_like(self._x), 0.05)
        self.reset()

    def step(self, x: np.ndarray, dt_s: float) -> None:
        """Advance all copies by an elapsed time. NaN in the inputs gives NaN in the states.

        Args:
            x: (I,) inputs, constant over the tick.
            dt_s: elapsed time in seconds, by the clock of the copy with the factor 1.

        Raises:
            ValueError: the shape is wrong, or dt_s is not positive and finite.
        """
        if not 0.0 < dt_s < np.inf:
            raise ValueError(f'dt_s must be positive and finite, not {dt_s}')
        if x.shape != self._x.shape:
            raise ValueError(f'x must have the shape {self._x.shape}, not {x.shape}')
        self._x[:] = x
        _kernels.step_copies(
            self._table,
            self._sources,
            self._bounds,
            self._neuron,
            self._x,
            self._sums,
            self._traces,
            dt_s / self._factors,
        )
        self._before[:] = self._after
