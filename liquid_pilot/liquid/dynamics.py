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

import math

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import _kernels
from liquid_pilot.liquid._synapses import EPSILON
from liquid_pilot.liquid.kernel_arguments import folded_synapses, neuron_rows
from liquid_pilot.liquid.parameters import LtcParameters


class LtcDynamics:
    """One core, ready to step. It holds scratch buffers: use an object from one thread only.

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
        parameters.validate()
        self.parameters = parameters
        self.unfolds = int(unfolds)
        neurons, inputs = parameters.neurons, parameters.inputs
        layout, self._table = folded_synapses(parameters)
        self._sources, self._bounds = layout.sources, layout.bounds
        # Rows 3 and 4 hold the logarithms of the scales, in ticks that have scales.
        self._neuron = np.concatenate(
            [neuron_rows(parameters, layout), np.zeros((2, layout.padded_neurons), np.float32)]
        )
        self._sums = np.zeros((5, layout.padded_neurons), np.float32)
        self._trace = np.zeros((self.unfolds + 1, 2, layout.padded_neurons), np.float32)
        self._x = np.zeros(inputs, np.float32)
        self._before, self._after = self._trace[0, 0, :neurons], self._trace[-1, 0, :neurons]
        self._v_shape, self._x_shape = (neurons,), (inputs,)
        self._output_w = parameters.output_w.astype(np.float32)
        self._output_b = parameters.output_b.astype(np.float32)

    @property
    def neurons(self) -> int:
        """Number of neurons, N."""
        return self._v_shape[0]

    @property
    def inputs(self) -> int:
        """Number of inputs, I."""
        return self._x_shape[0]

    @property
    def motors(self) -> int:
        """Number of motor neurons, M."""
        return len(self._output_w)

    def step(
        self,
        v: np.ndarray,
        x: np.ndarray,
        dt_s: float,
        log_cm: np.ndarray | None = None,
        log_gleak: np.ndarray | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the state after an elapsed time. NaN in the arguments gives NaN in the state.

        Args:
            v: (N,) state before the tick.
            x: (I,) inputs, constant over the tick.
            dt_s: elapsed time in seconds.
            log_cm: (N,) logarithms of the factors on cm; None is the same, to the bit, as zeros.
            log_gleak: (N,) logarithms of the factors on gleak; None as above.
            out: (N,) float32 array for the result, which may be `v`; nothing is then allocated.

        Returns:
            (N,) float32 state, which is `out` where that is given.

        Raises:
            ValueError: when a shape is wrong, or dt_s is not positive and finite.
        """
        if not 0.0 < dt_s < math.inf:
            raise ValueError(f'dt_s must be positive and finite, not {dt_s}')
        scaled = self._load(v, x, log_cm, log_gleak)
        _kernels.step(
            self._table,
            self._sources,
            self._bounds,
            self._neuron,
            scaled,
            self._x,
            self._sums,
            self._trace,
            float(dt_s),
        )
        if out is None:
            return self._after.copy()
        out[...] = self._after
        return out

    def output(self, v: np.ndarray) -> np.ndarray:
        """Return the motor neurons' mapped potentials, (M,), of a state v (N,)."""
        mapped: np.ndarray = v[: self._output_w.shape[0]] * self._output_w + self._output_b
        return mapped

    def time_constants(
        self,
        v: np.ndarray,
        x: np.ndarray,
        log_cm: np.ndarray | None = None,
        log_gleak: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the time constants at a state and inputs, (N,) in seconds.

        tau_i = cm_i/(gleak_i + sum_j w_ij*s_ij), where the sum includes the sensory synapses.

        Args:
            v: (N,) state.
            x: (I,) inputs.
            log_cm: see `step`.
            log_gleak: see `step`.
        """
        self._load(v, x, log_cm, log_gleak)
        cm, gleak = self._neuron[0], self._neuron[1]
        if log_cm is not None:
            cm = cm * np.exp(self._neuron[3])
        if log_gleak is not None:
            gleak = gleak * np.exp(self._neuron[4])
        _kernels.conductance(
            self._table, self._sources, self._bounds, gleak, self._x, self._trace[0, 0], self._sums
        )
        # The solver's epsilon, so that an isolated neuron without leak has a large tau, not inf.
        tau_s: np.ndarray = (cm / (self._sums[1] + np.float32(EPSILON)))[: self.neurons]
        return tau_s

    def warm_up(self) -> None:
        """Compile, or load from the cache, the kernels that this object calls."""
        v, x = np.zeros(self._v_shape, np.float32), np.zeros(self._x_shape, np.float32)
        self.step(v, x, 0.05)
        self.time_constants(v, x)

    def _load(
        self, v: np.ndarray, x: np.ndarray, log_cm: np.ndarray | None, log_gleak: np.ndarray | None
    ) -> bool:
        """Copy the arguments into the buffers, so that the kernels see one type and layout.

        Returns:
            Whether there are scales.
        """
        if v.shape != self._v_shape or x.shape != self._x_shape:
            raise ValueError(
                f'v and x must have the shapes {self._v_shape} and {self._x_shape}, '
                f'not {v.shape} and {x.shape}'
            )
        self._before[:] = v
        self._x[:] = x
        if log_cm is None and log_gleak is None:
            return False
        for row, name, scale in ((3, 'log_cm', log_cm), (4, 'log_gleak', log_gleak)):
            if scale is not None and scale.shape != self._v_shape:
                raise ValueError(f'{name} must have the shape {self._v_shape}, not {scale.shape}')
            self._neuron[row, : self.neurons] = 0.0 if scale is None else scale
        return True
