"""`liquid-pilot evaluate`: pilots in conditions, in this process or several, without ROS."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from liquid_pilot.evaluation.runner import Results


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        'pilots',
        nargs='*',
        default=['forest-ltc'],
        metavar='PILOT',
        help='names of shipped pilots, or their folders; PILOT+adapt adapts in '
        'flight, PILOT+adapt:NAME=VALUE,... with other settings; the others are '
        'compared with the first (default: forest-ltc)',
    )
    parser.add_argument(
        '--conditions',
        default='clear',
        metavar='LIST',
        help="comma-separated, such as 'clear,snow:3,noise:4@3s' (severity 4, "
        "from 3 s on); 'snow:1-5' is a range, 'all:3' every family (default: "
        'clear)',
    )
    parser.add_argument(
        '--missions',
        type=int,
        default=100,
        metavar='N',
        help='of each pilot in each condition (default: 100)',
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        metavar='S',
        help='forest of the first mission; the next ones follow it (default: 0)',
    )
    parser.add_argument('--adapter', default='cmd_vel', choices=('cmd_vel', 'attitude_thrust'))
    parser.add_argument(
        '--workers', type=int, default=2, metavar='N', help='processes (default: 2)'
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='DIR',
        help='keep each finished mission, tables and figures there; started again '
        'with the same folder, only what is missing is flown',
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate; the exit code."""
    from rich.console import Console

    from liquid_pilot import pilot_file
    from liquid_pilot.interfaces import LiquidPilotError
    from liquid_pilot.simulation.tasks.registry import expand_conditions

    if arguments.missions < 1 or arguments.seed < 0 or arguments.workers < 1:
        raise LiquidPilotError('--missions and --workers must be at least 1, and --seed at least 0')
    chosen = [_pilot_and_mode(name) for name in arguments.pilots]
    pilots = [pilot_file.load(pilot_file.resolve(name)) for name, _ in chosen]
    labels = expand_conditions(arguments.conditions, pilots[0].specification.vehicle)
    console, started = Console(stderr=True), time.monotonic()
    seeds = range(arguments.seed, arguments.seed + arguments.missions)
    # One pilot in one condition is looked at flight by flight.
    single = len(pilots) * len(labels) == 1
    results = _fly(
        console,
        pilots=pilots,
        modes=[mode for _, mode in chosen],
        conditions=labels,
        seeds=seeds,
        out=arguments.out,
        workers=arguments.workers,
        adapter=arguments.adapter,
        keep_paths=single and arguments.out is not None,
    )
    _show(console, results, arguments.out, time.monotonic() - started, single)
    if results.interrupted:
        return 130
    return 1 if results.given_up else 0


def _pilot_and_mode(text: str) -> tuple[str, str]:
    """'forest-ltc+adapt:stretch=8' -> ('forest-ltc', 'adapt:stretch=8')."""
    from liquid_pilot.onboard.adaptation.settings import MODE

    name, plus, mode = text.rpartition('+')
    return (name, mode) if plus and mode.partition(':')[0] == MODE else (text, '')


def _fly(console: Console, **what: Any) -> Results:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from liquid_pilot.evaluation.runner import evaluate

    with Progress(
        TextColumn('missions'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left:'),
        TimeRemainingColumn(),
        TextColumn('{task.fields[rate]}'),
        console=console,
    ) as progress:
        task = progress.add_task('missions', total=None, rate='')

        def on_progress(done: int, total: int, cell: Any, flight: Any, throughput: Any) -> None:
            if flight.outcome != 'success' and len(what['pilots']) * len(what['conditions']) == 1:
                progress.print(
                    f'seed {cell.seed}: {flight.outcome} after '
                    f'{flight.duration_s:.1f} s ({flight.reason})'
                )
            progress.update(
                task, completed=done, total=total, rate=f'{throughput.ticks_per_s:.0f} ticks/s'
            )

        return evaluate(on_progress=on_progress, on_event=progress.print, **what)


def _show(
    console: Console, results: Results, out: Path | None, wall_s: float, single: bool
) -> None:
    from liquid_pilot.evaluation import tables
    from liquid_pilot.evaluation.comparison import compare

    content = compare(results)
    console.print(tables.terminal_table(content))
    if single and results.flights:
        (cell,) = content['cells']
        console.print(f'[bold]{cell["successes"]} of {cell["flown"]} missions succeeded[/bold]')
    if results.flown:
        speed = results.throughput.to_json()
        console.print(
            f'{results.flown} missions flown in {wall_s:.0f} s: {speed["ticks_per_s"]:.0f} '
            f'ticks/s, {100 * speed["share"]:.0f} % of what drawing alone would allow'
        )
    known = len(results.flights) - results.flown
    if known:
        console.print(f'{known} missions were known from before')
    missing = sum(cell['missing'] for cell in content['cells'])
    if missing:
        console.print(
            f'{missing} missions are missing'
            + (': start again with the same --out to fly them' if out else '')
        )
    if out and results.flights:
        written = tables.write(out, content)
        if single:
            written += _single_report(out, results, wall_s)
        console.print(f'{out}: {", ".join(path.name for path in written)}')


def _single_report(out: Path, results: Results, wall_s: float) -> list[Path]:
    """report.json and the map of the paths, as a flight through ROS leaves them."""
    from liquid_pilot.evaluation.report import write_report
    from liquid_pilot.simulation.base.condition import parse
    from liquid_pilot.simulation.base.mission import MissionResult
    from liquid_pilot.simulation.tasks.registry import layout_of

    ((pilot, digest),) = results.pilots.items()
    (condition,) = results.conditions
    missions = [
        MissionResult(
            seed,
            flight.outcome,
            flight.reason,
            flight.duration_s,
            flight.flown_m,
            flight.target_distance_m,
            layout_of(results.vehicle, seed, parse(condition)),
            flight.path or [],
        )
        for seed, flight in results.of(pilot, condition).items()
    ]
    meta = {
        'pilot': pilot,
        'digest': digest,
        'condition': condition,
        'adapter': results.adapter,
        'mode': 'in process',
        'first_seed': results.seeds[0],
        'wall_s': round(wall_s, 1),
    }
    return write_report(out, missions, meta)
