"""Calibrate the five severities of every condition with a pilot without augmentation.

    python benchmarks/conditions/calibrate_conditions.py [PILOT] [--workers 2] [--write] [--quick]

Flies the pilot (default: forest-ltc) on development forests, 3,000,000 and on, through each
condition at strengths over its range: eight missions at each of five, from the weakest on until the
pilot is lost, then twelve at each of four more where the success falls. To these is fitted success
= clear/(1 + (strength/a)^k), with the most likely a and k. The strengths at which it is 90, 70, 50,
35 and 20 percent of that in clear weather are severities 1 to 5. Where the range ends before the
pilot is lost, the five are spread evenly from the first of these to that end, and the family is
listed as `unbroken`.

Missions are kept in --out (runs/calibration) and not flown twice. --write puts the severities into
liquid_pilot/simulation/conditions/severities.yaml and the figures into calibration.json, beside
this script. Later studies use that file unchanged. --quick takes two missions of one family and
writes nothing. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from liquid_pilot.evaluation.runner import evaluate
from liquid_pilot.pilot_file import PilotFile, load, resolve
from liquid_pilot.simulation.base.condition import CLEAR
from liquid_pilot.simulation.conditions.severities import SeverityScale, scales
from liquid_pilot.utils.progress import make_progress

ROOT = Path(__file__).resolve().parents[2]
SEVERITIES = ROOT / 'liquid_pilot' / 'simulation' / 'conditions' / 'severities.yaml'
RECORD = Path(__file__).with_name('calibration.json')
FIRST_FOREST = 3_000_000
COARSE, COARSE_MISSIONS = 5, 8
FINE, FINE_MISSIONS = 4, 12
CLEAR_MISSIONS = 64
MAX_LOST_SUCCESS_RATE = 1 / 8
"""Success at which a pilot counts as lost, so that stronger conditions are not flown."""
TARGET_RELATIVE_SUCCESS = (0.90, 0.70, 0.50, 0.35, 0.20)
"""Shares of the success in clear weather."""

SuccessCounts = dict[float, tuple[int, int]]
"""Strength to (successes, missions)."""


def fit(rates: SuccessCounts, clear: float, high: float) -> tuple[float, float]:
    """Return the most likely a and k of success = clear/(1 + (strength/a)^k), on a grid.

    Args:
        rates: (successes, missions) by strength.
        clear: success rate in clear weather.
        high: upper end of the strengths.
    """
    points = [(strength, *rates[strength]) for strength in sorted(rates)]
    strength, won, flown = np.array(points, float).T
    a = np.geomspace(0.01 * high, 4.0 * high, 400)[:, None, None]
    k = np.geomspace(0.5, 40.0, 120)[None, :, None]
    success = np.clip(clear / (1.0 + (strength / a) ** k), 1e-4, 1.0 - 1e-4)
    likelihood = (won * np.log(success) + (flown - won) * np.log(1.0 - success)).sum(axis=2)
    row, column = np.unravel_index(likelihood.argmax(), likelihood.shape)
    return float(a[row, 0, 0]), float(k[0, column, 0])


def severities(rates: SuccessCounts, clear: float, high: float) -> tuple[list[float], bool]:
    """Return five rising strengths to three digits, and whether the pilot was lost in the range.

    Args:
        rates: (successes, missions) by strength.
        clear: success rate in clear weather.
        high: upper end of the strengths.
    """
    a, k = fit(rates, clear, high)
    found = [a * (1.0 / target - 1.0) ** (1.0 / k) for target in TARGET_RELATIVE_SUCCESS]
    lost = found[-1] <= high
    if not lost:
        found = np.linspace(
            found[0] if found[0] < high else high / len(TARGET_RELATIVE_SUCCESS),
            high,
            len(TARGET_RELATIVE_SUCCESS),
        ).tolist()
    return [min(float(f'{value:.3g}'), high) for value in found], lost


@dataclass
class ConditionSweep:
    """A pilot that is flown through conditions."""

    pilot: PilotFile
    out: Path
    workers: int
    progress: Progress

    def fly(self, wanted: dict[str, list[float]], missions: int) -> dict[str, SuccessCounts]:
        """Fly all strengths in one evaluation and return the rates by family and strength."""
        labels = {
            (family, strength): f'{family}={strength:g}' if family != CLEAR else CLEAR
            for family, strengths in wanted.items()
            for strength in strengths
        }
        task = self.progress.add_task(f'{len(labels)} strengths', total=None)
        results = evaluate(
            [self.pilot],
            list(labels.values()),
            range(FIRST_FOREST, FIRST_FOREST + missions),
            self.out,
            self.workers,
            lambda done, total, *rest: self.progress.update(task, completed=done, total=total),
            self.progress.console.print,
        )
        if results.interrupted:
            raise KeyboardInterrupt
        name = next(iter(results.pilots))
        rates: dict[str, SuccessCounts] = {family: {} for family in wanted}
        for (family, strength), label in labels.items():
            flights = results.flights_by_seed(name, label).values()
            successes = sum(flight.outcome == 'success' for flight in flights)
            rates[family][strength] = successes, len(flights)
        return rates


def _digits(value: float) -> float:
    return float(f'{value:.4g}')


def calibrate(
    sweep: ConditionSweep, families: dict[str, SeverityScale], clear: float
) -> dict[str, SuccessCounts]:
    """Return the rates of every family at strengths around the fall of its success."""
    found: dict[str, SuccessCounts] = {
        family: {scale.low: (round(COARSE_MISSIONS * clear), COARSE_MISSIONS)}
        for family, scale in families.items()
    }
    for k in range(COARSE):
        share = ((k + 1) / COARSE) ** 2
        standing = [
            family
            for family, rates in found.items()
            if rates[max(rates)][0] > MAX_LOST_SUCCESS_RATE * rates[max(rates)][1]
        ]
        if not standing:
            break
        wanted = {
            family: [_digits(families[family].low + share * _width(families[family]))]
            for family in standing
        }
        for family, rates in sweep.fly(wanted, COARSE_MISSIONS).items():
            found[family].update(rates)
    wanted = {}
    for family, rates in found.items():
        unhurt = [
            strength
            for strength in rates
            if rates[strength][0] >= TARGET_RELATIVE_SUCCESS[0] * clear * rates[strength][1]
        ]
        lost = [
            strength
            for strength in rates
            if rates[strength][0] <= TARGET_RELATIVE_SUCCESS[-1] * clear * rates[strength][1]
        ]
        end = min(lost, default=families[family].high)
        begin = max(
            (strength for strength in unhurt if strength < end), default=families[family].low
        )
        wanted[family] = [
            _digits(begin + (end - begin) * (k + 1) / (FINE + 1)) for k in range(FINE)
        ]
    for family, rates in sweep.fly(wanted, FINE_MISSIONS).items():
        found[family].update(rates)
    return found


def _width(scale: SeverityScale) -> float:
    return scale.high - scale.low


def write(found: dict[str, list[float]], record: dict[str, Any]) -> None:
    """Put the severities where flights read them, and the record beside this script."""
    text = SEVERITIES.read_text()
    for family, values in found.items():
        text, count = re.subn(
            rf'(?m)^(  {family}: .*severities: )\[[^\]]*\]',
            lambda match, values=values: f'{match[1]}{values}',
            text,
        )
        if count != 1:
            sys.exit(f'{SEVERITIES}: no line of {family}')
    SEVERITIES.write_text(text)
    RECORD.write_text(json.dumps(record, indent=1) + '\n')


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('pilot', nargs='?', default='forest-ltc')
    parser.add_argument('--workers', type=int, default=2, metavar='N', help='processes')
    parser.add_argument('--out', type=Path, default=ROOT / 'runs' / 'calibration')
    parser.add_argument('--write', action='store_true', help='write severities and record')
    parser.add_argument(
        '--refit', action='store_true', help='fly nothing: severities from the rates of the record'
    )
    parser.add_argument('--quick', action='store_true', help='two missions of one family')
    parsed = parser.parse_args(arguments)
    families = {family: scale for family, scale in scales().items() if not scale.fixed}
    record: dict[str, Any]
    if parsed.refit:
        record = json.loads(RECORD.read_text())
        found = {
            family: {strength: (won, flown) for strength, won, flown in entry['rates']}
            for family, entry in record['families'].items()
        }
    else:
        pilot = load(resolve(parsed.pilot))
        record = {
            'pilot': pilot.specification.name,
            'digest': pilot.digest,
            'first_forest': FIRST_FOREST,
            'targets': TARGET_RELATIVE_SUCCESS,
        }
        try:
            with make_progress() as progress:
                sweep = ConditionSweep(pilot, parsed.out, parsed.workers, progress)
                if parsed.quick:
                    rates = sweep.fly({'noise': [0.1, 0.8]}, 1)['noise']
                    print(json.dumps({'noise': {str(key): each for key, each in rates.items()}}))
                    return 0
                record['clear'] = clear = sweep.fly({CLEAR: [0.0]}, CLEAR_MISSIONS)[CLEAR][0.0]
                found = calibrate(sweep, families, clear[0] / clear[1])
        except KeyboardInterrupt:
            print(f'stopped; what was flown is in {parsed.out}', file=sys.stderr)
            return 130
    record['families'] = {}
    for family, rates in found.items():
        values, lost = severities(
            rates, record['clear'][0] / record['clear'][1], families[family].high
        )
        record['families'][family] = {
            'unit': families[family].unit,
            'severities': values,
            'unbroken': not lost,
            'rates': [[strength, *rates[strength]] for strength in sorted(rates)],
        }
    fixed = {family: entry['severities'] for family, entry in record['families'].items()}
    if parsed.write:
        write(fixed, record)
    print(
        json.dumps(
            {
                'clear': record['clear'],
                'severities': fixed,
                'unbroken': [
                    family for family, entry in record['families'].items() if entry['unbroken']
                ],
            }
        )
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
