"""Golden flights: the first seconds of a few missions, recorded with the version that flew them.

python test/support/missions/golden_flights.py   # records them again, after a new FLIGHT_VERSION
"""

import json
import sys
from pathlib import Path

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.flight_version import FLIGHT_VERSION
from liquid_pilot.evaluation.runner import evaluate
from liquid_pilot.simulation.base.task import MissionRules

GOLDEN_FILE = Path(__file__).resolve().parents[2] / 'evaluation' / 'golden' / 'flights.json'
RECORD_COMMAND = 'python test/support/missions/golden_flights.py'
SEED, DURATION_S = 12, 3.0
MISSIONS = (
    ('forest-ltc', '', 'clear'),
    ('forest-ltc', 'adapt', 'clear'),
    ('forest-ltc', 'adapt', 'noise:4@1s+wind:2'),
    ('road-ltc', '', 'clear'),
    ('road-ltc', 'adapt', 'clear'),
    ('road-ltc', 'adapt', 'friction:3@1s+noise:2'),
)
"""(pilot, mode, conditions) of each golden flight."""
DECIMALS = 6


def name_of(pilot, mode, condition):
    """Return the name of a golden flight."""
    return f'{pilot} {mode or "frozen"} {condition}'


def fly(pilot, mode, condition):
    """Fly a golden flight; returns its outcome and its path."""
    file = pilot_file.load(pilot_file.resolve(pilot))
    rules = MissionRules(time_limit_s=DURATION_S)
    results = evaluate(
        [file], [condition], [SEED], workers=1, rules=rules, keep_paths=True, modes=[mode]
    )
    (flight,) = results.flights.values()
    return {
        'outcome': flight.outcome,
        'path': [[round(value, DECIMALS) for value in row] for row in flight.path],
    }


def record():
    """Write all golden flights to their file."""
    flights = {name_of(*mission): fly(*mission) for mission in MISSIONS}
    pilots = sorted({pilot for pilot, *_ in MISSIONS})
    digests = {pilot: pilot_file.load(pilot_file.resolve(pilot)).digest[:16] for pilot in pilots}
    lines = [
        f'  {json.dumps(name)}: {{"outcome": {json.dumps(flight["outcome"])}, "path": [\n   '
        + ',\n   '.join(json.dumps(row) for row in flight['path'])
        + ']}'
        for name, flight in flights.items()
    ]
    GOLDEN_FILE.parent.mkdir(exist_ok=True)
    GOLDEN_FILE.write_text(
        f'{{\n "flight_version": {FLIGHT_VERSION},\n "pilots": {json.dumps(digests)},\n'
        f' "flights": {{\n{("," + chr(10)).join(lines)}\n }}\n}}\n'
    )


if __name__ == '__main__':
    record()
    print(f'recorded {len(MISSIONS)} flights in {GOLDEN_FILE}', file=sys.stderr)
