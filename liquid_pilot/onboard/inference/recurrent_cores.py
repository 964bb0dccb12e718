"""The one protocol of a recurrent core, and the cores that keep it.

State in, state out: a core object holds weights and scratch memory, never the flight. The liquid
core runs on `liquid.dynamics`; every other one (CfC, GRU, LSTM, feed-forward) is a one-step ONNX
graph with explicit state, as `learning.models.baselines` exports it, and flies by the same engine.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.dynamics import LtcDynamics, LtcParameters
from liquid_pilot.liquid.precompile import precompile_kernels
from liquid_pilot.onboard.adaptation.time_scales import CoreScales
from liquid_pilot.onboard.inference.onnx_session import OnnxSession
from liquid_pilot.pilot_file import ONNX_CORE_TYPES, PilotFile
from liquid_pilot.utils.release_memory import release_code_pages


class Core(Protocol):
    """A recurrent core of N neurons, I inputs and M outputs."""

    neurons: int
    inputs: int
    motors: int
    liquid: bool
    """Whether it has time constants that can be scaled."""

    def initial_state(self) -> np.ndarray:
        """(N,) float32, before the first tick."""
        ...

    def step(
        self, state: np.ndarray, inputs: np.ndarray, dt_s: float, scales: CoreScales | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """State (N,) and inputs (I,), float32, dt_s seconds on -> new state (N,), output (M,)."""
        ...

    def time_constants(
        self, state: np.ndarray, inputs: np.ndarray, scales: CoreScales | None = None
    ) -> np.ndarray:
        """(N,) seconds, at this state and these inputs; NaN for a core that has none."""
        ...

    def warm_up(self) -> None:
        """Compile or load all that a step needs."""
        ...


class LtcCore:
    """The liquid time-constant core of `liquid.dynamics`; starts from rest (all zero)."""

    liquid = True

    def __init__(self, parameters: LtcParameters, unfolds: int) -> None:
        self._dynamics = LtcDynamics(parameters, unfolds)
        self.neurons = parameters.neurons
        self.inputs = parameters.inputs
        self.motors = parameters.motors

    def initial_state(self) -> np.ndarray:
        """(N,) zeros, as training starts every sequence."""
        return np.zeros(self.neurons, np.float32)

    def step(
        self, state: np.ndarray, inputs: np.ndarray, dt_s: float, scales: CoreScales | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See Core; the arrays returned are new and stay valid."""
        after = self._dynamics.step(state, inputs, dt_s, *(scales or (None, None)))
        return after, self._dynamics.output(after)

    def time_constants(
        self, state: np.ndarray, inputs: np.ndarray, scales: CoreScales | None = None
    ) -> np.ndarray:
        """See Core."""
        return self._dynamics.time_constants(state, inputs, *(scales or (None, None)))

    def warm_up(self) -> None:
        """See Core; the compiler runs elsewhere, and gives back the memory of its code here."""
        precompile_kernels()
        self._dynamics.warm_up()
        release_code_pages('libllvmlite')


class OnnxCore:
    """A core that is a one-step graph, of any kind; it has no time constants to show or to scale.

    The graph maps 'state' (1, N), 'inputs' (1, I) and 'dt' (1, 1), the elapsed seconds, to
    'state_after' (1, N) and 'output' (1, M), all float32; several states of a kind (an LSTM's
    hidden and cell state) are one vector. `model` is the file's bytes, `where` its name in error
    messages; LiquidPilotError when it is another graph.
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
        given, made = self._graph.inputs, self._graph.outputs
        self._state, self._inputs, self._dt_s = given['state'][0], given['inputs'][0], given['dt']
        self._after, self._output = made['state_after'][0], made['output'][0]

    def initial_state(self) -> np.ndarray:
        """(N,) zeros, as training starts every sequence."""
        return np.zeros(self.neurons, np.float32)

    def step(
        self, state: np.ndarray, inputs: np.ndarray, dt_s: float, scales: CoreScales | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See Core; the arrays returned are new. LiquidPilotError when `scales` are given."""
        _refuse_scales(scales)
        self._state[:] = state
        self._inputs[:] = inputs
        self._dt_s[0, 0] = dt_s
        self._graph()
        return self._after.copy(), self._output.copy()

    def time_constants(
        self, state: np.ndarray, inputs: np.ndarray, scales: CoreScales | None = None
    ) -> np.ndarray:
        """(N,) of NaN: how fast such a core forgets is not one number a neuron."""
        _refuse_scales(scales)
        return np.full(self.neurons, np.nan, np.float32)

    def warm_up(self) -> None:
        """See Core."""
        self.step(self.initial_state(), np.zeros(self.inputs, np.float32), 0.05)


def _refuse_scales(scales: CoreScales | None) -> None:
    if scales is not None:
        raise LiquidPilotError(
            'only a liquid core has time constants that can be scaled; fly this one without '
            'adaptation of the core'
        )


def make_core(pilot: PilotFile) -> Core:
    """The core that the pilot file asks for; LiquidPilotError when it is of an unknown type."""
    specification = pilot.specification
    core = specification.core
    if core['type'] == 'ltc':
        return LtcCore(pilot.parameters, int(core['unfolds']))
    if core['type'] in ONNX_CORE_TYPES:
        # Six IMU values go beside the features; a command has four.
        return OnnxCore(
            pilot.core_graph,
            specification.features + 6,
            int(core['state_size']),
            4,
            f'{pilot.path}/core.onnx',
        )
    known = ', '.join(('ltc', *ONNX_CORE_TYPES))
    raise LiquidPilotError(
        f'{pilot.path}/pilot.json: core type {core["type"]!r} is not known; known: {known}'
    )
