"""Several pilots, conditions and seeds: every combination flown once, and kept.

    results = evaluate([pilot_a, pilot_b], ['clear', 'snow:3'], range(100), out=Path('runs/x'))

A second call with the same folder flies only what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from liquid_pilot.evaluation import workers as crew
from liquid_pilot.evaluation.metrics import FlightMetrics, RolloutTiming
from liquid_pilot.evaluation.results_store import ResultsStore, RunKey, code_digest
from liquid_pilot.evaluation.workers import Job, PilotFactory, RunConfig, fly_all, make_pilot
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base import condition as weather
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.tasks.registry import check_conditions, task_of


@dataclass
class Throughput:
    """How fast a run flew, and how fast it could have if drawing were all there is to do."""

    workers: int
    ticks: int = 0
    render_s: float = 0.0
    """Summed over the workers."""
    began_s: float = float('inf')
    end_s: float = float('-inf')
    """Of the first and the last mission, in wall time: the start of the workers is left out."""

    def add(self, effort: RolloutTiming) -> None:
        """Count one flight."""
        self.ticks += effort.ticks
        self.render_s += effort.render_s
        self.began_s = min(self.began_s, effort.began_s)
        self.end_s = max(self.end_s, effort.end_s)

    @property
    def ticks_per_s(self) -> float:
        """Ticks of all workers together by wall time."""
        return self.ticks / (self.end_s - self.began_s) if self.ticks else 0.0

    @property
    def render_bound_per_s(self) -> float:
        """Ticks per second if the workers did nothing but draw, as fast as they drew here."""
        return self.workers * self.ticks / self.render_s if self.ticks else 0.0

    def to_json(self) -> dict[str, float]:
        """{'ticks_per_s', 'render_bound_per_s', 'share'}."""
        bound = self.render_bound_per_s
        return {
            'ticks_per_s': round(self.ticks_per_s, 1),
            'render_bound_per_s': round(bound, 1),
            'share': round(self.ticks_per_s / bound, 3) if bound else 0.0,
        }


@dataclass
class Results:
    """What is known of each combination."""

    pilots: dict[str, str]
    """Name to digest; the first is the one that the others are compared with."""
    modes: dict[str, str]
    """Name to how that pilot adapts; '' for one that flies as trained."""
    conditions: list[str]
    seeds: list[int]
    adapter: str
    code: str
    vehicle: str
    """Class of all these pilots."""
    flights: dict[RunKey, FlightMetrics]
    """Of these combinations only, whenever they were flown."""
    throughput: Throughput
    """Of what was flown just now."""
    flown: int = 0
    """Missions flown just now; the others were known."""
    given_up: list[RunKey] = field(default_factory=list)
    interrupted: bool = False

    def cell(self, pilot: str, condition: str, seed: int) -> RunKey:
        """The key of one combination; `pilot` is a name."""
        return RunKey(
            self.code, self.pilots[pilot], condition, self.adapter, seed, self.modes[pilot]
        )

    def of(self, pilot: str, condition: str) -> dict[int, FlightMetrics]:
        """Seed to flight, where it is known."""
        found = ((seed, self.flights.get(self.cell(pilot, condition, seed))) for seed in self.seeds)
        return {seed: flight for seed, flight in found if flight is not None}


def unique_names(pilots: Sequence[PilotFile], modes: Sequence[str]) -> dict[str, int]:
    """A name for each pilot in its mode, told apart by digest where need be; to its index."""
    if not pilots:
        raise LiquidPilotError('name at least one pilot')
    short = [pilot.specification.name for pilot in pilots]
    digests: dict[str, set[str]] = {}
    for name, pilot in zip(short, pilots, strict=True):
        digests.setdefault(name, set()).add(pilot.digest)
    found: dict[str, int] = {}
    for index, (name, pilot, mode) in enumerate(zip(short, pilots, modes, strict=True)):
        full = name if len(digests[name]) == 1 else f'{name}-{pilot.digest[:6]}'
        full += f'+{mode}' if mode else ''
        if full in found:
            raise LiquidPilotError(f'{full} is named twice; name each pilot once in each mode')
        found[full] = index
    return found


def _vehicle_of(pilots: Sequence[PilotFile]) -> str:
    """The one class of vehicle that all pilots are of."""
    found = sorted({pilot.specification.vehicle for pilot in pilots})
    if len(found) > 1:
        raise LiquidPilotError(
            f'these pilots are of several vehicles ({", ".join(found)}); '
            'evaluate those of one at a time'
        )
    return found[0] if found else SimulationSettings().vehicle


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

    Ctrl-C ends it early, with `interrupted` set in what is returned.

    Args:
        pilots: the first is what the others are compared with.
        conditions: labels as `conditions.parse` reads them; see `expand_conditions`.
        seeds: of the forests; all pilots meet the same.
        out: folder of the file that keeps finished missions; None keeps nothing.
        workers: processes; with 1 everything happens in this one.
        on_progress: called after each mission with (done, total) of what there is to fly, and
            what was flown.
        on_event: called with a line for the user, when a worker died.
        adapter: a name of `onboard.setpoints`.
        rules: what counts as success; None: as the vehicle's task has it.
        settings: the simulation's; None: those of the pilots' vehicle.
        keep_paths: keep every path too (12 kB a mission).
        modes: of each pilot, how it adapts (`onboard.adaptation.settings.parse_mode`); None: none of them.
        make_pilot: for studies with modes of their own, see `crew.Terms`.
    """
    labels = list(dict.fromkeys(weather.label(weather.parse(one)) for one in conditions))
    seeds = list(dict.fromkeys(seeds))
    settings = settings or SimulationSettings(vehicle=_vehicle_of(pilots))
    for one in labels:
        check_conditions(settings.vehicle, weather.parse(one))
    rules = rules or task_of(settings.vehicle).rules
    code = code_digest((rules, settings))
    modes = list(modes or [''] * len(pilots))
    if make_pilot is crew.make_pilot:
        for mode in modes:
            parse_mode(mode)
    named = unique_names(pilots, modes)
    with ResultsStore(out) as ledger:
        # Pilot by pilot on the same seed: pairs are complete early, whenever the run ends.
        every = [
            Job(
                RunKey(code, pilot.digest, label, adapter, seed, mode),
                str(pilot.path),
                weather.parse(label),
            )
            for seed in seeds
            for label in labels
            for pilot, mode in zip(pilots, modes, strict=True)
        ]
        jobs = [job for job in every if not _is_stored(ledger, job.cell, keep_paths)]
        results = Results(
            {name: pilots[index].digest for name, index in named.items()},
            {name: modes[index] for name, index in named.items()},
            labels,
            seeds,
            adapter,
            code,
            settings.vehicle,
            {},
            Throughput(max(1, min(workers, len(jobs)))),
        )

        def on_flight(cell: RunKey, flight: FlightMetrics, effort: RolloutTiming) -> None:
            ledger.add(cell, flight)
            results.flown += 1
            results.throughput.add(effort)
            if on_progress:
                on_progress(results.flown, len(jobs), cell, flight, results.throughput)

        try:
            terms = RunConfig(rules, settings, keep_paths, make_pilot)
            results.given_up = fly_all(
                jobs, terms, workers, on_flight, on_event or (lambda text: None)
            )
        except KeyboardInterrupt:
            results.interrupted = True
        wanted = {job.cell for job in every}
        results.flights = {
            cell: flight for cell, flight in ledger.flights.items() if cell in wanted
        }
    return results


def _is_stored(ledger: ResultsStore, cell: RunKey, with_path: bool) -> bool:
    flight = ledger.flights.get(cell)
    return flight is not None and (flight.path is not None or not with_path)
