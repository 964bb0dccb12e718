"""The figures of the world clock study, from its missions and its offline scores.

Missions are paired by training seed, course and forest, and pooled over the courses for the tests.
Each learned arm is compared with each control at each factor; Holm's correction counts all of these
comparisons. A learned arm beats a control where it wins more missions and the test is significant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from liquid_pilot.evaluation.results_store import read_results
from studies.common import add_holm_p_values
from studies.outcomes import difference, success_rate
from studies.world_clock.study import FIRST_ARM, HINDSIGHT, Study, StudyCell

Successes = dict[tuple[int, str, int], bool]
"""(training seed, course, forest) to whether the mission succeeded."""
SIGNIFICANCE = 0.05


def collect_outcomes(study: Study) -> tuple[dict[StudyCell, Successes], set[str]]:
    """Read all missions of the study.

    Returns:
        StudyCell to its missions, and the flight versions that flew them.
    """
    found: dict[StudyCell, Successes] = {cell: {} for cell in study.cells}
    versions = set()
    for seed in study.seeds:
        digests = {kind: pilot.digest for kind, pilot in study.trained(seed).items()}
        wanted = {
            (digests.get(study.kind(cell.arm), ''), study.mode(cell), cell.course): cell
            for cell in study.cells
        }
        forests = study.forests(seed)
        for key, flight in read_results(study.flights(seed)).items():
            cell = wanted.get((key.pilot, key.mode, key.condition))
            if cell is not None and key.seed in forests:
                found[cell][seed, cell.course, key.seed] = flight.outcome == 'success'
                versions.add(key.version)
    return found, versions


def pooled(
    found: Mapping[StudyCell, Successes], arm: str, told: float, courses: list[str]
) -> Successes:
    """Return the missions of an arm at a factor, over some courses."""
    return {
        key: won
        for course in courses
        for key, won in found.get(StudyCell(arm, told, course), {}).items()
    }


def best_constant(study: Study, found: Mapping[StudyCell, Successes]) -> float:
    """Return the constant factor of the plan that wins most missions over all factors told."""
    courses = study.plan['courses']

    def wins(constant: float) -> tuple[int, bool]:
        parts = [pooled(found, FIRST_ARM, told / constant, courses) for told in study.told]
        # Of two that win as often, the trained one.
        return sum(sum(part.values()) for part in parts), constant == 1

    return max(study.plan['hindsight']['constants'], key=wins)


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    found, versions = collect_outcomes(study)
    plan, planned = study.plan, len(study.seeds) * study.plan['forests']
    constant = best_constant(study, found)
    counted = plan['counted']
    courses = {'lying': plan['courses'], 'counted': counted['courses']}

    def missions_of(part: str, arm: str, told: float) -> Successes:
        if arm == HINDSIGHT:
            return pooled(found, FIRST_ARM, told / constant, courses[part])
        return pooled(found, arm, told, courses[part])

    rows = [('lying', told, [*plan['arms'], HINDSIGHT]) for told in study.told]
    rows.append(('counted', counted['told'], counted['arms']))
    summary, tests = [], []
    for part, told, arms in rows:
        for arm in arms:
            won = missions_of(part, arm, told)
            summary.append(
                {'part': part, 'told': told, 'arm': arm, **success_rate(won, study.seeds)}
            )
        for learned in (arm for arm in plan['learned'] if arm in arms):
            for control in (arm for arm in plan['controls'] if arm in arms):
                first, other = (missions_of(part, arm, told) for arm in (control, learned))
                row = {'part': part, 'told': told, 'first': control, 'other': learned}
                tests.append({**row, **difference(first, other)})
    add_holm_p_values(tests)
    return {
        'version': plan['version'],
        'flight_versions': sorted(versions),
        'best_constant': constant,
        'cells': [
            {
                **cell._asdict(),
                'missing': planned - len(missions),
                **success_rate(missions, study.seeds),
            }
            for cell, missions in found.items()
        ],
        'summary': summary,
        'tests': tests,
        'offline': _read_offline(study),
    }


def beaten(content: Mapping[str, Any], learned: str, told: float, part: str = 'lying') -> list[str]:
    """Return the controls that a learned arm beats at a factor."""
    return [
        test['first']
        for test in content['tests']
        if (test['other'], test['told'], test['part']) == (learned, told, part)
        and test['difference'] > 0.0
        and test['p_holm'] < SIGNIFICANCE
    ]


def _read_offline(study: Study) -> dict[str, Any]:
    """Return the offline scores, summed over the training seeds, and the curves of errors."""
    if not study.offline_path.is_file():
        return {}
    content = json.loads(study.offline_path.read_text())
    arms: dict[str, dict[str, dict[str, int]]] = {}
    for pilot in content.values():
        for name, by_told in pilot['arms'].items():
            for told, score in by_told.items():
                row = arms.setdefault(name, {}).setdefault(
                    told, dict.fromkeys(('episodes', 'found', 'near', 'right', 'decisions'), 0)
                )
                for key in ('episodes', 'found', 'near'):
                    row[key] += score[key]
                for right, of in score['decided'].values():
                    row['right'] += right
                    row['decisions'] += of
    curves = {name: pilot['curve'] for name, pilot in content.items() if 'curve' in pilot}
    return {'arms': arms, 'curves': curves}
