"""The page of the retention study and its picture, from its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liquid_pilot.evaluation.dot_plot import DotPanel, Interval, dot_figure
from liquid_pilot.utils.tables import markdown_table
from studies import outcomes
from studies.figures import encode_figure
from studies.page_text import provenance, wrap_paragraphs
from studies.retention import report
from studies.retention.report import ALL_COURSES
from studies.retention.study import Study

PICTURE = 'success.png'
FLY = 'python studies/retention/run.py fly report'
WORDS = {
    'trained': 'as trained',
    'retention': 'rule `slow_core_while_held`: slow while it is held and the picture stays',
    'frozen': 'core stands still while it is held, whatever the picture shows',
    'event_clock': "core's time passes as the picture changes, whoever has the vehicle",
    'always': 'core slowed by the same factor in every tick',
    'gru': 'as trained',
    'gru_retention': 'rule `slow_core_while_held`, on the elapsed time that the GRU reads',
    'gru_frozen': 'told next to no elapsed time while it is held',
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
    introduction = f"""# Retention: does a memory pilot remember longer when its core waits?

On a memory course the pilot has to keep in mind which chair is the target. Here the simulator takes
the vehicle on the way and holds it, for a while or for a long one. Does it help to let the core's
time pass slowly while another has the vehicle and the picture stays the same? {state}"""
    method = f"""## How it was measured

The plan, [study.yaml](study.yaml), was written before the first of these missions, and the
constants of the rule before that, on recorded courses. There are {len(study.seeds)} training seeds,
and {study.plan['forests']} forests for each of them and each course, the same for all arms. The
vehicle is held for 1.2 to 2 s (on `glimpse:3` for 1.6 s), times the factor. While the pilot has the
vehicle the rule does nothing: a flight without a hold is the same to the last bit. A star marks a
difference from the same pilot as trained that McNemar's test finds at 5 % after Holm's correction
for all {len(content['tests'])} comparisons of the page. Controls fly at some of the factors only,
and have a dash at the others. [results.json](results.json) has every figure."""
    parts = [f'{wrap_paragraphs(introduction)}\n', study.files.remarks()]
    parts += [f'{wrap_paragraphs(method)}\n', _arms_table(study)]
    for name in (ALL_COURSES, *study.plan['courses']):
        title = 'All courses' if name == ALL_COURSES else f'`{name}`'
        parts.append(f'## {title}\n\n{_success_table(study, content, name)}')
        if name == ALL_COURSES:
            parts.append(f'![Successes by factor and arm, in percent]({PICTURE})\n')
    parts.append(f'## What may be claimed\n\n{_claims(study, content)}')
    for part, title in (('judged', 'Recorded courses'), ('tuning', 'Choice of the constants')):
        if part in content['offline']:
            parts.append(f'## {title}\n\n{_offline_table(part, content["offline"][part])}')
    parts.append(f'## Missions and pilots\n\n{provenance(content, FLY)}')
    parts.append(
        """To do the whole study again, with pilots that are trained with the present code:

    python studies/retention/run.py             # needs many hours; can be stopped and resumed
    python studies/retention/run.py page        # needs those results; writes their page again
"""
    )
    return '\n'.join(part for part in parts if part)


def _arms_table(study: Study) -> str:
    lent = study.lender.plan['pilots']
    rows = [
        [f'`{name}`', lent[study.plan['pilots'][arm['pilot']]], WORDS.get(name, arm['arm'])]
        for name, arm in study.plan['arms'].items()
    ]
    return f'{markdown_table(["arm", "pilot", "what it does"], rows)}\n'


def _success_table(study: Study, content: Mapping[str, Any], course: str) -> str:
    rows = {(row['arm'], row['held']): row for row in content['summary'] if row['course'] == course}
    trained = {judged: controls[0] for judged, controls in study.plan['compared'].items()}
    starred = {
        (test['other'], test['held'])
        for judged in trained
        for better in (True, False)
        for test in report.significant(content, judged, better)
        if (test['course'], test['first']) == (course, trained[judged])
    }
    courses = len(study.plan['courses']) if course == ALL_COURSES else 1
    planned = len(study.seeds) * study.plan['forests'] * courses
    table = [
        [
            f'`{arm}`',
            *(
                _format(rows.get((arm, held)), planned, (arm, held) in starred)
                for held in study.held
            ),
        ]
        for arm in study.plan['arms']
    ]
    head = ['success, %', *(f'held {held:g} x' for held in study.held)]
    return f'{markdown_table(head, table)}\n'


def _format(row: Mapping[str, Any] | None, planned: int, starred: bool) -> str:
    if row is None or not row['missions']:
        return '-'
    text = f'{100 * row["successes"] / row["missions"]:.0f}{"*" if starred else ""}'
    return text if row['missions'] == planned else f'({text})'


def _claims(study: Study, content: Mapping[str, Any]) -> str:
    """Return, for each judged arm, what it does better and worse than beyond chance."""
    lines = []
    for judged in study.plan['compared']:
        for better, word in ((True, 'better than'), (False, 'worse than')):
            found = report.significant(content, judged, better)
            names = [
                f'`{test["first"]}` held {test["held"]:g} x ({test["course"]})' for test in found
            ]
            lines.append([f'`{judged}`', word, ', '.join(names) or 'none'])
    text = wrap_paragraphs(
        'An arm is better or worse than a control where it wins or loses more of the same missions '
        'and the test is significant. The rule is to be the default of memory pilots only if it is '
        'better than the pilot as trained at a factor of the plan and nowhere worse.'
    )
    return f'{text}\n\n{markdown_table(["arm", "", "control"], lines)}\n'


def _offline_table(part: str, by_arm: Mapping[str, Mapping[str, list[int]]]) -> str:
    """Return the right decisions over recorded courses, in percent."""
    held = list(next(iter(by_arm.values())))
    rows = [
        [
            f'`{arm}`',
            *(f'{100 * right / of:.0f}' if of else '-' for right, of in (row[k] for k in held)),
        ]
        for arm, row in by_arm.items()
    ]
    of = ', '.join(str(next(iter(by_arm.values()))[key][1]) for key in held)
    text = (
        'How often the core turns to the side that was shown, in percent, over recorded courses '
        f'that the expert flew ({of} decisions of all training seeds).'
    )
    if part == 'tuning':
        text += ' None of them was used for anything else.'
    head = ['arm', *(f'held {key} x' for key in held)]
    return f'{wrap_paragraphs(text)}\n\n{markdown_table(head, rows)}\n'


def pictures(content: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name."""
    rows: dict[str, dict[str, Interval]] = {}
    for row in content['summary']:
        if row['course'] == ALL_COURSES and row['missions']:
            low, high = (100.0 * end for end in row['wilson_95'])
            value = 100.0 * row['successes'] / row['missions']
            rows.setdefault(f'held {row["held"]:g} x', {})[row['arm']] = value, low, high
    if not rows:
        return {}
    panel = DotPanel('successful missions, %', rows, (0.0, 100.0))
    title = 'Missions that succeed although the vehicle is held, with 95 % intervals'
    return {PICTURE: encode_figure(dot_figure(title, [panel]))}
