"""The missions that the simulator node flies, one after the other, and the report of them."""

from __future__ import annotations

import functools
import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.utilities import get_rmw_implementation_identifier

from liquid_pilot.evaluation.history import History, Moment, draw, to_npz
from liquid_pilot.evaluation.report import INTERRUPTED, Shots, place, write_report
from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    ImageBuffer,
    LiquidPilotError,
    SensorPacket,
)
from liquid_pilot.nodes.labelled import moment_in
from liquid_pilot.nodes.progress import Progress
from liquid_pilot.nodes.vehicle_link import SimulatorNode, StoppedError, UnansweredError, shifted
from liquid_pilot.simulation.conditions import label, parse
from liquid_pilot.simulation.disturbance import Disturbance, Injector
from liquid_pilot.simulation.expert import Expert
from liquid_pilot.simulation.layout import generator
from liquid_pilot.simulation.mission import Mission, MissionResult, MissionRules
from liquid_pilot.simulation.world import Simulation, SimulationSettings

_FIRST_STAMP_NS = NANOSECONDS_PER_SECOND
"""Not zero: ROS takes a clock at zero for one that has not been set."""
_SHOT_PERIOD_S = 0.5
_SHOT_ROWS = 12
_GIVE_UP_AFTER = 2
"""Missions in a row that the graph did not answer."""


class Flights:
    """A run: `missions` flights from `seed` on. `out` None: nothing is written."""

    def __init__(self, node: SimulatorNode, out: Path | None) -> None:
        self._node = node
        self._settings = settings = node.settings.now
        self._out = out
        self._progress = Progress(settings.missions)
        self._rules = MissionRules(time_limit_s=settings.time_limit_s)
        self._simulation = Simulation(SimulationSettings(
            vehicle=settings.vehicle, camera_width=settings.camera_width,
            camera_height=settings.camera_height, conditions=parse(settings.condition),
        ))
        self._next_ns = _FIRST_STAMP_NS if settings.publish_clock else time.time_ns()
        self._results: list[MissionResult] = []
        self._shots: list[Shots] = []
        self._frames: list[tuple[float, ImageBuffer]] = []
        self._histories: list[History] = []
        self._ticks = 0
        self._answered = False
        self._wall_s = 0.0
        self._started = time.strftime('%Y-%m-%dT%H:%M:%S%z')

    def run(self) -> int:
        """Fly them all; the exit code: 0, 1 (not all were flown), 130 (Ctrl-C), 143 (SIGTERM)."""
        if self._out is not None and (self._out / 'report.json').exists():
            raise LiquidPilotError(f'{self._out} holds a run already; choose another folder')
        try:
            with self._simulation, self._progress:
                self._fly_all()
        except StoppedError:
            pass
        finally:
            if self._results:
                self._finish()
        if self._node.spinner.stopping:
            return 128 + (self._node.spinner.stopped_by or signal.SIGINT)
        return 1 if any(result.outcome == 'aborted' for result in self._results) else 0

    def _fly_all(self) -> None:
        node = self._node
        self._progress.waiting(
            'waiting for pilot and guard (the first start compiles, up to half a minute)')
        node.wait_for_graph(self._settings.startup_timeout_s)
        silent = 0
        for index in range(self._settings.missions):
            seed = self._settings.seed + index
            result = self._fly_one(index, seed)
            self._results.append(result)
            self._histories.append(History(seed, result.outcome, self._moments()))
            if len(self._shots) < _SHOT_ROWS:
                self._shots.append(Shots(seed, result.outcome, self._frames))
            self._progress.finished(result)
            self._write(pictures=False)
            if node.spinner.stopping:
                raise StoppedError
            silent = silent + 1 if result.outcome == 'aborted' else 0
            if silent >= _GIVE_UP_AFTER:
                self._progress.say(f'{silent} missions in a row were aborted: giving up')
                return

    def _moments(self) -> list[Moment]:
        """What adaptation did in the flight that has ended."""
        traces, self._node.traces = self._node.traces, []
        own = [trace for trace in traces if trace.flight == traces[-1].flight]
        found = (moment_in(trace, own[0].stamp_ns) for trace in own)
        return [one for one in found if one is not None]

    def _fly_one(self, index: int, seed: int) -> MissionResult:
        """One mission, whatever comes: an aborted one has a reason too."""
        self._node.state = f'mission {index + 1}: seed {seed}'
        self._node.intruder = ''
        self._frames = []
        self._progress.building(index, seed)
        mission = Mission(seed, None, self._rules)
        started_s = time.monotonic()
        try:
            packet = self._simulation.reset(seed, self._next_ns)
            mission = Mission(seed, self._simulation.layout, self._rules)
            if self._settings.realtime:
                self._fly_in_real_time(mission, packet)
            else:
                self._fly_in_lockstep(mission, packet)
        except StoppedError:
            by_user = self._node.spinner.stopped_by == signal.SIGINT
            mission.abort(INTERRUPTED if by_user else 'the run was ended from outside')
        except UnansweredError as error:
            mission.abort(str(error))
        if self._frames:
            last_ns = self._next_ns - self._simulation.control_period_ns
            self._node.mark(last_ns, f'end {mission.result.outcome}')
        self._wall_s += time.monotonic() - started_s
        return mission.result

    def _fly_in_lockstep(self, mission: Mission, packet: SensorPacket) -> None:
        node, simulation = self._node, self._simulation
        node.reset_pilot()
        for on in (False, True):
            done, message = node.engage(on)
            if not done:
                raise UnansweredError(f'the guard cannot be engaged: {message}')
        demonstrator = self._demonstrator(mission.seed)
        while self._score(mission, packet) is None:
            limit_s = self._settings.answer_timeout_s if self._answered else \
                max(self._settings.answer_timeout_s, self._settings.startup_timeout_s)
            setpoint = node.exchange(
                packet, simulation.camera, limit_s, self._progress.trouble,
                demonstrator and functools.partial(demonstrator, packet))
            self._answered = True
            packet = simulation.advance(setpoint)

    def _demonstrator(self, seed: int) -> Callable[[SensorPacket], None] | None:
        """What steers in place of a pilot, with the noise that the training collects by."""
        if not self._settings.demonstrate:
            return None
        period_s = self._simulation.control_period_ns / NANOSECONDS_PER_SECOND
        expert = Expert(self._simulation.layout)
        inject = Injector(Disturbance(level=self._settings.disturbance),
                          generator(seed, 'injector'), period_s)

        def steer(packet: SensorPacket) -> None:
            label = expert.command(packet.state)
            self._node.demonstrate(label, inject(label))

        return steer

    def _fly_in_real_time(self, mission: Mission, packet: SensorPacket) -> None:
        """Free-running: what is flown is what came in time, else the vehicle's own failsafe."""
        node, simulation = self._node, self._simulation
        period_s = simulation.control_period_ns / NANOSECONDS_PER_SECOND
        node.reset_pilot()
        node.take_setpoint()
        # Building the forest took time that stamps of the system clock must not lag behind.
        shift_ns = 0 if self._settings.publish_clock else time.time_ns() - packet.stamp_ns
        engaged, message = False, ''
        start_s = due_s = node.steady_s()
        asked_s = start_s
        while True:
            packet = shifted(packet, shift_ns)
            if engaged and self._score(mission, packet) is not None:
                break
            node.publish(packet, simulation.camera)
            due_s += period_s
            while (left_s := due_s - node.steady_s()) > 0.0:
                node.wait(left_s)
            late_s = node.steady_s() - due_s
            if late_s > period_s:
                self._progress.late(late_s)
                due_s += late_s
                if not self._settings.publish_clock:
                    shift_ns += int(late_s * NANOSECONDS_PER_SECOND)
            setpoint = node.take_setpoint()
            if not engaged and setpoint is None and node.steady_s() - asked_s > 0.25:
                # Until the pilot's commands come the guard refuses, and the vehicle hovers.
                asked_s = node.steady_s()
                engaged, message = node.engage(True)
                if not engaged and asked_s - start_s > self._settings.startup_timeout_s:
                    raise UnansweredError(f'{message}; {node.problems}'.rstrip('; '))
            node.health.tick(node.steady_s(), max(0.0, late_s))
            packet = simulation.advance(setpoint)
        node.engage(False)
        # The pilot is not to miss the camera while the next forest is built.
        node.reset_pilot()

    def _score(self, mission: Mission, packet: SensorPacket) -> str | None:
        """Take a packet into the mission, the pictures and the progress line."""
        self._next_ns = packet.stamp_ns + self._simulation.control_period_ns
        self._ticks += 1
        if self._node.intruder:
            raise UnansweredError(self._node.intruder)
        if not self._frames:
            self._node.mark(packet.stamp_ns, f'seed {mission.seed}')
        outcome = mission.update(packet)
        now_s = mission.flight_time_s
        due = not self._frames or now_s - self._frames[-1][0] >= _SHOT_PERIOD_S - 1e-9
        if packet.observation is not None and (due or outcome is not None):
            self._frames.append((now_s, packet.observation.image))
        self._node.figures = {'target_distance_m': f'{packet.target_distance_m:.1f}',
                              'flight_s': f'{now_s:.1f}'}
        self._progress.flying(now_s, packet.target_distance_m, self._node.problems)
        return outcome

    def _finish(self) -> None:
        if self._out is not None:
            self._progress.waiting('writing the report')
        written = self._write(pictures=True)
        self._progress.table(self._results, written)

    def _write(self, pictures: bool) -> list[Path]:
        if self._out is None:
            return []
        settings = self._settings
        meta: dict[str, Any] = {
            'pilot': settings.pilot, 'vehicle': settings.vehicle, 'adapter': settings.adapter,
            'mode': 'realtime' if settings.realtime else 'lockstep',
            'condition': label(parse(settings.condition)), 'adapt': settings.adapt,
            'first_seed': settings.seed, 'missions_asked_for': settings.missions,
            'started': self._started, 'wall_s': round(self._wall_s, 2), 'ticks': self._ticks,
            'ticks_per_s': round(self._ticks / self._wall_s, 1) if self._wall_s else None,
            'answer_p50_ms': _figure(self._node.health.latency_ms(0.5)),
            'answer_p99_ms': _figure(self._node.health.latency_ms(0.99)),
            'ros_distro': os.environ.get('ROS_DISTRO', ''),
            'rmw': get_rmw_implementation_identifier(),
        }
        if not pictures:
            return write_report(self._out, self._results, meta, pictures=False)
        written = write_report(self._out, self._results, meta, self._shots)
        if any(history.moments for history in self._histories):
            conditions = parse(settings.condition)
            written += [place(self._out / 'adaptation.npz', to_npz(self._histories)),
                        place(self._out / 'adaptation.png', draw(self._histories, conditions))]
        return written


def _figure(value: float) -> float | None:
    """Rounded for the report, which has no NaN."""
    return None if math.isnan(value) else round(value, 2)
