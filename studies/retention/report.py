"""The figures of the retention study, from its missions and its offline scores.

Missions are paired by training seed, course and forest. For each factor on the hold the rule is
compared with each control of its pilot, pooled over the courses, and with the pilot as trained on
each course. Holm's correction counts all of these comparisons. The rule is claimed to help where it
wins more missions and the test is significant, and is dropped where it loses that way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from liquid_pilot.evaluation.results_store import read_results
from studies.common import add_holm_p_values
from studies.outcomes import difference, success_rate
from studies.retention.study import Study, StudyCell

Successes = dict[tuple[int, str, int], bool]
"""(training seed, course, forest) to whether the mission succeeded."""
SIGNIFICANCE = 0.05
ALL_COURSES = 'all'
"""Name of all courses together."""


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
            (digests.get(study.kind(cell.arm), ''), study.mode(cell.arm), cell.condition): cell
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
    found: Mapping[StudyCell, Successes], arm: str, held: float, courses: Sequence[str]
) -> Successes:
    """Return the missions of an arm at a factor, over some courses."""
    return {
        key: won
        for course in courses
        for key, won in found.get(StudyCell(arm, held, course), {}).items()
    }


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    found, versions = collect_outcomes(study)
    plan, planned = study.plan, len(study.seeds) * study.plan['forests']
    parts = {ALL_COURSES: plan['courses'], **{course: [course] for course in plan['courses']}}
    summary, tests = [], []
    for held in study.held:
        for name, courses in parts.items():
            for arm in study.arms(held):
                won = pooled(found, arm, held, courses)
                row = {'held': held, 'course': name, 'arm': arm}
                summary.append({**row, **success_rate(won, study.seeds)})
            for judged, controls in plan['compared'].items():
                # On a single course only the first control counts: the pilot as trained.
                for control in controls if name == ALL_COURSES else controls[:1]:
                    if not {judged, control} <= set(study.arms(held)):
                        continue
                    first, other = (pooled(found, arm, held, courses) for arm in (control, judged))
                    row = {'held': held, 'course': name, 'first': control, 'other': judged}
                    tests.append({**row, **difference(first, other)})
    add_holm_p_values(tests)
    return {
        'version': plan['version'],
        'flight_versions': sorted(versions),
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


def significant(
    content: Mapping[str, Any], judged: str, better: bool = True
) -> list[Mapping[str, Any]]:
    """Return the comparisons that an arm wins, or loses, beyond chance."""
    sign = 1.0 if better else -1.0
    return [
        test
        for test in content['tests']
        if test['other'] == judged
        and sign * test['difference'] > 0.0
        and test['p_holm'] < SIGNIFICANCE
    ]


def _read_offline(study: Study) -> dict[str, dict[str, dict[str, list[int]]]]:
    """Return the offline scores, summed over training seeds and courses.

    Returns:
        'tuning' or 'judged' to arm to factor on the hold to [right decisions, decisions].
    """
    if not study.offline_path.is_file():
        return {}
    content = json.loads(study.offline_path.read_text())
    parts: dict[str, dict[str, dict[str, list[int]]]] = {}
    for part, by_arm in content.items():
        for arm, by_seed in by_arm.items():
            rows = parts.setdefault(part, {}).setdefault(arm, {})
            for scores in by_seed.values():
                for condition, score in scores.items():
                    row = rows.setdefault(condition.rpartition('=')[2], [0, 0])
                    row[0] += score['right']
                    row[1] += score['decisions']
    return parts
