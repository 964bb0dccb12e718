"""docs/evidence.md and its pictures, from the figures of `record`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from figures import bars, table
from study import Study

TITLES = {
    'development': 'Weather from the start: families that were looked at during tuning',
    'sealed': 'Sealed families: written down before tuning, flown once, when all was final',
    'clear': 'Clear weather, every arm',
    'no harm': 'Clear weather, a thousand missions',
    'controls': 'Controls',
    'mid-flight': 'Weather that turns in mid-flight',
    'elapsed': 'Elapsed time',
    'memory': 'Courses that need memory',
    'memory, elapsed': 'Elapsed time where the core has to remember',
    'shipped': 'The shipped pilot',
}


OVERVIEW_PICTURE = 'adaptation_study.png'
OVERVIEW_ARMS = ('frozen', 'all', 'fixed', 'augmented', 'oracle')
"""Of the arms, in that picture; the tables have all."""


def markdown(study: Study, content: dict[str, Any]) -> str:
    """The page."""
    cells = [
        cell for rows in content['parts'].values() for row in rows.values() for cell in row.values()
    ]
    missing = sum(cell['missing'] for cell in cells)
    planned = missing + sum(cell['missions'] for cell in cells)
    remarks = study.record / 'remarks.md'
    state = (
        'All missions are flown.'
        if not missing
        else (
            f'**Unfinished: {missing} of {planned} missions are still to be flown**; a figure in '
            'brackets is of the missions flown so far, a dash stands where there are none.'
        )
    )
    parts = [
        f"""# Evidence

What adaptation and memory bring, and to whom. {state}

{remarks.read_text() if remarks.exists() else ''}
## How it was measured

`studies/adaptation/study.yaml` was written before the first flight: arms, families (half of
them sealed), severities, forests. Pilots of {len(study.seeds)} training seeds, on forests that
nothing was trained or tuned on; every arm flies the same ones. Success in per cent of the missions
of all seeds. A star marks a difference from the first column that McNemar's test finds at 5 % after
Holm's correction over all {content['comparisons']} comparisons of this page. Below each table stand
the intervals, the rate of each training seed, crashes, and the paired difference from the first
column in points, with two intervals: over missions, and over training seeds and missions
(bootstrap), which says more about the next training. `adaptation.json` has all of it.

    python studies/adaptation/run.py          # all of it; resumable, needs many hours
    python studies/adaptation/run.py report   # this page; needs the flights

Flown by the code with the digests {', '.join(content['codes']) or '-'} (`evaluation/ledger.py`).

{_arms(study)}"""
    ]
    for name, rows in content['parts'].items():
        parts.append(f'## {TITLES.get(name, name)}\n')
        parts.append(_table_of(rows))
        if name == 'sealed' and content['sealed_mean_gain']:
            gain = content['sealed_mean_gain']
            parts.append(
                f'Mean gain of `all` over `frozen`: {_points(gain["mean"])} points '
                f'({_interval(gain["interval_95"])} over missions, '
                f'{_interval(gain["over_seeds_95"])} over training seeds).\n'
            )
        if name == 'development':
            parts.append(f'![Success by condition and arm](images/{OVERVIEW_PICTURE})\n')
        if name == 'memory' and content['grid']:
            parts.append(_grid(content['grid']))
    if content['schedule']:
        parts.append(_schedule(content['schedule']))
    if content['fixed']:
        tried = ', '.join(
            f'{row["mode"].rpartition(":")[2]}: {row["successes"]}'
            for row in content['fixed']['tried']
        )
        parts.append(
            '## The fixed low-pass\n\nGain and whether it follows the rotation, to '
            f'successes of {content["fixed"]["tried"][0]["missions"]} (clear and '
            f'development families, forests of its own): {tried}.\n'
        )
    return '\n'.join(parts)


def _arms(study: Study) -> str:
    rows = [
        [f'`{name}`', arm['pilot'], f'`{arm["mode"]}`' if arm.get('mode') else 'as trained']
        for name, arm in study.content['arms'].items()
    ]
    return (
        '<details><summary>Arms</summary>\n\n'
        + table(['arm', 'pilot', 'mode'], rows)
        + '\n`study:` modes are in `studies/adaptation/arms.py`.\n</details>\n'
    )


def _table_of(rows: dict[str, Any]) -> str:
    """Success at a glance, and below it everything that is known of each cell."""
    names = list(next(iter(rows.values())))
    if len(rows) == 1:
        # One condition and many arms: turned.
        ((condition, row),) = rows.items()
        found = table(['arm', condition], [[f'`{name}`', _shown(row[name])] for name in names])
    else:
        found = table(
            ['condition', *names],
            [
                [condition, *(_shown(row[name]) for name in names)]
                for condition, row in rows.items()
            ],
        )
    return f'{found}\n{_details(rows)}'


def _details(rows: dict[str, Any]) -> str:
    lines = []
    for condition, row in rows.items():
        for name, cell in row.items():
            if not cell['missions']:
                continue
            low, high = cell['wilson_95']
            line = [
                condition,
                f'`{name}`',
                f'{cell["successes"]} of {cell["missions"]}',
                f'{100 * low:.0f}-{100 * high:.0f}',
                ', '.join(_percent(rate) for rate in cell['by_training_seed']),
                f'{cell["crashes"]}',
            ]
            test = cell.get('against')
            if test and test['pairs']:
                line += [
                    _points(test['difference']),
                    _interval(test['interval_95']),
                    _interval(test['over_seeds_95']),
                    f'{test["p_holm"]:.1g}',
                ]
            else:
                line += [''] * 4
            lines.append(line)
    if not lines:
        return ''
    first = next(iter(next(iter(rows.values()))))
    head = [
        'condition',
        'arm',
        'successes',
        'Wilson',
        'by training seed',
        'crashes',
        f'minus `{first}`',
        'over missions',
        'over training seeds',
        'p (Holm)',
    ]
    return (
        '<details><summary>Every cell: intervals of 95 %, training seeds, crashes, tests'
        f'</summary>\n\n{table(head, lines)}\n</details>\n'
    )


def _percent(rate: float | None) -> str:
    return '-' if rate is None else f'{100 * rate:.0f}'


def _shown(cell: dict[str, Any]) -> str:
    if not cell['missions']:
        return '-'
    star = '*' if cell.get('against', {}).get('p_holm', 1.0) < 0.05 else ''
    text = f'{100 * cell["successes"] / cell["missions"]:.0f}{star}'
    if 'gap_closed' in cell:
        text += f' ({100 * cell["gap_closed"]:.0f} % of the gap)'
    return f'({text})' if cell['missing'] else text


def _points(share: float) -> str:
    return f'{100 * share:+.1f}'


def _interval(ends: Sequence[float]) -> str:
    return f'{100 * ends[0]:+.1f} to {100 * ends[1]:+.1f}'


def _grid(grid: dict[str, Any]) -> str:
    """What the offline grid says."""
    parts = [
        '### Do memory and time constants matter there?\n\nHeld-out courses, flown through '
        'offline: how often the turn at the gate, or at the handover, goes to the side that '
        'was shown at the start. Without memory it is half.\n'
    ]
    parts.append(
        table(
            ['pilot', 'decides well', 'loss'],
            [[name, _decided(row), _loss(row)] for name, row in grid['pilots'].items()],
        )
    )
    scaled = grid['scaled']['all_neurons']
    parts.append(
        '\nThe liquid pilot with the membrane capacitances of all its neurons, and so its '
        'time constants, multiplied:\n'
    )
    parts.append(
        table(
            ['factor', *scaled],
            [
                ['decides well', *map(_decided, scaled.values())],
                ['loss', *map(_loss, scaled.values())],
            ],
        )
    )
    single = grid['scaled']['one_neuron']
    worst = sorted(
        range(len(single)), key=lambda k: min(_share(row) for row in single[k].values())
    )[:5]
    listed = '; '.join(
        f'neuron {k}: '
        + ', '.join(f'x{factor} {_decided(row)}' for factor, row in single[k].items())
        for k in worst
    )
    parts.append(f'\nOne neuron at a time, the five that matter most: {listed}.\n')
    return '\n'.join(parts)


def _share(row: dict[str, Any]) -> float:
    good, of = (sum(counts) for counts in zip((0, 0), *row['decided'].values(), strict=True))
    return good / of if of else 0.0


def _decided(row: dict[str, Any]) -> str:
    return f'{100 * _share(row):.0f} %' if row['decided'] else '-'


def _loss(row: dict[str, Any]) -> str:
    return '-' if row['loss'] is None else f'{row["loss"]:.4f}'


def _schedule(found: dict[str, Any]) -> str:
    rows = [
        [
            f'{k + 1}',
            row['condition'],
            f'{100 * row["successes"] / row["missions"]:.0f}',
            f'{_points(row["against_frozen"]["difference"])} '
            f'({_interval(row["against_frozen"]["interval_95"])})',
        ]
        for k, row in enumerate(found['phases'])
    ]
    hours = (
        '; '.join(
            f'{hour["successes"]} of {hour["flights"]} flights; log-scales of receptors: at most '
            f'{hour["largest_log_scale"]:.2f} on the way, {hour["left_median"]:.2f} after a flight '
            f'(median), {hour["left_at_end"]:.2f} after the last; {hour["ended_calm"]} flights ended '
            f'within the calm band, {"" if hour["calm_at_end"] else "not "}the last one too'
            for hour in found['hours']
        )
        or 'not flown yet'
    )
    recovery = found['recovery_s']
    said = (
        (
            'After a shift the time constants are back to a tenth after '
            f'{np.median(recovery):.0f} s of flight (median; {min(recovery):.0f} to '
            f'{max(recovery):.0f}).'
        )
        if recovery
        else ''
    )
    return (
        '## One learner that is never reset: A-B-A-C-A, and an hour of A\n\n'
        + table(['phase', 'weather', 'success, %', 'minus frozen on the same forests'], rows)
        + f'\nForgetting (last A minus first A): {_points(found["forgetting"])} points. {said} '
        f'An hour of A, of each training seed: {hours}.\n'
    )


def pictures(content: dict[str, Any]) -> dict[str, bytes]:
    """Name to PNG."""
    found = {}
    for name, parts in (
        (OVERVIEW_PICTURE, ('clear', 'development', 'sealed', 'mid-flight')),
        ('elapsed_time.png', ('elapsed', 'memory, elapsed')),
        ('memory_courses.png', ('memory',)),
    ):
        rows = {
            condition: {
                arm: _bar(cell)
                for arm, cell in row.items()
                if cell['missions'] and (name != OVERVIEW_PICTURE or arm in OVERVIEW_ARMS)
            }
            for part in parts
            for condition, row in content['parts'].get(part, {}).items()
        }
        rows = {condition: row for condition, row in rows.items() if row}
        if rows:
            found[name] = bars(rows, 'successful missions, %', 100.0)
    return found


def _bar(cell: dict[str, Any]) -> tuple[float, float, float]:
    """Success in per cent, with Wilson's interval."""
    low, high = cell['wilson_95']
    return 100.0 * cell['successes'] / cell['missions'], 100.0 * low, 100.0 * high
