"""The strength of each family, by the pilot as trained alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from studies.common import Display, Missions, results_json
from studies.no_harm.study import CALIBRATION_FILE, Study

Probe = tuple[float, int]
"""A strength, and the number of missions that succeeded at it."""


def calibrate(study: Study, workers: int, display: Display) -> dict[str, Any]:
    """Find a strength for each family and write calibration.json.

    Args:
        study: the study.
        workers: number of processes.
        display: the display of the progress.

    Raises:
        LiquidPilotError: a family has no strength at which the pilot is within the bounds.
    """
    plan = study.plan['calibration']
    forests = study.calibration_forests
    most = len(study.families) * plan['tries'] * len(forests)
    missions = Missions(display, 'calibration', most)
    families = {}
    for family, spec in study.families.items():

        def fly(strength: float, family: str = family) -> int:
            flown = study.evaluate(
                missions,
                [''],
                f'{family}={strength:g}',
                forests,
                study.files.work / 'calibration',
                workers,
            ).flights.values()
            successes = sum(flight.outcome == 'success' for flight in flown)
            display.print(f'{family}={strength:g}: {successes} of {len(forests)}')
            return successes

        low, high = (share * len(forests) for share in plan['success'])
        probes = bisect(fly, spec.strength_range, (low, high), plan['tries'])
        families[family] = {'unit': spec.unit, 'strength': probes[-1][0], 'probes': probes}
        if not low <= probes[-1][1] <= high:
            raise LiquidPilotError(
                f'{family}: no strength of {probes} has {low:g} to {high:g} successes; change the '
                'range of the family'
            )
    content = {
        'pilot': study.pilot.digest,
        'first_forest': forests[0],
        'forests': len(forests),
        'families': families,
    }
    study.files.out.mkdir(parents=True, exist_ok=True)
    (study.files.out / CALIBRATION_FILE).write_bytes(results_json(content))
    return content


def bisect(
    fly: Callable[[float], int],
    bounds: tuple[float, float],
    wanted: tuple[float, float],
    tries: int,
) -> list[Probe]:
    """Return the strengths that were flown, the last one with a wanted number of successes.

    >>> bisect(lambda strength: round(20 - 20 * strength), (0.0, 1.0), (11, 15), 8)
    [(0.5, 10), (0.25, 15)]

    Args:
        fly: function that returns the number of successes at a strength.
        bounds: a strength that is harmless, and one that is not.
        wanted: fewest and most successes.
        tries: largest number of strengths; after these, the last one is not as wanted.
    """
    low, high = bounds
    probes: list[Probe] = []
    for _ in range(tries):
        strength = float(f'{0.5 * (low + high):.3g}')
        successes = fly(strength)
        probes.append((strength, successes))
        if successes > wanted[1]:
            low = strength
        elif successes < wanted[0]:
            high = strength
        else:
            break
    return probes
