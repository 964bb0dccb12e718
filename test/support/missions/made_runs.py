"""Run folders for the tests of the report, made without flying."""

import json
from pathlib import Path

import numpy as np

from liquid_pilot.evaluation.flight_report.flight_record import (
    FOLDER,
    FlightMoment,
    FlightRecord,
    GuardEvent,
    to_npz,
)
from liquid_pilot.evaluation.report import write_report
from liquid_pilot.onboard.inference.trace import GATE_FIELDS
from liquid_pilot.pilot_file import load, resolve
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.forest.layout import generate_forest

PILOT = 'forest-ltc'
TICKS = 40


def pilot():
    return load(resolve(PILOT))


def result(seed, outcome='success', reason='within 1.5 m of the target', points=TICKS):
    layout = generate_forest(seed)
    path = np.linspace((0.0, *layout.start_enu_m), (4.0, *layout.target_enu_m[:2], 1.5), points)
    distance_m = 1.25 + seed / 7.0 if points else float('nan')
    rows = [tuple(row) for row in path.tolist()]
    return MissionResult(seed, outcome, reason, 4.0 + seed / 3.0, 9.0, distance_m, layout, rows)


def record(seed, digest, adapts=True, key=''):
    """A record of a flight whose values are random but possible."""
    rng = np.random.default_rng(seed)
    neurons, features = 34, 32
    made = FlightRecord(seed, digest, 'made by a test', key)
    made.time_s = np.arange(TICKS) * 0.05
    made.heading_rad = 0.5
    made.clearance_m = np.linspace(2.0, 0.4, TICKS)
    made.command = rng.uniform(-1.0, 1.0, (TICKS, 4))
    made.output = made.command.copy()
    made.output[3] += (0.5, 0.0, 0.0, 0.0)
    made.state = rng.uniform(-0.5, 0.5, (TICKS, neurons))
    made.readings = np.concatenate(
        [rng.uniform(0.0, 1.0, (TICKS, features)), np.tile([0, 0, 0, 0, 0, 9.81], (TICKS, 1))], 1
    )
    made.tau_s = rng.uniform(0.01, 0.5, (TICKS, neurons))
    if adapts:
        made.filter_tau_s = np.tile([0.0125, 0.05, 0.08], (TICKS, 1))
        gate = np.zeros((TICKS, len(GATE_FIELDS)))
        gate[:, GATE_FIELDS.index('gain')] = gate[:, GATE_FIELDS.index('speed_factor')] = 1.0
        gate[20:24, 0] = 1.0
        made.gate = gate
    made.events = [GuardEvent(0.0, 'engaged', ''), GuardEvent(1.0, 'safe', 'no good command')]
    for names, tick in ((('start',), 0), (('onset', 'novel'), 20), (('closest', 'end'), 39)):
        made.moments.append(
            FlightMoment(
                names,
                0.05 * tick,
                rng.integers(0, 255, (72, 128, 3), np.uint8),
                made.readings[tick],
                made.state[max(tick - 1, 0)],
                made.state[tick],
                made.tau_s[tick],
                0.05,
            )
        )
    return made


def make_run(folder: Path, results, records=(), **meta):
    """Write a run folder as `fly` does."""
    given = {
        'pilot': PILOT,
        'vehicle': 'quadrotor',
        'adapter': 'cmd_vel',
        'mode': 'lockstep',
        'condition': 'snow:4@1s',
        'adapt': True,
        'command': 'liquid-pilot fly --condition snow:4@1s',
        'answer_p50_ms': 3.25,
        **meta,
    }
    write_report(folder, results, given, pictures=False)
    arrays = {f'seed_{each.seed}': np.array(each.path).reshape(-1, 4) for each in results}
    np.savez_compressed(folder / 'paths.npz', **arrays)
    for each in records:
        (folder / FOLDER).mkdir(exist_ok=True)
        (folder / FOLDER / f'seed_{each.seed}.npz').write_bytes(to_npz(each))
    return json.loads((folder / 'report.json').read_text())
