"""What the flights of several pilots in several conditions say: rates, figures, paired tests."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.evaluation.runner import Results
from liquid_pilot.evaluation.statistics import holm, mcnemar_exact, wilson_interval

FORMAT_VERSION = 1
"""Of results.json; raised when a field changes its meaning."""


def compare(results: Results) -> dict[str, Any]:
    """All that a report shows, as JSON: {'cells': [...], 'comparisons': [...], ...}.

    Every pilot is compared with the first one, in each condition, over the seeds that both have
    flown (McNemar's exact test); Holm's correction takes all these comparisons together.
    """
    comparisons = [
        _paired(results, first, other, condition)
        for first, *others in [list(results.pilots)]
        for condition in results.conditions
        for other in others
    ]
    for comparison, adjusted in zip(
        comparisons, holm([each['p'] for each in comparisons]), strict=True
    ):
        comparison['p_holm'] = adjusted
    return {
        'format': FORMAT_VERSION,
        'code': results.code,
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
            {'condition': cell.condition, 'seed': cell.seed, 'pilot': cell.pilot}
            for cell in results.given_up
        ],
    }


def summarise_cell(results: Results, pilot: str, condition: str) -> dict[str, Any]:
    """Outcomes and figures of one pilot in one condition; lengths in m, times in s."""
    flights = list(results.of(pilot, condition).values())
    counts = {
        outcome: sum(flight.outcome == outcome for flight in flights)
        for outcome in ('success', 'crash', 'timeout')
    }
    low, high = wilson_interval(counts['success'], len(flights))
    won = [flight for flight in flights if flight.outcome == 'success']
    moved = [flight for flight in flights if flight.duration_s > 0.0]
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
        'time_to_target_s': _mean(won, 'duration_s'),
        'flown_m': _mean(won, 'flown_m'),
        'path_ratio': _mean(won, 'path_ratio'),
        'clearance_median_m': _median(flights, 'clearance_m'),
        'ended_per_km': _per_km(flights),
        'speed_m_s': _rounded(
            statistics.fmean(flight.flown_m / flight.duration_s for flight in moved)
        )
        if moved
        else None,
        'lateral_rms_m': _mean(flights, 'lateral_rms_m'),
        'command_change_m_s2': _mean(flights, 'command_change_m_s2'),
        'command_turn_rad_s2': _mean(flights, 'command_turn_rad_s2'),
    }


def _per_km(flights: Iterable[FlightMetrics]) -> float | None:
    """Crashes a kilometre: of a car, how often somebody would have had to take the wheel."""
    flown_m = sum(flight.flown_m for flight in flights)
    crashes = sum(flight.outcome == 'crash' for flight in flights)
    return _rounded(1e3 * crashes / flown_m) if flown_m else None


def _paired(results: Results, first: str, other: str, condition: str) -> dict[str, Any]:
    mine, theirs = results.of(first, condition), results.of(other, condition)
    both = [
        (mine[seed].outcome == 'success', theirs[seed].outcome == 'success')
        for seed in mine.keys() & theirs.keys()
    ]
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
    """Whole numbers as people write them: '0-99', '3, 7-9'."""
    spans: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    return ', '.join(f'{a}' if a == b else f'{a}-{b}' for a, b in spans)
