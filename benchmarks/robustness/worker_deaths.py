"""Count how often a process that drives in the simulator dies, with and without each suspect.

    python benchmarks/robustness/worker_deaths.py --drives 5000 --out d.jsonl
    python benchmarks/robustness/worker_deaths.py --drives 5000 --seconds 1 --vehicle quadrotor \
        --pilot forest-ltc --process-drives 100 --arms shipped,heap_checks --out d.jsonl
    python benchmarks/robustness/worker_deaths.py --table d.jsonl
    python benchmarks/robustness/worker_deaths.py --quick

Every process drives a block of roads with the shipped pilot and then ends. Blocks of all settings
take turns, so that a change of the machine meets all of them. A block that ends by a signal is a
death; what it had said last is kept. With --seconds a drive ends early: a world is compiled, sent
to the renderer and freed for each, at a small part of the cost. The last line printed is one JSON
object.

A rate without a death has the upper end of an exact Poisson interval, not zero.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from liquid_pilot.evaluation.statistics import poisson_interval
from liquid_pilot.utils.progress import make_progress

FIRST_SEED = 500_000
BLOCK = 25
"""Drives of one process by default."""
MALLOC_CHECKS = 'libc_malloc_debug.so.0'


class Arm(NamedTuple):
    """One setting of the suspects."""

    meaning: str
    environment: dict[str, str]
    mesh_threads: bool = True


ARMS = {
    'shipped': Arm('as the package sets it: llvmpipe draws in the calling thread', {}),
    'one_raster_thread': Arm('one thread of llvmpipe beside the caller', {'LP_NUM_THREADS': '1'}),
    'four_raster_threads': Arm('four threads of llvmpipe', {'LP_NUM_THREADS': '4'}),
    'no_mesh_threads': Arm('MuJoCo compiles meshes in the calling thread', {}, mesh_threads=False),
    'bounds_checks': Arm('numba checks every index', {'NUMBA_BOUNDSCHECK': '1'}),
    'osmesa': Arm('OSMesa in place of EGL', {'MUJOCO_GL': 'osmesa'}),
    'heap_checks': Arm(
        'glibc checks its heap at every call',
        {'LD_PRELOAD': MALLOC_CHECKS, 'MALLOC_CHECK_': '3', 'MALLOC_PERTURB_': '165'},
    ),
}


def drive_block(
    first: int,
    drives: int,
    vehicle: str,
    pilot_name: str,
    mesh_threads: bool,
    seconds: float | None,
) -> None:
    """Drive seeds one after the other in this process, and print a line for each that is done.

    Args:
        first: the first seed.
        drives: number of seeds.
        vehicle: name of the vehicle.
        pilot_name: name or file of the pilot.
        mesh_threads: whether MuJoCo may compile meshes in threads of its own.
        seconds: longest simulated time of a drive, s; None: that of the task.
    """
    from liquid_pilot import pilot_file
    from liquid_pilot.simulation.base.settings import SimulationSettings
    from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
    from liquid_pilot.simulation.simulator import Simulation
    from liquid_pilot.simulation.tasks.registry import task_of

    rules = task_of(vehicle).rules
    if seconds is not None:
        rules = replace(rules, time_limit_s=seconds)
    if not mesh_threads:
        _compile_without_threads()
    with Simulation(SimulationSettings(vehicle=vehicle)) as simulation:
        pilot = InProcessPilot(pilot_file.load(pilot_file.resolve(pilot_name)), simulation)
        for seed in range(first, first + drives):
            result = fly_mission(seed, simulation, pilot, rules)
            print(seed, result.outcome, len(result.path), flush=True)


def _compile_without_threads() -> None:
    """Make every model compile its meshes in the calling thread."""
    from liquid_pilot.simulation.mujoco import mjcf

    build = mjcf.build_mjcf

    def build_mjcf(*arguments: Any, **options: Any) -> tuple[str, dict[str, bytes]]:
        xml, textures = build(*arguments, **options)
        assert '<compiler ' in xml
        return xml.replace('<compiler ', '<compiler usethread="false" ', 1), textures

    mjcf.build_mjcf = build_mjcf


def run_block(
    name: str, first: int, drives: int, vehicle: str, pilot: str, seconds: float | None
) -> dict[str, Any]:
    """Run one block in a process of its own and return its entry of the file."""
    arm = ARMS[name]
    command = [sys.executable, '-X', 'faulthandler', __file__, '--block', str(first), str(drives)]
    command += ['--vehicle', vehicle, '--pilot', pilot]
    command += [] if arm.mesh_threads else ['--no-mesh-threads']
    command += [] if seconds is None else ['--seconds', str(seconds)]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', **arm.environment}
    if 'NUMBA_BOUNDSCHECK' in arm.environment:
        environment['NUMBA_CACHE_DIR'] = str(Path(tempfile.gettempdir()) / 'worker_deaths_checked')
    started_s = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [line.split() for line in done.stdout.splitlines()]
    entry = {
        'arm': name,
        'vehicle': vehicle,
        'pilot': pilot,
        'first': first,
        'limit_s': seconds,
        'drives': len(lines),
        'ticks': sum(int(line[2]) for line in lines),
        'seconds': round(time.monotonic() - started_s, 1),
    }
    if done.returncode < 0:
        entry['signal'] = signal.Signals(-done.returncode).name
        entry['said'] = done.stderr.splitlines()[-60:]
    elif done.returncode > 0:
        raise SystemExit(f'{name}: {done.stderr.strip().splitlines()[-1]}')
    return entry


def table(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return drives, ticks, deaths and the 95 % interval of deaths in 1,000 drives, by setting."""
    groups = defaultdict(list)
    for entry in entries:
        limit_s = entry.get('limit_s')
        until = '' if limit_s is None else f' {limit_s:g} s'
        groups[f'{entry["arm"]} {entry["pilot"]}{until}'].append(entry)
    rows = {}
    for name, blocks in groups.items():
        drives = sum(block['drives'] for block in blocks)
        deaths = [block['signal'] for block in blocks if 'signal' in block]
        low, high = poisson_interval(len(deaths))
        rows[name] = {
            'drives': drives,
            'ticks': sum(block['ticks'] for block in blocks),
            'deaths': len(deaths),
            'signals': sorted(set(deaths)),
            'per_1000': [round(1000 * end / max(1, drives), 2) for end in (low, high)],
        }
    return rows


def main() -> int:
    """Run blocks until each setting has its drives, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--drives', type=int, default=5000, help='of each setting')
    parser.add_argument('--arms', default='shipped,one_raster_thread', help=', '.join(ARMS))
    parser.add_argument('--vehicle', default='rover')
    parser.add_argument('--pilot', default='road-ltc')
    parser.add_argument('--seconds', type=float, help='longest simulated time of a drive')
    parser.add_argument('--process-drives', type=int, default=BLOCK, help='of one process')
    parser.add_argument('--out', type=Path, metavar='FILE', help='JSON lines; what it has is kept')
    parser.add_argument('--table', type=Path, metavar='FILE', help='only print the table of a file')
    parser.add_argument('--quick', action='store_true', help='one drive of two settings')
    parser.add_argument('--block', type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument('--no-mesh-threads', action='store_true', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.block:
        first, drives = arguments.block
        drive_block(
            first,
            drives,
            arguments.vehicle,
            arguments.pilot,
            not arguments.no_mesh_threads,
            arguments.seconds,
        )
        return 0
    if arguments.table:
        print(json.dumps(table(_read(arguments.table))))
        return 0
    block = arguments.process_drives
    if arguments.quick:
        arguments.drives = block = 1
    names = arguments.arms.split(',')
    if unknown := set(names) - set(ARMS):
        parser.error(f'unknown settings {", ".join(sorted(unknown))}; there are {", ".join(ARMS)}')
    entries = _read(arguments.out)
    with make_progress() as progress:
        task = progress.add_task('drives', total=arguments.drives * len(names))
        for first in range(FIRST_SEED, FIRST_SEED + arguments.drives, block):
            for name in names:
                settings = (arguments.vehicle, arguments.pilot, arguments.seconds)
                known = [
                    (e['arm'], e['first'], e['vehicle'], e['pilot'], e.get('limit_s'))
                    for e in entries
                ]
                if (name, first, *settings) not in known:
                    entry = run_block(name, first, block, *settings)
                    entries.append(entry)
                    if arguments.out is not None:
                        with open(arguments.out, 'a') as file:
                            file.write(json.dumps(entry) + '\n')
                progress.advance(task, block)
    print(json.dumps(table(entries)))
    return 0


def _read(path: Path | None) -> list[dict[str, Any]]:
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == '__main__':
    sys.exit(main())
