"""The network of a pilot as sensor_msgs/JointState, which plotting tools show by name.

A joint is a neuron: its position is the potential, its velocity the time constant in seconds, and
its effort the sum of the synaptic currents. A joint can be a block of the temporal filter too: its
velocity is the time constant in seconds, its position the frame-prediction error, and its effort
the gradient of that error by the logarithm of the time constant. What a joint does not have is NaN,
because some tools, such as PlotJuggler, expect three numbers for each name.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import JointState

from liquid_pilot.explanation.core_paths import (
    CorePaths,
    TimeConstants,
    neuron_names,
    trace_tick,
)
from liquid_pilot.nodes.common import messages
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.onboard.inference.trace import GATE_FIELDS, Trace
from liquid_pilot.pilot_file import PilotFile

FRICTION = 'friction'
"""Name of the friction ratio beside the fields of the novelty gate."""
CORE_TIME_SCALE = 'core_time_scale'
"""Name of the factor on the core's time constants beside the fields of the novelty gate."""
_FloatArray = npt.NDArray[np.floating]


def joint_names(pilot: PilotFile | None, neurons: int) -> list[str]:
    """Return the names of the neurons of a pilot, in the order of their states.

    They are those of `explanation.core_paths` with underscores: role and number, such as
    `inter_21`, and of a motor neuron what it commands. The states of a core that is not liquid, or
    not known, are `unit_0` and so on.

    Args:
        pilot: the pilot; None: it is not known.
        neurons: number of neurons.
    """
    wiring = None if pilot is None else pilot.wiring
    if wiring is None or wiring.neurons != neurons:
        return [f'unit_{index}' for index in range(neurons)]
    return [name.replace(' ', '_') for name in neuron_names(wiring)]


class NetworkMessages:
    """Converts the traces of one pilot.

    Args:
        pilot: the pilot that flies; None: it is not known here. Then neurons have numbers instead
            of names, and no currents.
    """

    def __init__(self, pilot: PilotFile | None) -> None:
        self._pilot = pilot
        self._paths: CorePaths | None = None
        self._core: TimeConstants | None = None
        if pilot is not None and pilot.ltc_parameters is not None:
            self._paths = CorePaths(pilot)
            self._core = self._paths.tick
        elif pilot is not None and pilot.parameters is not None:
            core = make_core(pilot)
            # Nothing is compiled when the first trace comes.
            core.warm_up()
            self._core = core
        self._names: dict[int, list[str]] = {}

    @property
    def digest(self) -> str | None:
        """SHA-256 of the pilot file; None where the pilot is not known."""
        return None if self._pilot is None else self._pilot.digest

    def neurons(self, trace: Trace) -> JointState:
        """Return potentials, time constants (s) and synaptic currents of all neurons."""
        count = len(trace.state)
        if count not in self._names:
            self._names[count] = joint_names(self._pilot, count)
        return _joint_state(
            trace.stamp_ns, self._names[count], trace.state, trace.tau, self._currents(trace)
        )

    def _currents(self, trace: Trace) -> _FloatArray | None:
        """Return the sum of the currents through the synapses of each neuron, (N,)."""
        if self._paths is None or self._pilot is None:
            return None
        specification = self._pilot.specification
        imu = (trace.imu - np.asarray(specification.imu_mean)) / np.asarray(specification.imu_scale)
        currents = self._paths.currents(trace.state, np.concatenate([trace.features, imu]))
        total: _FloatArray = currents.sensory.sum(axis=0) + currents.between.sum(axis=0)
        return total

    def time_constants(self, trace: Trace) -> JointState | None:
        """Return the temporal filter of a pilot that adapts, by block; None of another one.

        A block is named by row and column, from the upper left.
        """
        blocks = trace.filter_tau
        if not blocks.size:
            return None
        statistics = None if self._pilot is None else self._pilot.training_statistics
        columns = blocks.size if statistics is None else statistics.filter_tau_s.shape[1]
        names = [f'filter_{k // columns}_{k % columns}' for k in range(blocks.size)]
        return _joint_state(
            trace.stamp_ns, names, trace.filter_error, blocks, trace.filter_gradient
        )

    def signals(self, trace: Trace) -> JointState | None:
        """Return what a pilot that adapts makes of its frames, by name; None of another one.

        This is novelty, photometric gain, the core's time scale, friction, and mean gain and noise
        (grey levels) of the temporal filter while the pilot makes them by itself. The time scale is
        that of a liquid core: the geometric mean of the factors on its time constants, by novelty
        and by what is learned.
        """
        if not trace.gate.size:
            return None
        values = dict(zip(GATE_FIELDS, trace.gate.tolist(), strict=True))
        if self._core is not None and self._pilot is not None:
            with np.errstate(all='ignore'):
                log_cm = trace_tick(self._core, self._pilot, trace).log_cm
                values[CORE_TIME_SCALE] = 1.0 if log_cm is None else float(np.exp(log_cm.mean()))
        if trace.friction.size:
            values[FRICTION] = float(trace.friction[0])
        if trace.filter_gain.size:
            values['filter_gain'] = float(trace.filter_gain.mean())
        if trace.filter_noise.size:
            values['filter_noise'] = float(np.sqrt(np.square(trace.filter_noise).mean()))
        return _joint_state(trace.stamp_ns, [*values], np.array([*values.values()]))


def _joint_state(
    stamp_ns: int,
    names: list[str],
    position: _FloatArray,
    velocity: _FloatArray | None = None,
    effort: _FloatArray | None = None,
) -> JointState:
    nothing = np.full(len(names), np.nan)
    values = [
        np.asarray(nothing if part is None else part, float).tolist()
        for part in (position, velocity, effort)
    ]
    return JointState(
        header=messages.pack_header(stamp_ns, ''),
        name=names,
        position=values[0],
        velocity=values[1],
        effort=values[2],
    )
