"""The figures of the teaching study, from its lessons and missions.

Missions are paired by training seed and forest. In each block each arm is compared with its pilot
as trained, in the condition that it flies alone in; Holm's correction counts the comparisons of the
block. What a lesson has regained is the share

    (successes as taught - successes as trained) / (successes as trained in clear weather
                                                    - successes as trained in the shift)

over the forests that all three have; its interval is from a bootstrap over these forests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.results_store import read_results
from liquid_pilot.evaluation.statistics import paired_difference
from liquid_pilot.simulation.base.condition import CLEAR
from studies.common import add_holm_p_values
from studies.outcomes import difference, success_rate
from studies.teaching import lessons
from studies.teaching.study import OFFLINE, Study, StudyCell

Successes = dict[tuple[int, int], bool]
"""(training seed, forest) to whether the mission succeeded."""
Found = Mapping[tuple[Any, ...], Successes]
"""Arm, lesson and condition to the missions."""
DECIDING, FORGETTING = 'deciding', 'forgetting'
_DRAWS = 4000
"""Number of resamples of the bootstrap."""


def collect_outcomes(study: Study) -> tuple[dict[tuple[Any, ...], Successes], set[str]]:
    """Read all missions of the study.

    Returns:
        Arm, lesson and condition to its missions, and the flight versions that flew them.
    """
    cells = study.cells
    found: dict[tuple[Any, ...], Successes] = {cell[:3]: {} for cell in cells}
    versions = set()
    for seed in study.seeds:
        digests = {kind: file.digest for kind, file in study.trained(seed).items()}
        wanted: dict[tuple[str, str, str], list[StudyCell]] = {}
        for cell in cells:
            digest, mode = digests[study.kind(cell.arm)], ''
            if cell.lesson is not None and cell.lesson.lesson == OFFLINE:
                path = study.lesson_file(study.kind(cell.arm), seed, cell.lesson)
                digest = pilot_file.load(path).digest if path.is_dir() else ''
            elif cell.lesson is not None:
                mode = cell.lesson.mode
            wanted.setdefault((digest, mode, cell.condition), []).append(cell)
        for key, flight in read_results(study.flights(seed)).items():
            for cell in wanted.get((key.pilot, key.mode, key.condition), ()):
                if key.seed in study.forests(seed, cell.forests):
                    found[cell[:3]][seed, key.seed] = flight.outcome == 'success'
                    versions.add(key.version)
    return found, versions


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    found, versions = collect_outcomes(study)
    content = {
        'version': study.plan['version'],
        'flight_versions': sorted(versions),
        'cells': [
            {
                **_named(cell),
                'missing': cell.forests * len(study.seeds) - len(found[cell[:3]]),
                **success_rate(found[cell[:3]], study.seeds),
            }
            for cell in study.cells
        ],
        'tests': {name: _tests(study, found, cells) for name, cells in study.blocks.items()},
        'regained': _regained(study, found),
        'learned': _learned(study),
    }
    return {**content, 'kept': _kept(study, content)}


def _named(cell: StudyCell) -> dict[str, Any]:
    """Return what a cell is, as JSON values."""
    named: dict[str, Any] = {'arm': cell.arm, 'flown_in': cell.condition}
    if cell.lesson is not None:
        key = cell.lesson
        named |= {'taught_in': key.taught_in, 'seconds': key.seconds, 'teacher': key.teacher}
    return named


def _tests(study: Study, found: Found, cells: Sequence[StudyCell]) -> list[dict[str, Any]]:
    """Compare each arm of a block with its pilot as trained."""
    tests = []
    for cell in cells:
        if cell.lesson is None:
            continue
        trained = found[study.trained_arm(cell.arm), None, cell.condition]
        test = difference(trained, found[cell[:3]])
        low, high = paired_difference(test['only_first'], test['only_other'], test['pairs'])[1:]
        tests.append({**_named(cell), **test, 'interval_95': [round(low, 4), round(high, 4)]})
    add_holm_p_values(tests)
    return tests


def _regained(study: Study, found: Found) -> list[dict[str, Any]]:
    """Return what the lessons of the deciding block have regained."""
    rows = []
    for cell in study.blocks[DECIDING]:
        if cell.lesson is None:
            continue
        trained = study.trained_arm(cell.arm)
        parts = [found.get((trained, None, CLEAR), {}), found[trained, None, cell.condition]]
        parts.append(found[cell[:3]])
        share = share_regained(*parts)
        rows.append({**_named(cell), **share})
    return rows


def share_regained(clear: Successes, as_trained: Successes, as_taught: Successes) -> dict[str, Any]:
    """Return which share of the missions that a shift costs a lesson has regained.

    >>> clear = {(1, forest): True for forest in range(4)}
    >>> lost = {(1, forest): False for forest in range(4)}
    >>> share_regained(clear, lost, {(1, forest): forest < 3 for forest in range(4)})['share']
    0.75

    Args:
        clear: missions as trained in clear weather.
        as_trained: missions as trained in the shift.
        as_taught: missions as taught in the shift.

    Returns:
        Missions 'lost' and 'regained' of so many 'pairs', the 'share' with its 'interval_95'; None
        where nothing is lost.
    """
    keys = sorted(clear.keys() & as_trained.keys() & as_taught.keys())
    won = np.array([[of[key] for of in (clear, as_trained, as_taught)] for key in keys], float)
    if not len(won):
        return {'pairs': 0, 'lost': 0, 'regained': 0, 'share': None, 'interval_95': None}
    lost, regained = _lost_and_regained(won)
    row: dict[str, Any] = {'pairs': len(won), 'lost': int(lost), 'regained': int(regained)}
    if lost <= 0:
        return {**row, 'share': None, 'interval_95': None}
    draws = np.random.default_rng(0).integers(0, len(won), (_DRAWS, len(won)))
    shares = []
    for draw in draws:
        some_lost, some_regained = _lost_and_regained(won[draw])
        # A draw in which nothing is lost says nothing; it counts for the wider interval.
        shares.append(some_regained / some_lost if some_lost > 0 else math.copysign(9.0, regained))
    low, high = np.quantile(shares, [0.025, 0.975])
    return {
        **row,
        'share': round(regained / lost, 4),
        'interval_95': [round(float(low), 4), round(float(high), 4)],
    }


def _lost_and_regained(won: np.ndarray) -> tuple[float, float]:
    clear, as_trained, as_taught = won.sum(axis=0)
    return clear - as_trained, as_taught - as_trained


def _kept(study: Study, content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return for each arm of the deciding block whether it holds what was promised."""
    promise, kept = study.plan['promise'], {}
    for arm in dict.fromkeys(row['arm'] for row in content['regained']):
        shares = [row['share'] for row in content['regained'] if row['arm'] == arm]
        forgetting = content['tests'].get(FORGETTING, ())
        losses = [-test['difference'] for test in forgetting if test['arm'] == arm]
        known = [share for share in shares if share is not None]
        kept[arm] = {
            'least_regained': min(known) if len(known) == len(shares) else None,
            'largest_loss': max(losses, default=None),
        }
        least, loss = kept[arm].values()
        kept[arm]['holds'] = (
            least is not None
            and loss is not None
            and least >= promise['regained']
            and loss <= promise['lost']
        )
    return kept


def _learned(study: Study) -> list[dict[str, Any]]:
    """Return what was learned in each lesson, for each training seed."""
    rows = []
    for kind, key in study.lessons:
        if key.lesson == OFFLINE:
            continue
        files = [study.lesson_file(kind, seed, key) for seed in study.seeds]
        found = [lessons.load(file).correction for file in files if file.exists()]
        if not key.seconds:
            continue
        row: dict[str, Any] = {'pilot': kind, 'lesson': key.lesson, 'taught_in': key.taught_in}
        row |= {'seconds': key.seconds, 'teacher': key.teacher}
        row['aim_deg'] = [np.degrees(one.aim).round(2).tolist() for one in found]
        row['offsets'] = [one.readout[:, -1].astype(float).round(3).tolist() for one in found]
        row['mean_change'] = [
            round(float(np.sqrt(np.mean(np.square(one.change, dtype=float)))), 4)
            for one in found
            if one.change.size
        ]
        rows.append(row)
    return rows
