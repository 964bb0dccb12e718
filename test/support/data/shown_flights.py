"""What the dashboard gets of a short flight, and how it is shown to it."""

from typing import NamedTuple

from liquid_pilot.dashboard.events import Status
from liquid_pilot.interfaces import Command, ImageBuffer, VehicleState
from liquid_pilot.onboard.inference.trace import Trace

PERIOD_NS = 50_000_000
GUARD = Status(0, 'engaged', {'state': 'engaged', 'reason': '', 'adapter': 'cmd_vel'})


class ShownTick(NamedTuple):
    """One tick."""

    image: ImageBuffer
    trace: Trace
    sent: Command
    odometry: VehicleState


def show(state, moments, begin_s=0.0):
    """Give a state what arrives in these ticks, and make a record of each."""
    records = []
    for moment in moments:
        time_s = begin_s + moment.trace.stamp_ns * 1e-9
        state.on_picture(moment.trace.stamp_ns, moment.image)
        state.on_trace(time_s, moment.trace)
        state.on_sent(time_s, moment.sent)
        state.on_odometry(time_s, moment.odometry)
        records.append(state.record(time_s))
    return records
