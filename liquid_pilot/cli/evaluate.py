"""`liquid-pilot evaluate`: missions of several pilots in several conditions, without ROS."""

from __future__ import annotations

import argparse
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liquid_pilot.cli.common import add_setting, check_conditions, integer, load_pilot, path
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.kernel_cache import require_compiler
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.path_checks import check_writable_folder

if TYPE_CHECKING:
    from rich.console import Console

    from liquid_pilot.evaluation.runner import Results
    from liquid_pilot.pilot_file import PilotFile


DESCRIPTION = (
    'Flies missions in one process or several, without ROS, as fast as possible. The outcome of a '
    'seed is the same as through ROS in lock-step.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        'pilots',
        nargs='*',
        default=['forest-ltc'],
        metavar='PILOT',
        help='names of shipped pilots, or their folders; PILOT+adapt adapts online, '
        'PILOT+adapt:NAME=VALUE,... with other settings; all are compared with the first one '
        '(default: forest-ltc)',
    )
    parser.add_argument(
        '--conditions',
        default='clear',
        metavar='LIST',
        help="comma-separated, such as 'clear,snow:3,noise:4@3s' (severity 4, from 3 s on); "
        "'snow:1-5' is a range, 'all:3' every family (docs/reference/conditions.md; "
        'default: clear)',
    )
    add_setting(
        parser,
        FlightSettings,
        'missions',
        default=100,
        description='number of missions of each pilot in each condition',
        metavar='N',
    )
    add_setting(parser, FlightSettings, 'seed')
    parser.add_argument(
        '--adapter',
        default='cmd_vel',
        choices=('cmd_vel', 'attitude_thrust'),
        help='setpoint that the vehicle takes (default: cmd_vel)',
    )
    parser.add_argument(
        '--workers',
        type=integer('--workers', 1),
        default=2,
        metavar='N',
        help='number of processes (default: 2)',
    )
    parser.add_argument(
        '--out',
        type=path('--out'),
        metavar='DIR',
        help='folder for the results of each mission, tables and figures; a run with the same '
        'folder flies only the missions that are missing there',
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse pilots, conditions and a folder that cannot be evaluated together."""
    from liquid_pilot.evaluation.selection import common_vehicle, unique_names
    from liquid_pilot.onboard.adaptation.settings import parse_mode
    from liquid_pilot.onboard.vehicles.registry import get_vehicle

    chosen = [_pilot_and_mode(name) for name in arguments.pilots]
    pilots = [load_pilot(name) for name, _ in chosen]
    modes = [mode for _, mode in chosen]
    for pilot, mode in zip(pilots, modes, strict=True):
        if parse_mode(mode) is not None:
            pilot.require_statistics()
    unique_names(pilots, modes)
    require_compiler()
    vehicle = common_vehicle(pilots)
    check_conditions(arguments.conditions, vehicle)
    accepted = get_vehicle(vehicle).adapters
    if arguments.adapter not in accepted:
        raise LiquidPilotError(
            f'--adapter {arguments.adapter} is not for a {vehicle}, which takes '
            f'{" or ".join(accepted)}; leave it out'
        )
    if arguments.out is not None:
        check_writable_folder(arguments.out, '--out')
    drawing = () if arguments.out is None else ('matplotlib',)
    require_modules(('mujoco', *drawing), 'evaluation')


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and return the exit code."""
    from rich.console import Console

    from liquid_pilot.simulation.tasks.registry import expand_conditions

    chosen = [_pilot_and_mode(name) for name in arguments.pilots]
    pilots = [load_pilot(name) for name, _ in chosen]
    labels = expand_conditions(arguments.conditions, pilots[0].specification.vehicle)
    console, started = Console(stderr=True), time.monotonic()
    started_at = time.strftime('%Y-%m-%dT%H:%M:%S%z')
    seeds = range(arguments.seed, arguments.seed + arguments.missions)
    # One pilot in one condition is reported mission by mission.
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
    meta = {
        'command': _command(arguments),
        'missions_asked_for': arguments.missions,
        'started': started_at,
        'pilot_path': str(pilots[0].path.absolute()),
    }
    _show(console, results, arguments.out, time.monotonic() - started, single, meta)
    if arguments.out is not None and results.flights:
        _write_page(console, arguments.out, results, pilots[0] if single else None, meta)
    if results.interrupted:
        return 130
    return 1 if results.given_up else 0


def _pilot_and_mode(text: str) -> tuple[str, str]:
    """Return the pilot and the adaptation mode of 'PILOT+adapt:NAME=VALUE'; '' for no mode."""
    from liquid_pilot.onboard.adaptation.settings import MODE

    name, plus, mode = text.rpartition('+')
    return (name, mode) if plus and mode.partition(':')[0] == MODE else (text, '')


def _fly(console: Console, **run_arguments: Any) -> Results:
    from liquid_pilot.evaluation.runner import evaluate
    from liquid_pilot.utils.progress import make_progress

    with make_progress(console) as progress:
        task = progress.add_task('missions', total=None)

        def on_progress(done: int, total: int, key: Any, flight: Any, throughput: Any) -> None:
            if (
                flight.outcome != 'success'
                and len(run_arguments['pilots']) * len(run_arguments['conditions']) == 1
            ):
                progress.print(
                    f'seed {key.seed}: {flight.outcome} after '
                    f'{flight.duration_s:.1f} s ({flight.reason})'
                )
            progress.update(
                task, completed=done, total=total, note=f'{throughput.ticks_per_s:.0f} ticks/s'
            )

        return evaluate(on_progress=on_progress, on_event=progress.print, **run_arguments)


def _command(arguments: argparse.Namespace) -> str:
    """Return the command that repeats an evaluation, for its report."""
    words = ['liquid-pilot', 'evaluate', *arguments.pilots, '--conditions', arguments.conditions]
    words += ['--missions', str(arguments.missions), '--seed', str(arguments.seed)]
    words += ['--adapter', arguments.adapter]
    return shlex.join(words)


def _write_page(
    console: Console, out: Path, results: Results, pilot: PilotFile | None, meta: dict[str, Any]
) -> None:
    """Write report.html, when all else is written, and print its path.

    Args:
        console: where to print.
        out: the folder of the evaluation.
        results: its missions.
        pilot: the pilot, where some missions are flown again to be shown; None: none are.
        meta: how they were flown.
    """
    from liquid_pilot.evaluation.flight_report.evaluation_records import keep_records
    from liquid_pilot.evaluation.flight_report.page import REPORT, write_flight_report
    from liquid_pilot.utils.progress import make_progress

    try:
        with make_progress(console, transient=True) as progress:
            task = progress.add_task('missions again', total=None)

            def show(done: int, of: int) -> bool:
                progress.update(task, completed=done, total=of)
                return False

            if pilot is not None and not results.interrupted:
                for problem in keep_records(out, results, pilot, show):
                    progress.print(problem)
            task = progress.add_task(REPORT, total=None)
            page = write_flight_report(out, show, meta)
    except LiquidPilotError as error:
        console.print(f'{REPORT} is not written: {error}', markup=False)
        return
    console.print(f'what was seen, and why it turned: {page}', markup=False)


def _show(
    console: Console,
    results: Results,
    out: Path | None,
    wall_s: float,
    single: bool,
    meta: dict[str, Any],
) -> None:
    from liquid_pilot.evaluation import tables
    from liquid_pilot.evaluation.comparison import compare

    content = compare(results)
    console.print(tables.terminal_table(content, console.width))
    if single and results.flights:
        (cell,) = content['cells']
        console.print(f'[bold]{cell["successes"]} of {cell["flown"]} missions succeeded[/bold]')
    if results.new_flights:
        speed = results.throughput.to_json()
        console.print(
            f'{results.new_flights} mission{"" if results.new_flights == 1 else "s"} flown in '
            f'{wall_s:.0f} s: {speed["ticks_per_s"]:.0f} '
            f'ticks/s, {100 * speed["share"]:.0f} % of the speed that rendering alone allows'
        )
    reused = len(results.flights) - results.new_flights
    if reused:
        console.print(f'{reused} missions reused from a previous run')
    missing = sum(cell['missing'] for cell in content['cells'])
    if missing:
        console.print(
            f'{missing} missions are missing'
            + (': start again with the same --out to fly them' if out else '')
        )
    if out and results.flights:
        written = tables.write(out, content)
        if single:
            written += _single_report(out, results, wall_s, meta)
        console.print(f'{out}: {", ".join(path.name for path in written)}')


def _single_report(
    out: Path, results: Results, wall_s: float, further: dict[str, Any]
) -> list[Path]:
    """Write report.json and the map of the paths, as a flight through ROS does."""
    from liquid_pilot.evaluation.flight_report.run_folder import package_version
    from liquid_pilot.evaluation.report import write_report
    from liquid_pilot.simulation.base.condition import parse
    from liquid_pilot.simulation.base.mission import MissionResult
    from liquid_pilot.simulation.tasks.registry import layout_of, task_of

    arrival_radius_m = task_of(results.vehicle).rules.arrival_radius_m
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
            flight.headings_rad or [],
            arrival_radius_m,
        )
        for seed, flight in results.flights_by_seed(pilot, condition).items()
    ]
    meta = {
        'pilot': pilot,
        'digest': digest,
        'vehicle': results.vehicle,
        'adapt': bool(results.modes[pilot]),
        'condition': condition,
        'adapter': results.adapter,
        'mode': 'in process',
        'first_seed': results.seeds[0],
        'wall_s': round(wall_s, 1),
        'version': package_version(),
        **further,
    }
    return write_report(out, missions, meta)
