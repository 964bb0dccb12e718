"""The page of the driving study and its picture, from its figures."""

from __future__ import annotations

from typing import Any

from liquid_pilot.evaluation.dot_plot import DotPanel, Interval, dot_figure
from liquid_pilot.utils.tables import markdown_table
from studies.driving.report import FIGURES, REFERENCE_ARM
from studies.driving.study import UNSCALED, Study
from studies.figures import encode_figure
from studies.page_text import provenance, wrap_paragraphs

PICTURE = 'interventions.png'
PANELS = {
    'interventions_per_km': 'interventions per km',
    'lateral_rms_m': 'distance from the middle (RMS), m',
    'speed_m_s': 'mean speed, m/s',
}
"""Figures in the picture, with the labels of their axes."""
DRIVE = 'python studies/driving/run.py search drive report'


def markdown(study: Study, content: dict[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    introduction = """# Driving: five networks and slippery roads

Do liquid time constants help a car on a slippery road, and how do five kinds of networks compare?
"""
    method = f"""## How it was measured

The plan, [study.yaml](study.yaml), with its arms and conditions was written before the first
mission. All arms drive the same {content['roads']} roads of 300 m, which were used for neither
training nor tuning. An intervention is the end of a mission before the end of its road. Intervals
are of 95 %: Wilson for completed roads, Poisson for interventions, and bootstrap over the roads for
everything else. `p` is that of McNemar's exact test of completed roads against `{REFERENCE_ARM}`,
after Holm's correction for all comparisons. [results.json](results.json) has every figure."""
    parts = [introduction]
    if content['missing']:
        parts.append(f'**Unfinished: {content["missing"]} missions are still to be driven.**\n')
    parts += [study.files.remarks(), f'{wrap_paragraphs(method)}\n']
    if any(cell['drives'] for cell in content['cells']):
        parts.append(
            f'![Interventions, distance from the middle and speed of each network]({PICTURE})\n'
        )
    conditions = list(dict.fromkeys(cell['condition'] for cell in content['cells']))
    for condition in conditions:
        rows = [cell for cell in content['cells'] if cell['condition'] == condition]
        parts.append(f'### {condition}\n\n{_table(rows, REFERENCE_ARM)}')
    search = content['search']
    parts += [
        f"""## Time constants and friction

The liquid pilot with scaled parameters on {search['roads']} other roads, in
`{search['condition']}`. The oracle is the same network, trained in this condition.

{_table(search['rows'], UNSCALED)}""",
        f'## Missions and pilots\n\n{provenance(content, DRIVE)}',
        """To do the whole study again, with pilots that are trained with the present code:

    python studies/driving/run.py              # needs hours; can be stopped and resumed
    python studies/driving/run.py page         # needs those results; writes their page again
""",
    ]
    return '\n'.join(parts)


def _table(rows: list[dict[str, Any]], reference: str) -> str:
    driven = [row for row in rows if row['drives']]
    waiting = [row['arm'] for row in rows if not row['drives']]
    note = f'Not driven yet: {", ".join(waiting)}.\n' if waiting else ''
    if not driven:
        return note or 'Not driven yet.\n'
    lines = []
    for row in driven:
        low, high = (100.0 * bound for bound in row['wilson_95'])
        texts = [row['arm'], f'{row["completed"]} of {row["drives"]} ({low:.0f} to {high:.0f} %)']
        for name, unit in zip(FIGURES, ('', ' m', ' m/s'), strict=True):
            low, high = row[f'{name}_95']
            texts.append(f'{row[name]:.2f}{unit} ({low:.2f} to {high:.2f})')
        if difference := row.get('per_km_minus_first_95'):
            texts.append(f'{difference[0]:+.2f} to {difference[1]:+.2f}')
        else:
            texts.append('none in either' if 'p' in row else '')
        texts.append(f'{row["p_holm"]:.2g}' if 'p_holm' in row else '')
        lines.append(texts)
    head = [
        'arm',
        'completed',
        'interventions per km',
        'from the middle (RMS)',
        'speed',
        f'per km minus `{reference}`',
        'p (Holm)',
    ]
    return f'{markdown_table(head, lines)}\n' + (f'\n{note}' if note else '')


def pictures(content: dict[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name; none while nothing has been driven.

    The picture is of the condition with most interventions; where there are none, arms do not
    differ.
    """
    driven = [cell for cell in content['cells'] if cell['drives']]
    if not driven:
        return {}
    totals: dict[str, float] = {}
    for cell in driven:
        totals.setdefault(cell['condition'], 0.0)
        totals[cell['condition']] += cell['interventions_per_km']
    shown = max(totals, key=lambda condition: totals[condition])
    panels = []
    for figure, label in PANELS.items():
        rows: dict[str, dict[str, Interval]] = {}
        for cell in driven:
            if cell['condition'] == shown:
                network, _, mode = cell['arm'].rpartition(' ')
                rows.setdefault(network, {})[mode] = cell[figure], *cell[f'{figure}_95']
        panels.append(DotPanel(label, rows))
    calm = [condition for condition, total in totals.items() if not total]
    title = f'In {shown}: figures of {content["roads"]} roads with 95 % intervals'
    if calm:
        title += f'\n(no network had an intervention in {", ".join(calm)})'
    return {PICTURE: encode_figure(dot_figure(title, panels, 'not driven', width_in=9.0))}
