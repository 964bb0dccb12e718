"""The equations of the liquid-resistance, liquid-capacitance (LRC) core: one tick of a core.

State v (N,), inputs x (I,), elapsed time dt in seconds (Farsang, Neubauer and Grosu 2024, 'Liquid
Resistance Liquid Capacitance Networks', arXiv 2403.08791, with the symmetric elastance):

    f_i = gleak_i + sum_j w_ij*s_ij              s_ij = sigmoid(sigma_ij * (y_j - mu_ij))
    g_i = gleak_i + sum_j w_ij*s_ij*erev_ij
    z_i = elastance_b_i + sum_j elastance_w_ij * y_j
    elastance_i = sigmoid(z_i + elastance_shift_i) - sigmoid(z_i - elastance_shift_i)

    cm_i dv_i/dt = elastance_i * (vleak_i*tanh(g_i) - v_i*sigmoid(f_i))

The sums run over recurrent sources (y_j = v_j) and sensory ones (y_j = input_w*x_j + input_b).
Matrices are [j, i]: j feeds i. The authors' h_ij is w_ij*erev_ij. cm, which they do not have, is in
seconds and sets how fast a neuron is; it cancels at equilibrium.

A tick is one semi-implicit step, which the authors call 'hybrid'. f, g and z are those of the
potentials before it:

    r_i = dt/cm_i * elastance_i
    v_i <- (v_i + r_i*vleak_i*tanh(g_i)) / (1 + r_i*sigmoid(f_i))

It is stable for any elapsed time: the new potential lies between the old one and the goal
vleak_i*tanh(g_i)/sigmoid(f_i), whose size is at most 2*|vleak_i|, because f_i >= 0.

These equations are written once, in the kernels. Training (`lrc.sequences`) and flight (this
module) both call them.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from liquid_pilot.liquid.core_dynamics import CoreDynamics
from liquid_pilot.liquid.lrc import _kernels
from liquid_pilot.liquid.lrc.kernel_arguments import folded_elastance
from liquid_pilot.liquid.lrc.parameters import LrcParameters


class LrcDynamics(CoreDynamics):
    """One LRC core, ready to step. It holds scratch buffers: use an object from one thread only.

    Its time constants are tau_i = cm_i/(elastance_i * sigmoid(f_i)), at most 1e8*cm_i. The step has
    no unfolds.

    >>> one, pair = np.ones(1, np.float32), np.ones((1, 1), np.float32)
    >>> vectors = ('gleak', 'vleak', 'cm', 'input_w', 'input_b', 'output_w', 'output_b')
    >>> matrices = ('w', 'sigma', 'mu', 'erev', 'elastance_w')
    >>> core = LrcDynamics(
    ...     LrcParameters(
    ...         **{name: one for name in (*vectors, 'elastance_b', 'elastance_shift')},
    ...         **{name: pair for name in matrices},
    ...         **{f'sensory_{name}': pair for name in matrices},
    ...     )
    ... )
    >>> v = np.zeros(core.neurons, np.float32)
    >>> for dt_s in (0.05, 0.12, 0.03):  # the elapsed times need not be regular
    ...     v = core.step(v, np.ones(core.inputs, np.float32), dt_s)
    >>> core.output(v).round(3)
    array([1.019], dtype=float32)
    """

    parameters_type = LrcParameters

    def __init__(self, parameters: LrcParameters) -> None:
        """Build the tables that the kernels read.

        Args:
            parameters: the core's parameters, which are validated.

        Raises:
            LiquidPilotError: when a parameter is wrong.
        """
        super().__init__(parameters)
        self.parameters = parameters
        neurons, padded = parameters.neurons, self._layout.padded_neurons
        self._weights, rows = folded_elastance(parameters, self._layout)
        self._neuron = np.insert(self._neuron, 3, self._layout.pad_neurons(rows), axis=0)
        self._trace = np.zeros((7, padded), np.float32)
        self._before, self._after = self._trace[0, :neurons], self._trace[1, :neurons]
        self._step = partial(
            _kernels.step,
            self._table,
            self._weights,
            self._sources,
            self._bounds,
            self._neuron,
            self._x,
            self._trace,
        )

    def _rates(self, gleak: np.ndarray) -> np.ndarray:
        """Return elastance_i * sigmoid(f_i), at least 1e-8."""
        found = np.empty_like(gleak)
        _kernels.rates(
            self._table,
            self._weights,
            self._sources,
            self._bounds,
            gleak,
            self._neuron,
            self._x,
            self._trace,
            found,
        )
        return found
