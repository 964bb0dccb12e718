"""The page of the front-end study and its picture, from its figures."""

from __future__ import annotations

from typing import Any

from liquid_pilot.utils import palette
from liquid_pilot.utils.tables import markdown_table
from studies.figures import encode_figure
from studies.front_end.study import Study
from studies.page_text import provenance, wrap_paragraphs

PICTURE = 'differences.png'
FLY = 'python studies/front_end/run.py'


def markdown(study: Study, content: dict[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    total = content['planned'] * len(content['arms'])
    missing = sum(row['missing'] for row in content['arms'])
    state = (
        'All missions are flown.'
        if not missing
        else f'**Unfinished: {missing} of {total} missions are still to be flown.** Figures are of '
        'the missions that all arms have flown.'
    )
    introduction = f"""# Front end: an estimated, a learned or a constant filter

Before the encoder, a [temporal filter](../../docs/explanation/adaptation.md#temporal-filter)
averages each pixel over frames. How long it should average depends on noise and motion. Does a
pilot fly better when this is estimated or learned in flight than with any one constant? {state}"""
    method = f"""## How it was measured

The plan, [study.yaml](study.yaml), was written before the first mission. A list of
{content['planned']} missions, in an order drawn once, mixes {len(study.parts)} parts evenly (clear
weather, noise, blank frames, low frame rates, fast turns and wind, most of which begin in
mid-flight) with {len(study.plan['pilots'])} pilots, each mission in a forest of its own. Every arm
flies this list, and differs from the others by the gain of the temporal filter alone. Differences
are paired by mission, with 95 % intervals of Bonett and Price; a star marks those that McNemar's
test finds at 5 % after Holm's correction for {len(content['comparisons'])} comparisons.
[results.json](results.json) has every figure, those of each pilot too."""
    parts = [f'{wrap_paragraphs(introduction)}\n', f'{wrap_paragraphs(_verdict(study, content))}\n']
    parts += [study.files.remarks(), f'{wrap_paragraphs(method)}\n']
    parts.append(f'## The mixture\n\n{_arms_table(content)}')
    parts.append(f'![Differences in success over the mixture, with intervals]({PICTURE})\n')
    for arm in study.plan['judged']:
        parts.append(f'### `{arm}` minus the others\n\n{_comparison_table(content, arm)}')
    parts.append(f'## Its parts\n\nSuccesses of {_each(content)} missions.\n')
    parts.append(_parts_table(study, content))
    parts.append(f'## Missions and pilots\n\n{provenance(content, FLY)}')
    parts.append(
        f"""To do the study again, once the pilots of the adaptation study are back under `runs/`:

    {FLY}        # needs hours; can be stopped and resumed
    {FLY} page   # needs those results; writes their page again
"""
    )
    return '\n'.join(part for part in parts if part)


def _verdict(study: Study, content: dict[str, Any]) -> str:
    """Return the answer to the question of the study, by the rule of its plan."""
    best = content['best_constant']
    sentences = []
    for arm, worth in content['worth'].items():
        row = _comparison(content, arm, best)
        interval = f'{_signed(row["difference"])} points ({_interval(row["interval"])})'
        sentences.append(
            f'`{arm}` {"beats" if worth else "does not beat"} each of the constants and random '
            f'ones; against the best constant in hindsight, `{best}`, it is {interval}.'
        )
    return '**' + ' '.join(sentences) + '**'


def _comparison(content: dict[str, Any], arm: str, other: str) -> dict[str, Any]:
    return next(row for row in content['comparisons'] if (row['arm'], row['other']) == (arm, other))


def _signed(rate: float) -> str:
    return f'{100 * rate:+.1f}'


def _interval(bounds: list[float]) -> str:
    return f'{_signed(bounds[0])} to {_signed(bounds[1])}'


def _arms_table(content: dict[str, Any]) -> str:
    rows = []
    for row in content['arms']:
        low, high = row['wilson_95']
        by_pilot = ', '.join(
            f'{100 * won / flown:.0f}' if flown else '-' for won, flown in row['by_pilot'].values()
        )
        rate = f'{100 * row["successes"] / row["missions"]:.1f}' if row['missions'] else '-'
        counts = f'{row["successes"]} of {row["missions"]}'
        rows.append(
            [f'`{row["arm"]}`', counts, rate, f'{100 * low:.1f}-{100 * high:.1f}', by_pilot]
        )
    pilots = ', '.join(content['arms'][0]['by_pilot'])
    header = ['gain', 'successes', '%', '95 % interval', f'% of {pilots}']
    return markdown_table(header, rows) + '\n'


def _comparison_table(content: dict[str, Any], arm: str) -> str:
    rows = [
        [
            f'`{row["other"]}`',
            f'{_signed(row["difference"])}{"*" if row["p_holm"] < 0.05 else ""}',
            _interval(row['interval']),
            f'{row["only_arm"]} : {row["only_other"]}',
            f'{row["p_holm"]:.2g}',
            _mean_text(row['command_turn_rad_s2']),
            _mean_text(row['duration_s']),
        ]
        for row in content['comparisons']
        if row['arm'] == arm
    ]
    header = [
        'other',
        'points',
        '95 %',
        'only one succeeds',
        'p (Holm)',
        'unrest of the yaw command, rad/s²',
        'time to the target, s',
    ]
    return markdown_table(header, rows) + '\n'


def _mean_text(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return '-'
    low, high = figure['interval']
    return f'{figure["mean"]:+.2f} ({low:+.2f} to {high:+.2f})'


def _each(content: dict[str, Any]) -> str:
    counts = sorted({cell['missions'] for cell in content['cells']})
    return f'{counts[0]}' if len(counts) == 1 else f'{counts[0]} to {counts[-1]}'


def _parts_table(study: Study, content: dict[str, Any]) -> str:
    cells = {(cell['arm'], cell['part']): cell['successes'] for cell in content['cells']}
    rows = [[part, *(str(cells[arm, part]) for arm in study.arms)] for part in study.parts]
    return markdown_table(['part', *(f'`{arm}`' for arm in study.arms)], rows) + '\n'


def pictures(study: Study, content: dict[str, Any]) -> dict[str, bytes]:
    """Return the PNG file of the page by name: paired differences with their intervals."""
    from matplotlib.figure import Figure

    judged = study.plan['judged']
    figure = Figure(figsize=(4.2 * len(judged), 3.4), dpi=110, layout='constrained')
    for number, arm in enumerate(judged):
        axes = figure.add_subplot(1, len(judged), number + 1)
        rows = [row for row in content['comparisons'] if row['arm'] == arm][::-1]
        for place, row in enumerate(rows):
            low, high = (100 * bound for bound in row['interval'])
            axes.plot([low, high], [place, place], color=palette.SERIES[0].colour, linewidth=2)
            axes.plot(100 * row['difference'], place, 'o', color=palette.SERIES[0].colour)
        axes.axvline(0.0, color='black', linewidth=0.8)
        axes.set_yticks(range(len(rows)), [row['other'] for row in rows], fontsize=8)
        axes.set_xlabel('points of success, with 95 % interval', fontsize=8)
        axes.set_title(f'{arm} minus the others', fontsize=9)
    return {PICTURE: encode_figure(figure)}
