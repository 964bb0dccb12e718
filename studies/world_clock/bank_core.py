"""The bank as the core itself: its command is the mean of the copies' by their probability.

The rule `world_clock` runs beside the pilot and can only tell it how fast to go on. What the core
has remembered by a wrong clock stays wrong. Here the copies are in the engine, and each remembers
by its own clock: once the right one is known, so is what it has seen. It costs the pilot's tick the
steps of all copies, and evidence is not kept over flights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.onboard.adaptation.time_scales import CoreScales
from liquid_pilot.onboard.adaptation.world_clock.clock_bank import ClockBank
from liquid_pilot.onboard.adaptation.world_clock.clock_evidence import ClockEvidence
from liquid_pilot.onboard.inference.stages import Stages
from liquid_pilot.pilot_file import PilotFile


class BankState(NamedTuple):
    """The state of a `BankCore`."""

    copies: np.ndarray
    """(K, N) states of the copies."""
    log_likelihood: np.ndarray
    """(K,) log-likelihood of each factor, relative to the best one."""
    started: bool
    """Whether there was a tick, whose states predict the next one."""


class BankCore:
    """A `recurrent_cores.Core` that holds copies of a liquid core, each by a clock of its own.

    Args:
        pilot: the pilot file.

    Raises:
        LiquidPilotError: the core cannot be used, see `ClockBank`.
    """

    liquid = True

    def __init__(self, pilot: PilotFile) -> None:
        self._bank = ClockBank(pilot)
        assert pilot.parameters is not None
        self._dynamics = LtcDynamics(pilot.parameters, pilot.specification.unfolds)
        self._evidence = ClockEvidence(self._bank.factors)
        self.neurons, self.inputs = self._dynamics.neurons, self._dynamics.inputs
        self.motors = self._dynamics.motors

    def initial_state(self) -> BankState:
        """Return all copies at rest, and no evidence."""
        factors = len(self._bank.factors)
        return BankState(np.zeros((factors, self.neurons), np.float32), np.zeros(factors), False)

    def _probabilities(self, state: BankState) -> np.ndarray:
        self._evidence.log_likelihood[:] = state.log_likelihood
        return self._evidence.probabilities

    def neuron_states(self, state: BankState) -> np.ndarray:
        """Return the potentials (N,) of the most probable copy."""
        return state.copies[int(np.argmax(self._probabilities(state)))]

    def step(
        self, state: BankState, inputs: np.ndarray, dt_s: float, scales: CoreScales | None = None
    ) -> tuple[BankState, np.ndarray]:
        """Judge the copies and advance them by one tick; see `Core.step`.

        Args:
            state: the state after the last tick.
            inputs: (I,) inputs.
            dt_s: elapsed time by the stamps, s.
            scales: log-scales, of which only the mean of those of the capacitances is used.
        """
        bank, evidence = self._bank, self._evidence
        bank.states[:] = state.copies
        evidence.log_likelihood[:] = state.log_likelihood
        if state.started:
            evidence.add(bank.errors(inputs))
        slower = 1.0 if scales is None else float(np.exp(scales.log_cm.mean()))
        bank.step(inputs, dt_s / slower)
        outputs = np.stack([self._dynamics.output(copy) for copy in bank.states])
        mean = (evidence.probabilities @ outputs).astype(np.float32)
        return BankState(bank.states.copy(), evidence.log_likelihood.copy(), True), mean

    def time_constants(
        self, state: BankState, inputs: np.ndarray, scales: CoreScales | None = None
    ) -> np.ndarray:
        """Return the time constants (N,) of the most probable copy, s."""
        best = int(np.argmax(self._probabilities(state)))
        log_cm = np.full(self.neurons, np.log(self._bank.factors[best]), np.float32)
        if scales is not None:
            log_cm = log_cm + scales.log_cm
        return self._dynamics.time_constants(state.copies[best], inputs, log_cm)

    def warm_up(self) -> None:
        """Compile or load everything that a step needs."""
        self._dynamics.warm_up()


def bank_stages(pilot: PilotFile) -> Callable[[Stages], Stages]:
    """Return the function that replaces the core of a pilot's engine by a `BankCore`."""
    core = BankCore(pilot)
    return lambda stages: stages._replace(core=core)
