"""Compare pilots by their missions: success rates, figures and paired tests."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.evaluation.runner import Results
from liquid_pilot.evaluation.statistics import holm, mcnemar_exact, wilson_interval

FORMAT_VERSION = 2
"""Version of the format of results.json; raised when a field changes its name or meaning."""


def compare(results: Results) -> dict[str, Any]:
    """Summarise an evaluation.

    Every pilot is compared with the first one, in each condition, over the seeds that both have
    flown (McNemar's exact test). Holm's correction counts all these comparisons.

    Returns:
        The content of a report as JSON values: 'cells', one for each pilot in each condition (see
        `summarise_cell`), 'comparisons', the paired tests, and how the missions were flown.
    """
    comparisons = [
        _paired(results, first, other, condition)
        for first, *others in [list(results.pilots)]
        for condition in results.conditions
        for other in others
    ]
    for comparison, adjusted in zip(
        comparisons, holm([test['p'] for test in comparisons]), strict=True
    ):
        comparison['p_holm'] = adjusted
    return {
        'format': FORMAT_VERSION,
        'flight_version': results.version,
        'adapter': results.adapter,
        'pilots': results.pilots,
        'modes': results.modes,
        'conditions': results.conditions,
        'seeds': format_ranges(results.seeds),
        'cells': [
            summarise_cell(results, pilot, condition)
            for condition in results.conditions
            for pilot in results.pilots
        ],
        'comparisons': comparisons,
        'given_up': [
            {'condition': key.condition, 'seed': key.seed, 'pilot': key.pilot}
            for key in results.given_up
        ],
    }


def summarise_cell(results: Results, pilot: str, condition: str) -> dict[str, Any]:
    """Return outcomes and figures of one pilot in one condition; lengths in m, times in s.

    Args:
        results: the missions.
        pilot: name of the pilot.
        condition: label of the conditions.

    Returns:
        JSON values. Duration, length and path ratio are means over the successes; the other
        figures are over all missions. A figure without a mission to compute it from is None.
    """
    flights = list(results.flights_by_seed(pilot, condition).values())
    counts = {
        outcome: sum(flight.outcome == outcome for flight in flights)
        for outcome in ('success', 'crash', 'timeout')
    }
    low, high = wilson_interval(counts['success'], len(flights))
    succeeded = [flight for flight in flights if flight.outcome == 'success']
    timed = [flight for flight in flights if flight.duration_s > 0.0]
    return {
        'pilot': pilot,
        'condition': condition,
        'flown': len(flights),
        'missing': len(results.seeds) - len(flights),
        'successes': counts['success'],
        'crashes': counts['crash'],
        'timeouts': counts['timeout'],
        'success_rate': round(counts['success'] / len(flights), 6) if flights else None,
        'wilson_95': [round(low, 6), round(high, 6)],
        'time_to_target_s': _mean(succeeded, 'duration_s'),
        'flown_m': _mean(succeeded, 'flown_m'),
        'path_ratio': _mean(succeeded, 'path_ratio'),
        'clearance_median_m': _median(flights, 'clearance_m'),
        'ended_per_km': _per_km(flights),
        'speed_m_s': _rounded(
            statistics.fmean(flight.flown_m / flight.duration_s for flight in timed)
        )
        if timed
        else None,
        'lateral_rms_m': _mean(flights, 'lateral_rms_m'),
        'command_change_m_s2': _mean(flights, 'command_change_m_s2'),
        'command_turn_rad_s2': _mean(flights, 'command_turn_rad_s2'),
    }


def _per_km(flights: Iterable[FlightMetrics]) -> float | None:
    """Return the crashes per kilometre; for a car, the rate of interventions."""
    flown_m = sum(flight.flown_m for flight in flights)
    crashes = sum(flight.outcome == 'crash' for flight in flights)
    return _rounded(1e3 * crashes / flown_m) if flown_m else None


def _paired(results: Results, first: str, other: str, condition: str) -> dict[str, Any]:
    """Compare two pilots in one condition, over the seeds that both have flown."""
    first_flights = results.flights_by_seed(first, condition)
    other_flights = results.flights_by_seed(other, condition)
    pairs = [
        (first_flights[seed].outcome == 'success', other_flights[seed].outcome == 'success')
        for seed in first_flights.keys() & other_flights.keys()
    ]
    return {'condition': condition, 'first': first, 'other': other, **compare_pairs(pairs)}


def compare_pairs(pairs: Sequence[tuple[bool, bool]]) -> dict[str, Any]:
    """Return the counts and the p-value of McNemar's exact test.

    Args:
        pairs: the successes of the first and of the other, for each mission that both have flown.
    """
    only_first, only_other = pairs.count((True, False)), pairs.count((False, True))
    return {
        'pairs': len(pairs),
        'only_first': only_first,
        'only_other': only_other,
        'p': mcnemar_exact(only_first, only_other),
    }


def _values(flights: Iterable[FlightMetrics], name: str) -> list[float]:
    return [value for flight in flights if (value := getattr(flight, name)) is not None]


def _mean(flights: Iterable[FlightMetrics], name: str) -> float | None:
    values = _values(flights, name)
    return _rounded(statistics.fmean(values)) if values else None


def _median(flights: Iterable[FlightMetrics], name: str) -> float | None:
    values = _values(flights, name)
    return _rounded(statistics.median(values)) if values else None


def _rounded(value: float) -> float:
    return round(value, 4)


def format_ranges(seeds: Iterable[int]) -> str:
    """Format whole numbers as ranges, such as '0-99' or '3, 7-9'."""
    spans: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    return ', '.join(f'{a}' if a == b else f'{a}-{b}' for a, b in spans)
