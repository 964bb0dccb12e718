"""The figures of the dynamics study, from its flights.

An error is the size of the difference between the wanted and the true velocity, m/s. It is averaged
over each flight, and over each window of time since the change of the dynamics; flights are paired
between arms, and intervals are from a bootstrap over flights. Errors count as at most
`judging.LOST_M_S`, and so does a flight that is lost, from then on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from studies.dynamics import networks
from studies.dynamics.judging import LOST_M_S, bounded, since_change
from studies.dynamics.plant import CONTROL_HZ, FloatArray
from studies.dynamics.study import FORGETS, PRIVILEGED, Study

_DRAWS = 4000
_CURVE_S = (-1.0, 4.0)
_BIN_TICKS = 5


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    found, lost, planned = collect(study), {}, len(study.arms) * len(study.plan['ranges'])
    seeds = len(study.seeds)
    flown = {key: parts for key, parts in found.items() if len(parts) == seeds}
    content: dict[str, Any] = {
        'version': study.plan['version'],
        'flight_versions': [],
        'missing': planned - len(flown),
        'flights': len(study.seeds) * study.plan['flights']['count'],
        'lost_counts_m_s': LOST_M_S,
        'parameters': {
            kind: networks.parameter_count(kind, size) for kind, size in study.cores.items()
        },
        'search': study.read('search'),
        'integral': study.read('integral'),
        'probe': study.read('probe'),
    }
    errors, means, windows, curves, beside = {}, {}, {}, {}, []
    flights = {
        ranges: [flight for seed in study.seeds for flight in study.flights(ranges, seed)]
        for ranges in study.plan['ranges']
    }
    for (arm, ranges), parts in flown.items():
        valid = np.concatenate([part['valid'] for part in parts])
        error = np.concatenate([part['errors'] for part in parts])
        error = errors[arm, ranges] = bounded(error, valid)
        lost.setdefault(arm, {})[ranges] = int((~valid[:, -1]).sum())
        means.setdefault(arm, {})[ranges] = _mean(error.mean(axis=1))
        windows.setdefault(arm, {})[ranges] = {
            name: _mean(since_change(error, flights[ranges], window))
            for name, window in study.plan['windows'].items()
        }
        curves.setdefault(ranges, {})[arm] = _curve(error, flights[ranges])
    for (arm, ranges), error in errors.items():
        for other in (PRIVILEGED, f'{arm}{FORGETS}'):
            if other != arm and (other, ranges) in errors:
                difference = (error - errors[other, ranges]).mean(axis=1)
                beside.append({'arm': arm, 'minus': other, 'ranges': ranges, **_mean(difference)})
    return {
        **content,
        'lost': lost,
        'mean_error': means,
        'windows': windows,
        'differences': beside,
        'curves': curves,
    }


def missing(content: dict[str, Any]) -> int:
    """Return how many arms have not been flown in one of the ranges."""
    return int(content['missing'])


def collect(study: Study) -> dict[tuple[str, str], list[dict[str, np.ndarray]]]:
    """Return the errors of each arm in each of the ranges, by training seed."""
    found: dict[tuple[str, str], list[dict[str, np.ndarray]]] = {}
    for ranges in study.plan['ranges']:
        for arm in study.arms:
            files = [study.flown_file(arm, ranges, seed) for seed in study.seeds]
            parts = []
            for file in files:
                if file.exists():
                    with np.load(file, allow_pickle=False) as arrays:
                        parts.append({name: arrays[name] for name in arrays.files})
            found[arm, ranges] = parts
    return found


def _mean(values: FloatArray) -> dict[str, Any]:
    """Return the mean of values of flights, and its interval by a bootstrap over them."""
    draws = np.random.default_rng(0).integers(0, len(values), (_DRAWS, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return {
        'mean': round(float(values.mean()), 4),
        'interval_95': [round(float(low), 4), round(float(high), 4)],
    }


def _curve(errors: FloatArray, flights: list[Any]) -> list[list[float]]:
    """Return time since the change, s, and the mean error there, m/s."""
    first, last = (round(bound * CONTROL_HZ) for bound in _CURVE_S)
    rows = []
    for begin in range(first, last, _BIN_TICKS):
        means = since_change(
            errors, flights, (begin / CONTROL_HZ, (begin + _BIN_TICKS) / CONTROL_HZ)
        )
        middle = (begin + 0.5 * _BIN_TICKS) / CONTROL_HZ
        if np.isfinite(means).any():
            rows.append([round(middle, 3), round(float(np.nanmean(means)), 4)])
    return rows
