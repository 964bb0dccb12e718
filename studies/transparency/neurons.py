"""What the neurons stand for, and how many of them a pilot needs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from liquid_pilot.explanation.ablation import Ablation, Unit, clamp, open_loop, units
from liquid_pilot.explanation.behaviour import Trees, explain_neurons
from liquid_pilot.explanation.disentanglement import disentanglement
from liquid_pilot.explanation.flights.closed_loop import fly_ablated
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.simulator import Simulation
from studies.common import Display
from studies.transparency.flights import Replay, core_ticks, load_flight, replay
from studies.transparency.study import Group, Study

MEANINGS, KEPT = 'neurons', 'kept'
"""The steps whose records are written here."""


def explain_missing(study: Study, display: Display, only: str | None) -> None:
    """Fit the trees of all pilots that have no record, and order their neurons.

    Args:
        study: the study.
        display: the display of the progress.
        only: name of the only arm; None: all.
    """
    control = study.plan['neurons']['control']
    work = [
        (group, arm)
        for group in study.groups
        for arm in (*group.pilots, control)
        if only in (None, arm)
    ]
    for number, (group, arm) in enumerate(work):
        name = group.pilots.get(arm, f'{control}-{group.name}')
        if study.record(MEANINGS, name) is None:
            study.write_record(MEANINGS, name, _meanings(study, group, arm))
        display.announce('neurons', number + 1, len(work), math.nan)


def _meanings(study: Study, group: Group, arm: str) -> dict[str, Any]:
    plan = study.plan['neurons']
    every = plan['every']
    activity, variables, flights = [], [], []
    pilot = study.pilot(group.pilots[arm]) if arm in group.pilots else None
    for forest in group.forests:
        flight = load_flight(study, forest)
        rows = flight[f'inputs {group.name}']
        if pilot is None:
            values = rows[
                :, : study.pilot(next(iter(group.pilots.values()))).specification.features
            ]
        else:
            places = [unit.places[0] for unit in units(pilot)]
            values = replay(pilot, core_ticks(flight, group.name)).after[:, places]
        activity.append(values[::every])
        variables.append(flight['variables'][::every])
        flights.append(np.full(len(values[::every]), forest))
        names = [str(name) for name in flight['variable_names']]
    values, table = np.concatenate(activity), np.concatenate(variables)
    labels = [f'feature {i}' for i in range(values.shape[1])]
    if pilot is not None:
        labels = [unit.name for unit in units(pilot)]
    trees = explain_neurons(
        labels,
        values,
        {name: table[:, number] for number, name in enumerate(names)},
        np.unique(np.concatenate(flights), return_inverse=True)[1],
    )
    content: dict[str, Any] = {
        'names': labels,
        'samples': len(values),
        'r2': [_number(meaning.r2) for meaning in trees.meanings],
        'variable': [meaning.variable for meaning in trees.meanings],
        'disentanglement': disentanglement(trees, values).to_json(),
        'subset': _of_subsets(plan['subset'], trees, values),
    }
    if pilot is not None:
        content['order'] = [unit.name for unit in _order(study, group, pilot)]
    return content


def _of_subsets(plan: dict[str, int], trees: Trees, values: np.ndarray) -> dict[str, float | None]:
    """Return the means of the measures over random subsets of the neurons that are not constant."""
    chosen = np.array([i for i, meaning in enumerate(trees.meanings) if meaning.leaves], np.intp)
    size = min(plan['neurons'], len(chosen))
    drawn: list[dict[str, Any]] = []
    for draw in range(plan['draws']):
        some = np.sort(np.random.default_rng(draw).permutation(chosen)[:size])
        part = Trees([trees.meanings[i] for i in some], trees.leaves[:, some])
        drawn.append(disentanglement(part, values[:, some]).to_json())
    return {
        name: _number(
            float(np.mean([np.nan if each[name] is None else each[name] for each in drawn]))
        )
        for name in drawn[0]
    }


def _tuning_flights(study: Study, group: Group, pilot: PilotFile) -> list[Replay]:
    return [
        replay(pilot, core_ticks(load_flight(study, forest), group.name))
        for forest in study.tuning_forests
    ]


def _order(study: Study, group: Group, pilot: PilotFile) -> list[Unit]:
    """Return the neurons, the one with the largest effect in open loop first."""
    flights, everyone = _tuning_flights(study, group, pilot), units(pilot)
    effects = open_loop(pilot, [clamp(pilot, [unit], flights) for unit in everyone], flights)
    strength = np.array([effect.relative.max() for effect in effects])
    return [everyone[i] for i in np.argsort(-strength, kind='stable')]


def keep_missing(study: Study, display: Display, only: str | None) -> None:
    """Fly the missions with clamped neurons that have not been flown.

    Args:
        study: the study.
        display: the display of the progress.
        only: name of the only arm; None: all.
    """
    # The shipped pilots first, then the first training seed of all arms, and so on.
    work = [
        (group, arm)
        for group in sorted(study.groups, key=lambda each: each.name not in study.shipped)
        for arm in group.pilots
        if only in (None, arm)
    ]
    with Simulation() as simulation:
        for number, (group, arm) in enumerate(work):
            _Bisection(study, group, arm, simulation).run()
            display.announce('kept neurons', number + 1, len(work), math.nan)


class _Bisection:
    """The search for the number of neurons that one pilot needs; it can be stopped and goes on."""

    def __init__(self, study: Study, group: Group, arm: str, simulation: Simulation) -> None:
        self._study, self._simulation = study, simulation
        self._name = group.pilots[arm]
        self._pilot = study.pilot(self._name)
        known = study.record(MEANINGS, self._name)
        by_name = {unit.name: unit for unit in units(self._pilot)}
        if known is None:
            self._order = _order(study, group, self._pilot)
        else:
            self._order = [by_name[name] for name in known['order']]
        self._group = group
        self._flights: list[Replay] | None = None
        self._record = study.record(KEPT, self._name) or {
            'neurons': len(self._order),
            'flown': {},
            'needed': None,
        }

    def run(self) -> None:
        """Find the number, unless it is known."""
        if self._record['needed'] is not None:
            return
        neurons = len(self._order)
        whole = self._fly(neurons, self._study.kept_forests(self._group), math.inf)
        won = [forest for forest, outcome in whole.items() if outcome == 'success']
        lost_allowed = len(won) - math.ceil(self._study.plan['kept']['share'] * len(won) - 1e-9)
        low, high = 0, neurons
        while high - low > 1:
            middle = (low + high) // 2
            flown = self._fly(middle, won, lost_allowed)
            if sum(outcome != 'success' for outcome in flown.values()) > lost_allowed:
                low = middle
            else:
                high = middle
        self._record['needed'] = high
        self._study.write_record(KEPT, self._name, self._record)

    def _fly(self, kept: int, forests: list[int], lost_allowed: float) -> dict[int, str]:
        """Return the outcomes with some neurons, up to the mission that decides."""
        known = self._record['flown'].setdefault(str(kept), {})
        ablation: Ablation | None = None
        if any(str(forest) not in known for forest in forests):
            ablation = self._ablation(kept)
        found: dict[int, str] = {}
        for forest in forests:
            if sum(outcome != 'success' for outcome in found.values()) > lost_allowed:
                break
            if str(forest) not in known:
                flown = fly_ablated(
                    self._pilot,
                    self._simulation,
                    ablation,
                    [forest],
                    parse(self._study.plan['kept']['condition']),
                )
                known[str(forest)] = flown.outcomes[forest]
                self._study.write_record(KEPT, self._name, self._record)
            found[forest] = known[str(forest)]
        return found

    def _ablation(self, kept: int) -> Ablation | None:
        rest = self._order[kept:]
        if not rest:
            return None
        if self._flights is None:
            self._flights = _tuning_flights(self._study, self._group, self._pilot)
        return clamp(self._pilot, rest, self._flights, f'all but {kept}')


def _number(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None
