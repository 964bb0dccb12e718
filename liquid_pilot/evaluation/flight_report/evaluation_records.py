"""The records of an evaluation's missions: some are flown again, those that failed first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from liquid_pilot.evaluation.flight_report.flight_record import FOLDER, read_record, to_npz
from liquid_pilot.evaluation.flight_report.refly import Reflyer
from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.evaluation.results_store import RunKey
from liquid_pilot.evaluation.runner import Results
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.atomic_write import write_atomically

SHOWN = 6
"""Number of missions that are flown again for a report."""


def keep_records(
    folder: Path,
    results: Results,
    pilot: PilotFile,
    on_progress: Callable[[int, int], object],
    count: int = SHOWN,
) -> list[str]:
    """Fly some missions of an evaluation again, and keep their records in its folder.

    Ctrl-C during it loses nothing but the mission in progress. A record that is there already is
    not flown again; one of another pilot or condition is removed.

    Args:
        folder: the folder of the evaluation.
        results: its missions, of one pilot in one condition.
        pilot: the pilot file.
        on_progress: callback that takes the number of missions flown, and of those to fly.
        count: number of missions to keep.

    Returns:
        What went wrong, each in a sentence.

    Raises:
        LiquidPilotError: the folder cannot be written.
    """
    ((name, _),), (condition,) = results.pilots.items(), results.conditions
    flights = results.flights_by_seed(name, condition)
    chosen = _chosen(flights, count)
    keys = {seed: _text(results.run_key(name, condition, seed)) for seed in flights}
    _remove_others(folder / FOLDER, keys)
    waiting = [seed for seed in chosen if not _path(folder, seed).is_file()]
    if not waiting:
        return []
    problems = []
    with Simulation(SimulationSettings(vehicle=results.vehicle)) as simulation:
        reflyer = Reflyer(pilot, results.modes[name], condition, results.adapter, simulation)
        for done, seed in enumerate(waiting):
            on_progress(done, len(waiting))
            record, result = reflyer.fly(seed, keys[seed])
            if not _ended_alike(result, flights[seed]):
                problems.append(
                    f'seed {seed} ended otherwise when it was flown again, so it is not shown; the '
                    'stored mission may be of another machine or version'
                )
                continue
            try:
                (folder / FOLDER).mkdir(parents=True, exist_ok=True)
                write_atomically(_path(folder, seed), to_npz(record), sync=False)
            except OSError as error:
                raise LiquidPilotError(f'{folder / FOLDER} cannot be written: {error}') from error
        on_progress(len(waiting), len(waiting))
    return problems


def _chosen(flights: dict[int, FlightMetrics], count: int) -> Sequence[int]:
    """Return the seeds to show: those that failed first."""
    ordered = sorted(flights, key=lambda seed: (flights[seed].outcome == 'success', seed))
    return ordered[:count]


def _text(key: RunKey) -> str:
    return '/'.join((key.version, key.pilot, key.condition, key.adapter, str(key.seed), key.mode))


def _path(folder: Path, seed: int) -> Path:
    return folder / FOLDER / f'seed_{seed}.npz'


def _remove_others(folder: Path, keys: dict[int, str]) -> None:
    """Remove the records that are not of this evaluation."""
    for path in sorted(folder.glob('seed_*.npz')):
        with suppress(LiquidPilotError):
            record = read_record(path)
            if keys.get(record.seed) == record.key and path.name == f'seed_{record.seed}.npz':
                continue
        with suppress(OSError):
            path.unlink()


def _ended_alike(result: MissionResult, flight: FlightMetrics) -> bool:
    return (result.outcome, result.reason, round(result.duration_s, 4)) == (
        flight.outcome,
        flight.reason,
        flight.duration_s,
    )
