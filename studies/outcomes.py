"""Figures of missions, the same in the results of several studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from liquid_pilot.evaluation.comparison import compare_pairs
from liquid_pilot.evaluation.statistics import wilson_interval


def missing(content: Mapping[str, Any]) -> int:
    """Return the number of planned missions that the cells of results lack."""
    return sum(cell['missing'] for cell in content['cells'])


def flown_and_missing(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many missions the cells of results hold and lack, for the last line of a study."""
    return {
        'flown': sum(cell['missions'] for cell in content['cells']),
        'missing': missing(content),
    }


def success_rate(
    missions: Mapping[tuple[Any, ...], bool], training_seeds: Sequence[int]
) -> dict[str, Any]:
    """Return the successes of missions, with an interval, and the rate of each training seed.

    Args:
        missions: whether each mission succeeded, by a key that begins with its training seed.
        training_seeds: the training seeds, in the order of the rates.
    """
    successes = sum(missions.values())
    by_seed = [[won for key, won in missions.items() if key[0] == one] for one in training_seeds]
    return {
        'successes': successes,
        'missions': len(missions),
        'wilson_95': [round(bound, 4) for bound in wilson_interval(successes, len(missions))],
        'by_training_seed': [round(sum(won) / len(won), 4) if won else None for won in by_seed],
    }


def difference(
    first: Mapping[tuple[Any, ...], bool], other: Mapping[tuple[Any, ...], bool]
) -> dict[str, Any]:
    """Return McNemar's test of the missions that both have, and the difference of the rates."""
    pairs = [(first[key], other[key]) for key in sorted(first.keys() & other.keys())]
    test = compare_pairs(pairs)
    gained = test['only_other'] - test['only_first']
    return {**test, 'difference': round(gained / len(pairs), 4) if pairs else 0.0}
