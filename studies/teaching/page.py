"""The page of the teaching study and its picture, from its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liquid_pilot.evaluation.dot_plot import DotPanel, Interval, dot_figure
from liquid_pilot.utils.tables import markdown_table
from studies.figures import encode_figure
from studies.outcomes import missing
from studies.page_text import provenance, wrap_paragraphs
from studies.teaching.report import DECIDING
from studies.teaching.study import Study, StudyCell

PICTURE = 'success.png'
FLY = 'python studies/teaching/run.py fly report'
LESSONS = {
    'aim': 'three angles of the camera and an offset of each output',
    'calibration': 'how the camera is turned, from gyroscope and picture, and the trim of the '
    'turn, from command and gyroscope; without a teacher. `live`: it goes on when the pilot flies '
    'alone; `alone`: it begins each mission with nothing learned',
    'time_constants': 'the capacitance of each neuron (`cm`), by real-time recurrent learning',
    'leak': 'leak conductance and potential of each neuron, likewise',
    'readout': 'a map of the state that is added to the outputs, by recursive least squares',
    'all': 'all parameters of the core, by real-time recurrent learning',
    'offline': 'encoder and core, by torch, after the flight: what an onboard lesson can hope for',
}
"""What each lesson learns."""
BLOCKS = {
    'deciding': 'A camera or a trim that is askew',
    'others': 'Other shifts',
    'forgetting': 'What a lesson costs in clear weather',
    'forgetting of parameters': 'What the other lessons cost in clear weather',
    'sealed': 'Shifts that nobody had looked at, without a teacher',
    'weather': 'Bad pictures of a straight camera, without a teacher',
    '10 seconds': 'After 10 s of lessons',
    '60 seconds': 'After 60 s of lessons',
    'bad teachers': 'Teachers who teach what is wrong, in clear weather',
    'rover': 'The rover',
    'rover forgetting': 'What a lesson costs the rover in clear weather',
}
"""Heading of each block."""


def markdown(study: Study, content: dict[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    plan = study.plan
    introduction = f"""# Teaching: what seconds of a hand on the stick are worth

A human takes over for {plan['lessons']['seconds']:g} s and flies as the pilot should. How well does
the pilot fly alone afterwards, with what it learned in flight? {_state(study, content)}"""
    method = """## How it was measured

The plan, [study.yaml](study.yaml), with its arms, shifts, teachers and tests was written before the
first lesson of this study. The hand is [the expert of the demonstrations](teachers.py), who does
not know the shift and steers against what it feels the vehicle do by itself. All arms of a pilot
fly the same forests or roads alone, which no lesson was given in. Intervals are of 95 %: Wilson for
the successes, Bonett and Price for differences, a bootstrap over forests for the share of the lost
missions that was regained. `p` is that of McNemar's exact test against the same pilot as trained,
after Holm's correction over the block. [results.json](results.json) has every figure."""
    parts = [f'{wrap_paragraphs(introduction)}\n', study.files.remarks()]
    parts.append(f'![Successes by shift and arm, in percent]({PICTURE})\n')
    parts.append(f'## What was regained, and what it cost\n\n{_verdicts(study, content)}')
    parts.append(f'{_regained(content)}')
    parts.append(f'{wrap_paragraphs(method)}\n')
    parts.append('\n'.join(f'- `{name}`: {what}' for name, what in LESSONS.items()) + '\n')
    parts += [
        f'## {BLOCKS.get(name, name.capitalize())}\n\n{_rates(study, content, name)}'
        for name in plan['blocks']
    ]
    parts.append(f'## What was learned\n\n{_learned(content)}')
    parts.append(f'## Missions\n\n{provenance(content, FLY)}')
    parts.append(
        """To do the whole study again with the present code:

    python studies/teaching/run.py --runs runs/again   # needs hours; can be stopped and resumed
    python studies/teaching/run.py page   # needs those results; writes their page again
"""
    )
    return '\n'.join(parts)


def _state(study: Study, content: Mapping[str, Any]) -> str:
    """Return what the page says first: the verdict, or how much has not been flown."""
    left = missing(dict(content))
    if left:
        return (
            f'**Unfinished: {left} missions are still to be flown.** A figure in parentheses is of '
            'the missions flown so far.'
        )
    holding = [f'`{arm}`' for arm, verdict in content['kept'].items() if verdict['holds']]
    promise = study.plan['promise']
    aim = (
        f'brings {100 * promise["regained"]:g} % of the missions back that a turned camera or a '
        f'trim costs, and loses at most {100 * promise["lost"]:g} points in clear weather'
    )
    if not holding:
        return f'**No lesson {aim}, in each of the shifts that decide.** All missions are flown.'
    return f'**{", ".join(holding)} {aim}.** All missions are flown.'


def _verdicts(study: Study, content: Mapping[str, Any]) -> str:
    rows = [
        [
            f'`{arm}`',
            _percent(verdict['least_regained']),
            _points(verdict['largest_loss'], -1.0),
            'yes' if verdict['holds'] else 'no',
        ]
        for arm, verdict in content['kept'].items()
    ]
    promise = study.plan['promise']
    head = [
        'arm',
        f'least share regained (wanted: {100 * promise["regained"]:g} %)',
        f'largest loss in clear weather (allowed: {100 * promise["lost"]:g} points)',
        'holds',
    ]
    return f'{markdown_table(head, rows)}\n'


def _regained(content: Mapping[str, Any]) -> str:
    rows = []
    for row in content['regained']:
        interval = row['interval_95']
        text = '-' if interval is None else f'{_percent(interval[0])} to {_percent(interval[1])}'
        counts = f'{row["regained"]} of {row["lost"]}'
        rows.append([f'`{row["arm"]}`', row['taught_in'], counts, _percent(row['share']), text])
    head = ['arm', 'shift', 'missions regained of those lost', 'share', '95 % interval']
    return f'{markdown_table(head, rows)}\n'


def _rates(study: Study, content: Mapping[str, Any], block: str) -> str:
    """Return the table of one block: each arm with its difference from the pilot as trained."""
    tests = {_key(test): test for test in content['tests'][block]}
    cells = {_key(cell): cell for cell in content['cells']}
    rows = []
    for cell in study.blocks[block]:
        named = (cell.arm, cell.condition, *_lesson(cell))
        found, test = cells[named], tests.get(named)
        taught = 'nothing' if cell.lesson is None else cell.lesson.taught_in
        teacher = '' if cell.lesson is None else cell.lesson.teacher
        row = [f'`{cell.arm}`', taught, teacher, cell.condition, _rate(found)]
        if test is None:
            rows.append([*row, '', ''])
            continue
        low, high = test['interval_95']
        text = f'{_points(test["difference"])} ({_points(low)} to {_points(high)})'
        rows.append([*row, text, f'{test["p_holm"]:.2g}'])
    head = ['arm', 'taught in', 'by', 'flies in', 'successes', 'points gained', 'p (Holm)']
    return f'{markdown_table(head, rows)}\n'


def _lesson(cell: StudyCell) -> tuple[Any, ...]:
    key = cell.lesson
    return (None, None, None) if key is None else (key.taught_in, key.seconds, key.teacher)


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a cell of the results is."""
    return tuple(row.get(name) for name in ('arm', 'flown_in', 'taught_in', 'seconds', 'teacher'))


def _rate(cell: Mapping[str, Any]) -> str:
    if not cell['missions']:
        return '-'
    low, high = (100.0 * bound for bound in cell['wilson_95'])
    text = f'{100 * cell["successes"] / cell["missions"]:.1f} % ({low:.0f} to {high:.0f})'
    return f'({text})' if cell['missing'] else text


def _percent(share: float | None) -> str:
    return '-' if share is None else f'{100 * share:.0f} %'


def _points(share: float | None, sign: float = 1.0) -> str:
    return '-' if share is None else f'{100 * sign * share:+.1f}'


def _learned(content: Mapping[str, Any]) -> str:
    """Return the table of what was learned: angles, offsets, or the size of the change."""
    rows = []
    for row in content['learned']:
        if row['mean_change']:
            text = 'changes of ' + ', '.join(f'{size:.2g}' for size in row['mean_change'])
        else:
            text = '; '.join(
                f'{" ".join(f"{angle:+.0f}" for angle in aim)} deg, '
                f'{" ".join(f"{offset:+.2f}" for offset in offsets)}'
                for aim, offsets in zip(row['aim_deg'], row['offsets'], strict=True)
            )
        rows.append(
            [
                row['pilot'],
                f'`{row["lesson"]}`',
                row['taught_in'],
                f'{row["seconds"]:g} s',
                row['teacher'],
                text,
            ]
        )
    head = ['pilot', 'lesson', 'taught in', 'for', 'by', 'yaw, pitch, roll and offsets, by seed']
    return f'{markdown_table(head, rows)}\n'


def pictures(content: dict[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name."""
    deciding = {_key(test) for test in content['tests'][DECIDING]}
    shifts = {test['flown_in'] for test in content['tests'][DECIDING]}
    rows: dict[str, dict[str, Interval]] = {}
    for cell in content['cells']:
        as_trained = 'taught_in' not in cell and cell['flown_in'] in shifts
        if cell['missions'] and (as_trained or _key(cell) in deciding):
            low, high = (100.0 * bound for bound in cell['wilson_95'])
            rate = 100.0 * cell['successes'] / cell['missions']
            rows.setdefault(cell['flown_in'], {})[cell['arm']] = rate, low, high
    panels = [
        DotPanel(
            f'{name}: missions that succeed, %',
            {
                shift: {arm: of for arm, of in row.items() if arm.startswith('gru') == is_gru}
                for shift, row in rows.items()
            },
            (0.0, 100.0),
        )
        for name, is_gru in (('LTC', False), ('GRU', True))
    ]
    panels = [panel for panel in panels if any(panel.rows.values())]
    title = 'Alone after 20 s of a hand on the stick, with 95 % intervals'
    return {PICTURE: encode_figure(dot_figure(title, panels))}
