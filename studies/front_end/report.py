"""The figures of the front-end study, from its missions.

The unit is a mission of the list, which every arm flies: same part of the mixture, pilot and
forest. Differences are paired by it. Intervals of 95 % are Wilson's for rates and those of Bonett
and Price for paired differences of rates; p-values are McNemar's, with Holm's correction over all
comparisons. A mission counts once all arms have flown it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from liquid_pilot.evaluation.comparison import compare_pairs
from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.evaluation.results_store import read_results
from liquid_pilot.evaluation.statistics import paired_difference, wilson_interval
from liquid_pilot.simulation.base.condition import label, parse
from studies.common import add_holm_p_values
from studies.front_end.study import PlannedMission, Study

FlightsByArm = dict[str, dict[PlannedMission, FlightMetrics]]
"""Arm, to its missions."""
_NORMAL_QUANTILE = 1.959964


def collect_flights(study: Study) -> tuple[FlightsByArm, set[str]]:
    """Read the missions that all arms have flown, and the flight versions that flew them."""
    digests = {name: study.pilot(name).digest for name in study.plan['pilots']}
    stored = {
        (key.pilot, key.condition, key.mode, key.seed): (flight, key.version)
        for key, flight in read_results(study.flights).items()
    }
    found: FlightsByArm = {arm: {} for arm in study.arms}
    versions: set[str] = set()
    for mission in study.missions:
        condition = label(parse(study.conditions(mission.part)))
        flown = {
            arm: stored.get(
                (
                    digests[mission.pilot],
                    condition,
                    study.mode(arm, mission.part),
                    mission.forest,
                )
            )
            for arm in study.arms
        }
        if None in flown.values():
            continue
        for arm, one in flown.items():
            assert one is not None  # checked above
            found[arm][mission] = one[0]
            versions.add(one[1])
    return found, versions


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    found, versions = collect_flights(study)
    planned = len(study.missions)
    rows = [{'arm': arm, **_rates(found[arm], planned)} for arm in study.arms]
    cells = [
        {
            'arm': arm,
            'part': part,
            **_rates(
                {mission: one for mission, one in found[arm].items() if mission.part == part},
                sum(mission.part == part for mission in study.missions),
            ),
        }
        for part in study.parts
        for arm in study.arms
    ]
    comparisons = [
        {'arm': arm, 'other': other, **_compare(found[other], found[arm])}
        for arm in study.plan['judged']
        for other in study.arms
        if other != arm
    ]
    add_holm_p_values(comparisons)
    return {
        'version': study.plan['version'],
        'flight_versions': sorted(versions),
        'planned': planned,
        'arms': rows,
        'cells': cells,
        'comparisons': comparisons,
        'best_constant': _best_constant(study, rows),
        'worth': {
            arm: is_worth_its_name(comparisons, arm, study.plan['against'])
            for arm in study.plan['judged']
        },
    }


def missing(content: dict[str, Any]) -> int:
    """Return the number of planned missions that do not count yet."""
    return sum(row['missing'] for row in content['arms'])


def is_worth_its_name(
    comparisons: Sequence[dict[str, Any]], arm: str, against: Sequence[str]
) -> bool:
    """Return whether an arm beats each of some others: intervals above zero.

    Args:
        comparisons: the comparisons of the report.
        arm: the arm.
        against: the other arms.
    """
    lowest = {row['other']: row['interval'][0] for row in comparisons if row['arm'] == arm}
    return all(lowest[other] > 0.0 for other in against)


def _best_constant(study: Study, rows: Sequence[dict[str, Any]]) -> str:
    """Return the constant with most successes: the best one in hindsight."""
    constants = [row for row in rows if 'filter_gain=constant' in study.plan['arms'][row['arm']]]
    return max(constants, key=lambda row: row['successes'])['arm']


def _rates(flights: dict[PlannedMission, FlightMetrics], planned: int) -> dict[str, Any]:
    """Return counts, rate by pilot and mean figures of some missions of one arm."""
    won = sum(flight.outcome == 'success' for flight in flights.values())
    low, high = wilson_interval(won, len(flights))
    pilots = sorted({mission.pilot for mission in flights})
    return {
        'successes': won,
        'missions': len(flights),
        'missing': planned - len(flights),
        'wilson_95': [round(low, 4), round(high, 4)],
        'by_pilot': {
            name: [
                sum(
                    flight.outcome == 'success'
                    for mission, flight in flights.items()
                    if mission.pilot == name
                ),
                sum(mission.pilot == name for mission in flights),
            ]
            for name in pilots
        },
    }


def _compare(
    first: dict[PlannedMission, FlightMetrics], second: dict[PlannedMission, FlightMetrics]
) -> dict[str, Any]:
    """Return the paired differences, second minus first, of success and of two other figures."""
    pairs = [
        (first[mission].outcome == 'success', second[mission].outcome == 'success')
        for mission in first
    ]
    counts = compare_pairs(pairs)
    difference, low, high = paired_difference(
        counts['only_first'], counts['only_other'], counts['pairs']
    )
    both = [
        (first[mission], second[mission])
        for mission, (one, other) in zip(first, pairs, strict=True)
        if one and other
    ]
    return {
        'pairs': counts['pairs'],
        'only_other': counts['only_first'],
        'only_arm': counts['only_other'],
        'difference': round(difference, 4),
        'interval': [round(low, 4), round(high, 4)],
        'p': counts['p'],
        'command_turn_rad_s2': _mean_difference(
            [b.command_turn_rad_s2 - a.command_turn_rad_s2 for a, b in both]
        ),
        'duration_s': _mean_difference([b.duration_s - a.duration_s for a, b in both]),
    }


def _mean_difference(values: Sequence[float]) -> dict[str, Any] | None:
    """Return mean and 95 % interval (normal) of paired differences; None of fewer than two."""
    if len(values) < 2:
        return None
    mean = statistics.fmean(values)
    half = _NORMAL_QUANTILE * statistics.stdev(values) / math.sqrt(len(values))
    return {'mean': round(mean, 4), 'interval': [round(mean - half, 4), round(mean + half, 4)]}
