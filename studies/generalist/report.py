"""The figures of the generalist study, from its missions."""

from __future__ import annotations

from typing import Any

from liquid_pilot.evaluation.comparison import compare_pairs
from liquid_pilot.evaluation.results_store import read_results
from liquid_pilot.evaluation.statistics import paired_difference, wilson_interval
from liquid_pilot.interfaces import LiquidPilotError
from studies.common import add_holm_p_values
from studies.generalist.study import SHIPPED, Study

Found = dict[tuple[str, str], dict[int, bool]]
"""(arm, condition) to the forests that were flown, and whether the target was reached."""


def collect_outcomes(study: Study, step: str) -> tuple[Found, set[str]]:
    """Return the missions of 'development' or 'flights', and the versions that flew them."""
    arms = {pilot.digest: name for name, pilot in study.arms().items()}
    conditions, forests = study.conditions(step), study.forests(step)
    found: Found = {(arm, one): {} for arm in arms.values() for one in conditions}
    versions = set()
    for key, flight in read_results(study.missions(step)).items():
        if key.pilot in arms and key.condition in conditions and key.seed in forests:
            found[arms[key.pilot], key.condition][key.seed] = flight.outcome == 'success'
            versions.add(key.version)
    return found, versions


def chosen_candidate(study: Study) -> str:
    """Return the candidate that succeeds most often in development.

    Raises:
        LiquidPilotError: not all candidates have flown all of these missions.
    """
    found, _ = collect_outcomes(study, 'development')
    planned = len(study.conditions('development')) * len(study.forests('development'))
    successes = {}
    for name in study.candidates:
        flown = [won for (arm, _), cell in found.items() if arm == name for won in cell.values()]
        if len(flown) < planned:
            raise LiquidPilotError(
                f'{name} has flown {len(flown)} of {planned} development missions; do the step '
                '`choose` first'
            )
        successes[name] = sum(flown)
    return max(successes, key=lambda name: successes[name])


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    chosen = chosen_candidate(study)
    development, _ = collect_outcomes(study, 'development')
    found, versions = collect_outcomes(study, 'flights')
    parts = study.plan['flights']['parts']
    comparisons = []
    for part, labels in parts.items():
        for over in (labels, *([label] for label in labels)) if len(labels) > 1 else (labels,):
            pairs = [
                (found[SHIPPED, label][forest], found[chosen, label][forest])
                for label in over
                for forest in sorted(found[SHIPPED, label].keys() & found[chosen, label].keys())
            ]
            if pairs:
                name = part if over is labels else over[0]
                comparisons.append({'part': part, 'name': name, **_difference(pairs)})
    add_holm_p_values(comparisons)
    return {
        'version': study.plan['version'],
        'flight_versions': sorted(versions),
        'planned': len(study.forests('flights')),
        'candidates': _candidates(study, development),
        'chosen': chosen,
        'cells': [
            _cell(study, arm, label, found[arm, label])
            for label in study.conditions('flights')
            for arm in (SHIPPED, chosen)
        ],
        'comparisons': comparisons,
    }


def _candidates(study: Study, found: Found) -> list[dict[str, Any]]:
    """Return what each candidate reached in development, in percent by condition."""
    rows = []
    for name in study.candidates:
        card = study.arms()[name].specification.card
        cells = {label: cell for (arm, label), cell in found.items() if arm == name}
        rows.append(
            {
                'name': name,
                'parameters': card['parameters']['total'],
                'successes': {label: sum(cell.values()) for label, cell in cells.items()},
                'missions': len(study.forests('development')),
            }
        )
    return rows


def _cell(study: Study, arm: str, label: str, missions: dict[int, bool]) -> dict[str, Any]:
    successes = sum(missions.values())
    low, high = wilson_interval(successes, len(missions))
    return {
        'arm': arm,
        'condition': label,
        'successes': successes,
        'missions': len(missions),
        'missing': len(study.forests('flights')) - len(missions),
        'wilson_95': [round(low, 4), round(high, 4)],
    }


def _difference(pairs: list[tuple[bool, bool]]) -> dict[str, Any]:
    """Return the generalist's successes minus those of the shipped pilot, in points."""
    counts = compare_pairs(pairs)
    point, low, high = paired_difference(
        counts['only_first'], counts['only_other'], counts['pairs']
    )
    return {
        'pairs': counts['pairs'],
        'points': round(100 * point, 1),
        'interval_95': [round(100 * low, 1), round(100 * high, 1)],
        'p': counts['p'],
    }
