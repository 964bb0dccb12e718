"""The page of the robustness study and its picture, from its figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from liquid_pilot.evaluation.statistics import wilson_interval
from liquid_pilot.utils.tables import markdown_table
from studies.figures import encode_figure
from studies.page_text import provenance, wrap_paragraphs
from studies.robustness.study import Study

PICTURE = 'success.png'
FLY = 'python studies/robustness/run.py fly report'


def markdown(study: Study, content: dict[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    cells = {(cell['arm'], cell['condition']): cell for cell in content['cells']}
    missing = sum(cell['missing'] for cell in content['cells'])
    total = content['planned'] * len(cells)
    state = (
        'All missions are flown.'
        if not missing
        else f'**Unfinished: {missing} of {total} missions are still to be flown.** A figure in '
        'parentheses is of the missions flown so far, and a dash stands where there are none.'
    )
    introduction = f"""# Robustness: kinds of recurrent cores in harder conditions

Do liquid cores fly better than other recurrent cores when conditions are harder than in training?
All cores are compared on equal terms: the same encoder, demonstrations, budget, learning rate and
schedule (tuning: {study.plan['budget']['tuning']}), and the same engine, which flies them from
their pilot files. {state}"""
    method = f"""## How it was measured

The plan, [study.yaml](study.yaml), was written before the first flight. There are
{len(study.seeds)} training seeds, and {study.plan['flights']['forests']} forests for each of them,
the same for all arms: {content['planned']} missions for each arm and condition. The number behind a
condition is its severity ([conditions](../../docs/reference/conditions.md)).

The tables show successes in percent of the missions. A 95 % interval (Wilson) of
{content['planned']} missions is at most {_max_half_width(content['planned'])} points wide to each
side, and wider if missions of one network resemble each other. A star marks a difference from the
first column that McNemar's test finds at 5 % after Holm's correction for all
{len(content['tests'])} comparisons. [results.json](results.json) has every figure with its interval
and the rate of each training seed."""
    parts = [f'{wrap_paragraphs(introduction)}\n', study.files.remarks()]
    parts.append(f'{wrap_paragraphs(method)}\n')
    significant = {
        (test['other'], test['condition']) for test in content['tests'] if test['p_holm'] < 0.05
    }
    for training, settings in study.plan['trainings'].items():
        arms = [arm for arm in study.arms if arm.endswith(f'-{training}')]
        parts.append(f'### Training: {training} (augmentation: {settings["augmentation"]})\n')
        rows = [
            [
                condition,
                *(_format(cells[arm, condition], (arm, condition) in significant) for arm in arms),
            ]
            for condition in study.conditions
        ]
        names = [arm.removesuffix(f'-{training}') for arm in arms]
        parts.append(markdown_table(['condition', *names], rows) + '\n')
    parts.append(f'![Successes by condition and arm, in percent]({PICTURE})\n')
    parts.append(f'## Missions and pilots\n\n{provenance(content, FLY)}')
    parts.append(
        """To do the whole study again, with pilots that are trained with the present code:

    python studies/robustness/run.py              # needs many hours; can be stopped and resumed
    python studies/robustness/run.py page         # needs those results; writes their page again
"""
    )
    return '\n'.join(parts)


def _max_half_width(missions: int) -> int:
    """Return half of the widest 95 % interval of a rate, in points."""
    low, high = wilson_interval(missions // 2, missions)
    return round(50 * (high - low))


def _format(cell: dict[str, Any], significant: bool) -> str:
    if not cell['missions']:
        return '-'
    text = f'{100 * cell["successes"] / cell["missions"]:.0f}{"*" if significant else ""}'
    return f'({text})' if cell['missing'] else text


def pictures(study: Study, content: dict[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name: a heat map of conditions and arms."""
    from matplotlib.figure import Figure

    cells = {(cell['arm'], cell['condition']): cell for cell in content['cells']}
    rates = np.array(
        [
            [
                100 * cell['successes'] / cell['missions'] if cell['missions'] else np.nan
                for arm in study.arms
                for cell in [cells[arm, condition]]
            ]
            for condition in study.conditions
        ]
    )
    figure = Figure(
        figsize=(1.6 + 0.55 * len(study.arms), 1.9 + 0.3 * len(study.conditions)),
        dpi=110,
        layout='constrained',
    )
    axes = figure.add_subplot()
    # A map from dark blue to yellow that every kind of colour vision orders alike.
    axes.imshow(rates, cmap='cividis', vmin=0, vmax=100, aspect='auto')
    for (row, column), rate in np.ndenumerate(rates):
        axes.text(
            column,
            row,
            'not\nflown' if np.isnan(rate) else f'{rate:.0f}',
            ha='center',
            va='center',
            fontsize=6 if np.isnan(rate) else 8,
            color='white' if rate < 55.0 else 'black',
        )
    trainings = list(study.plan['trainings'])
    names = [arm.rpartition('-')[0] for arm in study.arms]
    axes.set_xticks(range(len(names)), names, rotation=35, ha='right', fontsize=8)
    axes.set_yticks(range(len(study.conditions)), study.conditions, fontsize=8)
    for training in trainings:
        columns = [k for k, arm in enumerate(study.arms) if arm.endswith(f'-{training}')]
        axes.text(float(np.mean(columns)), -0.7, f'training: {training}', ha='center', fontsize=8)
        axes.axvline(columns[-1] + 0.5, color='white', linewidth=3)
    axes.set_title('Missions that succeed, %: conditions down, networks across', fontsize=9, pad=20)
    return {PICTURE: encode_figure(figure)}
