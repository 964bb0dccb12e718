"""Derivatives of the command of any core by finite differences.

A GRU, LSTM, CfC or feed-forward core is an ONNX graph, whose weights are not looked into, and the
equations of an LRC core are not decomposed. Their derivatives are central differences; those of an
LTC core are exact (`explanation.core_paths`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.core_paths import CoreTick
from liquid_pilot.explanation.ltc_tick import FloatArray
from liquid_pilot.onboard.inference.recurrent_cores import Core, make_core
from liquid_pilot.onboard.vehicles.action_scaling import ActionScaling
from liquid_pilot.pilot_file import PilotFile

STEP = 1e-2
"""Half the distance between the two points of a difference, in units of an input or of a state."""


class CommandDerivatives(NamedTuple):
    """A command of one tick and its derivatives. Commands are forward, left, up, yaw rate."""

    command: FloatArray
    """(4,) command, before it is slowed down for novelty or friction."""
    by_input: FloatArray
    """(4, I) derivatives with respect to the inputs."""
    by_state: FloatArray
    """(4, N) derivatives with respect to the state before the tick."""


def to_command(pilot: PilotFile) -> Callable[[npt.NDArray[np.floating]], FloatArray]:
    """Return the function from the outputs of a pilot's core to its command (4,)."""
    specification = pilot.specification
    scaling = ActionScaling.of(specification)
    return lambda outputs: np.array(scaling.to_command(outputs.tolist()))


class DifferencedCore:
    """Central differences of the command of a pilot with any core.

    Args:
        pilot: the pilot file.
        core: the core; None: that of the pilot.
    """

    def __init__(self, pilot: PilotFile, core: Core | None = None) -> None:
        self.core = core or make_core(pilot)
        self._to_command = to_command(pilot)

    def derivatives(
        self, state: npt.NDArray[np.floating], inputs: npt.NDArray[np.floating], dt_s: float
    ) -> CommandDerivatives:
        """Return the command of a tick and its derivatives.

        Args:
            state: (N,) state before the tick.
            inputs: (I,) features, then the normalised IMU.
            dt_s: elapsed time, s.
        """
        tick = CoreTick(np.asarray(inputs, np.float32), dt_s)
        start = np.asarray(state, np.float32)
        by_input = [
            self._difference(start, [tick], 0, number) for number in range(self.core.inputs)
        ]
        by_state = []
        for number in range(self.core.neurons):
            shifted = [start.copy(), start.copy()]
            shifted[0][number] -= STEP
            shifted[1][number] += STEP
            low, high = (self._command(each, [tick]) for each in shifted)
            by_state.append((high - low) / float(shifted[1][number] - shifted[0][number]))
        return CommandDerivatives(
            self._command(start, [tick]), np.array(by_input).T, np.array(by_state).T
        )

    def sensitivity_by_age(
        self, state: npt.NDArray[np.floating], ticks: Sequence[CoreTick]
    ) -> FloatArray:
        """Return the derivatives (K, 4, I) of the last command by the inputs of every tick.

        Args:
            state: (N,) state before the first tick.
            ticks: the ticks, at least one.
        """
        by_age = []
        before = np.asarray(state, np.float32)
        for k, tick in enumerate(ticks):
            rest = ticks[k:]
            by_age.append(
                np.array([self._difference(before, rest, 0, i) for i in range(self.core.inputs)]).T
            )
            before, _ = self._step(before, tick)
        return np.array(by_age)

    def _difference(
        self, state: npt.NDArray[np.float32], ticks: Sequence[CoreTick], at: int, number: int
    ) -> FloatArray:
        """Return the (4,) derivative of the last command by one input of the tick `at`."""
        commands, values = [], []
        for sign in (-1.0, 1.0):
            inputs = np.array(ticks[at].inputs, np.float32)
            inputs[number] += sign * STEP
            values.append(float(inputs[number]))
            changed = [*ticks[:at], ticks[at]._replace(inputs=inputs), *ticks[at + 1 :]]
            commands.append(self._command(state, changed))
        slope: FloatArray = (commands[1] - commands[0]) / (values[1] - values[0])
        return slope

    def _command(self, state: npt.NDArray[np.float32], ticks: Sequence[CoreTick]) -> FloatArray:
        output = np.zeros(self.core.motors, np.float32)
        for tick in ticks:
            state, output = self._step(state, tick)
        return self._to_command(output)

    def _step(
        self, state: npt.NDArray[np.float32], tick: CoreTick
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        inputs = np.asarray(tick.inputs, np.float32)
        after, output = self.core.step(state, inputs, tick.dt_s, tick.scales)
        return after, output
