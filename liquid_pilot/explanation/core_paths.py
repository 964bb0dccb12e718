"""What made a command of a liquid core: its inputs, neurons and synapses, exactly.

The command of a tick is compared with a reference: what the same core, with the same time
constants, commands at rest at constant reference inputs (the mean features of its training and an
IMU at its mean, unless others are given). The difference of the two commands is decomposed twice:
over what was sensed in each tick of a window and what the core remembered before it, and over the
synapses. Nothing is sampled and nothing is left over (`explanation.ltc_tick`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.ltc_tick import FloatArray, LinearTick, LtcTick
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.wiring import Wiring
from liquid_pilot.onboard.adaptation.time_scales import CoreScales
from liquid_pilot.onboard.inference.recurrent_cores import COMMAND_OUTPUTS, IMU_INPUTS
from liquid_pilot.onboard.inference.trace import Trace
from liquid_pilot.onboard.vehicles.action_scaling import CURVATURE, MIN_SPEED_M_S
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.pilot_file.plot import COMMAND_AXES, IMU_AXES

_MIN_CHANGE = 1e-9


class CoreTick(NamedTuple):
    """What a core was stepped with in one tick."""

    inputs: npt.NDArray[np.floating]
    """(I,) features, then the normalised IMU."""
    dt_s: float
    """Elapsed time, s."""
    log_cm: npt.NDArray[np.floating] | None = None
    """(N,) logarithms of the factors on cm; None: as trained."""
    log_gleak: npt.NDArray[np.floating] | None = None
    """(N,) logarithms of the factors on gleak; None: as trained."""

    @property
    def scales(self) -> CoreScales | None:
        """Log-scales as a core takes them in flight; None: as trained."""
        known = [scale for scale in (self.log_cm, self.log_gleak) if scale is not None]
        if not known:
            return None
        zero = np.zeros(len(known[0]), np.float32)
        return CoreScales(
            zero if self.log_cm is None else np.asarray(self.log_cm, np.float32),
            zero if self.log_gleak is None else np.asarray(self.log_gleak, np.float32),
        )


class TimeConstants(Protocol):
    """What tells the time constants of a core: `LtcTick`, or a core as it flies."""

    def time_constants(
        self, state: npt.NDArray[np.float32], inputs: npt.NDArray[np.float32], /
    ) -> npt.NDArray[np.floating]:
        """Return the time constants (N,) of the core as trained, at a state and inputs, s."""
        ...


class SynapticCurrents(NamedTuple):
    """Currents into the neurons at a state: positive ones raise the potential."""

    sensory: FloatArray
    """(I, N) currents of the synapses from inputs, w * s * (erev - v)."""
    between: FloatArray
    """(N, N) currents of the synapses between neurons."""
    leak: FloatArray
    """(N,) currents of the leaks, gleak * (vleak - v)."""

    @property
    def total(self) -> FloatArray:
        """(N,) sum of all currents into each neuron; cm * dv/dt."""
        total: FloatArray = self.sensory.sum(axis=0) + self.between.sum(axis=0) + self.leak
        return total


@dataclass(frozen=True, eq=False)
class PathDecomposition:
    """Parts of one command, and its derivatives. Commands are forward, left, up, yaw rate.

    K ticks, I inputs, N neurons; the parts are in m/s, m/s, m/s and rad/s.
    """

    command: FloatArray
    """(4,) command of the core, before it is slowed down for novelty or friction."""
    reference_command: FloatArray
    """(4,) command at rest at the reference inputs."""
    by_input: FloatArray
    """(4, I) derivatives of the command with respect to the inputs of the last tick."""
    by_state: FloatArray
    """(4, N) derivatives with respect to the potentials before the first tick."""
    from_inputs: FloatArray
    """(K, 4, I) parts of what was sensed in each tick, the last tick last."""
    from_state: FloatArray
    """(4, N) parts of what the core remembered before the first tick. They and `from_inputs` add up
    to command - reference_command."""
    sensory: FloatArray
    """(4, I, N) parts that came through each synapse from an input; they add up to those of
    `from_inputs`."""
    between: FloatArray
    """(4, N, N) parts that came through each synapse between neurons. A part that passes several
    synapses is counted at each of them."""
    tau_s: FloatArray
    """(N,) time constants at the end of the last tick, s."""
    ticks: tuple[LinearTick, ...] = field(repr=False)
    """Coefficients of each tick between the run and the reference."""
    outputs_to_command: FloatArray = field(repr=False)
    """(4, M) coefficients of the command between both, for the potentials of the motor neurons."""

    @property
    def change(self) -> FloatArray:
        """(4,) command - reference_command, which the parts add up to."""
        return self.command - self.reference_command


class CorePaths:
    """Decomposes the commands of a pilot with a liquid core, an LTC.

    >>> import numpy as np
    >>> from liquid_pilot import load_pilot
    >>> paths = CorePaths(load_pilot('forest-ltc'))
    >>> parts = paths.decompose(np.zeros(34), np.ones(38), dt_s=0.05)
    >>> parts.by_input.shape, parts.by_state.shape
    ((4, 38), (4, 34))
    >>> whole = parts.from_inputs.sum(axis=(0, 2)) + parts.from_state.sum(axis=1)
    >>> bool(np.allclose(whole, parts.command - parts.reference_command))
    True

    Args:
        pilot: the pilot file.
        reference_inputs: (I,) inputs of the reference; None: the mean features of training, where
            the pilot has statistics of it, else zeros, and an IMU at its mean.

    Raises:
        LiquidPilotError: the core of the pilot is not an LTC.
    """

    def __init__(
        self, pilot: PilotFile, reference_inputs: npt.NDArray[np.floating] | None = None
    ) -> None:
        specification, p = pilot.specification, pilot.ltc_parameters
        if p is None or pilot.wiring is None:
            raise LiquidPilotError(
                f'{pilot.path}: the core is of kind {specification.core_kind!r}, and only the '
                'equations of an ltc can be decomposed; use `explanation.other_cores`, which takes '
                'finite differences'
            )
        self.wiring: Wiring = pilot.wiring
        self.names = neuron_names(pilot.wiring)
        """Names of the neurons, such as 'inter 21'."""
        self.input_names = input_names(specification.features)
        """Names of the inputs, such as 'feature 3' and 'gyro z'."""
        self.tick = LtcTick(p, specification.unfolds)
        """The equations of the core, and its synapses."""
        self._pilot = pilot
        self._output_w = np.asarray(p.output_w, np.float64)
        self._output_b = np.asarray(p.output_b, np.float64)
        self._scale = np.asarray(specification.command_scale, np.float64)
        self._by_curvature = specification.steering == CURVATURE
        self.reference_inputs: FloatArray = np.zeros(p.inputs)
        """(I,) inputs of the reference."""
        if reference_inputs is not None:
            self.reference_inputs[:] = reference_inputs
        elif pilot.training_statistics is not None:
            self.reference_inputs[:-IMU_INPUTS] = pilot.training_statistics.feature_mean
        self._rest: dict[bytes, FloatArray] = {}

    def decompose(
        self,
        v: npt.NDArray[np.floating],
        inputs: npt.NDArray[np.floating],
        dt_s: float,
        log_cm: npt.NDArray[np.floating] | None = None,
        log_gleak: npt.NDArray[np.floating] | None = None,
    ) -> PathDecomposition:
        """Decompose the command of one tick; the arguments are those of `LtcDynamics.step`.

        Args:
            v: (N,) potentials before the tick.
            inputs: (I,) features, then the normalised IMU.
            dt_s: elapsed time, s.
            log_cm: (N,) logarithms of the factors on cm; None: as trained.
            log_gleak: (N,) logarithms of the factors on gleak; None: as trained.
        """
        return self.decompose_window(v, [CoreTick(inputs, dt_s, log_cm, log_gleak)])

    def decompose_window(
        self, v: npt.NDArray[np.floating], ticks: Sequence[CoreTick]
    ) -> PathDecomposition:
        """Decompose the command of the last of several ticks that follow each other.

        Args:
            v: (N,) potentials before the first tick.
            ticks: the ticks, at least one.
        """
        equations = self.tick
        state: npt.NDArray[np.floating] = v
        rest: npt.NDArray[np.floating] = self.rest(ticks[0].log_gleak)
        secants, tangents = [], []
        for inputs, dt_s, log_cm, log_gleak in ticks:
            run = equations.run(state, inputs, dt_s, log_cm, log_gleak)
            reference = equations.run(rest, self.reference_inputs, dt_s, log_cm, log_gleak)
            secants.append(equations.linear(run, inputs, reference, self.reference_inputs))
            tangents.append(equations.linear(run, inputs, run, inputs))
            state, rest = run.potentials[-1], reference.potentials[-1]
        outputs, reference_outputs = self._outputs(state), self._outputs(rest)
        to_command = self._to_command(outputs, reference_outputs)
        exact = _Backward(equations, secants, to_command)
        slopes = _Backward(equations, tangents, self._to_command(outputs, outputs))
        last = ticks[-1]
        return PathDecomposition(
            self._command(outputs),
            self._command(reference_outputs),
            slopes.by_input[-1],
            slopes.by_state,
            exact.by_input * np.stack([each.input_change for each in secants])[:, None],
            exact.by_state * secants[0].change[0],
            equations.sensory.matrix(exact.sensory),
            equations.between.matrix(exact.between),
            equations.time_constants(state, last.inputs, last.log_cm, last.log_gleak),
            tuple(secants),
            to_command,
        )

    def sensitivity_by_age(
        self, v: npt.NDArray[np.floating], ticks: Sequence[CoreTick]
    ) -> FloatArray:
        """Return the derivatives of the last command with respect to the inputs of every tick.

        Args:
            v: (N,) potentials before the first tick.
            ticks: the ticks, at least one.

        Returns:
            (K, 4, I), of the last tick last.
        """
        tangents: list[LinearTick] = []
        for inputs, dt_s, log_cm, log_gleak in ticks:
            run = self.tick.run(v, inputs, dt_s, log_cm, log_gleak)
            tangents.append(self.tick.linear(run, inputs, run, inputs))
            v = run.potentials[-1]
        outputs = self._outputs(v)
        return _Backward(self.tick, tangents, self._to_command(outputs, outputs)).by_input

    def currents(
        self, v: npt.NDArray[np.floating], inputs: npt.NDArray[np.floating]
    ) -> SynapticCurrents:
        """Return the currents into the neurons at a state and inputs.

        Args:
            v: (N,) potentials.
            inputs: (I,) features, then the normalised IMU.
        """
        equations, potentials = self.tick, np.asarray(v, np.float64)
        mapped = np.asarray(inputs, np.float64) * equations.input_w + equations.input_b
        sensory, between = (
            synapses.matrix(
                synapses.w
                * synapses.gates(sources)
                * (synapses.erev - potentials[synapses.targets])
            )
            for synapses, sources in ((equations.sensory, mapped), (equations.between, potentials))
        )
        leak = equations.gleak * (equations.vleak - potentials)
        return SynapticCurrents(sensory, between, leak)

    def rest(self, log_gleak: npt.NDArray[np.floating] | None = None) -> FloatArray:
        """Return the potentials (N,) at rest at the reference inputs.

        Args:
            log_gleak: (N,) logarithms of the factors on gleak; None: as trained.
        """
        key = b'' if log_gleak is None else np.asarray(log_gleak).tobytes()
        if key not in self._rest:
            # While gleak adapts, every tick has its own; only the last one is worth keeping.
            self._rest = {key: self.tick.equilibrium(self.reference_inputs, log_gleak)}
        return self._rest[key]

    def _outputs(self, v: npt.NDArray[np.floating]) -> FloatArray:
        motors = len(self._output_w)
        outputs: FloatArray = np.asarray(v[:motors], np.float64) * self._output_w + self._output_b
        return outputs

    def _command(self, outputs: FloatArray) -> FloatArray:
        command = outputs * self._scale
        if self._by_curvature:
            command[3] *= max(abs(command[0]), MIN_SPEED_M_S)
        return command

    def _to_command(self, outputs: FloatArray, reference: FloatArray) -> FloatArray:
        """Return the (4, M) coefficients from the potentials of motor neurons to the command.

        They are those between two outputs, and the derivatives where both are the same. A curvature
        times a speed is a product, for which
        a*b - c*d = mean(a, c) * (b - d) + mean(b, d) * (a - c).
        """
        slopes = np.diag(self._scale * self._output_w)
        if self._by_curvature:
            (speed, turn), (other_speed, other_turn) = (
                (each[0] * self._scale[0], each[3] * self._scale[3])
                for each in (outputs, reference)
            )
            gain, other_gain = (max(abs(each), MIN_SPEED_M_S) for each in (speed, other_speed))
            difference = speed - other_speed
            if abs(difference) > _MIN_CHANGE:
                gain_slope = (gain - other_gain) / difference
            else:
                gain_slope = float(np.sign(speed)) if abs(speed) > MIN_SPEED_M_S else 0.0
            slopes[3, 0] = 0.5 * (turn + other_turn) * gain_slope * slopes[0, 0]
            slopes[3, 3] *= 0.5 * (gain + other_gain)
        return slopes


class _Backward:
    """Coefficients of the command, from the last unfold of a window back to its first.

    Args:
        equations: the equations of the core.
        ticks: coefficients of each tick.
        to_command: (4, M) coefficients of the command for the potentials of the motor neurons.
    """

    def __init__(
        self, equations: LtcTick, ticks: Sequence[LinearTick], to_command: FloatArray
    ) -> None:
        s, q = equations.between, equations.sensory
        state = np.zeros((len(to_command), len(equations.cm)))
        state[:, : to_command.shape[1]] = to_command
        self.by_input: FloatArray = np.empty((len(ticks), len(to_command), len(equations.input_w)))
        """(K, 4, I) coefficients of the inputs of each tick."""
        self.sensory: FloatArray = np.zeros((len(to_command), len(q.w)))
        """(4, Q) parts through each synapse from an input."""
        self.between: FloatArray = np.zeros((len(to_command), len(s.w)))
        """(4, S) parts through each synapse between neurons."""
        for k in range(len(ticks) - 1, -1, -1):
            tick = ticks[k]
            through = np.zeros_like(self.sensory)
            for n in range(len(tick.keep) - 1, -1, -1):
                through += state[:, q.targets] * tick.sensory[n]
                each = state[:, s.targets] * tick.between[n]
                self.between += each * tick.change[n][s.sources]
                state = state * tick.keep[n] + each @ s.from_source
            self.by_input[k] = through @ q.from_source
            self.sensory += through * tick.input_change[q.sources]
        self.by_state = state
        """(4, N) coefficients of the potentials before the first tick."""


def core_inputs(pilot: PilotFile, trace: Trace) -> npt.NDArray[np.float32]:
    """Return the inputs (I,) of a core in a tick that a trace describes, as the engine makes them.

    Args:
        pilot: the pilot file that made the trace.
        trace: the trace.
    """
    specification = pilot.specification
    imu = np.asarray(trace.imu, np.float64) - np.asarray(specification.imu_mean)
    return np.concatenate(
        [trace.features, imu / np.asarray(specification.imu_scale)], dtype=np.float32
    )


def trace_tick(core: TimeConstants, pilot: PilotFile, trace: Trace) -> CoreTick:
    """Return what a core was stepped with in a tick that a trace describes.

    A trace has the time constants and not the log-scales. These are taken from them, as factors on
    cm, which is exact unless gleak was scaled: neither the shipped rule nor the novelty gate does.

    Args:
        core: what tells the time constants of the pilot's core.
        pilot: the pilot file that made the trace.
        trace: the trace.
    """
    inputs = core_inputs(pilot, trace)
    trained_s = np.asarray(core.time_constants(trace.state, inputs), np.float64)
    log_cm = np.log(np.asarray(trace.tau, np.float64) / trained_s)
    # Rounding to float32 leaves this much of a core that is not scaled.
    scaled = bool(np.abs(log_cm).max() > 1e-4)
    return CoreTick(inputs, trace.dt_s, log_cm if scaled else None)


def neuron_names(wiring: Wiring) -> list[str]:
    """Return the names of the neurons: role and number, and of a motor neuron its command."""
    return [
        f'motor {COMMAND_AXES[i]}'
        if wiring.role(i) == 'motor' and i < COMMAND_OUTPUTS
        else f'{wiring.role(i)} {i}'
        for i in range(wiring.neurons)
    ]


def input_names(features: int) -> list[str]:
    """Return the names of the inputs of a core: its features, then the IMU."""
    return [*(f'feature {k}' for k in range(features)), *IMU_AXES]
