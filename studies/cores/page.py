"""The page of the cores study and its picture, from its figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from liquid_pilot.utils.tables import markdown_table
from studies import outcomes
from studies.cores.study import Study
from studies.figures import encode_figure
from studies.page_text import provenance, wrap_paragraphs

PICTURE = 'success.png'
FLY = 'python studies/cores/run.py fly report'


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
        state = (
            f'**Unfinished: {missing} of {total} missions are still to be flown.** A figure in '
            'parentheses is of the missions flown so far, and a dash stands where there are none.'
        )
    flights, training = study.plan['flights'], study.plan['training']
    candidates = len(study.candidates(next(iter(study.plan['cores']))))
    introduction = f"""# Cores: like for like, where memory counts

Which recurrent core flies best when the pilot has to remember, and when frames come at another rate
than in training? All cores learn from the same demonstrations, behind the same encoder, with the
same number of steps and the same number of tried settings. {state}"""
    method = f"""## How it was measured

The plan, [study.yaml](study.yaml), was written before the first training. One encoder serves all
cores, and is not changed after its own training. Rate and size of each core are the best of
{candidates} candidates, by the loss over episodes that no training sees; the same episodes decide
which core of a kind the aims speak of. Every core is then trained {training['steps']} steps with
each of {len(study.seeds)} seeds, once on regular frames and once with frames dropped at random
(`-irregular`), and flies {flights['forests']} forests for each seed, the same for all:
{content['planned']} missions for each figure. The guard waits for slow cameras."""
    parts = [
        f'{wrap_paragraphs(introduction)}\n',
        study.files.remarks(),
        f'{wrap_paragraphs(method)}\n',
        '## Successes, percent\n',
        *(_table(study, content, course) for course in (*flights['courses'], None)),
        f'![Successes by core and frame rate, in percent, mean of the courses]({PICTURE})\n',
        '## The aims\n',
        _comparisons(content),
        '## Loss over the episodes that choose\n',
        _losses(study, content),
        '<details><summary>The search</summary>\n',
        _search(content),
        '</details>\n',
        f'## Missions and pilots\n\n{provenance(content, FLY)}',
        """To do the whole study again, with pilots that are trained with the present code:

    python studies/cores/run.py              # needs many hours; can be stopped and resumed
    python studies/cores/run.py page         # needs those results; writes their page again
""",
    ]
    return '\n'.join(part for part in parts if part)


def _rate(content: dict[str, Any], arm: str, rate: str, course: str | None) -> tuple[int, int, int]:
    """Return successes, missions and missing missions, of one course or of all."""
    cells = [
        cell
        for cell in content['cells']
        if (cell['arm'], cell['rate']) == (arm, rate) and course in (None, cell['course'])
    ]
    names = ('successes', 'missions', 'missing')
    successes, missions, missing = (sum(cell[name] for cell in cells) for name in names)
    return successes, missions, missing


def _table(study: Study, content: dict[str, Any], course: str | None) -> str:
    rates = list(study.plan['flights']['rates'])
    rows = []
    for arm in study.arms:
        row = [arm]
        for rate in rates:
            successes, missions, missing = _rate(content, arm, rate, course)
            text = f'{100 * successes / missions:.0f}' if missions else '-'
            row.append(f'({text})' if missions and missing else text)
        rows.append(row)
    heading = f'### {course}' if course else '### All courses'
    return f'{heading}\n\n{markdown_table(["core and frames of training", *rates], rows)}\n'


def _comparisons(content: dict[str, Any]) -> str:
    chosen = content['chosen']
    text = (
        f'Chosen by the loss: `{chosen.get("liquid") or "none"}` of the liquid cores, '
        f'`{chosen.get("gru") or "none"}` of the GRUs. Differences are the liquid core minus the '
        'other one, in points, with a 95 % interval over missions and one over training seeds too.'
    )
    rows = [
        [
            row['rate'],
            row['course'],
            row['other'],
            f'{row["points"]:+.1f}',
            '{:+.0f} to {:+.0f}'.format(*row['over_missions']),
            '{:+.0f} to {:+.0f}'.format(*row['over_seeds']),
            f'{row["p_holm"]:.3f}',
        ]
        for row in content['comparisons']
    ]
    if not rows:
        return f'{wrap_paragraphs(text)}\n'
    head = ['rate', 'course', 'other core', 'points', 'missions', 'seeds too', 'p (Holm)']
    return f'{wrap_paragraphs(text)}\n\n{markdown_table(head, rows)}\n'


def _losses(study: Study, content: dict[str, Any]) -> str:
    rates = list(study.plan['flights']['rates'])
    rows = []
    for arm in study.arms:
        trainings = [row for row in content['trainings'] if row['arm'] == arm]
        if not trainings:
            continue
        means = [np.mean([row['losses'][rate] for row in trainings]) for rate in rates]
        rows.append([arm, str(trainings[0]['parameters']), *(f'{mean:.3f}' for mean in means)])
    head = ['core and frames of training', 'parameters', *rates]
    return f'{markdown_table(head, rows)}\n' if rows else 'No core is trained yet.\n'


def _search(content: dict[str, Any]) -> str:
    rows = [
        [
            row['core'],
            ', '.join(
                f'{name} {value}' for name, value in row['settings'].items() if name != 'core'
            ),
            str(row['parameters']),
            f'{row["loss"]:.4f}{" (chosen)" if row["chosen"] else ""}',
        ]
        for row in content['search']
    ]
    if not rows:
        return 'Nothing is searched yet.\n'
    return f'{markdown_table(["core", "settings", "parameters", "loss"], rows)}\n'


def pictures(study: Study, content: dict[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name: a heat map of cores and frame rates."""
    from matplotlib.figure import Figure

    rates = list(study.plan['flights']['rates'])
    values = np.full((len(study.arms), len(rates)), np.nan)
    for (row, arm), (column, rate) in (
        (one, other) for one in enumerate(study.arms) for other in enumerate(rates)
    ):
        successes, missions, _ = _rate(content, arm, rate, None)
        if missions:
            values[row, column] = 100 * successes / missions
    figure = Figure(
        figsize=(2.6 + 0.8 * len(rates), 1.2 + 0.28 * len(study.arms)),
        dpi=110,
        layout='constrained',
    )
    axes = figure.add_subplot()
    # A map from dark blue to yellow that every kind of colour vision orders alike.
    axes.imshow(values, cmap='cividis', vmin=0, vmax=100, aspect='auto')
    for (row, column), value in np.ndenumerate(values):
        axes.text(
            column,
            row,
            '-' if np.isnan(value) else f'{value:.0f}',
            ha='center',
            va='center',
            fontsize=8,
            color='white' if value < 55.0 else 'black',
        )
    axes.set_xticks(range(len(rates)), rates, fontsize=8)
    axes.set_yticks(range(len(study.arms)), study.arms, fontsize=8)
    axes.set_title('Missions that succeed, %: mean of the courses', fontsize=9)
    return {PICTURE: encode_figure(figure)}
