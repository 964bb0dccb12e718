"""Many flights over several worker processes, some of which may die on the way."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

from liquid_pilot.evaluation.metrics import FlightMetrics, RolloutTiming, fly_and_measure
from liquid_pilot.evaluation.results_store import RunKey
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.pilot_file import PilotFile, load
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.process_pool import WorkerDiedError, spawned_pool

OnFlight = Callable[[RunKey, FlightMetrics, RolloutTiming], None]
_MAX_WORKER_DEATHS = 2
"""How often a mission that flies alone may kill its worker before it is given up."""


PilotFactory = Callable[[PilotFile, Simulation, str, str], InProcessPilot]


def make_pilot(file: PilotFile, simulation: Simulation, adapter: str, mode: str) -> InProcessPilot:
    """A pilot that adapts as its mode says (`onboard.adaptation.settings`), ready to fly."""
    return InProcessPilot(file, simulation, adapter, adapting=parse_mode(mode))


@dataclass(frozen=True)
class Job:
    """One mission to fly."""

    cell: RunKey
    pilot_path: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class RunConfig:
    """What all missions of a run share."""

    rules: MissionRules | None = None
    settings: SimulationSettings | None = None
    keep_paths: bool = False
    make_pilot: PilotFactory = make_pilot
    """Of (pilot file, simulation, adapter, mode); a function that another process can import."""


class _StopRequested(Exception):  # noqa: N818 - no error: the user has asked for it
    """The user stops the run: the mission under way ends unfinished."""


class RolloutWorker:
    """One process's simulation and the pilots that it has loaded so far."""

    def __init__(self, terms: RunConfig, stop: threading.Event | None = None) -> None:
        self._config, self._stop = terms, stop
        self._simulation = Simulation(terms.settings)
        self._pilots: dict[tuple[str, str, str], InProcessPilot] = {}

    def fly(self, job: Job) -> tuple[FlightMetrics, RolloutTiming]:
        """One mission."""
        cell, terms = job.cell, self._config
        pilot = self._pilots.get((cell.pilot, cell.adapter, cell.mode))
        if pilot is None:
            pilot = self._load(job)
        ticks = 0

        def on_packet(packet: object) -> None:
            nonlocal ticks
            ticks += 1
            if self._stop is not None and self._stop.is_set():
                raise _StopRequested

        began = time.monotonic()
        flight = fly_and_measure(
            cell.seed,
            self._simulation,
            pilot,
            terms.rules,
            job.conditions,
            terms.keep_paths,
            on_packet,
        )
        render_s = self._simulation.render_time_s
        # The packet that ends a flight is drawn too, and answered by nobody.
        return flight, RolloutTiming(ticks + 1, began, time.monotonic(), render_s)

    def _load(self, job: Job) -> InProcessPilot:
        file = load(job.pilot_path)
        if file.digest != job.cell.pilot:
            raise LiquidPilotError(
                f'{job.pilot_path} was changed while it was evaluated; start again'
            )
        pilot = self._config.make_pilot(file, self._simulation, job.cell.adapter, job.cell.mode)
        pilot.engine.warm_up()
        self._pilots[job.cell.pilot, job.cell.adapter, job.cell.mode] = pilot
        return pilot

    def close(self) -> None:
        """Free the simulation."""
        self._simulation.close()


def fly_all(
    jobs: Sequence[Job],
    terms: RunConfig,
    workers: int,
    on_flight: OnFlight,
    on_event: Callable[[str], None],
) -> list[RunKey]:
    """Fly every job, in their order as far as the workers allow; returns what was given up.

    A worker that dies is replaced, and the missions that were under way are flown again at the
    end, one at a time; one that kills its worker twice when it is alone is given up.

    Args:
        jobs: what to fly.
        terms: what all missions share.
        workers: processes; with 1 everything happens in this one.
        on_flight: called in this process with each mission that has ended.
        on_event: called with a line for the user when a worker died.
    """
    if workers <= 1 or not jobs:
        flier = RolloutWorker(terms) if jobs else None
        try:
            for job in jobs:
                on_flight(job.cell, *flier.fly(job))
        finally:
            if flier is not None:
                flier.close()
        return []
    waiting, suspects, given_up = deque(jobs), deque(), []
    while waiting:
        count = min(workers, len(waiting))
        # One job more than workers, so that none of them waits for this process.
        under_way = _run_until_worker_death(waiting, terms, count, count + 1, on_flight)
        if under_way:
            on_event(f'a worker process died; {len(under_way)} missions are flown again')
            suspects.extend(under_way)
    deaths: Counter[RunKey] = Counter()
    while suspects:
        for job in _run_until_worker_death(suspects, terms, 1, 1, on_flight):
            deaths[job.cell] += 1
            on_event(f'a worker process died on {job.cell.condition}, seed {job.cell.seed}')
            if deaths[job.cell] < _MAX_WORKER_DEATHS:
                suspects.append(job)
            else:
                given_up.append(job.cell)
    return given_up


def _run_until_worker_death(
    waiting: deque[Job], terms: RunConfig, workers: int, most: int, on_flight: OnFlight
) -> list[Job]:
    """Take jobs from `waiting` until there is none or a worker dies; what was then under way.

    No more than `most` of them are under way at a time.
    """
    stop = multiprocessing.get_context('spawn').Event()
    under_way: dict[Future, Job] = {}
    try:
        with spawned_pool(workers, _start_worker, (terms, stop)) as pool:
            try:
                with _workers_ignore_ctrl_c():
                    _submit(pool, waiting, under_way, workers)
                while under_way:
                    _submit(pool, waiting, under_way, most)
                    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    # A dead worker breaks all futures at once: what is finished comes first.
                    for future in sorted(done, key=lambda one: one.exception() is not None):
                        flight, effort = future.result()
                        on_flight(under_way.pop(future).cell, flight, effort)
            except BaseException:
                stop.set()
                raise
    except WorkerDiedError:
        return list(under_way.values())
    return []


def _submit(
    pool: ProcessPoolExecutor, waiting: deque[Job], under_way: dict[Future, Job], most: int
) -> None:
    while waiting and len(under_way) < most:
        job = waiting.popleft()
        try:
            under_way[pool.submit(_fly_in_worker, job)] = job
        except BrokenProcessPool:
            waiting.appendleft(job)
            raise


@contextmanager
def _workers_ignore_ctrl_c() -> Iterator[None]:
    """Processes started within leave Ctrl-C to this one, from their first instruction on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_worker: dict[str, RolloutWorker] = {}


def _start_worker(terms: RunConfig, stop: threading.Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker['flier'] = RolloutWorker(terms, stop)


def _fly_in_worker(job: Job) -> tuple[FlightMetrics, RolloutTiming]:
    return _worker['flier'].fly(job)
