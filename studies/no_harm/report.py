"""The figures of the no-harm study, from its missions."""

from __future__ import annotations

from typing import Any

from liquid_pilot.evaluation.comparison import compare_pairs
from liquid_pilot.evaluation.results_store import read_results
from liquid_pilot.evaluation.statistics import paired_difference, wilson_interval
from studies.common import add_holm_p_values
from studies.no_harm.study import Study

SIGNIFICANT = 0.05
Outcomes = dict[int, str]
"""Forest to the outcome of its mission."""


def collect_outcomes(study: Study) -> tuple[dict[tuple[str, str], Outcomes], set[str]]:
    """Read all missions of the study.

    Returns:
        (arm, condition) to its missions, and the flight versions that flew them.
    """
    found: dict[tuple[str, str], Outcomes] = {
        (arm, condition): {} for condition in study.conditions for arm in study.arms
    }
    arms = {mode: arm for arm, mode in study.arms.items()}
    digest, versions = study.pilot.digest, set()
    for key, flight in read_results(study.flights).items():
        missions = found.get((arms.get(key.mode, ''), key.condition))
        if missions is not None and key.pilot == digest and key.seed in study.forests:
            missions[key.seed] = flight.outcome
            versions.add(key.version)
    return found, versions


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    found, versions = collect_outcomes(study)
    cells = []
    for (arm, condition), missions in found.items():
        outcomes = list(missions.values())
        successes = outcomes.count('success')
        cells.append(
            {
                'condition': condition,
                'arm': arm,
                'successes': successes,
                'crashes': outcomes.count('crash'),
                'missions': len(outcomes),
                'missing': len(study.forests) - len(outcomes),
                'wilson_95': [round(end, 4) for end in wilson_interval(successes, len(outcomes))],
            }
        )
    comparisons = {
        name: _compare(found, study.conditions, first, other)
        for name, (first, other) in study.plan['comparisons'].items()
    }
    return {
        'version': study.plan['version'],
        'flight_versions': sorted(versions),
        'planned': len(study.forests),
        'first_forest': study.forests[0],
        'cells': cells,
        'comparisons': comparisons,
        'calibration': study.calibration,
    }


def losses(tests: list[dict[str, Any]]) -> list[str]:
    """Return the conditions in which the other arm of a comparison is significantly worse."""
    return [
        test['condition']
        for test in tests
        if test['p_holm'] < SIGNIFICANT and test['difference'] < 0.0
    ]


def _compare(
    found: dict[tuple[str, str], Outcomes], conditions: list[str], first: str, other: str
) -> list[dict[str, Any]]:
    """Compare two arms in each condition; Holm's correction counts these tests alone."""
    tests = []
    for condition in conditions:
        one, two = found[first, condition], found[other, condition]
        pairs = [
            (one[forest] == 'success', two[forest] == 'success')
            for forest in sorted(one.keys() & two.keys())
        ]
        counts = compare_pairs(pairs)
        difference, low, high = paired_difference(
            counts['only_first'], counts['only_other'], len(pairs)
        )
        tests.append(
            {
                'condition': condition,
                'first': first,
                'other': other,
                **counts,
                'difference': round(difference, 4),
                'interval_95': [round(low, 4), round(high, 4)],
            }
        )
    add_holm_p_values(tests)
    return tests
