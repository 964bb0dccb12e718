"""The figures of the transparency study, from its records.

The figure of a map is the mean over the forests of its mean over the frames of each. Its interval
resamples the training seeds and then the forests of each, so that it also covers the next training
seed, as far as three can; that of a pilot with one training resamples forests.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from liquid_pilot.explanation.flights.saliency_frames import RANDOM
from studies.common import add_holm_p_values
from studies.transparency.study import ENCODER, Study

YAW, FEATURES = 'yaw', 'features'
TOLD = 0.5
"""Held-out R2 from which on a tree tells a neuron."""
SANE, STABLE = 0.5, 0.8
"""Limits of the claims."""
_OBJECTS = ('target', 'trunks')
SCORES = (
    *(
        f'{name} {what}'
        for name in _OBJECTS
        for what in ('share', 'over area', 'over centre', 'hit')
    ),
    *('sky share', 'target shuffled', 'deletion', 'insertion', 'deletion gain', 'insertion gain'),
    *('stability', 'sanity rank', 'sanity ssim'),
)
_OF_MASKS = tuple(
    f'{name} {what}'
    for name in (*_OBJECTS, 'sky')
    for what in ('area', 'centre', 'chance', 'centre hit')
)
Figure = list[float]
"""Mean, and lower and upper bound of its interval."""


class Scores:
    """The scores of all maps that are there, and their intervals.

    Args:
        study: the study.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        forests = list(study.forests)
        records = [study.record('maps', str(forest)) for forest in forests]
        self.found = sum(record is not None for record in records)
        self._values: dict[tuple[str, str], np.ndarray] = {}
        for number, record in enumerate(records):
            for row, values in (record or {'maps': {}})['maps'].items():
                for score, value in values.items():
                    column = self._values.setdefault((row, score), np.full(len(forests), np.nan))
                    column[number] = np.nan if value is None else value
        count = study.plan['intervals']['resamples']
        rng = np.random.default_rng(0)
        self._all = _forest_weights(rng, count, len(forests))
        groups = [group for group in study.groups if group.name not in study.shipped]
        self._nested = np.zeros((count, len(forests)))
        for resample in range(count if groups else 0):
            drawn = rng.multinomial(len(groups), np.full(len(groups), 1.0 / len(groups)))
            for group, times in zip(groups, drawn, strict=True):
                places = [forest - forests[0] for forest in group.forests]
                self._nested[resample, places] = rng.multinomial(
                    times * len(places), np.full(len(places), 1.0 / len(places))
                )

    def of(self, row: str, score: str) -> np.ndarray | None:
        """Return the score of each forest; None: it is of no forest."""
        values = self._values.get((row, score))
        return None if values is None or not np.isfinite(values).any() else values

    def figure(self, row: str, score: str) -> Figure | None:
        """Return the mean and its interval; None: there is none."""
        values = self.of(row, score)
        if values is None:
            return None
        means = self._means(row, values)
        low, high = np.percentile(means[np.isfinite(means)], (2.5, 97.5))
        return [round(float(each), 4) for each in (np.nanmean(values), low, high)]

    def difference(self, first: str, other: str, score: str) -> dict[str, Any] | None:
        """Return the other score minus the first one, paired by forest, with its interval and p."""
        a, b = self.of(first, score), self.of(other, score)
        if a is None or b is None or not np.isfinite(b - a).any():
            return None
        means = self._means(first, b - a)
        means = means[np.isfinite(means)]
        low, high = np.percentile(means, (2.5, 97.5))
        tail = min((means <= 0.0).sum(), (means >= 0.0).sum())
        figure = [round(float(each), 4) for each in (np.nanmean(b - a), low, high)]
        return {
            'difference': figure,
            'p': round(min(1.0, 2.0 * float(tail + 1) / (len(means) + 1)), 6),
        }

    def _means(self, row: str, values: np.ndarray) -> np.ndarray:
        arm = row.partition(',')[0]
        weights = self._all if arm in self._study.shipped else self._nested
        known = np.isfinite(values)
        with np.errstate(invalid='ignore'):
            means: np.ndarray = weights[:, known] @ values[known] / weights[:, known].sum(axis=1)
        return means


def _forest_weights(rng: np.random.Generator, count: int, forests: int) -> np.ndarray:
    return rng.multinomial(forests, np.full(forests, 1.0 / forests), count).astype(float)


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    scores = Scores(study)
    rows = {}
    for kind in kinds(study):
        for method in (RANDOM, *study.methods):
            row = f'{kind}, {method}'
            figures = [scores.figure(row, score) for score in SCORES]
            if any(figure is not None for figure in figures):
                rows[row] = figures
    any_row = f'{kinds(study)[-1]}, {RANDOM}'
    meanings, kept = _neurons(study), _kept(study)
    flown = [study.flight_file(forest).is_file() for forest in study.forests]
    return {
        'version': study.plan['version'],
        'forests': len(study.forests),
        'scored_forests': scores.found,
        'missing': {
            'flights': flown.count(False),
            'maps': len(study.forests) - scores.found,
            'neurons': sum(pilot['mean_r2'] is None for arm in meanings for pilot in arm['pilots']),
            'kept': sum(pilot['needed'] is None for arm in kept for pilot in arm['pilots']),
        },
        'masks': {score: scores.figure(any_row, score) for score in _OF_MASKS},
        'scores': list(SCORES),
        'maps': rows,
        'claims': {
            row: [claim for claim, holds in claims(named(figures)).items() if holds]
            for row, figures in rows.items()
            if RANDOM not in row
        },
        'cores': _core_tests(study, scores),
        'neurons': meanings,
        'kept': kept,
    }


def named(figures: list[Figure | None]) -> dict[str, Figure]:
    """Return the figures of a row of 'maps' that there are, by the name of the score."""
    return {
        score: figure for score, figure in zip(SCORES, figures, strict=True) if figure is not None
    }


def kinds(study: Study) -> list[str]:
    """Return the maps of each arm as 'ARM, KIND'; the last one is in all forests."""
    found = [f'{arm}, {YAW}' for arm in study.arms]
    return [
        *found,
        *([f'{ENCODER}, {FEATURES}'] if study.cores else []),
        *(f'{name}, {FEATURES}' for name in study.shipped),
    ]


def claims(figures: dict[str, Figure]) -> dict[str, bool | None]:
    """Return which claims of the plan hold of one method; None: it has not been measured."""

    def above(score: str, limit: float) -> bool | None:
        return figures[score][1] > limit if score in figures else None

    def below(score: str, limit: float) -> bool | None:
        return figures[score][2] < limit if score in figures else None

    def both(first: bool | None, other: bool | None) -> bool | None:
        return None if first is None or other is None else first and other

    return {
        'target': both(above('target over area', 0.0), above('target over centre', 0.0)),
        'trunks': both(above('trunks over area', 0.0), above('trunks over centre', 0.0)),
        'faithful': both(above('deletion gain', 0.0), above('insertion gain', 0.0)),
        'sane': both(below('sanity rank', SANE), below('sanity ssim', SANE)),
        'stable': above('stability', STABLE),
    }


def _core_tests(study: Study, scores: Scores) -> list[dict[str, Any]]:
    """Return the comparisons of the first core with the others."""
    plan, tests = study.plan['claims']['cores'], []
    for other in study.cores[1:]:
        for score in plan['scores']:
            rows = (f'{arm}, {YAW}, {plan["method"]}' for arm in (study.cores[0], other))
            found = scores.difference(*rows, score)
            if found is not None:
                tests.append({'other': other, 'score': score, **found})
    add_holm_p_values(tests)
    return tests


def _neurons(study: Study) -> list[dict[str, Any]]:
    control, found = study.plan['neurons']['control'], []
    for arm in (*study.arms, control):
        pilots = []
        for group in study.groups:
            if arm == control or arm in group.pilots:
                name = group.pilots.get(arm, f'{control}-{group.name}')
                pilots.append({'pilot': name, **_meaning(study.record('neurons', name))})
        found.append({'arm': arm, 'pilots': pilots})
    return found


def _meaning(record: dict[str, Any] | None) -> dict[str, Any]:
    if record is None:
        return {'mean_r2': None}
    known = [value for value in record['r2'] if value is not None]
    return {
        'neurons': len(record['names']),
        'constant': len(record['r2']) - len(known),
        'mean_r2': round(float(np.mean(known)), 4),
        'median_r2': round(float(np.median(known)), 4),
        'told': round(float(np.mean([value >= TOLD for value in known])), 4),
        'r2': [round(value, 2) for value in sorted(known, reverse=True)],
        **{
            part: {
                name: record[part][name]
                for name in ('mutual_information_gap', 'modularity', 'conflict', 'path_accuracy')
            }
            for part in ('disentanglement', 'subset')
        },
    }


def _kept(study: Study) -> list[dict[str, Any]]:
    found = []
    for arm in study.arms:
        pilots = []
        for group in study.groups:
            if arm in group.pilots:
                record = study.record('kept', group.pilots[arm]) or {}
                flown = {
                    int(kept): [list(outcomes.values()).count('success'), len(outcomes)]
                    for kept, outcomes in record.get('flown', {}).items()
                }
                pilots.append(
                    {
                        'pilot': group.pilots[arm],
                        'neurons': record.get('neurons'),
                        'needed': record.get('needed'),
                        'flown': {str(kept): flown[kept] for kept in sorted(flown)},
                    }
                )
        found.append({'arm': arm, 'pilots': pilots})
    return found
