"""The figures of the adaptation study, from its missions.

Missions are pooled over the training seeds, and the rate of each seed is kept too. Differences have
two intervals: over missions (Bonett and Price), and by a bootstrap that draws training seeds first
and forests within them, which says more about the next training.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.results_store import read_results
from liquid_pilot.evaluation.statistics import (
    holm,
    mcnemar_exact,
    paired_difference,
    wilson_interval,
)
from studies.adaptation import schedule
from studies.adaptation.study import Study

MissionOutcomes = dict[tuple[int, int], tuple[bool, bool]]
"""(training seed, forest) to whether the mission succeeded, and whether it crashed."""
BOOTSTRAP_SAMPLES = 2000
MIN_ORACLE_GAIN = 0.05
"""Smallest gain of the oracle over the first arm for which the closed gap is computed."""


def collect_outcomes(study: Study) -> tuple[dict[tuple[str, str, str], MissionOutcomes], set[str]]:
    """Read all missions of the study.

    Returns:
        (part, arm, condition) to its missions, and the flight versions that flew them.
    """
    found: dict[tuple[str, str, str], MissionOutcomes] = {}
    versions: set[str] = set()
    for seed in study.seeds:
        known: dict[tuple[str, str, str, int], tuple[str, str]] = {
            (key.pilot, key.mode, key.condition, key.seed): (key.version, flight.outcome)
            for key, flight in read_results(study.flights(seed)).items()
        }
        digests = {
            kind: pilot_file.load(study.pilot(kind, seed)).digest
            for kind in [*study.plan['pilots'], 'shipped']
            if study.pilot(kind, seed).is_dir()
        }
        for part in study.plan['flights']:
            for name in part['arms']:
                kind, mode = study.arm(name)
                for condition in study.conditions(part):
                    missions = found.setdefault((part['name'], name, condition), {})
                    for forest in study.forests(part, seed):
                        flown = known.get((digests.get(kind, ''), mode, condition, forest))
                        if flown is not None:
                            version, outcome = flown
                            versions.add(version)
                            missions[seed, forest] = outcome == 'success', outcome == 'crash'
    return found, versions


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    found, versions = collect_outcomes(study)
    parts: dict[str, Any] = {}
    tests: list[dict[str, Any]] = []
    for part in study.plan['flights']:
        planned = len(study.forests(part, 1)) * len(study.seeds)
        rows = parts[part['name']] = {}
        for condition in study.conditions(part):
            row = rows[condition] = {
                name: _cell(study, found[part['name'], name, condition], planned)
                for name in part['arms']
            }
            first, *others = part['arms']
            reference = found[part['name'], first, condition]
            for name in others:
                test = compare(reference, found[part['name'], name, condition], study.seeds)
                tests.append(test)
                row[name]['against'] = test
            _close_gaps(row, first)
    for test, adjusted in zip(tests, holm([test['p'] for test in tests]), strict=True):
        test['p_holm'] = float(f'{adjusted:.2g}')
    return {
        'version': study.plan['version'],
        'flight_versions': sorted(versions),
        'comparisons': len(tests),
        'parts': parts,
        'sealed_mean_gain': mean_gain(study, found, 'sealed'),
        'fixed': _read(study.fixed_filter_path),
        'grid': _read(study.grid_path),
        'schedule': summarise_schedule(study),
    }


def cells(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the figures of every arm in every condition of the results."""
    return [
        cell for rows in content['parts'].values() for row in rows.values() for cell in row.values()
    ]


def _cell(study: Study, missions: MissionOutcomes, planned: int) -> dict[str, Any]:
    successes = sum(won for won, _ in missions.values())
    by_seed = [
        [won for (seed, _), (won, _) in missions.items() if seed == wanted]
        for wanted in study.seeds
    ]
    return {
        'successes': successes,
        'missions': len(missions),
        'missing': planned - len(missions),
        'crashes': sum(crashed for _, crashed in missions.values()),
        'wilson_95': [round(end, 4) for end in wilson_interval(successes, len(missions))],
        'by_training_seed': [round(sum(won) / len(won), 4) if won else None for won in by_seed],
    }


def compare(first: MissionOutcomes, other: MissionOutcomes, seeds: Iterable[int]) -> dict[str, Any]:
    """Compare two arms over the missions that both have flown.

    Args:
        first: the missions of the reference.
        other: the missions of the other arm.
        seeds: the training seeds.

    Returns:
        McNemar's test, and the difference of the success rates, other minus first.
    """
    keys = sorted(first.keys() & other.keys())
    pairs = [(first[key][0], other[key][0]) for key in keys]
    only_first, only_other = pairs.count((True, False)), pairs.count((False, True))
    difference, low, high = paired_difference(only_first, only_other, len(pairs))
    per_seed = [
        np.array(
            [
                float(b) - float(a)
                for (seed, _), (a, b) in zip(keys, pairs, strict=True)
                if seed == wanted
            ]
        )
        for wanted in seeds
    ]
    return {
        'pairs': len(pairs),
        'only_first': only_first,
        'only_other': only_other,
        'difference': round(difference, 4),
        'interval_95': [round(low, 4), round(high, 4)],
        'over_seeds_95': bootstrap([each for each in per_seed if len(each)]),
        'p': mcnemar_exact(only_first, only_other),
    }


def bootstrap(per_seed: list[np.ndarray]) -> list[float]:
    """Return the 95 % interval of a mean: training seeds are drawn, then missions within each."""
    if not per_seed:
        return [-1.0, 1.0]
    rng = np.random.default_rng(0)
    means = []
    for _ in range(BOOTSTRAP_SAMPLES):
        drawn = [per_seed[k] for k in rng.integers(len(per_seed), size=len(per_seed))]
        means.append(np.mean([rng.choice(each, len(each)).mean() for each in drawn]))
    return [round(float(end), 4) for end in np.quantile(means, (0.025, 0.975))]


def _close_gaps(row: dict[str, Any], first: str) -> None:
    """Give each arm (arm - first) / (oracle - first), where the oracle gains MIN_ORACLE_GAIN."""
    rate = {
        name: cell['successes'] / cell['missions'] if cell['missions'] else None
        for name, cell in row.items()
    }
    start, best = rate.get(first), rate.get('oracle')
    if start is None or best is None or best - start < MIN_ORACLE_GAIN:
        return
    for name, cell in row.items():
        if name not in (first, 'oracle') and rate[name] is not None:
            cell['gap_closed'] = round((rate[name] - start) / (best - start), 3)


def mean_gain(
    study: Study, found: dict[tuple[str, str, str], MissionOutcomes], name: str
) -> dict[str, Any]:
    """Return the mean of `all` minus `frozen` over the conditions of a part, with intervals.

    Args:
        study: the study.
        found: the missions, as `collect_outcomes` returns them.
        name: name of the part.
    """
    part = next((part for part in study.plan['flights'] if part['name'] == name), None)
    gains: dict[int, list[float]] = {}
    for condition in study.conditions(part) if part else []:
        frozen, adapting = (found[name, arm, condition] for arm in ('frozen', 'all'))
        for key in frozen.keys() & adapting.keys():
            gains.setdefault(key[0], []).append(float(adapting[key][0]) - float(frozen[key][0]))
    per_seed = [np.array(each) for each in gains.values()]
    if not per_seed:
        return {}
    pooled = np.concatenate(per_seed)
    half = 1.96 * float(pooled.std() / np.sqrt(len(pooled)))
    return {
        'mean': round(float(pooled.mean()), 4),
        'pairs': len(pooled),
        'interval_95': [
            round(float(pooled.mean()) - half, 4),
            round(float(pooled.mean()) + half, 4),
        ],
        'over_seeds_95': bootstrap(per_seed),
    }


def summarise_schedule(study: Study) -> dict[str, Any]:
    """Return the figures of the schedule: its phases, forgetting, recovery, and the hour."""
    phases: list[list[dict[str, Any]]] = []
    names: list[str] = []
    hours, recoveries = [], []
    for seed in study.seeds:
        content = _read(study.flights(seed) / schedule.SCHEDULE_FILE)
        if not content:
            continue
        names = [phase['condition'] for phase in content['phases']]
        for k, phase in enumerate(content['phases']):
            if len(phases) <= k:
                phases.append([])
            phases[k] += [{**row, 'seed': seed} for row in phase['flights']]
        hour = _read(study.flights(seed) / schedule.HOUR_FILE)
        hours += [_hour(hour)] if hour else []
        recoveries += [
            recovery_s(before['flights'], after['flights'])
            for before, after in zip(content['phases'][1::2], content['phases'][2::2], strict=False)
        ]
    if not phases:
        return {}
    frozen = _frozen(study, names)
    rows = []
    for k, (name, flights) in enumerate(zip(names, phases, strict=True)):
        won = {(row['seed'], row['forest']): (row['won'], False) for row in flights}
        trained = {key: frozen[k, key] for key in won if (k, key) in frozen}
        rows.append(
            {
                'condition': name,
                'successes': sum(row['won'] for row in flights),
                'missions': len(flights),
                'against_frozen': compare(trained, won, study.seeds),
            }
        )
    first, last = rows[0], rows[-1]
    return {
        'phases': rows,
        'hours': hours,
        'forgetting': round(
            last['successes'] / last['missions'] - first['successes'] / first['missions'], 4
        ),
        'recovery_s': [value for value in recoveries if value is not None],
    }


def _hour(content: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of one hour: outcomes, and log-scales of the temporal filter."""
    flights = content['flights']
    return {
        'condition': content['condition'],
        'flown_s': content['flown_s'],
        'flights': len(flights),
        'successes': sum(row['won'] for row in flights),
        'largest_log_scale': max(row['largest'] for row in flights),
        'left_median': round(float(np.median([row['left'] for row in flights])), 4),
        'left_at_end': flights[-1]['left'],
        'calm_at_end': flights[-1]['calm'],
        'ended_calm': sum(row['calm'] for row in flights),
    }


def recovery_s(shifted: list[dict[str, Any]], calm: list[dict[str, Any]]) -> float | None:
    """Return the time in clear weather until the temporal filter is back near its trained state.

    Args:
        shifted: missions of a phase in other weather.
        calm: missions of the clear phase after it.

    Returns:
        Seconds of flight until the mean log-scale of a mission is a tenth of what it was; 0 when
        the shift had moved it by less than 5 %, and None when it does not come back.
    """
    level = float(np.mean([row['mean'] for row in shifted[-5:]]))
    if level < 0.05:
        return 0.0
    flown_s = 0.0
    for row in calm:
        flown_s += row['duration_s']
        if row['mean'] < 0.1 * level:
            return round(flown_s, 1)
    return None


def _frozen(study: Study, names: list[str]) -> dict[tuple[int, tuple[int, int]], tuple[bool, bool]]:
    """Return (phase, (training seed, forest)) to the outcome of the pilot as trained."""
    found = {}
    for seed in study.seeds:
        digest = pilot_file.load(study.pilot('ltc', seed)).digest
        for key, flight in read_results(study.flights(seed)).items():
            k = schedule.phase_of(study, seed, key.seed)
            if (
                key.pilot == digest
                and not key.mode
                and 0 <= k < len(names)
                and key.condition == names[k]
            ):
                found[k, (seed, key.seed)] = flight.outcome == 'success', False
    return found


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}
