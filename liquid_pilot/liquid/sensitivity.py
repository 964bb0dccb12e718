"""How the state depends on the time constants: exact forward-mode derivatives, tick by tick.

Beside the state v goes S_ik = d v_i / d log(cm_k), and likewise for log(gleak_k), as if the scale
of neuron k had been shifted by the same amount in every tick since S was zero. One tick takes v, S
to v', S' through every unfold of the solver with the real elapsed time, whatever that was before,
so that nothing has to be kept of the past (real-time recurrent learning, Williams & Zipser 1989).
A loss over v has then the gradient (dL/dv) @ S.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from liquid_pilot.liquid import _sensitivity_kernels
from liquid_pilot.liquid._lanes import LANES
from liquid_pilot.liquid.dynamics import LtcDynamics, LtcParameters


class StateWithSensitivities(NamedTuple):
    """The state of a core and its derivatives, float32."""

    v: np.ndarray
    """(N,) the neurons' potentials."""
    by_log_cm: np.ndarray
    """(N, N), [i, k] = d v_i / d log(cm_k)."""
    by_log_gleak: np.ndarray
    """(N, N), [i, k] = d v_i / d log(gleak_k)."""


class LtcSensitivity(LtcDynamics):
    """An `LtcDynamics` that carries derivatives along. Use an object from one thread only."""

    def __init__(self, parameters: LtcParameters, unfolds: int) -> None:
        """`unfolds`: solver steps a tick, at least 1."""
        super().__init__(parameters, unfolds)
        neurons = parameters.neurons
        self._reach = _reachable_blocks(parameters.w != 0.0)
        self._by_cm, self._by_gleak = np.zeros((2, neurons, neurons), np.float32)
        columns = 2 * LANES * -(-neurons // LANES)
        self._sums = np.zeros((len(self._sums) + 1, self._sums.shape[1]), np.float32)
        self._weights = np.zeros((len(self._sources), LANES), np.float32)
        self._rows, self._fresh = np.zeros((2, neurons, columns), np.float32)

    def initial_state(self, v: np.ndarray | None = None) -> StateWithSensitivities:
        """At v (N,), or at rest, where nothing depends on the time constants yet."""
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
        """State after dt_s seconds with inputs x (I,), into `out` where it is given.

        The potentials are those of `step`, to the bit. Arguments and errors as there; nothing is
        allocated when `out` is given (`out` may be `state`). Derivatives by neurons from which no
        path of synapses leads to a neuron are zero, whatever `state` has there.
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
        """Compile, or load from the cache, all that this object calls."""
        super().warm_up()
        self.step_sensitivity(self.initial_state(), np.zeros(self._x_shape, np.float32), 0.05)


def _reachable_blocks(present: np.ndarray) -> np.ndarray:
    """(N, 2): first block of columns, and one past the last, that can matter to each neuron.

    present (N, N): [j, i] whether j feeds i. What matters is whatever a path leads from, and the
    neuron itself.
    """
    neurons = len(present)
    matters = present.T | np.eye(neurons, dtype=bool)
    while True:
        wider = (matters.astype(np.float32) @ matters.astype(np.float32)) > 0
        if (wider == matters).all():
            break
        matters = wider
    first = matters.argmax(axis=1)
    last = neurons - 1 - matters[:, ::-1].argmax(axis=1)
    return np.stack([first // LANES, last // LANES + 1], axis=1).astype(np.uint64)
