"""The page of the dynamics study and its picture, from its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liquid_pilot.utils import palette
from liquid_pilot.utils.tables import markdown_table
from studies.dynamics.study import CONTROLLERS, FORGETS, FOUNDATION, PRIVILEGED, Study
from studies.figures import encode_figure
from studies.page_text import wrap_paragraphs

PICTURE = 'since_change.png'
ARMS = {
    'proportional': "the package's velocity controller",
    'integral': 'the same with an integral of the error, its gains searched',
    'privileged': 'a controller that is told the dynamics: the teacher, and the ceiling',
    FOUNDATION: "RAPTOR's policy, which commands the rotors and was trained elsewhere",
}
"""What each arm is that was not trained here."""


def markdown(study: Study, content: dict[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    plan = study.plan
    introduction = f"""# Dynamics: does a small network adapt to the vehicle that it flies?

A network reads the velocity that is wanted, the velocity, the attitude and the body rates, and
commands attitude and thrust. Nobody tells it how heavy the vehicle is, how slow its motors are,
which rotor is weak, or how late its commands arrive; and all that changes in the middle of the
flight. Does its state find out? {_state(study, content)}"""
    method = f"""## How it was measured

The plan, [study.yaml](study.yaml), was written before the first training. Each arm flies the same
{content['flights']} flights ([flights.py](flights.py)) of a quadrotor in MuJoCo
([plant.py](plant.py)), in two sets: dynamics within those of training, and beyond them. The
networks learn from a controller that is told the dynamics ([controllers.py](controllers.py)), by
DAgger, with as many steps and a search of their own ([networks.py](networks.py)). An arm that
`forgets` has its state set to zero every {plan['forget_s']:g} s: what it then lacks, the state had.
An error counts as at most {content['lost_counts_m_s']:g} m/s, and so does a flight
that is lost from then on.
Intervals are of 95 %, from a bootstrap over flights. [results.json](results.json) has every
figure."""
    parts = [f'{wrap_paragraphs(introduction)}\n', study.files.remarks()]
    parts.append(f'![Error of the velocity around the change of the dynamics]({PICTURE})\n')
    parts.append(f'{wrap_paragraphs(method)}\n')
    counts = ', '.join(f'`{kind}` {count}' for kind, count in content['parameters'].items())
    parts.append(f'{wrap_paragraphs(f"Parameters: {counts}.")}\n')
    parts.append('\n'.join(f'- `{name}`: {what}' for name, what in ARMS.items()) + '\n')
    for ranges in plan['ranges']:
        parts.append(f'## Dynamics {ranges} those of training\n\n{_errors(study, content, ranges)}')
    parts.append(f'## Pairs of arms\n\n{_differences(content)}')
    parts.append(f'## What the state knows\n\n{_probes(content)}')
    parts.append(
        """## Do it again

    pip install foundation-policy
    python studies/dynamics/run.py         # needs an hour or two; can be stopped and resumed
    python studies/dynamics/run.py page    # needs those results; writes their page again
"""
    )
    return '\n'.join(parts)


def _state(study: Study, content: Mapping[str, Any]) -> str:
    """Return what the page says first: the verdict, or how much has not been flown."""
    if content['missing']:
        return f'**Unfinished: {content["missing"]} rows of the tables are still to be flown.**'
    helps = [
        row['arm']
        for row in content['differences']
        if row['minus'] == f'{row["arm"]}{FORGETS}'
        and row['ranges'] == 'within'
        and row['interval_95'][1] < 0.0
    ]
    if not helps:
        return '**No: none flies better than when it forgets.**'
    best = min(study.cores, key=lambda kind: content['mean_error'][kind]['within']['mean'])
    return (
        f'**Yes: {", ".join(f"`{arm}`" for arm in helps)} fly better than when they forget, and '
        f'`{best}` errs least.**'
    )


def _errors(study: Study, content: Mapping[str, Any], ranges: str) -> str:
    rows = []
    for arm in study.arms:
        if ranges not in content['mean_error'].get(arm, {}):
            rows.append([f'`{arm}`', *['-'] * (2 + len(study.plan['windows']))])
            continue
        windows = content['windows'][arm][ranges]
        rows.append(
            [
                f'`{arm}`',
                _with_interval(content['mean_error'][arm][ranges]),
                *(f'{windows[name]["mean"]:.2f}' for name in study.plan['windows']),
                f'{content["lost"][arm][ranges]} of {content["flights"]}',
            ]
        )
    names = [
        f'{name} ({begin:g} to {end:g} s)' for name, (begin, end) in study.plan['windows'].items()
    ]
    return f'{markdown_table(["arm", "error, m/s", *names, "flights lost"], rows)}\n'


def _differences(content: Mapping[str, Any]) -> str:
    rows = [
        [row['ranges'], f'`{row["arm"]}` minus `{row["minus"]}`', _with_interval(row, '+')]
        for row in content['differences']
    ]
    return f'{markdown_table(["dynamics", "arms", "error, m/s"], rows)}\n'


def _with_interval(row: Mapping[str, Any], sign: str = '') -> str:
    low, high = row['interval_95']
    return f'{row["mean"]:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})'


def _probes(content: Mapping[str, Any]) -> str:
    rows = []
    names: list[str] = []
    for kind, by_seed in content['probe'].items():
        names = list(next(iter(by_seed.values())))
        rows.append(
            [
                f'`{kind}`',
                *(
                    ', '.join(f'{shares[name]:.2f}' for shares in by_seed.values())
                    for name in names
                ),
            ]
        )
    text = wrap_paragraphs(
        'A linear map from the state to each quantity, fitted to some flights: the share of the '
        'variance that it explains in others (R squared), for each training seed.'
    )
    return f'{text}\n\n{markdown_table(["core", *names], rows)}\n'


def pictures(content: dict[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), layout='constrained')
    panels = figure.subplots(1, max(len(content['curves']), 1), sharey=True, squeeze=False)[0]
    for panel, (ranges, curves) in zip(panels, content['curves'].items(), strict=False):
        shown = [arm for arm in curves if not arm.endswith(FORGETS)]
        for arm, series in zip(shown, palette.SERIES, strict=False):
            times, errors = zip(*curves[arm], strict=True)
            style = '-' if arm not in CONTROLLERS else '--' if arm != PRIVILEGED else ':'
            panel.plot(times, errors, style, color=series.colour, label=arm, linewidth=1.4)
        panel.axvline(0.0, color='0.7', linewidth=0.8)
        panel.set_title(f'dynamics {ranges} those of training', fontsize=10)
        panel.set_xlabel('time since the dynamics changed, s')
    panels[0].set_ylabel('error of the velocity, m/s')
    panels[-1].legend(fontsize=7, loc='upper left')
    return {PICTURE: encode_figure(figure)}
