"""The trace of a tick and the time scales, as they are read from labelled arrays.

`nodes.common.trace_messages` packs both into ROS messages and describes their layout. What is here
needs no ROS: a message is anything with the fields of a multi-array, so that a recording is read
where no ROS is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, LiquidPilotError
from liquid_pilot.onboard.adaptation.learner_messages import (
    FloatArray,
    LearnerInput,
    TimeScaleUpdate,
)

if TYPE_CHECKING:
    # A reader of traces needs no engine.
    from liquid_pilot.onboard.adaptation.time_scales import TimeScales
    from liquid_pilot.onboard.inference.engine import Engine, Tick

TRACE_SCHEMA = ('liquid_pilot/trace', 3)
"""Name and version of the content of `pilot/trace`."""
TIME_SCALES_SCHEMA = ('liquid_pilot/time_scales', 1)
"""Name and version of the content of `adaptation/time_scales`."""
SEQUENCE_RADIX = 1 << 20
"""Base of the two numbers that a sequence is sent as; float32 counts exactly up to 2^24 only."""


class LabelledArray(Protocol):
    """A multi-array of std_msgs, or an object with the same fields."""

    @property
    def layout(self) -> Any:
        """Layout, whose `dim` has entries with `label`, `size` and `stride`."""

    @property
    def data(self) -> Sequence[float]:
        """The numbers of all sections."""


class Trace(NamedTuple):
    """The inputs, the state and the outputs of one tick.

    N is the number of neurons, F of features, R x C of blocks of the temporal filter. The fields
    with a default value are empty unless the pilot adapts.
    """

    digest: str
    """SHA-256 of the pilot file."""
    flight: str
    """Identifier of the flight, which begins when the network is reset."""
    stamp_ns: int
    """Stamp of the frame."""
    sequence: int
    """Number of the tick since the reset of the network, from 1."""
    dt_s: float
    """Elapsed time that the core was stepped by, s."""
    features: FloatArray
    """(F,) output of the encoder."""
    imu: FloatArray
    """(6,) mean angular velocity (rad/s) and specific force (m/s^2), FLU."""
    state: FloatArray
    """(N,) state of the core after the tick."""
    tau: FloatArray
    """(N,) time constants of the core, s."""
    command: FloatArray
    """(4,) forward, left, up (m/s) and yaw rate (rad/s), before the guard."""
    filter_error: FloatArray = np.empty(0)
    """(R*C,) frame-prediction error of the temporal filter."""
    filter_gradient: FloatArray = np.empty(0)
    """(R*C,) gradient of that error by the log of the time constant."""
    filter_tau: FloatArray = np.empty(0)
    """(R*C,) time constants of the temporal filter in this tick, s."""
    gate: FloatArray = np.empty(0)
    """(9,) state of the novelty gate; GATE_FIELDS names its entries."""
    friction: FloatArray = np.empty(0)
    """(1,) friction ratio to a dry road; empty unless the speed of a car is limited by it."""
    filter_gain: FloatArray = np.empty(0)
    """(R*C,) gain of the temporal filter in this tick; empty while it is learned."""
    filter_noise: FloatArray = np.empty(0)
    """(R*C,) standard deviation of the noise, grey levels of 255; empty unless the gain is
    estimated."""


GATE_FIELDS = (
    'novel',
    'elapsed_s',
    'blind_s',
    'log_core_time_scale',
    'speed_factor',
    'gain',
    'log_distance',
    'log_change',
    'log_texture',
)
"""Names of the entries of the section `gate` (`gate` of the frontend's output)."""
SCALARS = ('stamp_sec', 'stamp_nanosec', 'sequence', 'dt')
"""Sections of one number each that every trace has."""
ARRAYS = Trace._fields[5:]
"""Sections of several numbers."""
_REQUIRED_SECTIONS = ARRAYS[:5]
"""Sections that every trace must have."""


def make_trace(
    engine: Engine, tick: Tick, flight: str, sequence: int, scales: TimeScales | None
) -> Trace:
    """Return the trace of a tick.

    Args:
        engine: the engine that made the tick.
        tick: the tick.
        flight: identifier of the flight.
        sequence: number of the tick in the flight, from 1.
        scales: time scales of the tick; None: as trained.
    """
    trace = Trace(
        engine.pilot.digest,
        flight,
        tick.command.stamp_ns,
        sequence,
        tick.dt_s,
        tick.features,
        tick.imu,
        engine.core.neuron_states(tick.state.core),
        engine.time_constants(tick, scales),
        np.array(tick.command.values),
    )
    if not engine.adapting:
        return trace
    output, friction = tick.frontend_output, tick.state.friction
    return trace._replace(
        filter_error=output.error,
        filter_gradient=output.gradient,
        filter_tau=output.filter_tau_s,
        gate=np.array(output.gate),
        friction=np.empty(0) if friction is None else np.array([friction.friction_ratio]),
        filter_gain=output.filter_gain,
        filter_noise=output.filter_noise,
    )


def unpack_trace(message: LabelledArray, digest: str | None = None) -> Trace:
    """Convert std_msgs/Float64MultiArray to a Trace.

    Args:
        message: the message.
        digest: SHA-256 of the pilot file that it must come from; None: any.

    Raises:
        LiquidPilotError: it is not a trace of this version, is truncated, lacks a section, or comes
            from another pilot.
    """
    source, flight, sections = unpack_sections(message, TRACE_SCHEMA, digest, np.float64)
    _require('trace', sections, SCALARS, _REQUIRED_SECTIONS)
    seconds, nanoseconds, sequence, dt_s = (float(sections[name][0]) for name in SCALARS)
    _check_count('trace', seconds, nanoseconds, sequence)
    _check_adapting({name: sections.get(name, np.empty(0)) for name in ARRAYS})
    return Trace(
        source,
        flight,
        int(seconds) * NANOSECONDS_PER_SECOND + int(nanoseconds),
        int(sequence),
        dt_s,
        *(sections.get(name, np.empty(0)) for name in ARRAYS),
    )


def learner_input_from(trace: Trace) -> LearnerInput:
    """Return the input of the learner from a trace.

    Raises:
        LiquidPilotError: the trace is of a pilot that does not adapt.
    """
    if not trace.gate.size:
        raise LiquidPilotError(
            'trace: the pilot does not adapt; set its parameter `adaptation` to true'
        )
    gate = dict(zip(GATE_FIELDS, trace.gate.tolist(), strict=True))
    return LearnerInput(
        trace.sequence,
        gate['elapsed_s'],
        trace.filter_error,
        trace.filter_gradient,
        bool(gate['novel']),
        dt_s=trace.dt_s,
        features=trace.features,
        imu=trace.imu,
        log_core_time_scale=gate['log_core_time_scale'],
        filter_gain=trace.filter_gain,
        filter_noise=trace.filter_noise,
    )


def unpack_time_scales(message: LabelledArray, digest: str) -> tuple[str, TimeScaleUpdate]:
    """Convert std_msgs/Float32MultiArray to the identifier of its flight and the time scales.

    The values are not checked here; `TimeScaleStore.accept` does that.

    Raises:
        LiquidPilotError: the message is of another version or pilot, is truncated, or lacks a
            section.
    """
    _, flight, sections = unpack_sections(message, TIME_SCALES_SCHEMA, digest, np.float32)
    names = ('filter', 'log_cm', 'log_gleak')
    _require('time scales', sections, (), ('sequence', *names))
    if sections['sequence'].size != 2:
        raise LiquidPilotError('time scales: the sequence is not two numbers')
    high, low = sections['sequence'].tolist()
    _check_count('time scales', high, low)
    return flight, TimeScaleUpdate(
        int(high) * SEQUENCE_RADIX + int(low), *(sections[name] for name in names)
    )


def unpack_sections(
    message: LabelledArray, schema: tuple[str, int], digest: str | None, dtype: type[np.floating]
) -> tuple[str, str, dict[str, FloatArray]]:
    """Return the digest, the flight and the sections of a message."""
    dim, (name, version) = message.layout.dim, schema
    what = name.rpartition('/')[2].replace('_', ' ')
    if len(dim) < 3 or dim[0].label != name or dim[0].size != version:
        found = f'{dim[0].label!r} version {dim[0].size}' if dim else 'nothing'
        raise LiquidPilotError(
            f'{what}: expected {name!r} version {version}, got {found}; run the same version of '
            'liquid_pilot on both sides'
        )
    source, flight = (entry.label.partition(':')[2] for entry in dim[1:3])
    if digest is not None and source != digest:
        raise LiquidPilotError(
            f'{what}: it comes from the pilot {source[:12]!r}, not from {digest[:12]}; load the '
            'same pilot file on both sides'
        )
    data: FloatArray = np.array(message.data, dtype)
    sections = {}
    for section in dim[3:]:
        if section.stride + section.size > data.size:
            raise LiquidPilotError(f'{what}: section {section.label!r} is cut short')
        sections[section.label] = data[section.stride : section.stride + section.size]
    return source, flight, sections


def _require(
    what: str, sections: dict[str, FloatArray], scalars: tuple[str, ...], arrays: tuple[str, ...]
) -> None:
    """Reject a message without one of these sections, or with a scalar of a wrong size."""
    for name in (*scalars, *arrays):
        if name not in sections or (name in scalars and sections[name].size != 1):
            raise LiquidPilotError(f'{what}: section {name!r} is missing')


def _check_adapting(sections: dict[str, FloatArray]) -> None:
    """Reject sections of an adapting pilot whose sizes do not fit each other."""
    blocks = sections['filter_error'].size
    sizes = {'gate': len(GATE_FIELDS), 'filter_gradient': blocks, 'filter_tau': blocks}
    if not sections['gate'].size:
        return
    if sections['friction'].size > 1:
        raise LiquidPilotError("trace: section 'friction' has more than one number")
    if not blocks:
        raise LiquidPilotError("trace: section 'filter_error' is empty")
    for name, size in sizes.items():
        if sections[name].size != size:
            raise LiquidPilotError(
                f'trace: section {name!r} has {sections[name].size} numbers, not {size}'
            )
    for name in ('filter_gain', 'filter_noise'):
        if sections[name].size not in (0, blocks):
            raise LiquidPilotError(
                f'trace: section {name!r} has {sections[name].size} numbers, not 0 or {blocks}'
            )


def _check_count(what: str, *values: float) -> None:
    """Reject numbers that cannot be counts."""
    # This form of the comparison rejects NaN too.
    if not all(0 <= value < 2**53 for value in values):
        raise LiquidPilotError(f'{what}: a count of {values} is not possible')
