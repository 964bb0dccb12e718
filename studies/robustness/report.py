"""What the robustness record says: docs/robustness.md, docs/robustness.json and a picture.

Missions are pooled over the training seeds of an arm; the rate of each seed stands beside, since
missions of one network are no independent draws of its kind. The tests compare every arm with the
first of its training, pairing missions of the same training seed, forest and condition.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from figures import table

import studies
from liquid_pilot.evaluation import results_store
from liquid_pilot.evaluation.statistics import mcnemar_exact, wilson_interval
from liquid_pilot.utils.atomic_write import write_atomically

MissionOutcomes = dict[tuple[int, int], bool]
"""(training seed, forest) to whether the mission succeeded."""


def collect_outcomes(study: Any) -> tuple[dict[tuple[str, str], MissionOutcomes], set[str]]:
    """(arm, condition) to its missions, and the versions of the code that flew them."""
    found: dict[tuple[str, str], MissionOutcomes] = {
        (arm, condition): {} for arm in study.arms for condition in study.conditions
    }
    codes = set()
    for seed in study.seeds:
        arms = {pilot.digest: arm for arm, pilot in study.trained(seed).items()}
        forests = study.forests(seed)
        for cell, flight in results_store.read_results(study.flights(seed)).items():
            missions = found.get((arms.get(cell.pilot, ''), cell.condition))
            if missions is not None and cell.seed in forests:
                missions[seed, cell.seed] = flight.outcome == 'success'
                codes.add(cell.code)
    return found, codes


def summarise(study: Any) -> dict[str, Any]:
    """All figures, as JSON."""
    found, codes = collect_outcomes(study)
    planned = len(study.seeds) * study.content['flights']['forests']
    cells = []
    for (arm, condition), missions in found.items():
        successes = sum(missions.values())
        low, high = wilson_interval(successes, len(missions))
        by_seed = [
            [won for (seed, _), won in missions.items() if seed == wanted] for wanted in study.seeds
        ]
        cells.append(
            {
                'arm': arm,
                'condition': condition,
                'successes': successes,
                'missions': len(missions),
                'missing': planned - len(missions),
                'wilson_95': [round(low, 4), round(high, 4)],
                'by_training_seed': [
                    round(sum(won) / len(won), 4) if won else None for won in by_seed
                ],
            }
        )
    tests = []
    for training in study.content['trainings']:
        first, *others = [arm for arm in study.arms if arm.endswith(f'-{training}')]
        tests += [
            _test(found, first, other, condition)
            for other in others
            for condition in study.conditions
        ]
    studies.correct(tests)
    return {
        'version': study.content['version'],
        'codes': sorted(codes),
        'planned': planned,
        'cells': cells,
        'tests': tests,
    }


def _test(
    found: dict[tuple[str, str], MissionOutcomes], first: str, other: str, condition: str
) -> dict[str, Any]:
    mine, theirs = found[first, condition], found[other, condition]
    both = [(mine[key], theirs[key]) for key in mine.keys() & theirs.keys()]
    only_first, only_other = both.count((True, False)), both.count((False, True))
    return {
        'condition': condition,
        'first': first,
        'other': other,
        'pairs': len(both),
        'only_first': only_first,
        'only_other': only_other,
        'p': mcnemar_exact(only_first, only_other),
    }


def markdown(study: Any, content: dict[str, Any]) -> str:
    """docs/robustness.md."""
    cells = {(cell['arm'], cell['condition']): cell for cell in content['cells']}
    missing = sum(cell['missing'] for cell in content['cells'])
    total = content['planned'] * len(cells)
    state = (
        'All missions are flown.'
        if not missing
        else f'**Unfinished: {missing} of {total} missions are still to be flown**; a figure in '
        'brackets is of the missions flown so far, and a dash stands where there are none.'
    )
    parts = [
        f"""# Robustness

Cores on equal terms: the same encoder, demonstrations, budget, learning rate and schedule (tuning:
{study.content['budget']['tuning']}), {len(study.seeds)} training seeds, flown by the same engine
from the pilot file. Severity 3 of `conditions.md`. {content['planned']} missions a cell are meant:
{study.content['flights']['forests']} forests for each training seed, the same for all arms. {state}

    python studies/robustness/run.py          # all of it; resumable, needs many hours
    python studies/robustness/run.py report   # these pages; needs the flights

Flown by the code with the digest {', '.join(content['codes']) or '-'} (`evaluation/ledger.py`);
other code begins its flights anew, and the record takes whichever a pilot has.
Every figure with its interval and the rate of each training seed: `robustness.json`. Success in
per cent; a 95 % interval (Wilson) of {content['planned']} missions is at most
{_widest(content['planned'])} points wide to each side, and wider if missions of one network
resemble each other. A star marks a difference from the first column of its table that McNemar's
test finds at 5 % after Holm's correction over all {len(content['tests'])} comparisons.
"""
    ]
    for training, augmentation in study.content['trainings'].items():
        arms = [arm for arm in study.arms if arm.endswith(f'-{training}')]
        stars = {
            (test['other'], test['condition']) for test in content['tests'] if test['p_holm'] < 0.05
        }
        names = [arm.removesuffix(f'-{training}') for arm in arms]
        parts.append(f'## {training} (augmentation: {augmentation["augmentation"]})\n')
        rows = [
            [condition, *(_shown(cells[arm, condition], (arm, condition) in stars) for arm in arms)]
            for condition in study.conditions
        ]
        parts.append(table(['condition', *names], rows))
    parts.append('![Success by condition](images/robustness.png)\n')
    # What the finished table says, in words.
    remarks = study.record / 'remarks.md'
    if not missing and remarks.exists():
        parts.append(remarks.read_text())
    return '\n'.join(parts)


def _widest(missions: int) -> int:
    low, high = wilson_interval(missions // 2, missions)
    return round(50 * (high - low))


def _shown(cell: dict[str, Any], star: bool) -> str:
    if not cell['missions']:
        return '-'
    text = f'{100 * cell["successes"] / cell["missions"]:.0f}{"*" if star else ""}'
    return f'({text})' if cell['missing'] else text


def draw(study: Any, content: dict[str, Any]) -> bytes:
    """A heat map: conditions down, arms across; PNG."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
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
        figsize=(1.5 + 0.55 * len(study.arms), 1.8 + 0.3 * len(study.conditions)),
        dpi=120,
        layout='constrained',
    )
    axes = figure.add_subplot()
    axes.imshow(rates, cmap='RdYlGn', vmin=0, vmax=100, aspect='auto')
    for (row, column), rate in np.ndenumerate(rates):
        axes.text(
            column,
            row,
            '-' if np.isnan(rate) else f'{rate:.0f}',
            ha='center',
            va='center',
            fontsize=7,
        )
    axes.set_xticks(range(len(study.arms)), study.arms, rotation=90, fontsize=7)
    axes.set_yticks(range(len(study.conditions)), study.conditions, fontsize=7)
    axes.set_title('successful missions, %', fontsize=9)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def write(study: Any, docs: Path) -> dict[str, Any]:
    """Write all of it below `docs`; the closing figures."""
    content = summarise(study)
    (docs / 'images').mkdir(parents=True, exist_ok=True)
    write_atomically(docs / 'robustness.json', (json.dumps(content, indent=1) + '\n').encode())
    write_atomically(docs / 'robustness.md', markdown(study, content).encode())
    write_atomically(docs / 'images' / 'robustness.png', draw(study, content))
    flown = sum(cell['missions'] for cell in content['cells'])
    return {
        'flown': flown,
        'missing': sum(cell['missing'] for cell in content['cells']),
        'report': str(docs / 'robustness.md'),
    }
