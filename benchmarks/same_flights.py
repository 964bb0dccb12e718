"""Check that a change of the code leaves every flight as it was, to the last bit.

    python benchmarks/same_flights.py --record before.json     # before the change
    python benchmarks/same_flights.py --compare before.json    # after it, on the same machine

Flies 30 forests and 10 roads with the shipped pilots, as trained and adapting, in clear weather,
and a few of them in noise from the second second on; each in one process and through the ROS graph
in lock-step. For every flight the file keeps the outcome, the number of ticks and the SHA-256 of
the path (float64: time, x, y, z of each tick). The last line printed is one JSON object; the exit
code is 1 when a flight differs.

Last bits may differ between makes of processor: record and compare on one machine. The flights of
the machine on which this project is developed are in `benchmarks/flights/same_flights.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

FIRST_SEED = 10_000
NOISE = 'noise:4@2s'


class Run(NamedTuple):
    """Flights that are flown in one go."""

    vehicle: str
    pilot: str
    condition: str
    adapting: bool
    missions: int

    def label(self, mode: str) -> str:
        """Return the key of the flights in the file; `mode` is 'in_process' or 'ros'."""
        return f'{mode} {self.vehicle} {self.condition} {"adapting" if self.adapting else "frozen"}'


def runs() -> Iterator[Run]:
    """Yield all runs, each of which is flown in process and through ROS."""
    for vehicle, pilot, missions in (('quadrotor', 'forest-ltc', 30), ('rover', 'road-ltc', 10)):
        for condition, count in (('clear', missions), (NOISE, max(3, missions // 5))):
            for adapting in (False, True):
                yield Run(vehicle, pilot, condition, adapting, count)


def flight_record(outcome: str, path: np.ndarray) -> list[object]:
    """Return the entry of the file for one flight with a path (n, 4)."""
    array = np.ascontiguousarray(path, np.float64)
    return [outcome, len(array), hashlib.sha256(array.tobytes()).hexdigest()[:32]]


def in_process(run: Run) -> dict[str, list[object]]:
    """Fly a run in this process and return the entry of each flight by its seed."""
    with Simulation(SimulationSettings(vehicle=run.vehicle)) as simulation:
        pilot = InProcessPilot(
            pilot_file.load(pilot_file.resolve(run.pilot)),
            simulation,
            adapting=parse_mode('adapt') if run.adapting else None,
        )
        results = [
            fly_mission(seed, simulation, pilot, conditions=parse(run.condition))
            for seed in range(FIRST_SEED, FIRST_SEED + run.missions)
        ]
    return {
        str(result.seed): flight_record(result.outcome, np.array(result.path)) for result in results
    }


def through_ros(run: Run) -> dict[str, list[object]]:
    """Fly a run through `liquid-pilot fly` and return the entry of each flight by its seed."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'run'
        subprocess.run(
            [
                sys.executable,
                '-m',
                'liquid_pilot.cli',
                'fly',
                '--headless',
                '--vehicle',
                run.vehicle,
                '--adapt' if run.adapting else '--no-adapt',
                '--condition',
                run.condition,
                '--missions',
                str(run.missions),
                '--seed',
                str(FIRST_SEED),
                '--out',
                str(out),
            ],
            check=True,
            stdout=sys.stderr,
        )
        report = json.loads((out / 'report.json').read_text())
        with np.load(out / 'paths.npz') as paths:
            return {
                str(mission['seed']): flight_record(
                    mission['outcome'], paths[f'seed_{mission["seed"]}']
                )
                for mission in report['missions']
            }


def main() -> int:
    """Record or compare, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument('--record', type=Path, metavar='FILE', help='write the flights there')
    chosen.add_argument('--compare', type=Path, metavar='FILE', help='compare with those there')
    arguments = parser.parse_args()
    before = json.loads(arguments.compare.read_text()) if arguments.compare else None
    flown: dict[str, dict[str, list[object]]] = {}
    for mode, fly in (('in_process', in_process), ('ros', through_ros)):
        for run in runs():
            label = run.label(mode)
            print(label, file=sys.stderr, flush=True)
            flown[label] = fly(run)
    if before is None:
        lines = (f' {json.dumps(label)}: {json.dumps(flights)}' for label, flights in flown.items())
        arguments.record.write_text('{\n' + ',\n'.join(lines) + '\n}\n')
        print(json.dumps({'recorded': sum(map(len, flown.values()))}))
        return 0
    differing = [
        f'{label} {seed}'
        for label, flights in before.items()
        for seed, flight in flights.items()
        if flown.get(label, {}).get(seed) != flight
    ]
    print(json.dumps({'flights': sum(map(len, before.values())), 'differing': differing}))
    return 1 if differing else 0


if __name__ == '__main__':
    sys.exit(main())
