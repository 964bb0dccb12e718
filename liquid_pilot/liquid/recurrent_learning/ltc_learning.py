"""Exact forward-mode derivatives of the state by every parameter of an LTC core, tick by tick.

The potentials v are accompanied by S, with S_ik = d v_i / d theta_k for the changes theta of the
chosen parameters (`columns`). One tick takes v, S to v', S' through every unfold of the solver, so
that nothing of the past is stored (real-time recurrent learning, Williams and Zipser 1989). The
gradient of a loss over v is (dL/dv) @ S, at any time, for all that has happened since S was zero.
`sensitivity` does the same for scales of the time constants alone, in a form that is faster for
those.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.kernel_arguments import folded_synapses, neuron_rows
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.recurrent_learning import _kernels
from liquid_pilot.liquid.recurrent_learning.columns import Columns
from liquid_pilot.liquid.recurrent_learning.groups import GROUPS
from liquid_pilot.liquid.synapse_layout import reachable_range

Float32Array = npt.NDArray[np.float32]


class LtcLearning(LtcDynamics):
    """An `LtcDynamics` that carries the derivatives of its state along, for one thread only.

    >>> from liquid_pilot import load_pilot
    >>> pilot = load_pilot('forest-ltc')
    >>> core = LtcLearning(pilot.parameters, pilot.specification.unfolds, ['leak', 'output_map'])
    >>> v = np.zeros(core.neurons, np.float32)
    >>> for _ in range(3):
    ...     v = core.advance(v, np.ones(core.inputs, np.float32), dt_s=0.05)
    >>> core.gradient(v, by_output=np.ones(core.motors)).shape == (core.columns.count,)
    True
    """

    def __init__(
        self, parameters: LtcParameters, unfolds: int, groups: Iterable[str] = tuple(GROUPS)
    ) -> None:
        """Start with derivatives of zero.

        Args:
            parameters: the core's parameters, which are validated.
            unfolds: number of solver steps in a tick, at least 1.
            groups: the groups of parameters that are learned, of `columns.GROUPS`.

        Raises:
            LiquidPilotError: when a parameter, `unfolds` or a group is wrong.
        """
        super().__init__(parameters, unfolds)
        self.columns = Columns.of(parameters, groups)
        columns, neurons = self.columns, parameters.neurons
        sensory, recurrent = parameters.present
        self._synapses = [
            (_ends(present), np.nonzero(present.T)[1]) for present in (sensory, recurrent)
        ]
        self._values: list[Float32Array] = [
            np.zeros((4, len(sources)), np.float32) for _, sources in self._synapses
        ]
        self._input_map = np.zeros((2, parameters.inputs), np.float32)
        self._reach = columns.of_neuron[reachable_range(recurrent)]
        with_state = columns.at_output
        most = max(len(sources) for _, sources in self._synapses)
        self._scratch = np.zeros((2, most), np.float32)
        self._direct = np.zeros((2, with_state), np.float32)
        of_inputs = with_state - columns.at_input
        self._of_input = np.zeros((neurons, 2, of_inputs), np.float32)
        self._rows, self._fresh = np.zeros((2, neurons, with_state), np.float32)
        self._read(parameters)

    @property
    def by_parameter(self) -> Float32Array:
        """(N, K) derivatives of the state by the changes, without those of the output map.

        Only until the next tick: the array is written again.
        """
        return self._rows

    def forget(self) -> None:
        """Set all derivatives to zero, as after a reset of the state."""
        self._rows[:] = 0.0

    def load(self, parameters: LtcParameters) -> None:
        """Go on with other parameters of the same wiring; the derivatives stay.

        Args:
            parameters: the parameters, which are validated.

        Raises:
            LiquidPilotError: when a parameter is wrong, or the wiring is another one.
        """
        parameters.validate()
        for before, after in zip(self.parameters.present, parameters.present, strict=True):
            if before.shape != after.shape or (before != after).any():
                raise LiquidPilotError('these parameters are of another wiring')
        self.parameters = parameters
        layout, table = folded_synapses(parameters)
        self._table[...] = table
        self._neuron[:3] = neuron_rows(parameters, layout)
        self._output_w[...], self._output_b[...] = parameters.output_w, parameters.output_b
        self._read(parameters)

    def _read(self, parameters: LtcParameters) -> None:
        """Copy what the kernel reads besides the tables of `LtcDynamics`."""
        for values, prefix, present in zip(
            self._values, ('sensory_', ''), parameters.present, strict=True
        ):
            for column, kind in enumerate(('w', 'sigma', 'mu', 'erev')):
                values[column] = getattr(parameters, prefix + kind).T[present.T]
        self._input_map[:] = parameters.input_w, parameters.input_b

    def advance(
        self,
        v: np.ndarray,
        x: np.ndarray,
        dt_s: float,
        log_cm: np.ndarray | None = None,
        log_gleak: np.ndarray | None = None,
    ) -> Float32Array:
        """Return the state after an elapsed time, and take the derivatives along.

        The state is that of `step`, to the bit.

        Args:
            v: (N,) state before the tick, to which the derivatives belong.
            x: (I,) inputs, constant over the tick.
            dt_s: elapsed time in seconds.
            log_cm: see `step`.
            log_gleak: see `step`.

        Raises:
            ValueError: when a shape is wrong, or dt_s is not positive and finite.
        """
        columns = self.columns
        if not columns.at_output:
            # The state does not depend on the output map.
            return self.step(v, x, dt_s, log_cm, log_gleak)
        if not 0.0 < dt_s < np.inf:
            raise ValueError(f'dt_s must be positive and finite, not {dt_s}')
        scaled = self._load(v, x, log_cm, log_gleak)
        _kernels.step_by_parameters(
            self._table,
            self._sources,
            self._bounds,
            self._neuron,
            scaled,
            self._x,
            self._sums,
            self._trace,
            float(dt_s),
            *self._synapses[0],
            self._values[0],
            *self._synapses[1],
            self._values[1],
            self._input_map,
            columns.of_neuron,
            columns.at_neuron,
            columns.at_synapse,
            self._reach,
            self._scratch,
            self._direct,
            self._of_input,
            self._rows,
            self._fresh,
        )
        if self.unfolds % 2:
            self._rows, self._fresh = self._fresh, self._rows
        return self._after.copy()

    def gradient(self, v: np.ndarray, by_output: np.ndarray) -> Float32Array:
        """Return the gradient of a loss over the outputs, by the changes of the parameters.

        Args:
            v: (N,) state that `advance` returned last.
            by_output: (M,) derivatives of the loss by the outputs (`output`).

        Returns:
            (K + 2M,) float32, or (K,) when the output map is not learned; `columns.count` entries.
        """
        by_output = np.asarray(by_output, np.float32)
        motors = len(self._output_w)
        gradient = np.zeros(self.columns.count, np.float32)
        with_state = self.columns.at_output
        gradient[:with_state] = (by_output * self._output_w) @ self._rows[:motors]
        if self.columns.count > with_state:
            gradient[with_state : with_state + motors] = by_output * v[:motors]
            gradient[with_state + motors :] = by_output
        return gradient

    def warm_up(self) -> None:
        """Compile, or load from the cache, the kernels that this object calls."""
        super().warm_up()
        rows = self._rows.copy()
        self.advance(np.zeros(self._v_shape, np.float32), np.zeros(self._x_shape, np.float32), 0.05)
        self._rows[...] = rows


def _ends(present: np.ndarray) -> npt.NDArray[np.int64]:
    """Return (N + 1,) the first synapse of each neuron, of a (R, N) matrix of what feeds it."""
    return np.concatenate([[0], np.cumsum(present.sum(axis=0))]).astype(np.int64)
