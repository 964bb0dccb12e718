"""The page of the world clock study and its picture, from its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from liquid_pilot.evaluation.dot_plot import DotPanel, Interval, dot_figure
from liquid_pilot.utils.tables import markdown_table
from studies import outcomes
from studies.figures import encode_figure
from studies.page_text import provenance, wrap_paragraphs
from studies.world_clock import report
from studies.world_clock.study import HINDSIGHT, Study

PICTURE = 'success.png'
FLY = 'python studies/world_clock/run.py fly report'
WORDS = {
    'trained': 'as trained',
    'bank': 'rule `world_clock`, one flight',
    'pooled': 'rule `world_clock`, with the evidence of five flights before',
    'mixture': 'the bank in the engine, in place of the core; one flight',
    'oracle': 'the right factor, from the start',
    'random': 'a random factor from the trust region',
    'reset': 'rule `world_clock`, reset every 4 s',
    'picture': 'factor from gyroscope and picture, one flight',
    'picture_pooled': 'the same, with the turns of five flights before',
    'fixed_dt': 'no stamps: always one period of the training',
    'gru': 'GRU that reads the told time',
    'gru_irregular': 'the same, trained on irregular frames',
    HINDSIGHT: 'the best constant factor in hindsight',
}
"""What the arms do."""


def markdown(study: Study, content: Mapping[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    missing = outcomes.missing(content)
    planned = missing + sum(cell['missions'] for cell in content['cells'])
    state = (
        'All missions are flown.'
        if not missing
        else f'**Unfinished: {missing} of {planned} missions are still to be flown.** A figure in '
        'parentheses is of the missions flown so far, and a dash stands where there are none.'
    )
    introduction = f"""# World clock: what to do about stamps that lie by a factor

A simulator that runs at another real-time factor, a driver that counts frames, or a wrong rate in a
configuration file tell a pilot elapsed times that are wrong by a factor. Does the rule
`world_clock`, a bank of copies of the core that are judged by how well they foretell the next
inputs, help a liquid pilot, and does it do what simpler means do not? {state}"""
    method = f"""## How it was measured

The plan, [study.yaml](study.yaml), was written before the first mission. The stamps of frames and
IMU samples lie to the pilot alone; the simulator, the guard and the scoring keep the true time.
There are {len(study.seeds)} training seeds, and {study.plan['forests']} forests for each of them
and each course, the same for all arms. The tables show successes in percent, pooled over the
courses. A star marks a difference from `trained` that McNemar's test finds at 5 % after Holm's
correction for all {len(content['tests'])} comparisons of the page: each learned arm with each
control, at each factor. [results.json](results.json) has every figure."""
    parts = [f'{wrap_paragraphs(introduction)}\n', study.files.remarks()]
    parts += [f'{wrap_paragraphs(method)}\n', _arms_table(study, content)]
    parts.append('## Stamps that lie by a factor\n')
    parts.append(_success_table(study, content))
    parts.append(f'![Successes by factor and arm, in percent]({PICTURE})\n')
    parts.append(f'## What may be claimed\n\n{_claims(study, content)}')
    parts.append(f'## A driver that counts frames\n\n{_counted(study, content)}')
    if content['offline']:
        parts.append(_offline_section(content['offline']))
    parts.append(f'## Missions and pilots\n\n{provenance(content, FLY)}')
    parts.append(
        """To do the whole study again, with pilots that are trained with the present code:

    python studies/world_clock/run.py             # needs many hours; can be stopped and resumed
    python studies/world_clock/run.py page        # needs those results; writes their page again
"""
    )
    return '\n'.join(parts)


def _arms_table(study: Study, content: Mapping[str, Any]) -> str:
    rows = [
        [f'`{name}`', study.plan['pilots'][arm['pilot']], WORDS.get(name, arm['arm'])]
        for name, arm in study.plan['arms'].items()
    ]
    chosen = f'{WORDS[HINDSIGHT]}: {content["best_constant"]:g}'
    rows.append([f'`{HINDSIGHT}`', study.plan['pilots']['ltc'], chosen])
    return f'{markdown_table(["arm", "pilot", "what it does"], rows)}\n'


def _rows(content: Mapping[str, Any], part: str) -> dict[tuple[str, float], Mapping[str, Any]]:
    return {(row['arm'], row['told']): row for row in content['summary'] if row['part'] == part}


def _starred(content: Mapping[str, Any], part: str) -> set[tuple[str, float]]:
    """Return (arm, factor) of what differs from the first arm beyond chance."""
    return {
        (test['other'], test['told'])
        for test in content['tests']
        if (test['first'], test['part']) == ('trained', part)
        and test['p_holm'] < report.SIGNIFICANCE
    }


def _success_table(study: Study, content: Mapping[str, Any]) -> str:
    rows, starred = _rows(content, 'lying'), _starred(content, 'lying')
    planned = len(study.seeds) * study.plan['forests'] * len(study.plan['courses'])
    table = [
        [
            f'`{arm}`',
            *(_format(rows[arm, told], planned, (arm, told) in starred) for told in study.told),
        ]
        for arm in (*study.plan['arms'], HINDSIGHT)
    ]
    head = ['told', *(f'{told:g} x' for told in study.told)]
    return f'{markdown_table(head, table)}\n'


def _format(row: Mapping[str, Any], planned: int, starred: bool) -> str:
    if not row['missions']:
        return '-'
    text = f'{100 * row["successes"] / row["missions"]:.0f}{"*" if starred else ""}'
    return text if row['missions'] == planned else f'({text})'


def _claims(study: Study, content: Mapping[str, Any]) -> str:
    """Return, for each learned arm and factor, which controls it beats."""
    controls, lines = study.plan['controls'], []
    for learned in study.plan['learned']:
        for told in study.told:
            beaten = report.beaten(content, learned, told)
            rest = [control for control in controls if control not in beaten]
            lines.append(
                [f'`{learned}`', f'{told:g} x', _names(beaten) or 'none', _names(rest) or 'none']
            )
    return (
        wrap_paragraphs(
            'A learned arm beats a control where it wins more of the same missions and the test is '
            'significant. What it does not beat, it cannot be claimed to do better than.'
        )
        + '\n\n'
        + markdown_table(['learned', 'told', 'beats', 'does not beat'], lines)
        + '\n'
    )


def _names(arms: Sequence[str]) -> str:
    return ', '.join(f'`{arm}`' for arm in arms)


def _counted(study: Study, content: Mapping[str, Any]) -> str:
    counted = study.plan['counted']
    rows, told = _rows(content, 'counted'), counted['told']
    starred = _starred(content, 'counted')
    planned = len(study.seeds) * study.plan['forests'] * len(counted['courses'])
    table = [
        [f'`{arm}`', _format(rows[arm, told], planned, (arm, told) in starred)]
        for arm in counted['arms']
    ]
    text = wrap_paragraphs(
        f'The camera is slower than that of the training, and its driver counts each frame as one '
        f'period: the told time is {told:g} of the true one. To read no stamps at all is no help '
        f'here. Courses: {", ".join(counted["courses"])}.'
    )
    return f'{text}\n\n{markdown_table(["arm", "success, %"], table)}\n'


def _offline_section(offline: Mapping[str, Any]) -> str:
    """Return the section on the scores over recorded courses."""
    told = list(next(iter(offline['arms'].values())))
    decided = [
        [f'`{name}`', *(_share(by_told[key], 'right', 'decisions') for key in told)]
        for name, by_told in offline['arms'].items()
    ]
    found = [
        [f'`{name}`', *(_share(by_told[key], 'found', 'episodes') for key in told)]
        for name, by_told in offline['arms'].items()
        if name in ('bank', 'pooled', 'reset', 'picture', 'picture_pooled')
    ]
    head = [f'{key} x' for key in told]
    curves = [
        [f'`{name}`', *(f'{error:.2f}' for error in curve['errors'])]
        for name, curve in offline['curves'].items()
    ]
    factors = [f'{factor:g}' for factor in next(iter(offline['curves'].values()))['factors']]
    row = next(iter(offline['arms'].values()))[told[0]]
    text = wrap_paragraphs(
        f'The same arms over recorded courses that the expert flew ({row["episodes"]} episodes, '
        f'{row["decisions"]} decisions): how often the turn at the gate, or at the hand-over, goes '
        'to the side that was shown, in percent.'
    )
    return '\n'.join(
        [
            f'## Recorded courses\n\n{text}\n',
            markdown_table(['told', *head], decided),
            '\nHow often the factor at the end of an episode is the nearest power of 2, in '
            'percent:\n',
            markdown_table(['told', *head], found),
            '\nMean prediction errors of copies at the right clock, by their factor. The rule can '
            'tell\nthe clock of a pilot only if the error is smallest at 1:\n',
            markdown_table(['pilot', *factors], curves),
            '',
        ]
    )


def _share(row: Mapping[str, int], part: str, of: str) -> str:
    return f'{100 * row[part] / row[of]:.0f}' if row[of] else '-'


def pictures(content: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name."""
    rows: dict[str, dict[str, Interval]] = {}
    for row in content['summary']:
        if row['part'] == 'lying' and row['missions']:
            low, high = row['wilson_95']
            value = 100.0 * row['successes'] / row['missions']
            rows.setdefault(f'told {row["told"]:g} x', {})[row['arm']] = (
                value,
                100.0 * low,
                100.0 * high,
            )
    if not rows:
        return {}
    panel = DotPanel('successful missions, %', rows, (0.0, 100.0))
    title = 'Missions that succeed with stamps that lie by a factor, with 95 % intervals'
    return {PICTURE: encode_figure(dot_figure(title, [panel]))}
