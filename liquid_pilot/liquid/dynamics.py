"""The liquid time-constant (LTC) equations: one tick of a core.

State v (N,), inputs x (I,), elapsed time dt in seconds, L unfolds of the fused (semi-implicit)
Euler solver (Hasani et al. 2021, 'Liquid Time-constant Networks'; Lechner et al. 2020):

    v <- (cm*L/dt * v + gleak*vleak + sum_j w_ij*s_ij*erev_ij)
         / (cm*L/dt + gleak + sum_j w_ij*s_ij)
    s_ij = sigmoid(sigma_ij * (v_j - mu_ij))

The sums run over recurrent sources (v_j) and sensory ones (input_w*x_j + input_b). The same
weights give the outputs of ncps' `LTC` with elapsed time dt. Matrices are [j, i]: j feeds i. A
synapse with w = 0 is absent: it is skipped and its gradients are zero.

These equations are written once, in the kernels. Training (`sequences`), flight (this module) and
adaptation (`sensitivity`) all call them.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import _kernels
from liquid_pilot.liquid._synapses import EPSILON
from liquid_pilot.liquid.core_dynamics import CoreDynamics
from liquid_pilot.liquid.parameters import LtcParameters


class LtcDynamics(CoreDynamics):
    """One LTC core, ready to step. It holds scratch buffers: use an object from one thread only.

    Its time constants are tau_i = cm_i/(gleak_i + sum_j w_ij*s_ij), where the sum includes the
    sensory synapses.

    >>> one, pair = np.ones(1, np.float32), np.ones((1, 1), np.float32)
    >>> vectors = ('gleak', 'vleak', 'cm', 'input_w', 'input_b', 'output_w', 'output_b')
    >>> matrices = ('w', 'sigma', 'mu', 'erev')
    >>> core = LtcDynamics(
    ...     LtcParameters(
    ...         **{name: one for name in vectors},
    ...         **{name: pair for name in matrices},
    ...         **{f'sensory_{name}': pair for name in matrices},
    ...     ),
    ...     unfolds=6,
    ... )
    >>> v = np.zeros(core.neurons, np.float32)
    >>> for dt_s in (0.05, 0.12, 0.03):  # the elapsed times need not be regular
    ...     v = core.step(v, np.ones(core.inputs, np.float32), dt_s)
    >>> core.output(v).round(3)
    array([1.33], dtype=float32)
    """

    parameters_type = LtcParameters

    def __init__(self, parameters: LtcParameters, unfolds: int) -> None:
        """Build the tables that the kernels read.

        Args:
            parameters: the core's parameters, which are validated.
            unfolds: number of solver steps in a tick, at least 1.

        Raises:
            LiquidPilotError: when a parameter or `unfolds` is wrong.
        """
        if unfolds < 1:
            raise LiquidPilotError(f'unfolds must be at least 1, not {unfolds}')
        super().__init__(parameters)
        self.parameters = parameters
        self.unfolds = int(unfolds)
        neurons, padded = parameters.neurons, self._layout.padded_neurons
        self._sums = np.zeros((5, padded), np.float32)
        self._trace = np.zeros((self.unfolds + 1, 2, padded), np.float32)
        self._before, self._after = self._trace[0, 0, :neurons], self._trace[-1, 0, :neurons]
        self._step = partial(
            _kernels.step,
            self._table,
            self._sources,
            self._bounds,
            self._neuron,
            self._x,
            self._sums,
            self._trace,
        )

    def _rates(self, gleak: np.ndarray) -> np.ndarray:
        """Return gleak_i + sum_j w_ij*s_ij; the sum includes the sensory synapses."""
        _kernels.conductance(
            self._table, self._sources, self._bounds, gleak, self._x, self._trace[0, 0], self._sums
        )
        # The solver's epsilon, so that an isolated neuron without leak has a large tau, not inf.
        rates: np.ndarray = self._sums[1] + np.float32(EPSILON)
        return rates
