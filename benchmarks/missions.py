"""How well the pilot of record flies, and whether ROS flies what one process flies.

    python benchmarks/missions.py                 # 100 + 20 missions, some minutes
    python benchmarks/missions.py --missions 5 --attitude-missions 2 --out runs/smoke

Every seed is flown as trained, through the ROS graph in lock-step (`liquid-pilot fly --no-adapt`)
and then in this process; outcomes and paths are compared point by point. Further seeds are flown
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
from rich.console import Console
from rich.progress import Progress

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.statistics import wilson_interval
from liquid_pilot.simulation.rollout import fly_missions


def fly_through_ros(
    pilot: str, adapter: str, missions: int, seed: int, out: Path
) -> tuple[dict, dict[str, np.ndarray]]:
    """One run of `liquid-pilot fly`: its report, and each path as (n, 4) of t, x, y, z."""
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
    """Largest distance between two paths (n, 4) at the same tick; infinite when one is longer."""
    if ros.shape != here.shape:
        return math.inf
    return float(np.linalg.norm(ros[:, 1:] - here[:, 1:], axis=1).max())


def compare(pilot: str, adapter: str, missions: int, seed: int, out: Path, workers: int) -> dict:
    """Fly both ways; successes through ROS, outcomes that agree, and how far paths differ."""
    started = time.monotonic()
    report, ros_paths = fly_through_ros(pilot, adapter, missions, seed, out)
    ros_s = time.monotonic() - started
    ros = {mission['seed']: mission['outcome'] for mission in report['missions']}
    started = time.monotonic()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(f'{adapter}, in process', total=missions)
        here = fly_missions(
            range(seed, seed + missions),
            pilot_file.load(pilot_file.resolve(pilot)),
            adapter,
            workers=workers,
            on_result=lambda result: progress.advance(task),
        )
    successes = sum(outcome == 'success' for outcome in ros.values())
    return {
        'missions': missions,
        'first_seed': seed,
        'successes': successes,
        'wilson_95': [round(v, 4) for v in wilson_interval(successes, missions)],
        'same_outcome': sum(ros.get(r.seed) == r.outcome for r in here),
        'largest_path_difference_m': max(
            difference_m(ros_paths[f'seed_{r.seed}'], np.array(r.path)) for r in here
        ),
        'ros_wall_s': round(ros_s, 1),
        'in_process_wall_s': round(time.monotonic() - started, 1),
        'flight_s': round(sum(r.duration_s for r in here), 1),
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
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
