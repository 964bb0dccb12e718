"""Fly a mission of an evaluation again, to show what the pilot saw and what drove it.

A seed flies the same every time, to the last bit. So a second flight shows what the first one did;
that it ended alike is checked.
"""

from __future__ import annotations

from liquid_pilot.evaluation.flight_report.flight_record import FlightRecord
from liquid_pilot.evaluation.flight_report.recorder import FlightRecorder
from liquid_pilot.interfaces import AttitudeThrust, Command, SensorPacket
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.onboard.adaptation.time_scales import TimeScales, TimeScaleStore
from liquid_pilot.onboard.inference.trace import Trace, make_trace
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import layout_of

SOURCE = 'flown again in one process, with the same outcome'


class _WatchedStore(TimeScaleStore):
    """Time scales of which the last ones can be looked at."""

    last: TimeScales | None = None

    def scales(self, last_tick_sequence: int, dt_s: float) -> TimeScales:
        """Return the time scales of the next tick, and keep them."""
        self.last = super().scales(last_tick_sequence, dt_s)
        return self.last

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.last = None


class _WatchedPilot(InProcessPilot):
    """A pilot whose ticks and whose guard are kept for the report."""

    traces: list[Trace]
    recorder: FlightRecorder | None = None

    def __init__(self, pilot: PilotFile, simulation: Simulation, adapter: str, mode: str) -> None:
        super().__init__(pilot, simulation, adapter, adapting=parse_mode(mode))
        if self.learner is not None:
            grid = pilot.require_statistics().filter_tau_s.shape
            self._time_scale_store = _WatchedStore(grid, self.engine.scalable_neurons)

    def setpoint(self, packet: SensorPacket) -> Command | AttitudeThrust | None:
        """Answer a packet, and keep what was computed."""
        setpoint = super().setpoint(packet)
        tick, recorder = self.tick, self.recorder
        if setpoint is None or tick is None or recorder is None:
            return setpoint
        store = getattr(self, '_time_scale_store', None)
        scales = store.last if isinstance(store, _WatchedStore) else None
        trace = make_trace(self.engine, tick, '', self._sequence, scales)
        self.traces.append(trace)
        recorder.on_trace(trace)
        recorder.on_output(self.command)
        recorder.on_guard(self.guard.state, self.guard.reason)
        return setpoint


class Reflyer:
    """Flies missions of one pilot in one condition again.

    Args:
        pilot: the pilot file.
        mode: adaptation mode; empty: as trained.
        condition: label of the conditions.
        adapter: name of the vehicle adapter.
        simulation: the simulation, of the vehicle of the pilot.
    """

    def __init__(
        self, pilot: PilotFile, mode: str, condition: str, adapter: str, simulation: Simulation
    ) -> None:
        self._file, self._conditions = pilot, parse(condition)
        self._simulation = simulation
        self._pilot = _WatchedPilot(pilot, simulation, adapter, mode)
        self._pilot.warm_up()

    def fly(self, seed: int, key: str) -> tuple[FlightRecord, MissionResult]:
        """Fly a mission and return its record, and how it ended.

        Args:
            seed: seed of the mission.
            key: what was flown, for the record.
        """
        layout = layout_of(self._file.specification.vehicle, seed, self._conditions)
        recorder = FlightRecorder(seed, layout, self._conditions)
        pilot = self._pilot
        pilot.traces, pilot.recorder = [], recorder
        result = fly_mission(
            seed, self._simulation, pilot, None, recorder.on_packet, self._conditions
        )
        return recorder.finish(pilot.traces, self._file.digest, SOURCE, key), result
