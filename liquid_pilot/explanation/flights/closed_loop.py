"""Missions with an ablated core, and how many neurons a pilot needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from liquid_pilot.explanation.ablation import (
    Ablation,
    AblationEffect,
    StepsOfFlight,
    clamp,
    units,
)
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

KEPT_SHARE = 0.95
"""Share of the missions of the whole pilot that the kept neurons have to fly."""


class AblatedFlights(NamedTuple):
    """Missions that were flown with one ablation."""

    name: str
    """What was ablated; empty: nothing."""
    outcomes: dict[int, str]
    """Outcome of each seed."""

    @property
    def successes(self) -> int:
        """Number of missions that succeeded."""
        return list(self.outcomes.values()).count('success')

    def to_json(self) -> dict[str, object]:
        """Return it for a file."""
        return {
            'name': self.name,
            'successes': self.successes,
            'missions': len(self.outcomes),
            'outcomes': {str(seed): outcome for seed, outcome in self.outcomes.items()},
        }


class NeuronsNeeded(NamedTuple):
    """How many neurons have to be kept, when the others keep their means."""

    needed: int
    """Smallest number that was found to fly KEPT_SHARE of the missions of the whole pilot."""
    neurons: int
    """Number of neurons of the pilot."""
    order: list[str]
    """Names of the neurons, the most important one in open loop first: they are kept in this
    order."""
    flown: dict[int, AblatedFlights]
    """The missions by number of neurons kept."""

    def to_json(self) -> dict[str, object]:
        """Return it for a file."""
        return {
            'needed': self.needed,
            'neurons': self.neurons,
            'share_of_missions': KEPT_SHARE,
            'order': self.order,
            'flown': {str(kept): flights.to_json() for kept, flights in self.flown.items()},
        }


def fly_ablated(
    pilot: PilotFile,
    simulation: Simulation,
    ablation: Ablation | None,
    seeds: Sequence[int],
    conditions: tuple[Condition, ...] | None = None,
    rules: MissionRules | None = None,
    on_mission: Callable[[], None] | None = None,
) -> AblatedFlights:
    """Fly missions in this process with an ablated core.

    Args:
        pilot: the pilot file.
        simulation: a simulation of the pilot's vehicle.
        ablation: the ablation; None: the whole pilot.
        seeds: the seeds.
        conditions: conditions of the missions; None: those of the simulation's settings.
        rules: the rules of success and failure; None: those of the vehicle's task.
        on_mission: callback, called after each mission.
    """
    flier = InProcessPilot(
        pilot,
        simulation,
        replace_stages=None
        if ablation is None
        else lambda stages: stages._replace(core=ablation.apply(stages.core)),
    )
    outcomes = {}
    for seed in seeds:
        result = fly_mission(seed, simulation, flier, rules, conditions=conditions)
        outcomes[seed] = result.outcome
        if on_mission is not None:
            on_mission()
    return AblatedFlights('' if ablation is None else ablation.name, outcomes)


def neurons_needed(
    pilot: PilotFile,
    simulation: Simulation,
    effects: Sequence[AblationEffect],
    flights: Sequence[StepsOfFlight],
    seeds: Sequence[int],
    conditions: tuple[Condition, ...] | None = None,
    on_count: Callable[[int, AblatedFlights], None] | None = None,
) -> NeuronsNeeded:
    """Find how many neurons have to be kept for KEPT_SHARE of the missions of the whole pilot.

    The neurons are kept in the order of their effect in open loop (its largest relative one over
    the four values of the command), and the number is found by bisection: it takes for granted
    that more neurons fly no worse.

    Args:
        pilot: the pilot file.
        simulation: a simulation of the pilot's vehicle.
        effects: effects of the ablation of each neuron, in the order of `ablation.units`.
        flights: recorded flights, whose states give the means.
        seeds: seeds of the missions; they should not be those of `flights`.
        conditions: conditions of the missions; None: those of the simulation's settings.
        on_count: callback, called with each number of neurons kept and its missions.
    """
    all_units = units(pilot)
    strength = [float(effect.relative.max()) for effect in effects[: len(all_units)]]
    ranked = [all_units[i] for i in np.argsort(-np.array(strength), kind='stable')]
    flown: dict[int, AblatedFlights] = {}

    def successes(kept: int) -> int:
        rest = ranked[kept:]
        ablation = clamp(pilot, rest, flights, f'all but {kept}') if rest else None
        flown[kept] = fly_ablated(pilot, simulation, ablation, seeds, conditions)
        if on_count is not None:
            on_count(kept, flown[kept])
        return flown[kept].successes

    wanted = KEPT_SHARE * successes(len(ranked))
    low, high = 0, len(ranked)
    while high - low > 1:
        middle = (low + high) // 2
        if successes(middle) >= wanted:
            high = middle
        else:
            low = middle
    return NeuronsNeeded(high, len(ranked), [unit.name for unit in ranked], flown)
