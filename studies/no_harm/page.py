"""The page of the no-harm study and its picture, from its figures."""

from __future__ import annotations

from typing import Any

from liquid_pilot.evaluation.dot_plot import DotPanel, Interval, dot_figure
from liquid_pilot.utils.tables import markdown_table
from studies.figures import encode_figure
from studies.no_harm.report import losses
from studies.no_harm.study import Study
from studies.outcomes import missing
from studies.page_text import provenance, wrap_paragraphs

PICTURE = 'success.png'
FLY = 'python studies/no_harm/run.py fly report'
CLAIM = 'no harm'
ARMS = {
    'frozen': 'as trained',
    'adapting': 'adapting, as shipped',
    'match_before': 'adapting, with the photometric match as it was before this study',
    'no_match': 'adapting, without photometric match',
}
"""What each arm is."""


def markdown(study: Study, content: dict[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    introduction = f"""# No harm: does adaptation cost anything where nobody tuned it?

Does a pilot that adapts fly worse than the same pilot as trained in some shift of the picture that
nobody looked at while adaptation was designed? {_state(content)}"""
    bounds = study.plan['calibration']['success']
    method = f"""## How it was measured

The plan, [study.yaml](study.yaml), with its families, severities, arms, forests and tests was
written before the photometric match was changed, and no adapting pilot had flown these families
then. The families are [conditions of a package of their own](weather/no_harm_weather.py). The
severity of each was chosen by the pilot as trained alone, in {content['calibration']['forests']}
other forests, so that it succeeds in {100 * bounds[0]:.0f} to {100 * bounds[1]:.0f} % of them. All
arms fly the same {content['planned']} forests, from seed {content['first_forest']} on. Intervals
are of 95 %: Wilson for the successes, Bonett and Price for differences. `p` is that of McNemar's
exact test after Holm's correction over the families. [results.json](results.json) has every
figure."""
    parts = [f'{wrap_paragraphs(introduction)}\n', study.files.remarks()]
    parts.append(f'![Successes by family and arm, in percent]({PICTURE})\n')
    parts.append(f'{wrap_paragraphs(method)}\n')
    parts.append(
        '\n'.join(f'- `{arm}`: {ARMS[arm]}' for arm in study.arms) + f'\n\n{_rates(study, content)}'
    )
    for name, tests in content['comparisons'].items():
        first, other = study.plan['comparisons'][name]
        parts.append(f'## {name.capitalize()}: `{other}` minus `{first}`\n\n{_tests(tests)}')
    parts.append(f'## The families\n\n{_families(study, content["calibration"])}')
    parts.append(f'## Missions\n\n{provenance(content, FLY)}')
    parts.append(
        """To do the whole study again with the present code:

    python studies/no_harm/run.py --runs runs/again   # needs hours; can be stopped and resumed
    python studies/no_harm/run.py page                # needs those results; writes their page again
"""
    )
    return '\n'.join(parts)


def _state(content: dict[str, Any]) -> str:
    """Return what the page says first: the verdict, or how much has not been flown."""
    left = missing(content)
    if left:
        return (
            f'**Unfinished: {left} of {content["planned"] * len(content["cells"])} missions are '
            'still to be flown.** A figure in parentheses is of the missions flown so far.'
        )
    lost = losses(content['comparisons'][CLAIM])
    if lost:
        return f'**Yes, in {", ".join(lost)}.** All missions are flown.'
    return (
        f'**No loss was found**: in none of the {len(content["comparisons"][CLAIM])} families is '
        'the adapting pilot significantly worse. All missions are flown.'
    )


def _rates(study: Study, content: dict[str, Any]) -> str:
    cells = {(cell['condition'], cell['arm']): cell for cell in content['cells']}
    rows = [
        [condition, *(_rate(cells[condition, arm]) for arm in study.arms)]
        for condition in study.conditions
    ]
    return f'{markdown_table(["family", *(f"`{arm}`" for arm in study.arms)], rows)}\n'


def _rate(cell: dict[str, Any]) -> str:
    if not cell['missions']:
        return '-'
    low, high = (100.0 * bound for bound in cell['wilson_95'])
    text = f'{100 * cell["successes"] / cell["missions"]:.1f} % ({low:.0f} to {high:.0f})'
    return f'({text})' if cell['missing'] else text


def _tests(tests: list[dict[str, Any]]) -> str:
    rows = []
    for test in tests:
        low, high = (100.0 * bound for bound in test['interval_95'])
        rows.append(
            [
                test['condition'],
                f'{100 * test["difference"]:+.1f} points',
                f'{low:+.1f} to {high:+.1f}',
                f'{test["only_first"]} and {test["only_other"]} of {test["pairs"]}',
                f'{test["p_holm"]:.2g}',
            ]
        )
    head = ['family', 'difference', '95 % interval', 'forests that only one flies', 'p (Holm)']
    return f'{markdown_table(head, rows)}\n'


def _families(study: Study, calibration: dict[str, Any]) -> str:
    rows = []
    for family, spec in study.families.items():
        found = calibration['families'][family]
        flown = ', '.join(f'{strength:g}: {successes}' for strength, successes in found['probes'])
        rows.append([f'`{family}`', spec.description, spec.unit, f'{found["strength"]:g}', flown])
    head = ['family', 'what it is', 'unit', 'severity 3', 'strengths tried: successes']
    return f'{markdown_table(head, rows)}\n'


def pictures(content: dict[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name."""
    rows: dict[str, dict[str, Interval]] = {}
    for cell in content['cells']:
        row = rows.setdefault(cell['condition'], {})
        if cell['missions']:
            low, high = (100.0 * bound for bound in cell['wilson_95'])
            row[ARMS[cell['arm']]] = 100.0 * cell['successes'] / cell['missions'], low, high
    panel = DotPanel('missions that succeed, %', rows, (0.0, 100.0))
    title = 'Families that nobody tuned on, with 95 % intervals'
    return {PICTURE: encode_figure(dot_figure(title, [panel]))}
