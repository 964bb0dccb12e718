"""What the study says, as figures: docs/adaptation.json, docs/evidence.md and their pictures.

Missions are pooled over the training seeds; the rate of each seed stands beside, and differences
have two intervals: over missions (Bonett and Price), and by a bootstrap that draws training seeds
first and forests within them, which says more about the next training.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import schedule
from study import Study

from liquid_pilot import pilot_file
from liquid_pilot.evaluation import results_store
from liquid_pilot.evaluation.statistics import (
    holm,
    mcnemar_exact,
    paired_difference,
    wilson_interval,
)
from liquid_pilot.utils.atomic_write import write_atomically

MissionOutcomes = dict[tuple[int, int], tuple[bool, bool]]
"""(training seed, forest) to whether the mission succeeded, and whether it crashed."""
BOOTSTRAP_SAMPLES = 2000


def collect_outcomes(study: Study) -> tuple[dict[tuple[str, str, str], MissionOutcomes], set[str]]:
    """(part, arm, condition) to its missions, and the versions of the code that flew them."""
    found: dict[tuple[str, str, str], MissionOutcomes] = {}
    codes: set[str] = set()
    for seed in study.seeds:
        known: dict[tuple[str, str, str, int], tuple[str, Any]] = {
            (cell.pilot, cell.mode, cell.condition, cell.seed): (cell.code, flight)
            for cell, flight in results_store.read_results(study.flights(seed)).items()
        }
        digests = {
            kind: pilot_file.load(study.pilot(kind, seed)).digest
            for kind in [*study.content['pilots'], 'shipped']
            if study.pilot(kind, seed).is_dir()
        }
        for part in study.content['flights']:
            for name in part['arms']:
                kind, mode = study.arm(name)
                for condition in study.conditions(part):
                    won = found.setdefault((part['name'], name, condition), {})
                    for forest in study.forests(part, seed):
                        flown = known.get((digests.get(kind, ''), mode, condition, forest))
                        if flown is not None:
                            codes.add(flown[0])
                            outcome = flown[1].outcome
                            won[seed, forest] = outcome == 'success', outcome == 'crash'
    return found, codes


def summarise(study: Study) -> dict[str, Any]:
    """All figures, as JSON."""
    found, codes = collect_outcomes(study)
    parts: dict[str, Any] = {}
    tests: list[dict[str, Any]] = []
    for part in study.content['flights']:
        planned = len(study.forests(part, 1)) * len(study.seeds)
        rows = parts[part['name']] = {}
        for condition in study.conditions(part):
            row = rows[condition] = {
                name: _cell(study, found[part['name'], name, condition], planned)
                for name in part['arms']
            }
            first, *others = part['arms']
            reference = found[part['name'], part.get('against', first), condition]
            for name in others:
                test = compare(reference, found[part['name'], name, condition], study.seeds)
                tests.append(test)
                row[name]['against'] = test
            _close_gaps(row, first)
    for test, adjusted in zip(tests, holm([test['p'] for test in tests]), strict=True):
        test['p_holm'] = float(f'{adjusted:.2g}')
    content = {
        'version': 1,
        'codes': sorted(codes),
        'comparisons': len(tests),
        'conditions': by_family(parts),
        'parts': parts,
        'fixed': _read(study.record / 'fixed.json'),
        'grid': _read(study.record / 'grid.json'),
        'schedule': summarise_schedule(study),
    }
    content['sealed_mean_gain'] = mean_gain(study, found, 'sealed')
    return content


def by_family(parts: dict[str, Any]) -> dict[str, Any]:
    """{'snow': {'frozen': {'successes', 'missions', ...}}}; weather in mid-flight: 'snow@3s'.

    A family that is flown at several severities keeps them in its name, such as 'rate:5'.
    """
    labels = dict.fromkeys(label for rows in parts.values() for label in rows)
    short = {label: re.sub(r'[:=][0-9.]+', '', label) for label in labels}
    names = {
        label: name if list(short.values()).count(name) == 1 else label
        for label, name in short.items()
    }
    conditions: dict[str, Any] = {}
    for rows in parts.values():
        for label, row in rows.items():
            found = conditions.setdefault(names[label], {})
            for arm, cell in row.items():
                # 'clear' is flown by several parts: the one with the most missions counts.
                if arm not in found or cell['missions'] > found[arm]['missions']:
                    found[arm] = {
                        'successes': cell['successes'],
                        'missions': cell['missions'],
                        'wilson_95': cell['wilson_95'],
                        'condition': label,
                    }
    return conditions


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
    """McNemar's test and the paired difference, other minus first."""
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
    """95 % interval of the mean: training seeds are drawn, then missions within each."""
    if not per_seed:
        return [-1.0, 1.0]
    rng = np.random.default_rng(0)
    means = []
    for _ in range(BOOTSTRAP_SAMPLES):
        drawn = [per_seed[k] for k in rng.integers(len(per_seed), size=len(per_seed))]
        means.append(np.mean([rng.choice(each, len(each)).mean() for each in drawn]))
    return [round(float(end), 4) for end in np.quantile(means, (0.025, 0.975))]


def _close_gaps(row: dict[str, Any], first: str) -> None:
    """(adapted - frozen) / (oracle - frozen), where the oracle is better by 5 points at least."""
    rate = {
        name: cell['successes'] / cell['missions'] if cell['missions'] else None
        for name, cell in row.items()
    }
    start, best = rate.get(first), rate.get('oracle')
    if start is None or best is None or best - start < 0.05:
        return
    for name, cell in row.items():
        if name not in (first, 'oracle') and rate[name] is not None:
            cell['gap_closed'] = round((rate[name] - start) / (best - start), 3)


def mean_gain(
    study: Study, found: dict[tuple[str, str, str], MissionOutcomes], name: str
) -> dict[str, Any]:
    """Mean over the conditions of a part of `all` minus `frozen`, with both intervals."""
    part = next((part for part in study.content['flights'] if part['name'] == name), None)
    gains = {}
    for condition in study.conditions(part) if part else []:
        frozen, every = (found[name, arm, condition] for arm in ('frozen', 'all'))
        for key in frozen.keys() & every.keys():
            gains.setdefault(key[0], []).append(float(every[key][0]) - float(frozen[key][0]))
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
    """A-B-A-C-A: A after minus A before, recovery, and the hour."""
    phases: list[list[dict[str, Any]]] = []
    names: list[str] = []
    hours, recoveries = [], []
    for seed in study.seeds:
        content = _read(study.flights(seed) / schedule.FILE)
        if not content:
            continue
        names = [phase['condition'] for phase in content['phases']]
        for k, phase in enumerate(content['phases']):
            if len(phases) <= k:
                phases.append([])
            phases[k] += [{**row, 'seed': seed} for row in phase['flights']]
        hour = _read(study.flights(seed) / schedule.HOUR)
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
    """Figures of one hour: how far receptors went on the way, and how far they are afterwards."""
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
    """Seconds of flight in calm weather until receptors are back to a tenth of what they were.

    By the mean log-scale of whole flights; 0 when the shift had moved them by less than 5 %.
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
    """(phase, (training seed, forest)) to how the pilot flew it as trained."""
    found = {}
    for seed in study.seeds:
        digest = pilot_file.load(study.pilot('ltc', seed)).digest
        first = study.content['first_forest'] + 10_000 * (seed - 1) + 5000
        for cell, flight in results_store.read_results(study.flights(seed)).items():
            k = (cell.seed - first) // 200
            if (
                cell.pilot == digest
                and not cell.mode
                and 0 <= k < len(names)
                and cell.condition == names[k]
            ):
                found[k, (seed, cell.seed)] = flight.outcome == 'success', False
    return found


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def write(study: Study, docs: Path) -> dict[str, Any]:
    """Write all of it below `docs`; the closing figures."""
    import pages

    content = summarise(study)
    (docs / 'images').mkdir(parents=True, exist_ok=True)
    write_atomically(docs / 'adaptation.json', (json.dumps(content, indent=1) + '\n').encode())
    write_atomically(docs / 'evidence.md', pages.markdown(study, content).encode())
    for name, picture in pages.pictures(content).items():
        write_atomically(docs / 'images' / name, picture)
    cells = [
        cell for rows in content['parts'].values() for row in rows.values() for cell in row.values()
    ]
    return {
        'flown': sum(cell['missions'] for cell in cells),
        'missing': sum(cell['missing'] for cell in cells),
        'report': str(docs / 'evidence.md'),
    }
