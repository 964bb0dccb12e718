"""Fixes the five severities of every condition by how a pilot without augmentation takes them.

    python benchmarks/calibrate_conditions.py [PILOT] [--workers 2] [--write] [--quick]

Flies the pilot (default: forest-ltc) on development forests, 3,000,000 and on, through each
condition at strengths over its range: eight missions at each of five, from the weakest on until
the pilot is lost, then twelve at each of four more where the success falls. A falling curve through
the rates (isotonic regression, weighted by missions) gives the strengths at which success is 90,
70, 50, 35 and 20 per cent of that in fair weather: severities 1 to 5. Where the range ends before
the pilot is lost, the severities that remain are spread evenly up to that end, and the family is
listed as `unbroken`.

Missions are kept in --out (runs/calibration) and not flown twice. --write puts the severities into
liquid_pilot/simulation/severities.yaml and the record into benchmarks/calibration.json; later
studies use that file unchanged. The last line printed is one JSON object. --quick takes two
missions of one family and writes nothing.
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
from rich.console import Console
from rich.progress import Progress

from liquid_pilot.evaluation.cells import evaluate
from liquid_pilot.liquid.pilot_file import PilotFile, load, resolve
from liquid_pilot.simulation.conditions import CLEAR
from liquid_pilot.simulation.severities import Scale, scales

ROOT = Path(__file__).resolve().parent.parent
SEVERITIES = ROOT / 'liquid_pilot' / 'simulation' / 'severities.yaml'
RECORD = ROOT / 'benchmarks' / 'calibration.json'
FIRST_FOREST = 3_000_000
COARSE, COARSE_MISSIONS = 5, 8
FINE, FINE_MISSIONS = 4, 12
FAIR_MISSIONS = 64
LOST = 1 / 8
"""Success at which a pilot counts as lost, so that stronger conditions are not flown."""
TARGETS = (0.90, 0.70, 0.50, 0.35, 0.20)
"""Shares of the success in fair weather."""

Rates = dict[float, tuple[int, int]]
"""Strength to (successes, missions)."""


def falling(rates: Rates) -> tuple[np.ndarray, np.ndarray]:
    """Strengths in order, and the falling curve nearest to their rates (pooled neighbours)."""
    strengths = sorted(rates)
    blocks: list[list[float]] = []
    for strength in strengths:
        successes, missions = rates[strength]
        blocks.append([successes, missions, 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] < blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    curve = [block[0] / block[1] for block in blocks for _ in range(int(block[2]))]
    return np.array(strengths), np.array(curve)


def crossing(strengths: np.ndarray, curve: np.ndarray, level: float) -> float | None:
    """The strength at which the curve has fallen to a level; None when it never does."""
    below = np.flatnonzero(curve <= level)
    if not len(below):
        return None
    k = int(below[0])
    if k == 0:
        return float(strengths[0])
    share = (curve[k - 1] - level) / (curve[k - 1] - curve[k])
    return float(strengths[k - 1] + share * (strengths[k] - strengths[k - 1]))


def severities(rates: Rates, clear: float, high: float) -> tuple[list[float], bool]:
    """Five rising strengths to three digits, and whether the pilot was lost within the range."""
    strengths, curve = falling(rates)
    found = [crossing(strengths, curve, target * clear) for target in TARGETS]
    reached = [value for value in found if value is not None]
    left = len(TARGETS) - len(reached)
    start = reached[-1] if reached else 0.0
    values = reached + [start + (high - start) * (k + 1) / left for k in range(left)]
    rounded = [min(float(f'{value:.3g}'), high) for value in values]
    return list(np.maximum.accumulate(rounded).tolist()), not left


@dataclass
class Flier:
    """A pilot that is flown through conditions."""

    pilot: PilotFile
    out: Path
    workers: int
    progress: Progress

    def fly(self, wanted: dict[str, list[float]], missions: int) -> dict[str, Rates]:
        """By family, the rates at its strengths; all of them in one go."""
        labels = {(family, strength): f'{family}={strength:g}' if family != CLEAR else CLEAR
                  for family, strengths in wanted.items() for strength in strengths}
        task = self.progress.add_task(f'{len(labels)} strengths', total=None)
        results = evaluate(
            [self.pilot], list(labels.values()), range(FIRST_FOREST, FIRST_FOREST + missions),
            self.out, self.workers,
            lambda done, total, *rest: self.progress.update(task, completed=done, total=total),
            self.progress.console.print)
        if results.interrupted:
            raise KeyboardInterrupt
        name = next(iter(results.pilots))
        rates: dict[str, Rates] = {family: {} for family in wanted}
        for (family, strength), label in labels.items():
            flights = results.of(name, label).values()
            successes = sum(flight.outcome == 'success' for flight in flights)
            rates[family][strength] = successes, len(flights)
        return rates


def _digits(value: float) -> float:
    return float(f'{value:.4g}')


def calibrate(flier: Flier, families: dict[str, Scale], clear: float) -> dict[str, Rates]:
    """The rates of every family at strengths that tell where its success falls."""
    found: dict[str, Rates] = {
        family: {scale.low: (round(COARSE_MISSIONS * clear), COARSE_MISSIONS)}
        for family, scale in families.items()}
    for k in range(COARSE):
        share = ((k + 1) / COARSE) ** 2
        standing = [family for family, rates in found.items()
                    if rates[max(rates)][0] > LOST * rates[max(rates)][1]]
        if not standing:
            break
        wanted = {family: [_digits(families[family].low + share * _width(families[family]))]
                  for family in standing}
        for family, rates in flier.fly(wanted, COARSE_MISSIONS).items():
            found[family].update(rates)
    wanted = {}
    for family, rates in found.items():
        strengths, curve = falling(rates)
        unhurt = strengths[curve >= TARGETS[0] * clear]
        lost = strengths[curve <= TARGETS[-1] * clear]
        begin = unhurt[-1] if len(unhurt) else families[family].low
        end = lost[0] if len(lost) else families[family].high
        wanted[family] = [_digits(begin + (end - begin) * (k + 1) / (FINE + 1))
                          for k in range(FINE)]
    for family, rates in flier.fly(wanted, FINE_MISSIONS).items():
        found[family].update(rates)
    return found


def _width(scale: Scale) -> float:
    return scale.high - scale.low


def write(found: dict[str, list[float]], record: dict[str, Any]) -> None:
    """Put the severities where flights read them, and the record beside this script."""
    text = SEVERITIES.read_text()
    for family, values in found.items():
        text, count = re.subn(rf'(?m)^(  {family}: .*severities: )\[[^\]]*\]',
                              lambda match, values=values: f'{match[1]}{values}', text)
        if count != 1:
            sys.exit(f'{SEVERITIES}: no line of {family}')
    SEVERITIES.write_text(text)
    RECORD.write_text(json.dumps(record, indent=1) + '\n')


def main(arguments: list[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('pilot', nargs='?', default='forest-ltc')
    parser.add_argument('--workers', type=int, default=2, metavar='N', help='processes')
    parser.add_argument('--out', type=Path, default=ROOT / 'runs' / 'calibration')
    parser.add_argument('--write', action='store_true', help='write severities and record')
    parser.add_argument('--quick', action='store_true', help='two missions of one family')
    parsed = parser.parse_args(arguments)
    pilot = load(resolve(parsed.pilot))
    families = {family: scale for family, scale in scales().items() if not scale.fixed}
    try:
        with Progress(console=Console(stderr=True)) as progress:
            flier = Flier(pilot, parsed.out, parsed.workers, progress)
            if parsed.quick:
                rates = flier.fly({'noise': [0.1, 0.8]}, 1)['noise']
                print(json.dumps({'noise': {str(key): value for key, value in rates.items()}}))
                return 0
            fair = flier.fly({CLEAR: [0.0]}, FAIR_MISSIONS)[CLEAR][0.0]
            found = calibrate(flier, families, fair[0] / fair[1])
    except KeyboardInterrupt:
        print(f'stopped; what was flown is in {parsed.out}', file=sys.stderr)
        return 130
    clear = fair[0] / fair[1]
    record: dict[str, Any] = {
        'pilot': pilot.specification.name, 'digest': pilot.digest, 'first_forest': FIRST_FOREST,
        'targets': TARGETS, 'clear': fair, 'families': {}}
    for family, rates in found.items():
        values, lost = severities(rates, clear, families[family].high)
        record['families'][family] = {
            'unit': families[family].unit, 'severities': values, 'unbroken': not lost,
            'rates': [[strength, *rates[strength]] for strength in sorted(rates)]}
    fixed = {family: entry['severities'] for family, entry in record['families'].items()}
    if parsed.write:
        write(fixed, record)
    print(json.dumps({'clear': clear, 'severities': fixed,
                      'unbroken': [family for family, entry in record['families'].items()
                                   if entry['unbroken']]}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
