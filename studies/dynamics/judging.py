"""Flies the arms of the study, and looks into the states of its networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from liquid_pilot.learning.models.factory import TrainableCore
from studies.dynamics import foundation, networks
from studies.dynamics.controllers import Integral, Privileged, Proportional
from studies.dynamics.flights import (
    ControllerPilot,
    Flight,
    Flown,
    NetworkPilot,
    draw_flight,
    fly,
    targets_of,
)
from studies.dynamics.plant import CONTROL_HZ, FloatArray
from studies.dynamics.study import (
    FORGETS,
    FOUNDATION,
    INTEGRAL,
    PRIVILEGED,
    PROPORTIONAL,
    Study,
)

LOST_M_S = 4.0
"""Largest error of the velocity that counts, and that of a flight that is lost, m/s."""
_RIDGE = 1e-3


def search_integral(study: Study) -> dict[str, float]:
    """Return the gains of the integral controller that err least in the flights of validation."""
    plan, training = study.plan['integral'], study.plan['training']
    flights = [
        draw_flight(
            (study.plan['search']['seed'], training['first_seed'] - training['validation'] + k),
            study.plan['ranges']['within'],
            training['seconds'],
        )
        for k in range(training['validation'])
    ]
    found = {
        (rate, scale): float(
            counted(fly(flights, ControllerPilot(lambda: Integral(rate, scale)))).mean()  # noqa: B023
        )
        for rate in plan['rates_1_s2']
        for scale in plan['scales']
    }
    rate, scale = min(found, key=lambda gains: found[gains])
    return {'rate_1_s2': rate, 'scale': scale}


def fly_arm(study: Study, arm: str, seed: int, flights: Sequence[Flight]) -> Flown | None:
    """Fly an arm; None where what it needs is not there.

    Args:
        study: the study.
        arm: name of the arm.
        seed: training seed of its network.
        flights: the flights.
    """
    if arm == FOUNDATION:
        return foundation.fly(flights) if foundation.is_there() else None
    if arm == INTEGRAL:
        gains = study.read('integral')
        return fly(flights, ControllerPilot(lambda: Integral(gains['rate_1_s2'], gains['scale'])))
    controllers = {PROPORTIONAL: Proportional, PRIVILEGED: Privileged}
    if arm in controllers:
        return fly(flights, ControllerPilot(controllers[arm]))
    core = load_core(study, arm.removesuffix(FORGETS), seed)
    forget_s = study.plan['forget_s'] if arm.endswith(FORGETS) else 0.0
    return fly(flights, NetworkPilot(core, forget_s))


def load_core(study: Study, kind: str, seed: int) -> TrainableCore:
    """Return a trained core."""
    return networks.load(kind, study.cores[kind], seed, study.trained_file(kind, seed))


def counted(flown: Flown) -> FloatArray:
    """Return the errors (B, T) as `bounded` counts them."""
    return bounded(flown.errors_m_s, flown.valid)


def bounded(errors_m_s: FloatArray, valid: np.ndarray) -> FloatArray:
    """Return errors (B, T) of at most `LOST_M_S`, which a flight counts once it is lost."""
    return np.where(valid, np.minimum(errors_m_s, LOST_M_S), LOST_M_S)


def probe(study: Study, kind: str, seed: int) -> dict[str, float]:
    """Return how much of the dynamics a linear map finds in the state of a network.

    Returns:
        Name of a quantity to the share of its variance, R^2, in flights that the map was not fitted
        to; of latency, lag, thrust and mass.
    """
    plan = study.plan['probe']
    core = load_core(study, kind, seed)
    sides = {}
    first = plan['first_seed']
    for side in ('fit', 'judge'):
        flights = [
            draw_flight((seed, first + k), study.plan['ranges']['within'], plan['seconds'])
            for k in range(plan[side])
        ]
        first += plan[side]
        sides[side] = _rows(fly(flights, NetworkPilot(core)), flights)
    return {
        name: _explained(sides['fit'], sides['judge'], name)
        for name in targets_of(flights[0].first)
    }


def _rows(flown: Flown, flights: Sequence[Flight]) -> tuple[FloatArray, Mapping[str, FloatArray]]:
    """Return states, and what is looked for, from the last second before the change."""
    states, targets = [], []
    for index, flight in enumerate(flights):
        for tick in range(max(flight.change - CONTROL_HZ, 0), flight.change, 5):
            if flown.valid[index, tick]:
                states.append(np.append(flown.states[index, tick], 1.0))
                targets.append(targets_of(flight.first))
    names = targets[0] if targets else {}
    return np.array(states), {name: np.array([row[name] for row in targets]) for name in names}


def _explained(
    fitted: tuple[FloatArray, Mapping[str, FloatArray]],
    judged: tuple[FloatArray, Mapping[str, FloatArray]],
    name: str,
) -> float:
    states, targets = fitted[0], fitted[1][name]
    weight = states.T @ states + _RIDGE * len(states) * np.eye(states.shape[1])
    map_ = np.linalg.solve(weight, states.T @ targets)
    wanted = judged[1][name]
    left = wanted - judged[0] @ map_
    spread = float(((wanted - wanted.mean()) ** 2).sum())
    return 1.0 - float((left**2).sum()) / spread if spread else 0.0


def since_change(errors: FloatArray, flights: Sequence[Flight], window: Any) -> FloatArray:
    """Return the mean error (B,) of each flight in a window of time since the change.

    It is NaN where the flight does not reach into the window.

    Args:
        errors: (B, T) errors.
        flights: the flights.
        window: begin and end, s.
    """
    begin, end = (round(bound * CONTROL_HZ) for bound in window)
    means = np.full(len(flights), np.nan)
    for index, (row, flight) in enumerate(zip(errors, flights, strict=True)):
        part = row[max(flight.change + begin, 0) : flight.change + end]
        if part.size:
            means[index] = part.mean()
    return means
