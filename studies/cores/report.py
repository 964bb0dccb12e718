"""The figures of the cores study, from its trainings and its missions.

Missions are pooled over the training seeds of an arm; the rate of each seed is kept too. The aims
compare arms over the same training seeds, courses and forests: successes in pairs, with an interval
over missions, and one that also draws training seeds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.comparison import compare_pairs
from liquid_pilot.evaluation.results_store import read_results
from liquid_pilot.evaluation.statistics import paired_difference
from studies.common import add_holm_p_values
from studies.cores import offline
from studies.cores.study import Study
from studies.outcomes import success_rate

Missions = dict[tuple[int, int], bool]
"""(training seed, forest) to whether the mission succeeded."""
Found = dict[tuple[str, str, str], Missions]
"""(arm, course, frame rate) to its missions."""
_DRAWS = 2000
_DRAW_SEED = 1
AIM_POINTS = 2.0
"""Points below the best GRU that the best liquid core may lie at the rate of training."""


def collect_outcomes(study: Study) -> tuple[Found, set[str]]:
    """Return all missions of the study, and the flight versions that flew them."""
    labels = {label: key for key, label in study.conditions.items()}
    found: Found = {(arm, *key): {} for arm in study.arms for key in study.conditions}
    versions = set()
    for seed in study.seeds:
        arms = {pilot.digest: arm for arm, pilot in study.trained(seed).items()}
        forests = study.forests(seed)
        for key, flight in read_results(study.flights(seed)).items():
            if key.pilot in arms and key.condition in labels and key.seed in forests:
                cell = (arms[key.pilot], *labels[key.condition])
                found[cell][seed, key.seed] = flight.outcome == 'success'
                versions.add(key.version)
    return found, versions


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    found, versions = collect_outcomes(study)
    planned = len(study.seeds) * study.plan['flights']['forests']
    trainings = _trainings(study)
    chosen = {kind: _best_arm(study, trainings, kind) for kind in study.plan['kinds']}
    comparisons = _comparisons(study, found, chosen)
    add_holm_p_values(comparisons)
    return {
        'version': study.plan['version'],
        'flight_versions': sorted(versions),
        'planned': planned,
        'search': _search(study),
        'trainings': trainings,
        'chosen': chosen,
        'cells': [_cell(study, key, missions, planned) for key, missions in found.items()],
        'comparisons': comparisons,
    }


def _cell(
    study: Study, key: tuple[str, str, str], missions: Missions, planned: int
) -> dict[str, Any]:
    arm, course, rate = key
    return {
        'arm': arm,
        'course': course,
        'rate': rate,
        'missing': planned - len(missions),
        **success_rate(missions, study.seeds),
    }


def _search(study: Study) -> list[dict[str, Any]]:
    """Return what every candidate of the search reached, and which was chosen."""
    rows = []
    for core in study.plan['cores']:
        candidates = [each for each in study.candidates(core) if study.search_file(each).is_file()]
        if not candidates:
            continue
        best = offline.chosen_candidate(study, core).number
        for each in candidates:
            reached = offline.searched(study, each)
            rows.append(
                {
                    'core': core,
                    'settings': each.settings,
                    'parameters': reached['parameters'],
                    'loss': reached['losses']['20 Hz'],
                    'chosen': each.number == best,
                }
            )
    return rows


def _trainings(study: Study) -> list[dict[str, Any]]:
    """Return what every training reached over the episodes of `selection`."""
    rows = []
    for seed in study.seeds:
        for arm in study.arms:
            if study.pilot(arm, seed).is_dir():
                card = pilot_file.load(study.pilot(arm, seed)).specification.card
                rows.append(
                    {
                        'arm': arm,
                        'seed': seed,
                        'parameters': card['parameters'],
                        'best_step': card['best_step'],
                        'losses': card['losses'],
                    }
                )
    return rows


def _best_arm(study: Study, trainings: Iterable[dict[str, Any]], kind: str) -> str:
    """Return the arm of a kind with the lowest mean loss over its seeds and frame rates."""
    losses: dict[str, list[float]] = {}
    for row in trainings:
        if study.kind(row['arm']) == kind:
            losses.setdefault(row['arm'], []).extend(row['losses'].values())
    return min(losses, key=lambda arm: float(np.mean(losses[arm])), default='')


def _comparisons(study: Study, found: Found, chosen: dict[str, str]) -> list[dict[str, Any]]:
    """Return the comparisons of the aims: over all courses, and for each of them.

    At the rate of training the best liquid core is compared with the best GRU; at every other rate
    with every core that was trained at regular frames only.
    """
    liquid, gru = chosen.get('liquid', ''), chosen.get('gru', '')
    first_rate, *other_rates = study.plan['flights']['rates']
    pairs = [(liquid, gru, first_rate)]
    pairs += [
        (liquid, arm, rate)
        for rate in other_rates
        for arm in study.arms
        if arm.endswith('-regular') and arm != liquid
    ]
    courses = study.plan['flights']['courses']
    rows = []
    for first, other, rate in pairs:
        for over in (courses, *([course] for course in courses)):
            missions = [_paired(found, first, other, course, rate) for course in over]
            joined = {
                (seed, forest, number): pair
                for number, part in enumerate(missions)
                for (seed, forest), pair in part.items()
            }
            if joined:
                name = 'all' if len(over) > 1 or len(courses) == 1 else over[0]
                rows.append(
                    {'first': first, 'other': other, 'rate': rate, 'course': name}
                    | _difference(joined)
                )
            if len(courses) == 1:
                break
    return rows


def _paired(
    found: Found, first: str, other: str, course: str, rate: str
) -> dict[tuple[int, int], tuple[bool, bool]]:
    """Return the missions that both arms have flown, as (other, first) successes."""
    if not first or not other:
        return {}
    ours, theirs = found[first, course, rate], found[other, course, rate]
    return {key: (theirs[key], ours[key]) for key in ours.keys() & theirs.keys()}


def _difference(pairs: dict[tuple[int, int, int], tuple[bool, bool]]) -> dict[str, Any]:
    """Return the successes of the first minus those of the other, in points, with intervals."""
    counts = compare_pairs(list(pairs.values()))
    point, low, high = paired_difference(
        counts['only_first'], counts['only_other'], counts['pairs']
    )
    rng = np.random.default_rng(_DRAW_SEED)
    by_seed: dict[int, list[int]] = {}
    for (seed, _, _), (theirs, ours) in sorted(pairs.items()):
        by_seed.setdefault(seed, []).append(int(ours) - int(theirs))
    groups = [np.array(group) for group in by_seed.values()]
    draws = [
        np.mean(
            np.concatenate(
                [
                    rng.choice(groups[k], len(groups[k]))
                    for k in rng.integers(len(groups), size=len(groups))
                ]
            )
        )
        for _ in range(_DRAWS)
    ]
    return {
        'pairs': counts['pairs'],
        'points': round(100 * point, 1),
        'over_missions': [round(100 * low, 1), round(100 * high, 1)],
        'over_seeds': [round(100 * bound, 1) for bound in np.quantile(draws, (0.025, 0.975))],
        'p': counts['p'],
    }
