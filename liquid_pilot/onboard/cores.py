"""The one protocol of a recurrent core, and the liquid core that keeps it.

State in, state out: a core object holds weights and scratch memory, never the flight.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.dynamics import LtcDynamics, LtcParameters
from liquid_pilot.liquid.pilot_file import PilotFile


class CoreScales(NamedTuple):
    """What adaptation moves: natural logarithms of factors on the trained time constants."""

    log_cm: np.ndarray
    """(N,) float32, scales the capacitance."""
    log_gleak: np.ndarray
    """(N,) float32, scales the leak conductance."""


class Core(Protocol):
    """A recurrent core of N neurons, I inputs and M outputs."""

    neurons: int
    inputs: int
    motors: int

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
        """(N,) seconds, at this state and these inputs."""
        ...

    def warm_up(self) -> None:
        """Compile or load all that a step needs."""
        ...


class LtcCore:
    """The liquid time-constant core of `liquid.dynamics`; starts from rest (all zero)."""

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
        """See Core."""
        self._dynamics.warm_up()


def make_core(pilot: PilotFile) -> Core:
    """The core that the pilot file asks for; LiquidPilotError when it is of an unknown type."""
    core = pilot.specification.core
    if core['type'] != 'ltc':
        raise LiquidPilotError(
            f'{pilot.path}/pilot.json: core type {core["type"]!r} is not known; known: ltc'
        )
    return LtcCore(pilot.parameters, int(core['unfolds']))
