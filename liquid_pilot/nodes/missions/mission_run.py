"""Missions flown one after the other in any simulator, and the report of them."""

from __future__ import annotations

import math
import os
import signal
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rclpy.utilities import get_rmw_implementation_identifier

from liquid_pilot.evaluation.adaptation_log import (
    AdaptationLog,
    AdaptationSample,
    make_sample,
    to_npz,
)
from liquid_pilot.evaluation.adaptation_picture import plot_adaptation
from liquid_pilot.evaluation.flight_report.run_folder import package_version
from liquid_pilot.evaluation.report import (
    INTERRUPTED,
    CameraFrames,
    shown_frames,
    write_report,
)
from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    ImageBuffer,
    LiquidPilotError,
    SensorPacket,
)
from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.common.trace_messages import GATE_FIELDS, Trace
from liquid_pilot.nodes.missions.flight_log import FlightLog
from liquid_pilot.nodes.missions.flight_notes import FlightNotes
from liquid_pilot.nodes.missions.mission_node import (
    MissionNode,
    NoResponseError,
    StopRequestedError,
)
from liquid_pilot.nodes.missions.progress import MissionProgress
from liquid_pilot.onboard.safety.guard import OVERRIDDEN
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.simulation.base.condition import label, parse
from liquid_pilot.simulation.base.mission import Mission, MissionResult
from liquid_pilot.simulation.tasks.registry import layout_of, task_of
from liquid_pilot.utils.atomic_write import write_atomically

_FRAME_PERIOD_S = 0.5
"""Period of the camera frames in the report, s of simulated time."""
_MAX_FRAME_ROWS = 12
"""Number of missions whose camera frames are in the report."""
_PAGE_AFTER_STOP_S = 10.0
"""Longest time for the page of a run that the user has stopped, s."""
_DASHBOARD_PATIENCE_S, _DASHBOARD_POLL_S = 10.0, 0.02
"""Longest wait for the dashboard, and how often it is looked for, s."""
_MAX_CONSECUTIVE_ABORTS = 2
"""Number of aborted missions in a row after which the run ends."""
_INTRUDER_PATIENCE_S = 10.0
"""Time for which a run waits until another one that disturbs it has gone, s."""


class MissionRun(ABC):
    """A run of several missions with consecutive seeds."""

    def __init__(self, node: MissionNode, out: Path | None, first_ns: int, period_ns: int) -> None:
        """Prepare a run.

        Args:
            node: the node of the simulator.
            out: the run folder; None: nothing is written.
            first_ns: stamp of the first packet in ns.
            period_ns: time between two packets in ns.
        """
        self._node = node
        self._settings = settings = node.settings.current
        self._conditions = parse(settings.condition)
        self._out = out
        drives = get_vehicle(settings.vehicle).drives
        self._progress = MissionProgress(settings.missions, drives=drives)
        self._rules = task_of(settings.vehicle).rules
        if settings.time_limit_s:
            self._rules = replace(self._rules, time_limit_s=settings.time_limit_s)
        self._next_ns, self._period_ns = first_ns, period_ns
        self._results: list[MissionResult] = []
        self._camera_frames: list[CameraFrames] = []
        self._frames: list[tuple[float, ImageBuffer]] = []
        self._log, self._notes = FlightLog(out), FlightNotes(node, out, self._conditions)
        self._ticks = 0
        self._wall_s = 0.0
        self._started = time.strftime('%Y-%m-%dT%H:%M:%S%z')

    @abstractmethod
    def _fly(self, mission: Mission) -> None:
        """Fly a mission to its outcome and hand every packet to `_on_packet`.

        Raises:
            NoResponseError: the graph does not answer.
            StopRequestedError: the user asked to stop.
        """

    @abstractmethod
    def _simulator_context(self) -> AbstractContextManager[object]:
        """Return the context in which all missions are flown; it frees the simulator."""

    @abstractmethod
    def _meta(self) -> dict[str, Any]:
        """Return the entries of the report about the simulator, its mode among them."""

    def run(self) -> int:
        """Fly all missions.

        Returns:
            The exit code: 0, 1 (a mission was aborted), 130 (Ctrl-C) or 143 (SIGTERM).

        Raises:
            LiquidPilotError: the run folder holds a run already, or the graph is not complete.
        """
        if self._out is not None and (self._out / 'report.json').exists():
            raise LiquidPilotError(f'{self._out} holds a run already; choose another folder')
        try:
            with self._simulator_context(), self._progress:
                self._fly_all()
        except StopRequestedError:
            pass
        finally:
            if self._results:
                self._finish()
        if self._node.spinner.stopping:
            return 128 + (self._node.spinner.stopped_by or signal.SIGINT)
        return 1 if any(result.outcome == 'aborted' for result in self._results) else 0

    def _wait_for_page(self) -> None:
        """Wait for the dashboard, so that it shows the run from its start, but not for long."""
        node = self._node
        until_s = node.steady_s() + _DASHBOARD_PATIENCE_S
        while node.steady_s() < until_s and not node.hears('dashboard', topics.MISSION):
            node.wait(_DASHBOARD_POLL_S)

    def _fly_all(self) -> None:
        node = self._node
        self._progress.waiting('waiting for pilot and guard')
        node.wait_for_graph(self._settings.startup_timeout_s, self._progress.waiting)
        if self._settings.page:
            self._wait_for_page()
        consecutive_aborts = 0
        for index in range(self._settings.missions):
            seed = self._settings.seed + index
            result = self._fly_mission(index, seed)
            traces = self._traces()
            samples = self._adaptation_samples(traces)
            adaptation = AdaptationLog(seed, result.outcome, samples, result.duration_s)
            self._notes.end(result, traces)
            self._results.append(self._log.add(result, adaptation))
            if len(self._camera_frames) < _MAX_FRAME_ROWS:
                shown = shown_frames(self._frames)
                self._camera_frames.append(CameraFrames(seed, result.outcome, shown))
            self._progress.finished(result)
            self._write(pictures=False)
            if node.spinner.stopping:
                raise StopRequestedError
            consecutive_aborts = consecutive_aborts + 1 if result.outcome == 'aborted' else 0
            if node.conflict and not node.wait_until_alone(
                _INTRUDER_PATIENCE_S, self._progress.waiting
            ):
                self._progress.print_line(f'{node.conflict}: giving up')
                return
            if consecutive_aborts >= _MAX_CONSECUTIVE_ABORTS:
                self._progress.print_line(
                    f'{consecutive_aborts} missions in a row were aborted: giving up'
                )
                return

    def _traces(self) -> list[Trace]:
        """Return the traces of the flight that has just ended."""
        traces, self._node.traces = self._node.traces, []
        return [trace for trace in traces if trace.flight == traces[-1].flight]

    def _adaptation_samples(self, traces: list[Trace]) -> list[AdaptationSample]:
        samples = (sample_from_trace(trace, traces[0].stamp_ns) for trace in traces)
        return [sample for sample in samples if sample is not None]

    def _fly_mission(self, index: int, seed: int) -> MissionResult:
        """Fly one mission and return its result; an aborted one has a reason too."""
        self._node.state = f'mission {index + 1}: seed {seed}'
        self._node.conflict = ''
        self._frames = []
        self._progress.building(index, seed)
        layout = layout_of(self._settings.vehicle, seed, self._conditions)
        mission = Mission(seed, layout, self._rules)
        self._notes.begin(seed, layout)
        started_s = time.monotonic()
        try:
            self._fly(mission)
        except StopRequestedError:
            by_user = self._node.spinner.stopped_by == signal.SIGINT
            mission.abort(INTERRUPTED if by_user else 'the run was terminated')
        except NoResponseError as error:
            mission.abort(str(error))
        if self._frames:
            self._node.publish_marker(
                self._next_ns - self._period_ns, f'end {mission.result.outcome}'
            )
        self._wall_s += time.monotonic() - started_s
        return mission.result

    def _on_packet(self, mission: Mission, packet: SensorPacket) -> str | None:
        """Add a packet to mission, frames and progress; return the outcome when there is one."""
        self._next_ns = packet.stamp_ns + self._period_ns
        self._ticks += 1
        if self._node.conflict:
            raise NoResponseError(self._node.conflict)
        if not self._frames:
            self._node.publish_marker(packet.stamp_ns, f'seed {mission.seed}')
        outcome = mission.update(packet)
        if self._node.guard_status[0] == OVERRIDDEN:
            mission.hand_s += self._period_ns / NANOSECONDS_PER_SECOND
        self._notes.on_packet(packet)
        if outcome == 'timeout' and (prevented := self._node.prevented_by):
            mission.void_timeout(prevented)
            outcome = mission.outcome
        now_s = mission.flight_time_s
        due = not self._frames or now_s - self._frames[-1][0] >= _FRAME_PERIOD_S - 1e-9
        if packet.observation is not None and (due or outcome is not None):
            self._frames.append((now_s, packet.observation.image))
            if len(self._camera_frames) >= _MAX_FRAME_ROWS:
                # They are not shown.
                del self._frames[:-1]
        self._node.status_values = {
            'target_distance_m': f'{packet.target_distance_m:.1f}',
            'flight_s': f'{now_s:.1f}',
        }
        self._progress.flying(
            now_s, packet.target_distance_m, self._node.problems, self._node.guard_note
        )
        return outcome

    def _finish(self) -> None:
        if self._out is not None:
            self._progress.waiting('writing the report')
        written = self._write(pictures=True)
        self._progress.table(self._results, written)
        if self._out is not None:
            self._write_page(self._out)

    def _write_page(self, out: Path) -> None:
        """Write the page of the run, when all else is written, and print its path."""
        # Imported here, since it loads what a pilot is made of, and flying needs none of it.
        from liquid_pilot.evaluation.flight_report.page import REPORT, write_flight_report

        spinner, began_s = self._node.spinner, time.monotonic()
        max_s = _PAGE_AFTER_STOP_S if spinner.stopping else math.inf

        def enough(done: int, missions: int) -> bool:
            self._progress.waiting(f'writing {REPORT}: mission {done} of {missions}')
            stopped = spinner.stopping and math.isinf(max_s)
            return stopped or time.monotonic() - began_s > max_s

        try:
            page = write_flight_report(out, enough)
        except LiquidPilotError as error:
            self._progress.print_line(f'{REPORT} is not written: {error}')
            return
        self._progress.print_line(f'what it saw, and why it turned: {page}')

    def _lesson(self) -> dict[str, str]:
        """Return what a hand has taught, as the adaptation node last said it; empty: nothing."""
        values = self._node.reported.get('adaptation', {})
        if not float(values.get('lesson_taught_s', 0.0)):
            return {}
        return {name: value for name, value in values.items() if name.startswith('lesson')}

    def _write(self, pictures: bool) -> list[Path]:
        if self._out is None:
            return []
        settings = self._settings
        meta: dict[str, Any] = {
            'pilot': settings.pilot,
            'vehicle': settings.vehicle,
            'adapter': self._node.adapter,
            **self._meta(),
            'condition': label(self._conditions),
            'adapt': settings.adapt,
            'first_seed': settings.seed,
            'missions_asked_for': settings.missions,
            'command': settings.command,
            'digest': self._notes.digest,
            'version': package_version(),
            'started': self._started,
            'wall_s': round(self._wall_s, 2),
            'ticks': self._ticks,
            'ticks_per_s': round(self._ticks / self._wall_s, 1) if self._wall_s else None,
            'answer_p50_ms': rounded(self._node.health.latency_ms(0.5)),
            'answer_p99_ms': rounded(self._node.health.latency_ms(0.99)),
            'ros_distro': os.environ.get('ROS_DISTRO', ''),
            'rmw': get_rmw_implementation_identifier(),
            **self._lesson(),
        }
        if not pictures:
            return write_report(self._out, self._results, meta, pictures=False)
        written = write_report(
            self._out, self._results, meta, self._camera_frames, restore=self._log.restore
        )
        if any(log.samples for log in self._log.adaptation()):
            written += [
                write_atomically(self._out / 'adaptation.npz', to_npz(self._log.adaptation())),
                write_atomically(
                    self._out / 'adaptation.png',
                    plot_adaptation(self._log.adaptation(), self._conditions),
                ),
            ]
        return written


def rounded(value: float) -> float | None:
    """Return a value rounded for the report; None for NaN, which JSON does not have."""
    return None if math.isnan(value) else round(value, 2)


def sample_from_trace(trace: Trace, first_ns: int) -> AdaptationSample | None:
    """Return the adaptation sample of a trace.

    Args:
        trace: the trace.
        first_ns: stamp of the first frame of the flight.

    Returns:
        The sample, or None for a pilot that does not adapt.
    """
    if not trace.gate.size:
        return None
    gate = dict(zip(GATE_FIELDS, trace.gate.tolist(), strict=True))
    return make_sample(
        (trace.stamp_ns - first_ns) / NANOSECONDS_PER_SECOND,
        trace.filter_error,
        trace.filter_tau,
        trace.tau,
        bool(gate['novel']),
        gate['speed_factor'],
        gate['gain'],
        float(trace.friction[0]) if trace.friction.size else math.nan,
    )
