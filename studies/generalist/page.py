"""The page of the generalist study and its picture, from its figures."""

from __future__ import annotations

from typing import Any

from liquid_pilot.evaluation.dot_plot import DotPanel, Interval, dot_figure
from liquid_pilot.utils.tables import markdown_table
from studies import outcomes
from studies.figures import encode_figure
from studies.generalist.study import SHIPPED, Study
from studies.page_text import provenance, wrap_paragraphs

PICTURE = 'success.png'
FLY = 'python studies/generalist/run.py fly report'


def markdown(study: Study, content: dict[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    missing = outcomes.missing(content)
    total = content['planned'] * len(content['cells'])
    state = 'All missions are flown.'
    if missing:
        state = f'**Unfinished: {missing} of {total} missions are still to be flown.**'
    introduction = f"""# Generalist: one pilot for weather, for other dynamics and for memory

Can one small pilot fly the forest in weather that it has never seen, in wind, with a payload and
with a weak rotor, and memory courses too, where the shipped pilot was trained in fair weather
alone? {state}"""
    method = f"""## How it was measured

The plan, [study.yaml](study.yaml), was written before the first training. {len(study.candidates)}
candidates were trained; the one with more successes in the development missions is the generalist,
here `{content['chosen']}`. It and the shipped pilot, `{study.plan['shipped']}`, both adapting, then
flew the same {content['planned']} forests in each condition, which nothing else had used.
Intervals are of 95 %: Wilson for the successes, Bonett and Price for differences. `p` is that of
McNemar's exact test after Holm's correction for all rows."""
    parts = [
        f'{wrap_paragraphs(introduction)}\n',
        study.files.remarks(),
        f'![Successes by condition, in percent, with intervals]({PICTURE})\n',
        f'{wrap_paragraphs(method)}\n',
        f'## Successes\n\n{_successes(study, content)}',
        f'## The aims: `{content["chosen"]}` minus `{study.plan["shipped"]}`\n\n'
        f'{_comparisons(study, content)}',
        f'## The candidates in development\n\n{_candidates(study, content)}',
        f'## Missions and pilots\n\n{provenance(content, FLY)}',
        """To do the whole study again, with pilots that are trained with the present code:

    python studies/generalist/run.py         # needs many hours; can be stopped and resumed
    python studies/generalist/run.py page    # needs those results; writes their page again
""",
    ]
    return '\n'.join(part for part in parts if part)


def _successes(study: Study, content: dict[str, Any]) -> str:
    cells = {(cell['arm'], cell['condition']): cell for cell in content['cells']}
    rows = []
    for part, labels in study.plan['flights']['parts'].items():
        for label in labels:
            row = [part, label]
            for arm in (SHIPPED, content['chosen']):
                cell = cells[arm, label]
                low, high = (100 * bound for bound in cell['wilson_95'])
                row.append(
                    f'{cell["successes"]} of {cell["missions"]} ({low:.0f} to {high:.0f} %)'
                    if cell['missions']
                    else '-'
                )
            rows.append(row)
    head = ['part', 'condition', study.plan['shipped'], content['chosen']]
    return f'{markdown_table(head, rows)}\n'


def _comparisons(study: Study, content: dict[str, Any]) -> str:
    aims = study.plan['aims']
    rows = [
        [
            row['name'],
            str(row['pairs']),
            f'{row["points"]:+.1f}',
            '{:+.0f} to {:+.0f}'.format(*row['interval_95']),
            f'{row["p_holm"]:.3f}',
            f'{aims[row["part"]]:+d}' if row['name'] == row['part'] and row['part'] in aims else '',
        ]
        for row in content['comparisons']
    ]
    if not rows:
        return 'Nothing is flown yet.\n'
    head = ['missions in', 'pairs', 'points', 'interval', 'p (Holm)', 'aim']
    return f'{markdown_table(head, rows)}\n'


def _candidates(study: Study, content: dict[str, Any]) -> str:
    conditions = study.conditions('development')
    rows = [
        [
            f'{row["name"]} (chosen)' if row['name'] == content['chosen'] else row['name'],
            str(row['parameters']),
            *(str(row['successes'][label]) for label in conditions),
        ]
        for row in content['candidates']
    ]
    count = content['candidates'][0]['missions']
    text = f'Successes of {count} missions in each condition.'
    return f'{text}\n\n{markdown_table(["candidate", "parameters", *conditions], rows)}\n'


def pictures(study: Study, content: dict[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name: successes with intervals."""
    names = {SHIPPED: study.plan['shipped'], content['chosen']: content['chosen']}
    rows: dict[str, dict[str, Interval]] = {label: {} for label in study.conditions('flights')}
    for cell in content['cells']:
        if cell['missions']:
            low, high = (100 * bound for bound in cell['wilson_95'])
            value = 100 * cell['successes'] / cell['missions']
            rows[cell['condition']][names[cell['arm']]] = value, low, high
    panel = DotPanel('missions that succeed, %', rows, (0.0, 100.0))
    title = 'The generalist and the shipped pilot, both adapting'
    return {PICTURE: encode_figure(dot_figure(title, [panel]))}
