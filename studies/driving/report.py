"""What the study of driving says: docs/driving.json and docs/driving.md.

An intervention is the end of a drive before its road's: off the road, or into something. Intervals
of 95 % are Wilson's for shares, Poisson's for interventions, and otherwise by bootstrap over roads,
with the same roads drawn for both arms of a difference.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from figures import bars, table
from study import HERE, UNSCALED, Study

import studies
from liquid_pilot import pilot_file
from liquid_pilot.evaluation import results_store
from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.evaluation.statistics import mcnemar_exact, poisson_interval, wilson_interval
from liquid_pilot.utils.atomic_write import write_atomically

REFERENCE_ARM = 'ltc frozen'
"""What the others are compared with."""
_DRAWS = 4000
PICTURE = 'driving.png'
Drives = dict[int, FlightMetrics]
"""By the road's seed."""


def collect_metrics(
    study: Study, folder: str, drivers: list[Any], roads: range
) -> tuple[dict[tuple[str, str], Drives], set[str]]:
    """(arm, condition) to its drives, and the versions of the code that drove them."""
    arms = {(pilot.digest, mode): name for name, mode, pilot in drivers}
    found: dict[tuple[str, str], Drives] = {}
    codes: set[str] = set()
    for cell, flight in results_store.read_results(study.record / folder).items():
        arm = arms.get((cell.pilot, cell.mode))
        if arm is not None and cell.seed in roads:
            found.setdefault((arm, cell.condition), {})[cell.seed] = flight
            codes.add(cell.code)
    return found, codes


def _interventions(drives: list[FlightMetrics]) -> int:
    return sum(drive.outcome == 'crash' for drive in drives)


def _driven_km(drives: list[FlightMetrics]) -> float:
    return 1e-3 * max(sum(drive.flown_m for drive in drives), 1.0)


def per_km(drives: list[FlightMetrics]) -> float:
    """Interventions a kilometre."""
    return _interventions(drives) / _driven_km(drives)


def lateral(drives: list[FlightMetrics]) -> float:
    """RMS distance from the road's middle, of all drives."""
    squares = [(drive.lateral_rms_m or 0.0) ** 2 * drive.duration_s for drive in drives]
    return float(np.sqrt(sum(squares) / max(sum(drive.duration_s for drive in drives), 1e-9)))


def speed(drives: list[FlightMetrics]) -> float:
    """Metres over seconds, of all drives."""
    return sum(d.flown_m for d in drives) / max(sum(d.duration_s for d in drives), 1e-9)


def interval(
    figure: Callable[[list[FlightMetrics]], float],
    drives: list[FlightMetrics],
    minus: list[FlightMetrics] | None = None,
) -> list[float]:
    """Of a figure, or of its difference from that of other drives on the same roads."""
    rng, count = np.random.default_rng(0), len(drives)
    found = []
    for _ in range(_DRAWS):
        drawn = rng.integers(count, size=count)
        value = figure([drives[i] for i in drawn])
        found.append(value - figure([minus[i] for i in drawn]) if minus else value)
    return [round(float(bound), 3) for bound in np.quantile(found, (0.025, 0.975))]


def summarise(study: Study) -> dict[str, Any]:
    """All figures, as JSON."""
    names = list(dict.fromkeys(name for part in study.content['drives'] for name in part['arms']))
    found, codes = collect_metrics(
        study, 'drives', [study.arm(name) for name in names if _there(study, name)], study.roads
    )
    cells = []
    for part in study.content['drives']:
        for condition in part['conditions']:
            cells += [
                _cell(found, name, condition, REFERENCE_ARM, study.content['roads'])
                for name in part['arms']
            ]
    studies.correct(cells)
    plan = study.content['search']
    roads = range(plan['first_road'], plan['first_road'] + plan['roads'])
    drivers = study.scaled() if _there(study, REFERENCE_ARM) else []
    searched, more = collect_metrics(study, 'search', drivers, roads)
    search = [
        _cell(searched, name, plan['condition'], UNSCALED, plan['roads']) for name, _, _ in drivers
    ]
    studies.correct(search)
    missing = sum(cell['missing'] for cell in cells)
    return {
        'version': study.content['version'],
        'codes': sorted(codes | more),
        'roads': study.content['roads'],
        'missing': missing,
        'cells': cells,
        'search': {'condition': plan['condition'], 'roads': plan['roads'], 'rows': search},
    }


def _there(study: Study, name: str) -> bool:
    return study.pilot(name.split()[0]).is_dir()


def _figures(drives: list[FlightMetrics]) -> dict[str, Any]:
    won = sum(drive.outcome == 'success' for drive in drives)
    if not drives:
        return {'drives': 0, 'completed': 0}
    return {
        'drives': len(drives),
        'completed': won,
        'wilson_95': [round(bound, 4) for bound in wilson_interval(won, len(drives))],
        **{name: round(figure(drives), 3) for name, figure in FIGURES.items()},
        # Drawing roads anew would say of none in 30 km that there is never one.
        'interventions_per_km_95': [
            round(bound / _driven_km(drives), 3)
            for bound in poisson_interval(_interventions(drives))
        ],
        **{
            f'{name}_95': interval(FIGURES[name], drives) for name in ('lateral_rms_m', 'speed_m_s')
        },
    }


FIGURES = {'interventions_per_km': per_km, 'lateral_rms_m': lateral, 'speed_m_s': speed}


def _cell(
    found: dict[tuple[str, str], Drives], arm: str, condition: str, against: str, roads: int
) -> dict[str, Any]:
    """Figures of an arm, and how it compares on the roads that the other has driven too."""
    mine, first = found.get((arm, condition), {}), found.get((against, condition), {})
    cell = {
        'condition': condition,
        'arm': arm,
        'missing': roads - len(mine),
        **_figures(list(mine.values())),
    }
    both = sorted(mine.keys() & first.keys())
    if arm != against and both:
        pairs = [
            (first[road].outcome == 'success', mine[road].outcome == 'success') for road in both
        ]
        cell['p'] = mcnemar_exact(pairs.count((True, False)), pairs.count((False, True)))
        pair = [mine[road] for road in both], [first[road] for road in both]
        if any(map(_interventions, pair)):
            cell['per_km_minus_first_95'] = interval(per_km, *pair)
    return cell


def _table(rows: list[dict[str, Any]], first: str = REFERENCE_ARM) -> list[str]:
    driven = [row for row in rows if row['drives']]
    lines = []
    for row in driven:
        low, high = (100.0 * bound for bound in row['wilson_95'])
        texts = [row['arm'], f'{row["completed"]} of {row["drives"]} ({low:.0f} to {high:.0f} %)']
        for name, unit in zip(FIGURES, ('', ' m', ' m/s'), strict=True):
            least, most = row[f'{name}_95']
            texts.append(f'{row[name]:.2f}{unit} ({least:.2f} to {most:.2f})')
        if more := row.get('per_km_minus_first_95'):
            texts.append(f'{more[0]:+.2f} to {more[1]:+.2f}')
        else:
            texts.append('neither any' if 'p' in row else '')
        texts.append(f'{row["p_holm"]:.2g}' if 'p_holm' in row else '')
        lines.append(texts)
    waiting = [row['arm'] for row in rows if not row['drives']]
    if not driven:
        return [f'Not driven yet: {", ".join(waiting)}.' if waiting else 'Not driven yet.']
    found = (
        table(
            [
                'who',
                'completed',
                'interventions a km',
                'from the middle (RMS)',
                'speed',
                f'a km more than `{first}`',
                'p (Holm)',
            ],
            lines,
        )
        .rstrip()
        .split('\n')
    )
    return [*found, *(['', f'Not driven yet: {", ".join(waiting)}.'] if waiting else [])]


def picture(content: dict[str, Any]) -> bytes | None:
    """A PNG of the interventions a kilometre; None while nothing has been driven."""
    rows: dict[str, dict[str, tuple[float, float, float]]] = {}
    for cell in content['cells']:
        if cell['drives']:
            rows.setdefault(cell['condition'], {})[cell['arm']] = (
                cell['interventions_per_km'],
                *cell['interventions_per_km_95'],
            )
    return bars(rows, 'interventions a km') if rows else None


def markdown(study: Study, content: dict[str, Any]) -> str:
    """docs/driving.md."""
    remarks = HERE / 'remarks.md'
    lines = [
        '# Driving',
        '',
        *(remarks.read_text().rstrip().split('\n') if remarks.is_file() else []),
        '',
        '## What was driven',
        '',
    ]
    if content['missing']:
        lines += [f'**Unfinished: {content["missing"]} drives are still to be driven.**', '']
    lines += [
        f'{content["roads"]} roads that nothing was trained or tuned on, the same for every',
        'arm; arms and conditions were fixed in `studies/driving/study.yaml` before the',
        "first drive. An intervention is the end of a drive before its road's. Intervals of",
        '95 %: Wilson for shares, Poisson for interventions, bootstrap over roads otherwise;',
        "p of McNemar's exact test of completed drives against `ltc frozen`, corrected over",
        'all of them (Holm).',
        '',
        '    python studies/driving/run.py          # all of it; resumable, needs hours',
        '    python studies/driving/run.py report   # this page; needs the drives',
        '',
    ]
    if any(cell['drives'] for cell in content['cells']):
        lines += [f'![Interventions a kilometre by condition and arm](images/{PICTURE})', '']
    conditions = list(dict.fromkeys(cell['condition'] for cell in content['cells']))
    for condition in conditions:
        rows = [cell for cell in content['cells'] if cell['condition'] == condition]
        lines += [f'**{condition}**', '', *_table(rows), '']
    search = content['search']
    lines += [
        '## Time constants and grip',
        '',
        f'The liquid pilot on {search["roads"]} roads of the search, '
        f'`{search["condition"]}`, its time constants scaled; the oracle is the same network '
        'trained there.',
        '',
        *_table(search['rows'], UNSCALED),
        '',
    ]
    lines += [
        f'Driven by the code with the digests {", ".join(content["codes"])} '
        '(`evaluation/ledger.py`).',
        '',
    ]
    return '\n'.join(lines)


def write(study: Study, folder: Path) -> dict[str, Any]:
    """Write both files; what was driven, and where they are."""
    content = summarise(study)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / 'driving.json', (json.dumps(content, indent=1) + '\n').encode())
    page = write_atomically(folder / 'driving.md', markdown(study, content).encode())
    drawn = picture(content)
    if drawn is not None:
        (folder / 'images').mkdir(exist_ok=True)
        write_atomically(folder / 'images' / PICTURE, drawn)
    driven = sum(cell['drives'] for cell in content['cells'])
    return {
        'driven': driven,
        'missing': content['missing'],
        'report': str(page),
        'networks': {
            name: pilot_file.load(study.pilot(name)).specification.name
            for name in study.content['networks']
            if study.pilot(name).is_dir()
        },
    }
