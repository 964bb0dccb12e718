"""The figures of the robustness study, from its missions.

Missions are pooled over the training seeds of an arm. The rate of each seed is kept too, since
missions of one network are no independent draws of its kind. The tests compare every arm with the
first one of its training, pairing missions of the same training seed, forest and condition.
"""

from __future__ import annotations

from typing import Any

from liquid_pilot.evaluation.comparison import compare_pairs
from liquid_pilot.evaluation.results_store import read_results
from liquid_pilot.evaluation.statistics import wilson_interval
from studies.common import add_holm_p_values
from studies.robustness.study import Study

Successes = dict[tuple[int, int], bool]
"""(training seed, forest) to whether the mission succeeded."""


def collect_outcomes(study: Study) -> tuple[dict[tuple[str, str], Successes], set[str]]:
    """Read all missions of the study.

    Returns:
        (arm, condition) to its missions, and the flight versions that flew them.
    """
    found: dict[tuple[str, str], Successes] = {
        (arm, condition): {} for arm in study.arms for condition in study.conditions
    }
    versions = set()
    for seed in study.seeds:
        arms = {pilot.digest: arm for arm, pilot in study.trained(seed).items()}
        forests = study.forests(seed)
        for key, flight in read_results(study.flights(seed)).items():
            missions = found.get((arms.get(key.pilot, ''), key.condition))
            if missions is not None and key.seed in forests:
                missions[seed, key.seed] = flight.outcome == 'success'
                versions.add(key.version)
    return found, versions


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    found, versions = collect_outcomes(study)
    planned = len(study.seeds) * study.plan['flights']['forests']
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
    for training in study.plan['trainings']:
        first, *others = [arm for arm in study.arms if arm.endswith(f'-{training}')]
        tests += [
            _compare(found, first, other, condition)
            for other in others
            for condition in study.conditions
        ]
    add_holm_p_values(tests)
    return {
        'version': study.plan['version'],
        'flight_versions': sorted(versions),
        'planned': planned,
        'cells': cells,
        'tests': tests,
    }


def _compare(
    found: dict[tuple[str, str], Successes], first: str, other: str, condition: str
) -> dict[str, Any]:
    first_missions, other_missions = found[first, condition], found[other, condition]
    pairs = [
        (first_missions[key], other_missions[key])
        for key in first_missions.keys() & other_missions.keys()
    ]
    return {'condition': condition, 'first': first, 'other': other, **compare_pairs(pairs)}
