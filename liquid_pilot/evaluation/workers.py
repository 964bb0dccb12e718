"""Many missions in several worker processes, any of which may die."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.synchronize import Event

from liquid_pilot.evaluation.metrics import FlightMetrics, RolloutTiming, fly_and_measure
from liquid_pilot.evaluation.results_store import RunKey
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.pilot_file import PilotFile, load
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, MissionPilot
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.processes.child_python import safe_path_for_children
from liquid_pilot.utils.processes.process_pool import WorkerDiedError, spawned_pool
from liquid_pilot.utils.signals import ignore_sigint

OnFlight = Callable[[RunKey, FlightMetrics, RolloutTiming], None]
PilotFactory = Callable[[PilotFile, Simulation, str, str], MissionPilot]
"""Function that makes a pilot from (pilot file, simulation, adapter, mode); importable in another
process."""
_MAX_WORKER_DEATHS = 2
"""Number of workers that a mission flying alone may kill before it is given up."""


def make_pilot(file: PilotFile, simulation: Simulation, adapter: str, mode: str) -> MissionPilot:
    """Make a pilot that adapts as its mode says.

    Args:
        file: the pilot file.
        simulation: the simulation whose camera the pilot sees.
        adapter: name of the vehicle adapter.
        mode: adaptation mode (`onboard.adaptation.settings.parse_mode`).
    """
    return InProcessPilot(file, simulation, adapter, adapting=parse_mode(mode))


@dataclass(frozen=True)
class Job:
    """One mission to fly."""

    key: RunKey
    pilot_path: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class RunConfig:
    """The settings that all missions of a run share."""

    rules: MissionRules | None = None
    """Rules of success and failure; None: those of the vehicle's task."""
    settings: SimulationSettings | None = None
    """Settings of the simulation; None: the default ones."""
    keep_paths: bool = False
    """Whether the figures of a mission include its path."""
    make_pilot: PilotFactory = make_pilot


class _StopRequested(Exception):  # noqa: N818 - no error: the user has asked for it
    """The user stops the run: the mission in progress ends unfinished."""


class RolloutWorker:
    """The simulation of one process and the pilots that it has loaded.

    Args:
        config: settings that all missions share.
        stop: event; when it is set, the mission in progress ends unfinished.
    """

    def __init__(self, config: RunConfig, stop: Event | None = None) -> None:
        self._config, self._stop = config, stop
        self._simulation = Simulation(config.settings)
        self._pilots: dict[tuple[str, str, str], MissionPilot] = {}

    def fly(self, job: Job) -> tuple[FlightMetrics, RolloutTiming]:
        """Fly one mission and return its figures and its timing."""
        key, config = job.key, self._config
        pilot = self._pilots.get((key.pilot, key.adapter, key.mode))
        if pilot is None:
            pilot = self._load(job)
        ticks = 0

        def on_packet(packet: object) -> None:
            nonlocal ticks
            ticks += 1
            if self._stop is not None and self._stop.is_set():
                raise _StopRequested

        start_s = time.monotonic()
        flight = fly_and_measure(
            key.seed,
            self._simulation,
            pilot,
            config.rules,
            job.conditions,
            config.keep_paths,
            on_packet,
        )
        render_s = self._simulation.render_time_s
        # The packet that ends a mission is rendered too, but the pilot does not answer it.
        return flight, RolloutTiming(ticks + 1, start_s, time.monotonic(), render_s)

    def _load(self, job: Job) -> MissionPilot:
        file = load(job.pilot_path)
        if file.digest != job.key.pilot:
            raise LiquidPilotError(
                f'{job.pilot_path} was changed while it was evaluated; start again'
            )
        pilot = self._config.make_pilot(file, self._simulation, job.key.adapter, job.key.mode)
        pilot.warm_up()
        self._pilots[job.key.pilot, job.key.adapter, job.key.mode] = pilot
        return pilot

    def close(self) -> None:
        """Free the simulation."""
        self._simulation.close()


def fly_all(
    jobs: Sequence[Job],
    config: RunConfig,
    workers: int,
    on_flight: OnFlight,
    on_event: Callable[[str], None],
) -> list[RunKey]:
    """Fly every job, in their order as far as the workers allow.

    A worker that dies is replaced. The missions that were in progress are flown again at the end,
    one at a time, and a mission that kills its worker twice when it flies alone is given up.

    Args:
        jobs: the missions.
        config: what all missions share.
        workers: number of processes; with 1 the missions are flown in this process.
        on_flight: callback, called in this process with each finished mission.
        on_event: callback, called with a line for the user when a worker died.

    Returns:
        The keys of the missions that were given up.
    """
    if not jobs:
        return []
    if workers <= 1:
        worker = RolloutWorker(config)
        try:
            for job in jobs:
                on_flight(job.key, *worker.fly(job))
        finally:
            worker.close()
        return []
    waiting, suspects = deque(jobs), deque[Job]()
    given_up: list[RunKey] = []
    while waiting:
        count = min(workers, len(waiting))
        # One job more than workers, so that none of them waits for this process.
        in_flight = _run_until_worker_death(waiting, config, count, count + 1, on_flight)
        if in_flight:
            on_event(f'a worker process died; {len(in_flight)} missions are flown again')
            suspects.extend(in_flight)
    deaths: Counter[RunKey] = Counter()
    while suspects:
        for job in _run_until_worker_death(suspects, config, 1, 1, on_flight):
            deaths[job.key] += 1
            on_event(f'a worker process died on {job.key.condition}, seed {job.key.seed}')
            if deaths[job.key] < _MAX_WORKER_DEATHS:
                suspects.append(job)
            else:
                given_up.append(job.key)
    return given_up


def _run_until_worker_death(
    waiting: deque[Job], config: RunConfig, workers: int, max_in_flight: int, on_flight: OnFlight
) -> list[Job]:
    """Fly jobs from `waiting` until there is none left or a worker dies.

    Args:
        waiting: the jobs; those that were started are removed.
        config: what all missions share.
        workers: number of processes.
        max_in_flight: max number of jobs that are given to the workers at a time.
        on_flight: callback, called in this process with each finished mission.

    Returns:
        The jobs that were in progress when a worker died; empty when none died.
    """
    with safe_path_for_children():
        # The event brings a process that tracks it.
        stop = multiprocessing.get_context('spawn').Event()
    in_flight: dict[Future[tuple[FlightMetrics, RolloutTiming]], Job] = {}
    try:
        with spawned_pool(workers, _start_worker, (config, stop), ignore_ctrl_c=True) as pool:
            try:
                with ignore_sigint():
                    _submit(pool, waiting, in_flight, workers)
                while in_flight:
                    _submit(pool, waiting, in_flight, max_in_flight)
                    done, _ = wait(in_flight, return_when=FIRST_COMPLETED)
                    # A dead worker breaks all futures at once: finished missions come first.
                    for future in sorted(done, key=lambda one: one.exception() is not None):
                        flight, timing = future.result()
                        on_flight(in_flight.pop(future).key, flight, timing)
            except BaseException:
                stop.set()
                raise
    except WorkerDiedError:
        return list(in_flight.values())
    return []


def _submit(
    pool: ProcessPoolExecutor,
    waiting: deque[Job],
    in_flight: dict[Future[tuple[FlightMetrics, RolloutTiming]], Job],
    max_in_flight: int,
) -> None:
    while waiting and len(in_flight) < max_in_flight:
        job = waiting.popleft()
        try:
            in_flight[pool.submit(_fly_in_worker, job)] = job
        except BrokenProcessPool:
            waiting.appendleft(job)
            raise


_worker: dict[str, RolloutWorker] = {}


def _start_worker(config: RunConfig, stop: Event) -> None:
    _worker['this process'] = RolloutWorker(config, stop)


def _fly_in_worker(job: Job) -> tuple[FlightMetrics, RolloutTiming]:
    return _worker['this process'].fly(job)
