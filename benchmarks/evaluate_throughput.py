"""Measure how fast missions are evaluated, against the rate of rendering alone.

    python benchmarks/evaluate_throughput.py           # 40 missions, 2 workers, under a minute
    python benchmarks/evaluate_throughput.py --quick

The render bound is the rate at which the same workers would have rendered the same pictures, as
fast as they did in this run, if they had done nothing else: workers * ticks / (seconds that all
workers together spent in CameraRenderer.render). The clock runs from the start of the first mission
to the end of the last one. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.runner import evaluate
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.utils.progress import make_progress


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--pilot', default='forest-ltc')
    parser.add_argument('--missions', type=int, default=40)
    parser.add_argument('--seed', type=int, default=10_000)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--quick', action='store_true', help='two short missions in one process')
    arguments = parser.parse_args()
    rules = None
    if arguments.quick:
        arguments.missions, arguments.workers = 2, 1
        rules = MissionRules(time_limit_s=1.5)
    pilot = pilot_file.load(pilot_file.resolve(arguments.pilot))
    with make_progress() as progress:
        task = progress.add_task('missions', total=arguments.missions)
        results = evaluate(
            [pilot],
            ['clear'],
            range(arguments.seed, arguments.seed + arguments.missions),
            workers=arguments.workers,
            rules=rules,
            on_event=progress.print,
            on_progress=lambda *figures: progress.advance(task),
        )
    if results.interrupted:
        raise SystemExit(130)
    print(
        json.dumps(
            {
                **results.throughput.to_json(),
                'workers': results.throughput.workers,
                'missions': results.new_flights,
                'ticks': results.throughput.ticks,
            }
        )
    )


if __name__ == '__main__':
    main()
