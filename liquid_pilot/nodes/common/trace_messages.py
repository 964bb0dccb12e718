"""Labelled arrays: packing and unpacking of `pilot/trace` and `adaptation/time_scales`.

Both are std_msgs multi-arrays. The label of layout.dim[0] is the schema and its size the version;
dim[1] is 'pilot:<sha256 of the pilot file>'; dim[2] is 'flight:<identifier>', where a flight begins
when the network is reset. Every further dimension is a section of `data`: its label, its size
(number of values) and its stride (index of the first value). Messages of another version or pilot
and truncated messages are rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from std_msgs.msg import Float32MultiArray, Float64MultiArray, MultiArrayDimension

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND
from liquid_pilot.onboard.adaptation.learner_messages import TimeScaleUpdate
from liquid_pilot.onboard.inference.trace import (
    ARRAYS,
    GATE_FIELDS,
    SCALARS,
    SEQUENCE_RADIX,
    TIME_SCALES_SCHEMA,
    TRACE_SCHEMA,
    Trace,
    learner_input_from,
    make_trace,
    unpack_time_scales,
    unpack_trace,
)

__all__ = [
    'GATE_FIELDS',
    'TIME_SCALES_SCHEMA',
    'TRACE_SCHEMA',
    'Trace',
    'learner_input_from',
    'make_trace',
    'pack_time_scales',
    'pack_trace',
    'unpack_time_scales',
    'unpack_trace',
]

_MultiArray: TypeAlias = Float32MultiArray | Float64MultiArray


def pack_trace(trace: Trace) -> Float64MultiArray:
    """Convert a Trace to std_msgs/Float64MultiArray."""
    seconds, nanoseconds = divmod(trace.stamp_ns, NANOSECONDS_PER_SECOND)
    sections: list[tuple[str, npt.ArrayLike]] = [
        (name, [value])
        for name, value in zip(
            SCALARS, (seconds, nanoseconds, trace.sequence, trace.dt_s), strict=True
        )
    ]
    sections += [(name, np.ravel(getattr(trace, name))) for name in ARRAYS]
    message = Float64MultiArray()
    pack_sections(message, TRACE_SCHEMA, trace.digest, trace.flight, sections, np.float64)
    return message


def pack_time_scales(proposal: TimeScaleUpdate, digest: str, flight: str) -> Float32MultiArray:
    """Convert time scales to std_msgs/Float32MultiArray.

    Args:
        proposal: the time scales.
        digest: SHA-256 of the pilot file.
        flight: identifier of the flight that they are for.
    """
    message = Float32MultiArray()
    sequence = divmod(max(proposal.sequence, 0), SEQUENCE_RADIX)
    pack_sections(
        message,
        TIME_SCALES_SCHEMA,
        digest,
        flight,
        [
            ('sequence', sequence),
            ('filter', np.ravel(proposal.temporal_filter)),
            ('log_cm', np.ravel(proposal.log_cm)),
            ('log_gleak', np.ravel(proposal.log_gleak)),
        ],
        np.float32,
    )
    return message


def pack_sections(
    message: _MultiArray,
    schema: tuple[str, int],
    digest: str,
    flight: str,
    sections: Sequence[tuple[str, npt.ArrayLike]],
    dtype: type[np.floating],
) -> None:
    """Fill a message: the schema, the source, and the sections one after the other."""
    dim = [
        MultiArrayDimension(label=schema[0], size=schema[1]),
        MultiArrayDimension(label=f'pilot:{digest}'),
        MultiArrayDimension(label=f'flight:{flight}'),
    ]
    start = 0
    arrays = [np.asarray(values) for _, values in sections]
    for (name, _), values in zip(sections, arrays, strict=True):
        dim.append(MultiArrayDimension(label=name, size=values.size, stride=start))
        start += values.size
    message.layout.dim = dim
    message.data = np.concatenate(arrays, dtype=dtype, casting='unsafe').tolist()
