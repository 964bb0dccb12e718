"""What the report shows of a mission beyond its path: kept in flight, a file for each mission.

Nothing of it waits, and the pilot notices nothing: it is made of what the simulator sends and gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rclpy.serialization import deserialize_message
from std_msgs.msg import Float64MultiArray

from liquid_pilot.evaluation.flight_report.flight_record import FOLDER, to_npz
from liquid_pilot.evaluation.flight_report.recorder import FlightRecorder
from liquid_pilot.interfaces import AttitudeThrust, Command, LiquidPilotError, SensorPacket
from liquid_pilot.nodes.missions.mission_node import MissionNode
from liquid_pilot.onboard.inference.trace import Trace, unpack_trace
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.base.task import Layout
from liquid_pilot.utils.atomic_write import write_atomically

_MAX_KEPT, _MAX_SUCCESSES = 60, 24
"""Max number of missions that are kept, and of those that succeeded: some 150 kB each."""


class FlightNotes:
    """The records of a run's missions.

    Args:
        node: the node of the simulator.
        out: the run folder; None: nothing is kept.
        conditions: the conditions of the missions.
    """

    def __init__(
        self, node: MissionNode, out: Path | None, conditions: Sequence[Condition]
    ) -> None:
        self._node, self._conditions = node, conditions
        self._folder = None if out is None else out / FOLDER
        self._recorder: FlightRecorder | None = None
        self._seen = self._kept = self._succeeded = 0
        self.digest = ''
        """SHA-256 of the pilot file that flew; empty until it is known."""

    def begin(self, seed: int, layout: Layout | None) -> None:
        """Begin a mission."""
        self._node.serialised_traces.clear()
        self._seen, self._recorder = 0, None
        if self._folder is not None and self._kept < _MAX_KEPT:
            self._recorder = FlightRecorder(seed, layout, self._conditions)

    def on_packet(self, packet: SensorPacket) -> None:
        """Take a packet of the simulator, before the pilot answers it."""
        if self._recorder is None:
            return
        self._recorder.on_packet(packet)
        self._recorder.on_guard(*self._node.guard_status)
        for trace in self._node.traces[self._seen :]:
            self._recorder.on_trace(trace)
        self._seen = len(self._node.traces)

    def on_output(self, setpoint: Command | AttitudeThrust | None) -> None:
        """Take what the guard has sent to the vehicle."""
        if self._recorder is not None:
            self._recorder.on_output(setpoint)

    def end(self, result: MissionResult, traces: Sequence[Trace]) -> None:
        """Write the record of a mission that has ended; without pictures it has none.

        Args:
            result: the mission.
            traces: traces of the mission, where they were unpacked already.

        Raises:
            LiquidPilotError: the folder cannot be written.
        """
        recorder, self._recorder = self._recorder, None
        is_success = result.outcome == 'success'
        if (
            recorder is None
            or self._folder is None
            or (is_success and self._succeeded >= _MAX_SUCCESSES)
        ):
            return
        self._kept, self._succeeded = self._kept + 1, self._succeeded + is_success
        traces = traces or _unpacked(self._node.serialised_traces)
        self.digest = traces[-1].digest if traces else self.digest
        record = recorder.finish(traces, self.digest, 'kept during the flight')
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Not flushed to the disk: the next mission does not wait for it.
            write_atomically(self._folder / f'seed_{result.seed}.npz', to_npz(record), sync=False)
        except OSError as error:
            raise LiquidPilotError(
                f'{self._folder}: the record of a mission cannot be written ({error})'
            ) from None


def _unpacked(serialised: Sequence[bytes]) -> list[Trace]:
    """Return the traces of the newest flight; what is no trace is left out."""
    traces: list[Trace] = []
    for data in serialised:
        try:
            traces.append(unpack_trace(deserialize_message(data, Float64MultiArray)))
        except LiquidPilotError:
            continue
    return [trace for trace in traces if trace.flight == traces[-1].flight]
