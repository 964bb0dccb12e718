"""Labelled arrays: `pilot/trace` and `adaptation/time_constants`, packed and unpacked.

Both are std_msgs multi-arrays. layout.dim[0] is labelled with the schema, its version as the size;
dim[1] 'pilot:<sha256 of the pilot file>'; dim[2] 'flight:<name>', another one each time the network
starts anew. Every further one is a section of `data`: label, size (how many numbers) and stride
(where it starts). What comes from another version or pilot, or is cut short, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from std_msgs.msg import Float32MultiArray, Float64MultiArray, MultiArrayDimension

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, LiquidPilotError
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate

if TYPE_CHECKING:
    # Who reads traces needs no engine.
    from liquid_pilot.onboard.adaptation.time_scales import TimeScales
    from liquid_pilot.onboard.inference.engine import Engine, Tick

TRACE_SCHEMA = ('liquid_pilot/trace', 2)
TIME_SCALES_SCHEMA = ('liquid_pilot/time_constants', 1)
_SEQUENCE_RADIX = 1 << 20
"""float32 counts to 2^24 only: a sequence goes as two numbers."""


class Trace(NamedTuple):
    """All that one tick saw and made."""

    digest: str
    """Of the pilot file."""
    flight: str
    """Another one each time that the network starts anew."""
    stamp_ns: int
    sequence: int
    """Ticks since the network started, from 1."""
    dt_s: float
    features: np.ndarray
    """(F,)"""
    imu: np.ndarray
    """(6,) mean angular velocity (rad/s) and specific force (m/s^2), FLU."""
    state: np.ndarray
    """(N,) of the core, after the tick."""
    tau: np.ndarray
    """(N,) seconds."""
    command: np.ndarray
    """(4,) forward, left, up (m/s), yaw rate (rad/s), before the guard."""
    receptor_error: np.ndarray = np.empty(0)
    """(R*C,), see `onboard.adaptation.temporal_filter`; this and the rest are empty without adaptation."""
    receptor_gradient: np.ndarray = np.empty(0)
    """(R*C,)"""
    receptor_tau: np.ndarray = np.empty(0)
    """(R*C,) seconds, as flown."""
    gate: np.ndarray = np.empty(0)
    """(9,), see GATE."""
    core_error: np.ndarray = np.empty(0)
    """(2,), see `onboard.adaptation.next_input_predictor`; empty unless sensitivities are carried along."""
    core_gradient: np.ndarray = np.empty(0)
    """(2*N,)"""
    grip: np.ndarray = np.empty(0)
    """(1,) share of the dry road's, see `onboard.vehicles.friction_estimator`; empty unless a car is governed."""


GATE_FIELDS = (
    'novel',
    'elapsed_s',
    'blind_s',
    'log_core_time_scale',
    'trust',
    'gain',
    'log_distance',
    'log_change',
    'log_texture',
)
"""What the section `gate` holds, of `onboard.adaptation.frontend.Sight`."""
_SCALARS = ('stamp_sec', 'stamp_nanosec', 'sequence', 'dt')
_ARRAYS = Trace._fields[5:]
_REQUIRED_SECTIONS = _ARRAYS[:5]
"""Sections that no trace may lack."""


def make_trace(
    engine: Engine, tick: Tick, flight: str, sequence: int, scales: TimeScales | None
) -> Trace:
    """What there is to tell of a tick, the `sequence`th of its flight, flown with those scales."""
    flown = (
        engine.pilot.digest,
        flight,
        tick.command.stamp_ns,
        sequence,
        tick.dt_s,
        tick.features,
        tick.imu,
        tick.state.core,
        engine.time_constants(tick, scales),
        tick.command.values,
    )
    if tick.frontend_output is None:
        return Trace(*flown)
    foresight = tick.foresight or (np.empty(0), np.empty(0))
    grip = np.empty(0) if tick.state.grip is None else np.array([tick.state.grip.share])
    return Trace(
        *flown,
        tick.frontend_output.error,
        tick.frontend_output.gradient,
        engine.front.time_constants(scales),
        np.array(tick.frontend_output.gate),
        *foresight,
        grip,
    )


def pack_trace(trace: Trace) -> Float64MultiArray:
    """Trace -> std_msgs/Float64MultiArray."""
    seconds, nanoseconds = divmod(trace.stamp_ns, NANOSECONDS_PER_SECOND)
    sections = [
        (name, (value,))
        for name, value in zip(
            _SCALARS, (seconds, nanoseconds, trace.sequence, trace.dt_s), strict=True
        )
    ]
    sections += [(name, np.ravel(getattr(trace, name))) for name in _ARRAYS]
    message = Float64MultiArray()
    _pack(message, TRACE_SCHEMA, trace.digest, trace.flight, sections, np.float64)
    return message


def unpack_trace(message: Float64MultiArray, digest: str | None = None) -> Trace:
    """std_msgs/Float64MultiArray -> Trace.

    LiquidPilotError when it is not a trace of this version, is cut short or lacks a section, and,
    with a `digest`, when it comes from another pilot.
    """
    source, flight, sections = _unpack(message, TRACE_SCHEMA, digest, np.float64)
    _require('trace', sections, _SCALARS, _REQUIRED_SECTIONS)
    seconds, nanoseconds, sequence, dt_s = (float(sections[name][0]) for name in _SCALARS)
    _check_count('trace', seconds, nanoseconds, sequence)
    _check_adapting({name: sections.get(name, np.empty(0)) for name in _ARRAYS})
    return Trace(
        source,
        flight,
        int(seconds) * NANOSECONDS_PER_SECOND + int(nanoseconds),
        int(sequence),
        dt_s,
        *(sections.get(name, np.empty(0)) for name in _ARRAYS),
    )


def learner_input_from(trace: Trace) -> LearnerInput:
    """What a trace tells the learner; LiquidPilotError for that of a pilot that does not adapt."""
    if not trace.gate.size:
        raise LiquidPilotError(
            'trace: the pilot does not adapt; set its parameter `adaptation` to true'
        )
    return LearnerInput(
        trace.sequence,
        float(trace.gate[1]),
        trace.receptor_error,
        trace.receptor_gradient,
        bool(trace.gate[0]),
        trace.core_gradient,
    )


def pack_time_scales(proposal: TimeScaleUpdate, digest: str, flight: str) -> Float32MultiArray:
    """Proposal -> std_msgs/Float32MultiArray."""
    message = Float32MultiArray()
    sequence = divmod(max(proposal.sequence, 0), _SEQUENCE_RADIX)
    _pack(
        message,
        TIME_SCALES_SCHEMA,
        digest,
        flight,
        [
            ('sequence', sequence),
            ('receptors', np.ravel(proposal.receptors)),
            ('log_cm', np.ravel(proposal.log_cm)),
            ('log_gleak', np.ravel(proposal.log_gleak)),
        ],
        np.float32,
    )
    return message


def unpack_time_scales(message: Float32MultiArray, digest: str) -> tuple[str, TimeScaleUpdate]:
    """std_msgs/Float32MultiArray -> the flight that it is for, and the proposal.

    LiquidPilotError as for a trace. The values are not judged here: `TimeScaleStore.accept` does.
    """
    _, flight, sections = _unpack(message, TIME_SCALES_SCHEMA, digest, np.float32)
    names = ('receptors', 'log_cm', 'log_gleak')
    _require('time constants', sections, (), ('sequence', *names))
    if sections['sequence'].size != 2:
        raise LiquidPilotError('time constants: the sequence is not two numbers')
    high, low = sections['sequence'].tolist()
    _check_count('time constants', high, low)
    return flight, TimeScaleUpdate(
        int(high) * _SEQUENCE_RADIX + int(low), *(sections[name] for name in names)
    )


def _pack(
    message: Any,
    schema: tuple[str, int],
    digest: str,
    flight: str,
    sections: list[tuple[str, Any]],
    dtype: type,
) -> None:
    dim = [
        MultiArrayDimension(label=schema[0], size=schema[1]),
        MultiArrayDimension(label=f'pilot:{digest}'),
        MultiArrayDimension(label=f'flight:{flight}'),
    ]
    start = 0
    for name, values in sections:
        dim.append(MultiArrayDimension(label=name, size=len(values), stride=start))
        start += len(values)
    message.layout.dim = dim
    message.data = np.concatenate(
        [values for _, values in sections], dtype=dtype, casting='unsafe'
    ).tolist()


def _unpack(
    message: Any, schema: tuple[str, int], digest: str | None, dtype: type
) -> tuple[str, str, dict[str, np.ndarray]]:
    """Digest, flight and sections."""
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
    data = np.array(message.data, dtype)
    sections = {}
    for section in dim[3:]:
        if section.stride + section.size > data.size:
            raise LiquidPilotError(f'{what}: section {section.label!r} is cut short')
        sections[section.label] = data[section.stride : section.stride + section.size]
    return source, flight, sections


def _require(
    what: str, sections: dict[str, np.ndarray], scalars: tuple[str, ...], arrays: tuple[str, ...]
) -> None:
    for name in (*scalars, *arrays):
        if name not in sections or (name in scalars and sections[name].size != 1):
            raise LiquidPilotError(f'{what}: section {name!r} is missing')


def _check_adapting(sections: dict[str, np.ndarray]) -> None:
    """Refuse sections of an adapting pilot that do not fit each other."""
    blocks = sections['receptor_error'].size
    sizes = {'gate': len(GATE_FIELDS), 'receptor_gradient': blocks, 'receptor_tau': blocks}
    if not sections['gate'].size:
        return
    if sections['grip'].size > 1:
        raise LiquidPilotError("trace: section 'grip' has more than one number")
    if not blocks:
        raise LiquidPilotError("trace: section 'receptor_error' is empty")
    for name, size in sizes.items():
        if sections[name].size != size:
            raise LiquidPilotError(
                f'trace: section {name!r} has {sections[name].size} numbers, not {size}'
            )


def _check_count(what: str, *values: float) -> None:
    """Refuse what cannot be turned into whole numbers."""
    # Written so that NaN is refused too.
    if not all(0 <= value < 2**53 for value in values):
        raise LiquidPilotError(f'{what}: a count of {values} makes no sense')
