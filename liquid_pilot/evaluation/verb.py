"""`liquid-pilot evaluate`: many missions in this process or several, without ROS, and a report."""

from __future__ import annotations

import argparse
import time
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('pilot', nargs='?', default='forest-ltc',
                        help='name of a shipped pilot, or its folder (default: forest-ltc)')
    parser.add_argument('--missions', type=int, default=100, metavar='N')
    parser.add_argument('--seed', type=int, default=0, metavar='S',
                        help='forest of the first mission; the next ones follow it (default: 0)')
    parser.add_argument('--adapter', default='cmd_vel', choices=('cmd_vel', 'attitude_thrust'))
    parser.add_argument('--workers', type=int, default=2, metavar='N',
                        help='processes (default: 2)')
    parser.add_argument('--out', type=Path, metavar='DIR',
                        help='write report.json and pictures there')


def run(arguments: argparse.Namespace) -> int:
    """Evaluate; the exit code."""
    from rich.console import Console
    from rich.progress import Progress

    from liquid_pilot.evaluation.missions import fly
    from liquid_pilot.evaluation.report import summarise, write_report
    from liquid_pilot.interfaces import LiquidPilotError
    from liquid_pilot.liquid import pilot_file
    from liquid_pilot.simulation.mission import MissionResult

    if arguments.missions < 1 or arguments.seed < 0:
        raise LiquidPilotError('--missions must be at least 1, and --seed at least 0')
    pilot = pilot_file.load(pilot_file.resolve(arguments.pilot))
    console, results = Console(stderr=True), []
    started = time.monotonic()
    interrupted = False
    with Progress(console=console) as progress:
        task = progress.add_task('missions', total=arguments.missions)

        def on_result(result: MissionResult) -> None:
            results.append(result)
            if result.outcome != 'success':
                progress.print(f'seed {result.seed}: {result.outcome} after '
                               f'{result.duration_s:.1f} s ({result.reason})')
            progress.advance(task)

        try:
            fly(range(arguments.seed, arguments.seed + arguments.missions), pilot,
                arguments.adapter, arguments.workers, on_result=on_result)
        except KeyboardInterrupt:
            interrupted = True
    counts = summarise(results)
    if results:
        low, high = counts['wilson_95']
        console.print(f'[bold]{counts["successes"]} of {counts["trials"]} missions succeeded'
                      f'[/bold] (95 % interval {100 * low:.1f} to {100 * high:.1f} %), '
                      f'{counts["crashes"]} crashes, {counts["timeouts"]} time-outs')
    if arguments.out and results:
        meta = {'pilot': pilot.specification.name, 'digest': pilot.digest,
                'adapter': arguments.adapter, 'mode': 'in process',
                'first_seed': arguments.seed, 'wall_s': round(time.monotonic() - started, 1)}
        written = write_report(arguments.out, results, meta)
        console.print(f'{arguments.out}: {", ".join(path.name for path in written)}')
    return 130 if interrupted else 0
