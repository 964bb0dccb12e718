"""Evaluate pilots: every pilot in every condition on every seed, each mission flown once.

    results = evaluate([pilot_a, pilot_b], ['clear', 'snow:3'], range(100), out=Path('runs/x'))

A second call with the same folder flies only the missions that are missing there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from liquid_pilot.evaluation import workers as rollout_workers
from liquid_pilot.evaluation.flight_version import flight_version, package_versions
from liquid_pilot.evaluation.metrics import FlightMetrics, RolloutTiming
from liquid_pilot.evaluation.results_store import ResultsStore, RunKey
from liquid_pilot.evaluation.selection import common_vehicle, unique_names
from liquid_pilot.evaluation.workers import Job, PilotFactory, RunConfig, fly_all, make_pilot
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base import condition as flight_condition
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.tasks.registry import check_conditions, task_of


@dataclass
class Throughput:
    """The speed of a run, and the speed it would have if rendering were all its work."""

    workers: int
    """Number of processes."""
    ticks: int = 0
    """Ticks of all missions."""
    render_s: float = 0.0
    """Wall time spent in rendering, summed over the workers."""
    start_s: float = float('inf')
    """Start of the first mission; the start of the workers is left out."""
    end_s: float = float('-inf')
    """End of the last mission."""

    def add(self, timing: RolloutTiming) -> None:
        """Count one mission."""
        self.ticks += timing.ticks
        self.render_s += timing.render_s
        self.start_s = min(self.start_s, timing.start_s)
        self.end_s = max(self.end_s, timing.end_s)

    @property
    def ticks_per_s(self) -> float:
        """Ticks of all workers together per second of wall time."""
        return self.ticks / (self.end_s - self.start_s) if self.ticks else 0.0

    @property
    def render_bound_per_s(self) -> float:
        """Ticks per second if the workers did nothing but render, at the speed of this run."""
        return self.workers * self.ticks / self.render_s if self.ticks else 0.0

    def to_json(self) -> dict[str, float]:
        """Return {'ticks_per_s', 'render_bound_per_s', 'share'}; 'share' is their quotient."""
        bound = self.render_bound_per_s
        return {
            'ticks_per_s': round(self.ticks_per_s, 1),
            'render_bound_per_s': round(bound, 1),
            'share': round(self.ticks_per_s / bound, 3) if bound else 0.0,
        }


@dataclass
class Results:
    """The missions of an evaluation."""

    pilots: dict[str, str]
    """Name of each pilot to its digest; the others are compared with the first one."""
    modes: dict[str, str]
    """Name of each pilot to its adaptation mode; '' for one that flies as trained."""
    conditions: list[str]
    """Labels of the conditions."""
    seeds: list[int]
    adapter: str
    """Name of the vehicle adapter."""
    version: str
    """Version of the flights; see `flight_version`."""
    vehicle: str
    """Vehicle of all these pilots."""
    flights: dict[RunKey, FlightMetrics]
    """The missions of these combinations that are finished, now or in an earlier run."""
    throughput: Throughput
    """The speed of this run."""
    new_flights: int = 0
    """Number of missions that this run flew; the others were stored already."""
    given_up: list[RunKey] = field(default_factory=list)
    """Missions that killed their worker each time."""
    interrupted: bool = False
    """Whether the user stopped the run."""

    def run_key(self, pilot: str, condition: str, seed: int) -> RunKey:
        """Return the key of one mission.

        Args:
            pilot: name of the pilot, a key of `pilots`.
            condition: label of the conditions.
            seed: seed of the forest or road.
        """
        mode = self.modes[pilot]
        version = self.version + package_versions(self.vehicle, condition, self.adapter, mode)
        return RunKey(version, self.pilots[pilot], condition, self.adapter, seed, mode)

    def flights_by_seed(self, pilot: str, condition: str) -> dict[int, FlightMetrics]:
        """Return the finished missions of one pilot in one condition, by seed."""
        found = (
            (seed, self.flights.get(self.run_key(pilot, condition, seed))) for seed in self.seeds
        )
        return {seed: flight for seed, flight in found if flight is not None}


def evaluate(
    pilots: Sequence[PilotFile],
    conditions: Sequence[str],
    seeds: Sequence[int],
    out: Path | None = None,
    workers: int = 2,
    on_progress: Callable[[int, int, RunKey, FlightMetrics, Throughput], None] | None = None,
    on_event: Callable[[str], None] | None = None,
    adapter: str = 'cmd_vel',
    rules: MissionRules | None = None,
    settings: SimulationSettings | None = None,
    keep_paths: bool = False,
    modes: Sequence[str] | None = None,
    make_pilot: PilotFactory = make_pilot,
) -> Results:
    """Fly every pilot in every condition on every seed.

    Ctrl-C ends the run early, with `interrupted` set in the results.

    Args:
        pilots: the pilots; the others are compared with the first one.
        conditions: labels as `simulation.base.condition.parse` reads them; see also
            `simulation.tasks.registry.expand_conditions`.
        seeds: seeds of the forests or roads, the same for all pilots.
        out: folder of the file that stores finished missions; None: nothing is stored.
        workers: number of processes; with 1 the missions are flown in this process.
        on_progress: callback, called after each mission with (number of missions flown, number to
            fly, key, figures, throughput).
        on_event: callback, called with a line for the user when a worker died.
        adapter: a name of `onboard.setpoints`.
        rules: the rules of success and failure; None: those of the vehicle's task.
        settings: settings of the simulation; None: the default ones of the pilots' vehicle.
        keep_paths: whether the figures include the path (12 kB per mission).
        modes: adaptation mode of each pilot (`onboard.adaptation.settings.parse_mode`); None: all
            pilots fly as trained.
        make_pilot: function that makes a pilot of (pilot file, simulation, adapter, mode). Studies
            with modes of their own give another function, which worker processes must be able to
            import.

    Raises:
        LiquidPilotError: when pilots, conditions or modes do not fit together, or the folder
            cannot be used.
    """
    labels = list(
        dict.fromkeys(flight_condition.label(flight_condition.parse(one)) for one in conditions)
    )
    seeds = list(dict.fromkeys(seeds))
    settings = settings or SimulationSettings(vehicle=common_vehicle(pilots))
    for one in labels:
        check_conditions(settings.vehicle, flight_condition.parse(one))
    rules = rules or task_of(settings.vehicle).rules
    version = flight_version(rules, settings)
    modes = list(modes or [''] * len(pilots))
    if make_pilot is rollout_workers.make_pilot:
        for mode in modes:
            parse_mode(mode)
    indices = unique_names(pilots, modes)
    with ResultsStore(out) as store:
        # Pilot by pilot on the same seed: pairs are complete early, whenever the run ends.
        all_jobs = [
            Job(
                RunKey(
                    version + package_versions(settings.vehicle, label, adapter, mode),
                    pilot.digest,
                    label,
                    adapter,
                    seed,
                    mode,
                ),
                str(pilot.path),
                flight_condition.parse(label),
            )
            for seed in seeds
            for label in labels
            for pilot, mode in zip(pilots, modes, strict=True)
        ]
        jobs = [job for job in all_jobs if not _is_stored(store, job.key, keep_paths)]
        results = Results(
            {name: pilots[index].digest for name, index in indices.items()},
            {name: modes[index] for name, index in indices.items()},
            labels,
            seeds,
            adapter,
            version,
            settings.vehicle,
            {},
            Throughput(max(1, min(workers, len(jobs)))),
        )

        def on_flight(key: RunKey, flight: FlightMetrics, timing: RolloutTiming) -> None:
            store.add(key, flight)
            results.new_flights += 1
            results.throughput.add(timing)
            if on_progress:
                on_progress(results.new_flights, len(jobs), key, flight, results.throughput)

        try:
            config = RunConfig(rules, settings, keep_paths, make_pilot)
            results.given_up = fly_all(
                jobs, config, workers, on_flight, on_event or (lambda text: None)
            )
        except KeyboardInterrupt:
            results.interrupted = True
        wanted = {job.key for job in all_jobs}
        results.flights = {key: flight for key, flight in store.flights.items() if key in wanted}
    return results


def _is_stored(store: ResultsStore, key: RunKey, with_path: bool) -> bool:
    flight = store.flights.get(key)
    return flight is not None and (flight.path is not None or not with_path)
