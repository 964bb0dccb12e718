"""The figures of the driving study, from its missions.

An intervention is the end of a mission before the end of its road: off the road, or into an
obstacle. Intervals of 95 % are Wilson's for completed roads, Poisson's for interventions, and by
bootstrap over the roads for everything else; both arms of a difference use the same drawn roads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.evaluation.results_store import read_results
from liquid_pilot.evaluation.statistics import mcnemar_exact, poisson_interval, wilson_interval
from studies.common import add_holm_p_values
from studies.driving.study import UNSCALED, ArmPilot, Study

REFERENCE_ARM = 'ltc frozen'
"""The arm that the others are compared with."""
BOOTSTRAP_SAMPLES = 4000
Drives = dict[int, FlightMetrics]
"""Missions by the seed of the road."""


def collect_metrics(
    study: Study, folder: str, arm_pilots: Sequence[ArmPilot], roads: range
) -> tuple[dict[tuple[str, str], Drives], set[str]]:
    """Read the missions of some arms.

    Args:
        study: the study.
        folder: folder of the missions: 'drives', or 'search'.
        arm_pilots: the arms, with mode and pilot.
        roads: seeds of the roads.

    Returns:
        (arm, condition) to its missions, and the flight versions that drove them.
    """
    arms = {(pilot.digest, mode): name for name, mode, pilot in arm_pilots}
    found: dict[tuple[str, str], Drives] = {}
    versions: set[str] = set()
    for key, flight in read_results(study.drives(folder)).items():
        arm = arms.get((key.pilot, key.mode))
        if arm is not None and key.seed in roads:
            found.setdefault((arm, key.condition), {})[key.seed] = flight
            versions.add(key.version)
    return found, versions


def _interventions(drives: list[FlightMetrics]) -> int:
    return sum(drive.outcome == 'crash' for drive in drives)


def _driven_km(drives: list[FlightMetrics]) -> float:
    return 1e-3 * max(sum(drive.flown_m for drive in drives), 1.0)


def interventions_per_km(drives: list[FlightMetrics]) -> float:
    """Return the interventions per kilometre."""
    return _interventions(drives) / _driven_km(drives)


def lateral_rms_m(drives: list[FlightMetrics]) -> float:
    """Return the RMS distance from the middle of the road."""
    squares = [(drive.lateral_rms_m or 0.0) ** 2 * drive.duration_s for drive in drives]
    return float(np.sqrt(sum(squares) / max(sum(drive.duration_s for drive in drives), 1e-9)))


def speed_m_s(drives: list[FlightMetrics]) -> float:
    """Return the mean speed: all metres by all seconds."""
    return sum(d.flown_m for d in drives) / max(sum(d.duration_s for d in drives), 1e-9)


FIGURES = {
    'interventions_per_km': interventions_per_km,
    'lateral_rms_m': lateral_rms_m,
    'speed_m_s': speed_m_s,
}


def bootstrap(
    figure: Callable[[list[FlightMetrics]], float],
    drives: list[FlightMetrics],
    minus: list[FlightMetrics] | None = None,
) -> list[float]:
    """Return the 95 % interval of a figure by bootstrap over the roads.

    Args:
        figure: function that computes the figure of some missions.
        drives: the missions.
        minus: missions on the same roads; the interval is then that of the difference.
    """
    rng, count = np.random.default_rng(0), len(drives)
    values = []
    for _ in range(BOOTSTRAP_SAMPLES):
        drawn = rng.integers(count, size=count)
        value = figure([drives[i] for i in drawn])
        values.append(value - figure([minus[i] for i in drawn]) if minus else value)
    return [round(float(bound), 3) for bound in np.quantile(values, (0.025, 0.975))]


def summarise(study: Study) -> dict[str, Any]:
    """Return all figures of the study, as JSON values."""
    names = list(dict.fromkeys(name for part in study.plan['drives'] for name in part['arms']))
    existing = [study.arm(name) for name in names if study.exists(name)]
    found, versions = collect_metrics(study, 'drives', existing, study.roads)
    cells = [
        _cell(found, name, condition, REFERENCE_ARM, study.plan['roads'])
        for part in study.plan['drives']
        for condition in part['conditions']
        for name in part['arms']
    ]
    add_holm_p_values(cells)
    search = study.plan['search']
    scaled = study.scaled_pilots() if study.exists(REFERENCE_ARM) else []
    searched, more = collect_metrics(study, 'search', scaled, study.search_roads)
    rows = [
        _cell(searched, name, search['condition'], UNSCALED, search['roads'])
        for name, _, _ in scaled
    ]
    add_holm_p_values(rows)
    return {
        'version': study.plan['version'],
        'flight_versions': sorted(versions | more),
        'roads': study.plan['roads'],
        'missing': sum(cell['missing'] for cell in cells),
        'cells': cells,
        'search': {'condition': search['condition'], 'roads': search['roads'], 'rows': rows},
    }


def _cell(
    found: dict[tuple[str, str], Drives], arm: str, condition: str, reference: str, roads: int
) -> dict[str, Any]:
    """Return the figures of an arm, and its comparison with the reference on common roads."""
    drives, others = found.get((arm, condition), {}), found.get((reference, condition), {})
    cell = {
        'condition': condition,
        'arm': arm,
        'missing': roads - len(drives),
        **_figures(list(drives.values())),
    }
    common = sorted(drives.keys() & others.keys())
    if arm != reference and common:
        pairs = [
            (others[road].outcome == 'success', drives[road].outcome == 'success')
            for road in common
        ]
        cell['p'] = mcnemar_exact(pairs.count((True, False)), pairs.count((False, True)))
        pair = [drives[road] for road in common], [others[road] for road in common]
        if any(map(_interventions, pair)):
            cell['per_km_minus_first_95'] = bootstrap(interventions_per_km, *pair)
    return cell


def _figures(drives: list[FlightMetrics]) -> dict[str, Any]:
    completed = sum(drive.outcome == 'success' for drive in drives)
    if not drives:
        return {'drives': 0, 'completed': 0}
    return {
        'drives': len(drives),
        'completed': completed,
        'wilson_95': [round(bound, 4) for bound in wilson_interval(completed, len(drives))],
        **{name: round(figure(drives), 3) for name, figure in FIGURES.items()},
        # A bootstrap of no intervention in 30 km would claim that there is never one.
        'interventions_per_km_95': [
            round(bound / _driven_km(drives), 3)
            for bound in poisson_interval(_interventions(drives))
        ],
        **{
            f'{name}_95': bootstrap(FIGURES[name], drives)
            for name in ('lateral_rms_m', 'speed_m_s')
        },
    }
