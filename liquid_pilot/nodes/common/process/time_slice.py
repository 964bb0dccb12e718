"""How long a process computes at a stretch, before Linux looks who else is waiting.

Since version 6.12, Linux lets a process that computes go on for its time slice (2.8 ms, unless it
asks for another one) although one with more right to the processor has just woken up; one that has
asked for a shorter slice comes first all the same. A kernel that knows no slices ignores the
request. See `sched(7)` and `sched_setattr(2)`; the request needs no privilege.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform

FLIGHT_S = 0.5e-3
"""Time slice of a process that answers the camera or keeps the vehicle safe, s."""
SHORTEST_S = 0.1e-3
"""The shortest time slice that Linux gives, s: for one that is to hold nobody up."""
_SYSTEM_CALLS = {'x86_64': 314, 'aarch64': 274}
"""Number of the system call `sched_setattr`, by the machine."""
_KEEP_POLICY = 0x08


class _SchedulingAttributes(ctypes.Structure):
    """`struct sched_attr` of Linux, in its first version."""

    _fields_ = (
        ('size', ctypes.c_uint32),
        ('policy', ctypes.c_uint32),
        ('flags', ctypes.c_uint64),
        ('nice', ctypes.c_int32),
        ('priority', ctypes.c_uint32),
        ('runtime_ns', ctypes.c_uint64),
        ('deadline_ns', ctypes.c_uint64),
        ('period_ns', ctypes.c_uint64),
    )


def request_time_slice(slice_s: float) -> bool:
    """Ask for a time slice for this thread, and for those that it starts; its policy stays.

    Args:
        slice_s: the time slice, s; Linux takes 0.1 to 100 ms.

    Returns:
        Whether Linux took the request; an older kernel may take it and ignore it. A thread of a
        real-time policy, which a person has chosen, is left as it is.
    """
    number = _SYSTEM_CALLS.get(platform.machine())
    if number is None or os.sched_getscheduler(0) not in (os.SCHED_OTHER, os.SCHED_BATCH):
        return False
    attributes = _SchedulingAttributes(
        size=ctypes.sizeof(_SchedulingAttributes),
        flags=_KEEP_POLICY,
        nice=os.nice(0),
        runtime_ns=round(1e9 * slice_s),
    )
    with contextlib.suppress(OSError, AttributeError):
        result: int = ctypes.CDLL(None).syscall(number, 0, ctypes.byref(attributes), 0)
        return result == 0
    return False
