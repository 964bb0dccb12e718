"""Recurrent cores that wrap another one: what is recorded of it, and what is silenced in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.onboard.adaptation.time_scales import CoreScales
from liquid_pilot.onboard.inference.recurrent_cores import Core, Float32Array

_FROZEN_LOG_CM = 20.0
"""Logarithm of the factor on the capacitance of a neuron that is to keep its potential."""
_MAX_READOUT_ERROR = 1e-4
"""Error of a linear read-out, relative to the spread of the outputs, up to which it is one."""


class WrappedCore:
    """A core that does what another one does; subclasses change `step`.

    Args:
        core: the core.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self.neurons, self.inputs, self.motors = core.neurons, core.inputs, core.motors
        self.liquid = core.liquid

    def initial_state(self) -> Any:
        """Return the state before the first tick; see `Core.initial_state`."""
        return self.core.initial_state()

    def neuron_states(self, state: Any) -> Float32Array:
        """Return the vector (N,) of a state; see `Core.neuron_states`."""
        return self.core.neuron_states(state)

    def step(
        self, state: Any, inputs: Float32Array, dt_s: float, scales: CoreScales | None = None
    ) -> tuple[Any, Float32Array]:
        """Advance the core by one tick; see `Core.step`."""
        return self.core.step(state, inputs, dt_s, scales)

    def time_constants(
        self, state: Any, inputs: Float32Array, scales: CoreScales | None = None
    ) -> Float32Array:
        """Return the time constants (N,), s; see `Core.time_constants`."""
        return self.core.time_constants(state, inputs, scales)

    def warm_up(self) -> None:
        """Compile or load everything that a step needs."""
        self.core.warm_up()


class CoreStep(NamedTuple):
    """One step of a core."""

    inputs: Float32Array
    """(I,) inputs."""
    dt_s: float
    """Elapsed time, s."""
    scales: CoreScales | None
    """Log-scales of the time constants; None: as trained."""
    before: Float32Array
    """(N,) state before."""
    after: Float32Array
    """(N,) state after."""
    output: Float32Array
    """(M,) outputs."""


class RecordedCore(WrappedCore):
    """A core whose steps are kept.

    Args:
        core: the core.
    """

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self.steps: list[CoreStep] = []
        """The steps since the list was last cleared."""

    def step(
        self, state: Any, inputs: Float32Array, dt_s: float, scales: CoreScales | None = None
    ) -> tuple[Any, Float32Array]:
        """Advance the core by one tick, and keep what happened."""
        after, output = self.core.step(state, inputs, dt_s, scales)
        vector = self.core.neuron_states
        self.steps.append(
            CoreStep(
                inputs.copy(), dt_s, scales, vector(state).copy(), vector(after).copy(), output
            )
        )
        return after, output


class ClampedCore(WrappedCore):
    """A core in which some neurons keep one value: what reads them sees nothing change.

    A neuron of a liquid core keeps it through every unfold of a tick. That of another core keeps it
    in the state that the next step reads, and in the outputs, where these are linear in the state.

    Args:
        core: the core; its state is the vector of its neurons.
        values: value of each clamped neuron, by its number.
        readout: (M, N) weights of a linear read-out; None: it is looked for. It is not used for a
            liquid core.
    """

    def __init__(
        self,
        core: Core,
        values: Mapping[int, float],
        readout: npt.NDArray[np.floating] | None = None,
    ) -> None:
        super().__init__(core)
        self._clamped = np.array(sorted(values), np.intp)
        self._values = np.array([values[number] for number in sorted(values)], np.float32)
        self._log_cm = np.zeros(core.neurons, np.float32)
        self._log_cm[self._clamped] = _FROZEN_LOG_CM
        self._readout = None
        if not core.liquid:
            self._readout = linear_readout(core) if readout is None else readout

    def initial_state(self) -> Any:
        """Return the state before the first tick, with the clamped values in it."""
        return self._clamp(self.core.initial_state())

    def step(
        self, state: Any, inputs: Float32Array, dt_s: float, scales: CoreScales | None = None
    ) -> tuple[Any, Float32Array]:
        """Advance the core by one tick with the clamped values."""
        before = self._clamp(state)
        if self.core.liquid:
            zero = np.zeros(self.neurons, np.float32)
            log_cm, log_gleak = scales or CoreScales(zero, zero)
            scales = CoreScales(log_cm + self._log_cm, log_gleak)
        free, output = self.core.step(before, inputs, dt_s, scales)
        after = self._clamp(free)
        if self._readout is not None:
            output = output + self._readout @ (after - free)
        return after, output.astype(np.float32)

    def _clamp(self, state: Any) -> Any:
        clamped = np.array(state, np.float32)
        clamped[self._clamped] = self._values
        return clamped


def linear_readout(core: Core, seed: int = 0) -> npt.NDArray[np.float64] | None:
    """Return the weights (M, N) by which the outputs of a core follow its new state, if they do.

    They are fitted to steps from random states and inputs; those of every core that this package
    trains are found, because their read-outs are linear.

    Args:
        core: the core; its state is the vector of its neurons.
        seed: seed of the states and inputs.
    """
    rng = np.random.default_rng(seed)
    count = 4 * core.neurons + 20
    states = rng.normal(0.0, 0.5, (count, core.neurons)).astype(np.float32)
    inputs = rng.normal(0.0, 1.0, (count, core.inputs)).astype(np.float32)
    steps = [core.step(state, x, 0.05) for state, x in zip(states, inputs, strict=True)]
    after = np.array([core.neuron_states(state) for state, _ in steps], np.float64)
    outputs = np.array([output for _, output in steps], np.float64)
    table = np.column_stack([after, np.ones(count)])
    weights = np.linalg.lstsq(table, outputs, rcond=None)[0]
    error = np.abs(table @ weights - outputs).max()
    if error > _MAX_READOUT_ERROR * max(float(outputs.std()), 1e-12):
        return None
    return np.array(weights[:-1].T)
