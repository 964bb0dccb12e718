"""Where the flights that `liquid-pilot explain` explains come from: a pilot, a run, a recording."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from liquid_pilot.cli.common import check_bag, load_pilot
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.utils.path_checks import user_path
from liquid_pilot.utils.resources import shipped_pilots

if TYPE_CHECKING:
    from liquid_pilot.explanation.flights.core_record import CoreRecord
    from liquid_pilot.explanation.flights.explanation import Explanation
    from liquid_pilot.pilot_file import PilotFile

DEFAULT_MISSIONS = 10
"""Number of missions that are flown."""
_REPEATABLE = ('lockstep', 'in process')
"""Modes of a run whose missions fly the same again."""
Report = Callable[[str, int, int], None]
"""Callback that takes what is done, the steps done and the steps in all."""


class Source(NamedTuple):
    """What is explained."""

    kind: str
    """'pilot', 'run' or 'bag'."""
    pilot: str = ''
    """Name or folder of the pilot; empty: it is found by the digest in the recording."""
    path: Path = Path()
    """The run folder, or the bag."""
    mode: str = ''
    """Adaptation mode of a run; empty: as trained."""
    adapter: str = 'cmd_vel'
    condition: str = 'clear'
    seeds: tuple[int, ...] = ()
    outcomes: tuple[tuple[str, float], ...] = ()
    """Outcome and duration (s) of each seed of a run."""


def source_of(arguments: argparse.Namespace) -> Source:
    """Return what the first argument is."""
    text: str = arguments.source
    given = user_path(text)
    missions = arguments.missions or DEFAULT_MISSIONS
    if text in shipped_pilots() or (given / 'pilot.json').is_file():
        if arguments.pilot:
            raise LiquidPilotError(
                f'--pilot is for a run folder or a recording, and {text} is a pilot; leave it out'
            )
        first = FlightSettings.seed if arguments.seed is None else arguments.seed
        seeds = tuple(range(first, first + missions))
        return Source('pilot', text, condition=arguments.condition, seeds=seeds)
    if not given.exists():
        names = ', '.join(sorted(shipped_pilots()))
        raise LiquidPilotError(
            f'there is no {text}: neither a shipped pilot ({names}), nor a folder or file; name a '
            'pilot, a run folder or a recording'
        )
    if arguments.condition != FlightSettings.condition:
        raise LiquidPilotError(
            f'--condition is for a pilot, and {text} was flown already; leave it out'
        )
    if (given / 'recording').is_dir():
        check_bag(given / 'recording', 'RUN')
        return Source('bag', arguments.pilot, given / 'recording')
    if (given / 'report.json').is_file():
        return _of_run(given, arguments, missions)
    if (given / 'results.json').is_file():
        raise LiquidPilotError(
            f'{text} compares several pilots or conditions; explain one of its pilots instead, '
            'with --seed and --condition'
        )
    check_bag(given, 'SUBJECT')
    return Source('bag', arguments.pilot, given)


def _of_run(folder: Path, arguments: argparse.Namespace, missions: int) -> Source:
    """Return the source of a run folder without a recording."""
    from liquid_pilot.evaluation.flight_report.run_folder import read_run

    content = read_run(folder)
    meta = content.meta
    mode = str(meta.get('mode', ''))
    if mode not in _REPEATABLE:
        raise LiquidPilotError(
            f'{folder} was flown in real time ({mode or "how is not known"}), so that its missions '
            'cannot be flown again, and it holds no recording; fly with --record and explain that'
        )
    flown = [one for one in content.missions if one.outcome != 'aborted']
    if arguments.seed is not None:
        seeds = [one.seed for one in flown]
        if arguments.seed not in seeds:
            raise LiquidPilotError(
                f'--seed {arguments.seed}: {folder} has no such mission; it has {_ranges(seeds)}'
            )
        flown = flown[seeds.index(arguments.seed) :]
    if not flown:
        raise LiquidPilotError(f'{folder} holds no finished mission; fly one and explain that')
    name, _, adapt = str(meta.get('pilot', '')).partition('+')
    if meta.get('adapt') is True:
        adapt = 'adapt'
    located = str(meta.get('pilot_path', ''))
    found = name in shipped_pilots() or (located and Path(located).is_dir())
    if not arguments.pilot and not found:
        raise LiquidPilotError(
            f'{folder} was flown with the pilot {name!r}, which is not found; name its folder by '
            '--pilot'
        )
    return Source(
        'run',
        arguments.pilot or (name if name in shipped_pilots() else located),
        folder,
        adapt,
        str(meta.get('adapter', 'cmd_vel')),
        str(meta.get('condition', 'clear')),
        tuple(one.seed for one in flown[:missions]),
        tuple((one.outcome, one.duration_s) for one in flown[:missions]),
    )


def fly(
    pilot: PilotFile,
    source: Source,
    chosen: tuple[int, float | None],
    report: Report,
    notes: list[str],
) -> list[CoreRecord]:
    """Fly the missions, and keep the pictures of the one whose moment is chosen."""
    from liquid_pilot.explanation.flights.core_record import record_mission
    from liquid_pilot.explanation.flights.explanation import choose_moment
    from liquid_pilot.onboard.adaptation.settings import parse_mode
    from liquid_pilot.simulation.base.condition import parse
    from liquid_pilot.simulation.base.settings import SimulationSettings
    from liquid_pilot.simulation.simulator import Simulation

    flights = []
    settings = SimulationSettings(vehicle=pilot.specification.vehicle)
    with Simulation(settings) as simulation:
        for done, seed in enumerate(source.seeds, start=1):
            flights.append(
                record_mission(
                    pilot,
                    simulation,
                    seed,
                    parse_mode(source.mode),
                    parse(source.condition),
                    adapter=source.adapter,
                )
            )
            best = choose_moment(flights, *chosen).flight
            for number, flight in enumerate(flights):
                if number != best:
                    flight.drop_pictures()
            report('missions', done, len(source.seeds))
    changed = [
        flight.name
        for flight, (outcome, duration_s) in zip(flights, source.outcomes, strict=False)
        if flight.result is not None
        and (flight.outcome != outcome or abs(flight.result.duration_s - duration_s) > 2e-3)
    ]
    if changed:
        notes.append(
            f'These missions ended otherwise than in {source.path} when they were flown again, '
            f'with another version or pilot perhaps: {", ".join(changed)}.'
        )
    elif source.outcomes:
        notes.append(
            f'The missions of {source.path} were flown again in this process; they took the same '
            'times and ended alike.'
        )
    return flights


def read_recording(
    source: Source, chosen: tuple[int, float | None], report: Report, notes: list[str]
) -> tuple[PilotFile, list[CoreRecord]]:
    """Read a recording, with the pictures around the chosen moment, and find the pilot that flew.

    Args:
        source: the recording.
        chosen: number of the value of the command, and the time of the moment; None: the strongest.
        report: callback for the progress.
        notes: list that notes for the reader are added to.
    """
    from liquid_pilot import pilot_file
    from liquid_pilot.explanation.flights.explanation import choose_moment
    from liquid_pilot.explanation.flights.pictures import STRIP_S
    from liquid_pilot.learning.rosbag.flown_cores import RecordedFlights

    recorded = RecordedFlights(source.path)
    if source.pilot:
        pilot = load_pilot(source.pilot, '--pilot')
    else:
        found = [
            each
            for each in map(pilot_file.load, shipped_pilots().values())
            if each.digest == recorded.digest
        ]
        if not found:
            raise LiquidPilotError(
                f'{source.path} was recorded with a pilot of the digest {recorded.digest[:12]}, '
                'which is not a shipped one; name its folder by --pilot'
            )
        pilot = found[0]
    flights = recorded.records(pilot)
    moment = choose_moment(flights, *chosen)
    time_s = float(flights[moment.flight].time_s[moment.tick])
    pictures = recorded.add_pictures(
        pilot,
        flights,
        moment.flight,
        (time_s + min(STRIP_S) - 0.1, time_s + max(STRIP_S) + 0.1),
        lambda done, of: report('pictures', done, of),
    )
    if pictures and any(trace.gate.size for flight in recorded.traces for trace in flight):
        notes.append(
            'The pilot adapted: the pictures are those of the camera, before the photometric match '
            'and the temporal filter.'
        )
    if recorded.unclosed:
        notes.append(
            f'{source.path} has no end: it was cut off while it was recorded. All of it that can '
            'be read is explained.'
        )
    if not pictures:
        notes.append(
            'The recording has no images of the camera at that time, so that what was seen is not '
            'shown.'
        )
    return pilot, flights


def fly_ablated_missions(
    explanation: Explanation, source: Source, count: int, report: Report
) -> bool:
    """Fly missions without each neuron and group of synapses.

    Ctrl-C ends it; what was flown until then is kept.

    Args:
        explanation: the explanation, which the missions are added to.
        source: what is explained.
        count: number of missions for each.
        report: callback for the progress.

    Returns:
        Whether it was flown to its end.
    """
    from liquid_pilot.explanation.ablation import all_ablations
    from liquid_pilot.explanation.flights.closed_loop import fly_ablated
    from liquid_pilot.simulation.base.condition import parse
    from liquid_pilot.simulation.base.settings import SimulationSettings
    from liquid_pilot.simulation.simulator import Simulation

    pilot, flown = explanation.pilot, explanation.closed_loop
    ablations = [None, *all_ablations(pilot, explanation.flights)]
    first = max(source.seeds) + 1
    seeds = range(first, first + count)
    missions = itertools.count(1)

    def on_mission() -> None:
        report('closed loop', next(missions), count * len(ablations))

    try:
        with Simulation(SimulationSettings(vehicle=pilot.specification.vehicle)) as simulation:
            for ablation in ablations:
                conditions = parse(source.condition)
                flown.append(
                    fly_ablated(
                        pilot, simulation, ablation, seeds, conditions, on_mission=on_mission
                    )
                )
    except KeyboardInterrupt:
        explanation.notes.append(
            f'The missions in closed loop were interrupted: {max(len(flown) - 1, 0)} of '
            f'{len(ablations) - 1} neurons and groups of synapses were flown.'
        )
    if flown:
        explanation.notes.append(
            f'In closed loop, on the seeds {first} to {first + count - 1}, the whole pilot flew '
            f'{flown[0].successes} of {count} missions. {count} missions tell large effects only.'
            if count > 1
            else f'In closed loop, on the seed {first}, the whole pilot '
            f'{"succeeded" if flown[0].successes else "failed"}. One mission tells little.'
        )
    return len(flown) == len(ablations)


def _ranges(seeds: list[int]) -> str:
    return f'{min(seeds)} to {max(seeds)}' if len(seeds) > 1 else ', '.join(map(str, seeds))
