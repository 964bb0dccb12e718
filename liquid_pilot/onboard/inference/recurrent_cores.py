"""The protocol of a recurrent core, and the cores that pilot files hold.

A core object holds weights and scratch memory; the state of a flight is passed in and out. The
liquid cores run on `liquid.dynamics` (LTC) and `liquid.lrc.dynamics` (LRC). Every other one (CfC,
GRU, LSTM, feed-forward, and those of other packages) is a one-step ONNX graph with explicit state,
as `learning.models.graph_core` exports it, and flies by the same engine. It needs neither torch nor
the package that it is of.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import precompile
from liquid_pilot.liquid.core_dynamics import CoreDynamics
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.lrc.parameters import LrcParameters
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.onboard.adaptation.time_scales import CoreScales
from liquid_pilot.onboard.inference.onnx_session import OnnxSession
from liquid_pilot.pilot_file import LIQUID_CORE_TYPES, ONNX_CORE_TYPES, PilotFile
from liquid_pilot.pilot_file.format import LiquidParameters
from liquid_pilot.utils.release_memory import release_code_pages

Float32Array = npt.NDArray[np.float32]
IMU_INPUTS = 6
"""Number of IMU values among the inputs of a core, after the features."""
COMMAND_OUTPUTS = 4
"""Number of outputs of a core: forward, left, up, and yaw rate or curvature."""


class Core(Protocol):
    """A recurrent core of N neurons, I inputs and M outputs.

    A core may carry more in its state than the vector (N,) of its neurons, which `neuron_states`
    returns; the state of all shipped cores is that vector.
    """

    neurons: int
    inputs: int
    motors: int
    liquid: bool
    """Whether the core has time constants that can be scaled."""

    def initial_state(self) -> Any:
        """Return the state before the first tick."""
        ...

    def neuron_states(self, state: Any) -> Float32Array:
        """Return the vector (N,) of a state."""
        ...

    def step(
        self, state: Any, inputs: Float32Array, dt_s: float, scales: CoreScales | None = None
    ) -> tuple[Any, Float32Array]:
        """Advance the core by one tick.

        Args:
            state: the state after the last tick.
            inputs: (I,) inputs.
            dt_s: elapsed time, s.
            scales: log-scales of the time constants; None: as trained.

        Returns:
            The new state, and the outputs (M,).
        """
        ...

    def time_constants(
        self, state: Any, inputs: Float32Array, scales: CoreScales | None = None
    ) -> Float32Array:
        """Return the time constants of the core at a state and inputs.

        Args:
            state: the state.
            inputs: (I,) inputs.
            scales: log-scales of the time constants; None: as trained.

        Returns:
            (N,), s; NaN for a core without time constants.
        """
        ...

    def warm_up(self) -> None:
        """Compile or load everything that a step needs."""
        ...


class _LiquidCore:
    """A liquid core, which starts from rest (all zero).

    Args:
        dynamics: equations and weights of the core.
    """

    liquid = True

    def __init__(self, dynamics: CoreDynamics) -> None:
        self._dynamics = dynamics
        self.neurons = dynamics.neurons
        self.inputs = dynamics.inputs
        self.motors = dynamics.motors

    def initial_state(self) -> Float32Array:
        """Return zeros (N,), as training starts every sequence."""
        return np.zeros(self.neurons, np.float32)

    def neuron_states(self, state: Float32Array) -> Float32Array:
        """Return the state itself."""
        return state

    def step(
        self,
        state: Float32Array,
        inputs: Float32Array,
        dt_s: float,
        scales: CoreScales | None = None,
    ) -> tuple[Float32Array, Float32Array]:
        """Advance the core by one tick; see `Core.step`. The arrays returned are new."""
        after = self._dynamics.step(state, inputs, dt_s, *(scales or (None, None)))
        return after, self._dynamics.output(after)

    def time_constants(
        self, state: Float32Array, inputs: Float32Array, scales: CoreScales | None = None
    ) -> Float32Array:
        """Return the time constants (N,), s; see `Core.time_constants`."""
        return self._dynamics.time_constants(state, inputs, *(scales or (None, None)))

    def warm_up(self) -> None:
        """Compile the kernels in another process, so that this one need not hold the compiler."""
        self._precompile()
        self._dynamics.warm_up()
        release_code_pages('libllvmlite')

    def _precompile(self) -> None:
        raise NotImplementedError


class LtcCore(_LiquidCore):
    """The liquid time-constant core of `liquid.dynamics`; it starts from rest (all zero).

    Args:
        parameters: weights of the core.
        unfolds: solver steps per tick.
    """

    def __init__(self, parameters: LtcParameters, unfolds: int) -> None:
        super().__init__(LtcDynamics(parameters, unfolds))

    def _precompile(self) -> None:
        precompile.precompile_kernels()


class LrcCore(_LiquidCore):
    """The liquid-resistance, liquid-capacitance core of `liquid.lrc.dynamics`; it starts from rest.

    Args:
        parameters: weights of the core.
    """

    def __init__(self, parameters: LrcParameters) -> None:
        # Imported here, so that a pilot with another core does not load these kernels.
        from liquid_pilot.liquid.lrc.dynamics import LrcDynamics

        super().__init__(LrcDynamics(parameters))

    def _precompile(self) -> None:
        from liquid_pilot.liquid.lrc import precompile as lrc_precompile

        precompile.precompile_kernels(lrc_precompile.KERNELS, lrc_precompile.__name__)


class OnnxCore:
    """A core of any kind as a one-step graph; it has no time constants to scale.

    The graph maps 'state' (1, N), 'inputs' (1, I) and 'dt' (1, 1), the elapsed time in seconds, to
    'state_after' (1, N) and 'output' (1, M), all float32. Several states of a kind, such as the
    hidden and the cell state of an LSTM, are one vector.

    Args:
        model: the bytes of the ONNX file.
        inputs: number of inputs I.
        neurons: number of neurons N.
        motors: number of outputs M.
        where: name of the file in error messages.

    Raises:
        LiquidPilotError: the graph cannot be loaded or has another signature.
    """

    liquid = False

    def __init__(
        self, model: bytes, inputs: int, neurons: int, motors: int, where: str = 'core.onnx'
    ) -> None:
        self.neurons, self.inputs, self.motors = neurons, inputs, motors
        self._graph = OnnxSession(
            model,
            {'state': (1, neurons), 'inputs': (1, inputs), 'dt': (1, 1)},
            {'state_after': (1, neurons), 'output': (1, motors)},
            1,
            where,
            'export the core for the features and the state_size in pilot.json',
        )
        sources, results = self._graph.inputs, self._graph.outputs
        self._state, self._inputs = sources['state'][0], sources['inputs'][0]
        self._dt_s = sources['dt']
        self._after, self._output = results['state_after'][0], results['output'][0]

    def initial_state(self) -> Float32Array:
        """Return zeros (N,), as training starts every sequence."""
        return np.zeros(self.neurons, np.float32)

    def neuron_states(self, state: Float32Array) -> Float32Array:
        """Return the state itself."""
        return state

    def step(
        self,
        state: Float32Array,
        inputs: Float32Array,
        dt_s: float,
        scales: CoreScales | None = None,
    ) -> tuple[Float32Array, Float32Array]:
        """Advance the core by one tick; see `Core.step`. The arrays returned are new.

        Raises:
            LiquidPilotError: there are `scales`, or the graph fails.
        """
        _refuse_scales(scales)
        self._state[:] = state
        self._inputs[:] = inputs
        self._dt_s[0, 0] = dt_s
        self._graph()
        return self._after.copy(), self._output.copy()

    def time_constants(
        self, state: Float32Array, inputs: Float32Array, scales: CoreScales | None = None
    ) -> Float32Array:
        """Return NaN (N,): the core has no time constants; see `Core.time_constants`."""
        _refuse_scales(scales)
        return np.full(self.neurons, np.nan, np.float32)

    def warm_up(self) -> None:
        """Run the graph once."""
        self.step(self.initial_state(), np.zeros(self.inputs, np.float32), 0.05)


def _refuse_scales(scales: CoreScales | None) -> None:
    """Raise LiquidPilotError if there are scales."""
    if scales is not None:
        raise LiquidPilotError(
            'only a liquid core has time constants that can be scaled; fly this one without '
            'adaptation of the core'
        )


def make_liquid_core(parameters: LiquidParameters, unfolds: int) -> LtcCore | LrcCore:
    """Return the liquid core of parameters.

    Args:
        parameters: weights of the core.
        unfolds: solver steps per tick of an LTC; an LRC core takes one.
    """
    if isinstance(parameters, LrcParameters):
        return LrcCore(parameters)
    return LtcCore(parameters, unfolds)


def make_core(pilot: PilotFile) -> Core:
    """Return the core of a pilot file.

    Raises:
        LiquidPilotError: its type is not known, or its graph does not fit.
    """
    specification = pilot.specification
    core = specification.core
    if core['type'] in LIQUID_CORE_TYPES and pilot.parameters is not None:
        return make_liquid_core(pilot.parameters, specification.unfolds)
    if core['type'] in ONNX_CORE_TYPES and pilot.core_graph is not None:
        return OnnxCore(
            pilot.core_graph,
            specification.features + IMU_INPUTS,
            int(core['state_size']),
            COMMAND_OUTPUTS,
            f'{pilot.path}/core.onnx',
        )
    known = ', '.join((*LIQUID_CORE_TYPES, *ONNX_CORE_TYPES))
    raise LiquidPilotError(
        f'{pilot.path}/pilot.json: core type {core["type"]!r} is not known; known: {known}'
    )
