"""Measure how well a pilot flies, and whether ROS flies what one process flies.

    python benchmarks/missions.py                 # 100 + 20 missions, some minutes
    python benchmarks/missions.py --missions 5 --attitude-missions 2 --out runs/smoke

Every seed is flown as trained, through the ROS graph in lock-step (`liquid-pilot fly --no-adapt`)
and then in this process. Outcomes and paths are compared point by point. Further seeds are flown
through the attitude + thrust adapter. The seeds are of forests that no training has used (those
begin at 1,000,000). The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.runner import evaluate
from liquid_pilot.evaluation.statistics import wilson_interval
from liquid_pilot.utils.progress import make_progress


def fly_through_ros(
    pilot: str, adapter: str, missions: int, seed: int, out: Path
) -> tuple[dict, dict[str, np.ndarray]]:
    """Run `liquid-pilot fly`.

    Args:
        pilot: name of the pilot.
        adapter: name of the vehicle adapter.
        missions: number of missions.
        seed: seed of the first mission.
        out: the run folder.

    Returns:
        The report, and each path as (n, 4) of t, x, y, z.
    """
    command = [
        sys.executable,
        '-m',
        'liquid_pilot.cli',
        'fly',
        '--headless',
        '--no-adapt',
        '--pilot',
        pilot,
        '--adapter',
        adapter,
        '--missions',
        str(missions),
        '--seed',
        str(seed),
        '--out',
        str(out),
    ]
    subprocess.run(command, check=True, stdout=sys.stderr)
    with np.load(out / 'paths.npz') as paths:
        return json.loads((out / 'report.json').read_text()), dict(paths)


def difference_m(ros: np.ndarray, here: np.ndarray) -> float:
    """Return the largest distance of two paths (n, 4) at a tick; infinite if one is longer."""
    if ros.shape != here.shape:
        return math.inf
    return float(np.linalg.norm(ros[:, 1:] - here[:, 1:], axis=1).max())


def compare(pilot: str, adapter: str, missions: int, seed: int, out: Path, workers: int) -> dict:
    """Fly the same missions through ROS and in this process.

    Args:
        pilot: name of the pilot.
        adapter: name of the vehicle adapter.
        missions: number of missions.
        seed: seed of the first mission.
        out: folder of the runs.
        workers: number of processes.

    Returns:
        Successes through ROS, equal outcomes, and the differences of the paths.
    """
    started = time.monotonic()
    report, ros_paths = fly_through_ros(pilot, adapter, missions, seed, out)
    ros_s = time.monotonic() - started
    ros = {mission['seed']: mission['outcome'] for mission in report['missions']}
    started = time.monotonic()
    with make_progress() as progress:
        task = progress.add_task(f'{adapter}, in process', total=missions)
        results = evaluate(
            [pilot_file.load(pilot_file.resolve(pilot))],
            ['clear'],
            range(seed, seed + missions),
            workers=workers,
            on_progress=lambda *figures: progress.advance(task),
            on_event=progress.print,
            adapter=adapter,
            keep_paths=True,
        )
    if results.interrupted:
        raise SystemExit(130)
    (name,) = results.pilots
    here = results.flights_by_seed(name, 'clear')
    successes = sum(outcome == 'success' for outcome in ros.values())
    return {
        'missions': missions,
        'first_seed': seed,
        'successes': successes,
        'wilson_95': [round(v, 4) for v in wilson_interval(successes, missions)],
        'same_outcome': sum(ros.get(seed) == flight.outcome for seed, flight in here.items()),
        'largest_path_difference_m': max(
            difference_m(ros_paths[f'seed_{seed}'], np.array(flight.path))
            for seed, flight in here.items()
        ),
        'ros_wall_s': round(ros_s, 1),
        'in_process_wall_s': round(time.monotonic() - started, 1),
        'flight_s': round(sum(flight.duration_s for flight in here.values()), 1),
    }


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--pilot', default='forest-ltc')
    parser.add_argument('--missions', type=int, default=100)
    parser.add_argument('--seed', type=int, default=10_000)
    parser.add_argument('--attitude-missions', type=int, default=20)
    parser.add_argument('--attitude-seed', type=int, default=20_000)
    parser.add_argument('--workers', type=int, default=2, help='processes of the in-process side')
    parser.add_argument('--out', type=Path, default=Path('runs/missions'))
    arguments = parser.parse_args()
    figures = {'pilot': pilot_file.load(pilot_file.resolve(arguments.pilot)).digest}
    for adapter, missions, seed in (
        ('cmd_vel', arguments.missions, arguments.seed),
        ('attitude_thrust', arguments.attitude_missions, arguments.attitude_seed),
    ):
        figures[adapter] = compare(
            arguments.pilot, adapter, missions, seed, arguments.out / adapter, arguments.workers
        )
    print(json.dumps(figures))


if __name__ == '__main__':
    main()
