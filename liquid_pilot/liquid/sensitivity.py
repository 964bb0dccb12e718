"""Exact forward-mode derivatives of the state by the time constants, tick by tick.

The state v is accompanied by S_ik = d v_i / d log(cm_k), and by the same matrix for log(gleak_k).
S is the derivative for a scale of neuron k that was shifted by the same amount in every tick since
S was zero. One tick takes v, S to v', S' through every unfold of the solver with the real elapsed
time, so that nothing of the past has to be stored (real-time recurrent learning, Williams and
Zipser 1989). The gradient of a loss over v is then (dL/dv) @ S.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from liquid_pilot.liquid import _sensitivity_kernels
from liquid_pilot.liquid._lanes import LANES
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.synapse_layout import reachable_range


class StateWithSensitivities(NamedTuple):
    """The state of a core and its derivatives, float32."""

    v: np.ndarray
    """(N,) potentials of the neurons."""
    by_log_cm: np.ndarray
    """(N, N) derivatives; [i, k] is d v_i / d log(cm_k)."""
    by_log_gleak: np.ndarray
    """(N, N) derivatives; [i, k] is d v_i / d log(gleak_k)."""


class LtcSensitivity(LtcDynamics):
    """An `LtcDynamics` that also computes sensitivities. Use an object from one thread only.

    >>> from liquid_pilot import load_pilot
    >>> pilot = load_pilot('forest-ltc')
    >>> core = LtcSensitivity(pilot.parameters, pilot.specification.unfolds)
    >>> inputs = np.ones(core.inputs, np.float32)
    >>> state = core.step_sensitivity(core.initial_state(), inputs, dt_s=0.05)
    >>> state.by_log_cm.shape
    (34, 34)
    """

    def __init__(self, parameters: LtcParameters, unfolds: int) -> None:
        """Build the tables that the kernels read; see `LtcDynamics`."""
        super().__init__(parameters, unfolds)
        neurons = parameters.neurons
        self._reach = _reachable_blocks(parameters.w != 0.0)
        self._by_cm, self._by_gleak = np.zeros((2, neurons, neurons), np.float32)
        columns = 2 * LANES * -(-neurons // LANES)
        self._sums = np.zeros((len(self._sums) + 1, self._sums.shape[1]), np.float32)
        self._weights = np.zeros((len(self._sources), LANES), np.float32)
        self._rows, self._fresh = np.zeros((2, neurons, columns), np.float32)

    def initial_state(self, v: np.ndarray | None = None) -> StateWithSensitivities:
        """Return a state whose derivatives are zero.

        Args:
            v: (N,) potentials; None: zeros.

        Raises:
            ValueError: when the shape of `v` is wrong.
        """
        neurons = self.neurons
        start = np.zeros(neurons, np.float32) if v is None else np.array(v, np.float32)
        if start.shape != self._v_shape:
            raise ValueError(f'v must have the shape {self._v_shape}, not {start.shape}')
        return StateWithSensitivities(start, *np.zeros((2, neurons, neurons), np.float32))

    def step_sensitivity(
        self,
        state: StateWithSensitivities,
        x: np.ndarray,
        dt_s: float,
        log_cm: np.ndarray | None = None,
        log_gleak: np.ndarray | None = None,
        out: StateWithSensitivities | None = None,
    ) -> StateWithSensitivities:
        """Return the state after an elapsed time, with its derivatives.

        The potentials are those of `step`, to the bit. A derivative is zero, whatever `state` has
        there, where no path of synapses leads from neuron k to neuron i.

        Args:
            state: the state before the tick.
            x: (I,) inputs, constant over the tick.
            dt_s: elapsed time in seconds.
            log_cm: see `step`.
            log_gleak: see `step`.
            out: arrays for the result, which may be `state`; nothing is then allocated.

        Raises:
            ValueError: when a shape is wrong, or dt_s is not positive and finite.
        """
        if not 0.0 < dt_s < np.inf:
            raise ValueError(f'dt_s must be positive and finite, not {dt_s}')
        for name in ('by_log_cm', 'by_log_gleak'):
            shape = getattr(state, name).shape
            if shape != self._by_cm.shape:
                raise ValueError(f'{name} must have the shape {self._by_cm.shape}, not {shape}')
        scaled = self._load(state.v, x, log_cm, log_gleak)
        self._by_cm[:] = state.by_log_cm
        self._by_gleak[:] = state.by_log_gleak
        _sensitivity_kernels.step_sensitivity(
            self._table,
            self._sources,
            self._bounds,
            self._reach,
            self._neuron,
            scaled,
            self._x,
            self._sums,
            self._trace,
            float(dt_s),
            self._by_cm,
            self._by_gleak,
            self._weights,
            self._rows,
            self._fresh,
        )
        if out is None:
            return StateWithSensitivities(
                self._after.copy(), self._by_cm.copy(), self._by_gleak.copy()
            )
        out.v[...] = self._after
        out.by_log_cm[...] = self._by_cm
        out.by_log_gleak[...] = self._by_gleak
        return out

    def warm_up(self) -> None:
        """Compile, or load from the cache, the kernels that this object calls."""
        super().warm_up()
        self.step_sensitivity(self.initial_state(), np.zeros(self._x_shape, np.float32), 0.05)


def _reachable_blocks(present: np.ndarray) -> np.ndarray:
    """Return the blocks of columns in which a neuron's derivatives can differ from zero.

    Args:
        present: (N, N) booleans, [j, i]: j feeds i.

    Returns:
        (N, 2) uint64: the first block, and one past the last, that hold the neuron itself and every
        neuron from which a path of synapses leads to it.
    """
    first, end = reachable_range(present).T
    return np.stack([first // LANES, (end - 1) // LANES + 1], axis=1).astype(np.uint64)
