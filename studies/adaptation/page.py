"""The page of the adaptation study and its pictures, from its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from liquid_pilot.evaluation.dot_plot import DotPanel, Interval, dot_figure
from liquid_pilot.utils.tables import markdown_table
from studies.adaptation.report import cells
from studies.adaptation.study import Study
from studies.figures import encode_figure
from studies.page_text import provenance, wrap_paragraphs

TITLES = {
    'development': 'Conditions from the start: families that tuning looked at',
    'sealed': 'Sealed families: chosen before tuning, flown once, when everything was final',
    'clear': 'Clear weather: every arm',
    'no harm': 'Clear weather: a thousand missions',
    'controls': 'Controls',
    'mid-flight': 'Conditions that begin in mid-flight',
    'elapsed': 'Elapsed time',
    'memory': 'Memory courses',
    'memory, elapsed': 'Elapsed time on a memory course',
    'shipped': 'The shipped pilot',
}
OVERVIEW, ELAPSED_TIME, MEMORY_COURSES = 'success.png', 'elapsed_time.png', 'memory_courses.png'


class Picture(NamedTuple):
    """One picture of the page."""

    title: str
    parts: tuple[str, ...]
    """Parts of the results whose conditions are the rows."""
    arms: dict[str, str]
    """Arms that are drawn, with their names in the legend; the tables have all arms."""


PICTURES = {
    OVERVIEW: Picture(
        'Missions that succeed in each condition, with 95 % intervals',
        ('clear', 'development', 'sealed', 'mid-flight'),
        {
            'frozen': 'frozen: as trained',
            'all': 'all: adapting',
            'fixed': 'fixed low-pass filter',
            'augmented': 'augmented training',
            'oracle': 'oracle: trained for it',
        },
    ),
    ELAPSED_TIME: Picture(
        'Missions that succeed with slow and irregular cameras, with 95 % intervals',
        ('elapsed', 'memory, elapsed'),
        {
            f'{prefix}{arm}': f'{arm}, mem_{arm}'
            for arm in ('true_dt', 'fixed_dt', 'gru', 'gru_with_dt', 'gru_irregular')
            for prefix in ('', 'mem_')
        },
    ),
    MEMORY_COURSES: Picture(
        'Missions that succeed on courses that need memory, with 95 % intervals',
        ('memory',),
        {name: name for name in ('mem_ltc', 'mem_feedforward', 'mem_gru_dt', 'mem_ltc_all')},
    ),
}
"""Pictures by the name of their file."""
FLY = 'python studies/adaptation/run.py fly report'


def markdown(study: Study, content: dict[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    missing = sum(cell['missing'] for cell in cells(content))
    planned = missing + sum(cell['missions'] for cell in cells(content))
    state = (
        'All missions are flown.'
        if not missing
        else (
            f'**Unfinished: {missing} of {planned} missions are still to be flown.** A figure in '
            'parentheses is of the missions flown so far, and a dash stands where there are none.'
        )
    )
    introduction = f"""# Adaptation: what adapting time constants and memory bring

Does a pilot fly better when it adapts in flight, which part of adaptation does it, and what do
liquid cores have to do with it? {state}"""
    method = f"""## How it was measured

The plan, [study.yaml](study.yaml), with its arms, families, severities and forests was written
before the first mission, and half of the families were sealed. There are pilots of
{len(study.seeds)} training seeds. All arms fly through the same forests, which were used for
neither training nor tuning. The tables show successes in percent of the missions of all seeds. A
star marks a difference from the first column that McNemar's test finds at 5 % after Holm's
correction for all {content['comparisons']} comparisons of this page. Below each table are the
intervals, the rate of each training seed, the crashes, and the paired difference from the first
column in points with two intervals: over missions, and by bootstrap over training seeds and
missions, which says more about the next training. [results.json](results.json) has every figure."""
    parts = [f'{wrap_paragraphs(introduction)}\n', study.files.remarks()]
    parts += [f'{wrap_paragraphs(method)}\n', _arms_table(study)]
    for name, rows in content['parts'].items():
        parts.append(f'## {TITLES.get(name, name)}\n')
        parts.append(_success_table(rows))
        if name == 'sealed' and content['sealed_mean_gain']:
            gain = content['sealed_mean_gain']
            parts.append(
                f'Mean gain of `all` over `frozen`: {_points(gain["mean"])} points '
                f'({_interval(gain["interval_95"])} over missions, '
                f'{_interval(gain["over_seeds_95"])} over training seeds).\n'
            )
        if name == 'development':
            parts.append(f'![Successes by condition and arm]({OVERVIEW})\n')
        if name == 'memory':
            parts.append(f'![Successes on the memory courses]({MEMORY_COURSES})\n')
            if content['grid']:
                parts.append(_grid_section(content['grid']))
        if name == 'memory, elapsed':
            parts.append(f'![Successes by frame rate and arm]({ELAPSED_TIME})\n')
    if content['schedule']:
        parts.append(_schedule_section(content['schedule']))
    if content['fixed']:
        parts.append(_fixed_section(content['fixed']))
    parts.append(f'## Missions and pilots\n\n{provenance(content, FLY)}')
    parts.append(
        """To do the whole study again, with pilots that are trained with the present code:

    python studies/adaptation/run.py              # needs many hours; can be stopped and resumed
    python studies/adaptation/run.py page         # needs those results; writes their page again
"""
    )
    return '\n'.join(parts)


def _arms_table(study: Study) -> str:
    rows = [
        [f'`{name}`', arm['pilot'], f'`{arm["mode"]}`' if arm.get('mode') else 'as trained']
        for name, arm in study.plan['arms'].items()
    ]
    return (
        '<details><summary>Arms</summary>\n\n'
        + markdown_table(['arm', 'pilot', 'mode'], rows)
        + '\n\nModes that begin with `study:` are described in [arms.py](arms.py).\n</details>\n'
    )


def _success_table(rows: dict[str, Any]) -> str:
    """Return a table of success rates, and all figures of each arm below it."""
    names = list(next(iter(rows.values())))
    if len(rows) == 1:
        # One condition and many arms: the arms go down.
        ((condition, row),) = rows.items()
        text = markdown_table(
            ['arm', condition], [[f'`{name}`', _rate(row[name])] for name in names]
        )
    else:
        text = markdown_table(
            ['condition', *names],
            [[condition, *(_rate(row[name]) for name in names)] for condition, row in rows.items()],
        )
    return f'{text}\n\n{_details(rows)}'


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
        '<details><summary>All figures: 95 % intervals, training seeds, crashes, tests'
        f'</summary>\n\n{markdown_table(head, lines)}\n\n</details>\n'
    )


def _percent(rate: float | None) -> str:
    return '-' if rate is None else f'{100 * rate:.0f}'


def _rate(cell: dict[str, Any]) -> str:
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


def _grid_section(grid: dict[str, Any]) -> str:
    """Return the section on the offline grid of time constants."""
    scaled = grid['scaled']['all_neurons']
    single = grid['scaled']['one_neuron']
    lowest = sorted(
        range(len(single)), key=lambda k: min(_good_share(row) for row in single[k].values())
    )[:5]
    listed = '; '.join(
        f'neuron {k}: '
        + ', '.join(f'x{factor} {_decided(row)}' for factor, row in single[k].items())
        for k in lowest
    )
    return '\n'.join(
        [
            '### Do memory and time constants matter there?\n\nHeld-out courses, flown through '
            'offline: how often the turn at the gate, or at the hand-over, goes to the side that '
            'was shown at the start. Without memory it is half of the time.\n',
            markdown_table(
                ['pilot', 'decides well', 'loss'],
                [[name, _decided(row), _loss(row)] for name, row in grid['pilots'].items()],
            ),
            '\nThe liquid pilot with the membrane capacitances of all its neurons, and so its '
            'time constants, multiplied by a factor:\n',
            markdown_table(
                ['factor', *scaled],
                [
                    ['decides well', *map(_decided, scaled.values())],
                    ['loss', *map(_loss, scaled.values())],
                ],
            ),
            f'\nOne neuron at a time, the five that matter most: {listed}.\n',
        ]
    )


def _good_share(row: dict[str, Any]) -> float:
    good, of = (sum(counts) for counts in zip((0, 0), *row['decided'].values(), strict=True))
    return good / of if of else 0.0


def _decided(row: dict[str, Any]) -> str:
    return f'{100 * _good_share(row):.0f} %' if row['decided'] else '-'


def _loss(row: dict[str, Any]) -> str:
    return '-' if row['loss'] is None else f'{row["loss"]:.4f}'


def _schedule_section(schedule: dict[str, Any]) -> str:
    rows = [
        [
            f'{k + 1}',
            row['condition'],
            f'{100 * row["successes"] / row["missions"]:.0f}',
            f'{_points(row["against_frozen"]["difference"])} '
            f'({_interval(row["against_frozen"]["interval_95"])})',
        ]
        for k, row in enumerate(schedule['phases'])
    ]
    hours = '\n'.join(f'- {_hour(hour)}' for hour in schedule['hours']) or '- not flown yet'
    recovery = schedule['recovery_s']
    sentence = (
        (
            ' After a shift the log-scales of the temporal filter are back to a tenth after '
            f'{np.median(recovery):.0f} s of flight (median; {min(recovery):.0f} to '
            f'{max(recovery):.0f}).'
        )
        if recovery
        else ''
    )
    return (
        '## One learner that is never reset: A-B-A-C-A, and an hour of A\n\n'
        + markdown_table(
            ['phase', 'condition', 'success, %', 'minus frozen in the same forests'], rows
        )
        + f'\n\nForgetting (last A minus first A): {_points(schedule["forgetting"])} points.'
        f'{sentence} An hour of A, for each training seed:\n\n{hours}\n'
    )


def _hour(hour: dict[str, Any]) -> str:
    last = 'the last one too' if hour['calm_at_end'] else 'not the last one'
    return (
        f'{hour["successes"]} of {hour["flights"]} missions; log-scales of the temporal filter: '
        f'{hour["largest_log_scale"]:.2f} or less meanwhile, {hour["left_median"]:.2f} after a '
        f'mission (median), {hour["left_at_end"]:.2f} after the last one; {hour["ended_calm"]} '
        f'missions ended within the training range, {last}'
    )


def _fixed_section(fixed: dict[str, Any]) -> str:
    tried = ', '.join(
        f'{row["mode"].rpartition(":")[2]}: {row["successes"]}' for row in fixed['tried']
    )
    return (
        '## The fixed low-pass filter\n\nGain, and whether the filter compensates the rotation of '
        f'the camera, to successes of {fixed["tried"][0]["missions"]} missions (clear and '
        f'development families, in other forests): {tried}.\n'
    )


def pictures(content: dict[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name."""
    found = {}
    for name, picture in PICTURES.items():
        rows = {
            condition: {
                picture.arms[arm]: _interval_of(cell)
                for arm, cell in row.items()
                if cell['missions'] and arm in picture.arms
            }
            for part in picture.parts
            for condition, row in content['parts'].get(part, {}).items()
        }
        rows = {condition: row for condition, row in rows.items() if row}
        if rows:
            panel = DotPanel('successful missions, %', rows, (0.0, 100.0))
            found[name] = encode_figure(dot_figure(picture.title, [panel]))
    return found


def _interval_of(cell: dict[str, Any]) -> Interval:
    """Return the success rate in percent, with Wilson's interval."""
    low, high = cell['wilson_95']
    return 100.0 * cell['successes'] / cell['missions'], 100.0 * low, 100.0 * high
