"""The explanation of flights of one pilot: one moment in depth, and its neurons over all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.ablation import AblationEffect, all_ablations, open_loop, units
from liquid_pilot.explanation.behaviour import (
    Disentanglement,
    NeuronMeaning,
    TimeScale,
    explain_neurons,
    time_scales,
)
from liquid_pilot.explanation.core_memory import Memory, memory
from liquid_pilot.explanation.core_paths import CorePaths, CoreTick, PathDecomposition, input_names
from liquid_pilot.explanation.disentanglement import disentanglement
from liquid_pilot.explanation.flights.closed_loop import AblatedFlights
from liquid_pilot.explanation.flights.core_record import CoreRecord
from liquid_pilot.explanation.ltc_tick import FloatArray
from liquid_pilot.explanation.other_cores import DifferencedCore
from liquid_pilot.explanation.strongest_paths import PathParts, path_text, strongest_paths
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.recurrent_cores import IMU_INPUTS
from liquid_pilot.pilot_file import PilotFile

COMMANDS = ('forward', 'left', 'up', 'yaw')
"""Names of the values of a command, as an option gives them."""
COMMAND_UNITS = ('m/s', 'm/s', 'm/s', 'rad/s')
YAW = 3
WINDOW_S = 2.0
"""Time over which the command of a moment is decomposed, s."""
_SETTLED_S = 0.5
"""Time after the first frame in which no moment is chosen: the core starts from rest, s."""
_DIFFERENCED_TICKS = 20
"""Number of ticks over which a core that is a graph is differenced."""

Progress = Callable[[str, int, int], None]


class ExplainedTick(NamedTuple):
    """One tick of one flight, and the value of its command that is explained."""

    flight: int
    """Number of the flight among those that are explained, from 0."""
    tick: int
    """Number of the tick in the flight, from 0."""
    command: int
    """Number of the value of the command: 0 forward, 1 left, 2 up, 3 yaw rate."""


@dataclass(eq=False)
class MomentExplanation:
    """What made one value of one command."""

    moment: ExplainedTick
    flight: str
    """What was flown, such as 'seed 7'."""
    time_s: float
    """Time since the first frame, s."""
    value: float
    """The value of the command."""
    by_input: FloatArray
    """(I,) derivative of the value with respect to each input, held over the whole window."""
    memory: Memory
    """For how long the core remembers at this moment."""
    decomposition: PathDecomposition | None = None
    """Decomposition of the command of a liquid core over the window; None of another core."""
    parts: PathParts | None = None
    """Its strongest paths; None of another core."""
    variables: dict[str, float] = field(default_factory=dict)
    """The variables of the simulator at the moment, where they are known."""

    @property
    def by_feature(self) -> FloatArray:
        """(F,) derivatives with respect to the features, the weights of a saliency map."""
        weights: FloatArray = self.by_input[:-IMU_INPUTS]
        return weights


@dataclass(eq=False)
class Explanation:
    """All that is told of the flights of one pilot."""

    pilot: PilotFile
    flights: list[CoreRecord]
    moment: MomentExplanation
    names: list[str]
    """Names of the neurons."""
    effects: list[AblationEffect]
    """Open-loop effects of the ablation of each neuron, then of each group of synapses."""
    scales: list[TimeScale]
    """Time scale of each neuron."""
    meanings: list[NeuronMeaning] | None = None
    """What each neuron stands for; None where the variables of a simulator are not known."""
    disentanglement: Disentanglement | None = None
    closed_loop: list[AblatedFlights] = field(default_factory=list)
    """Missions of the whole pilot, then with each ablation; empty if none were flown."""
    notes: list[str] = field(default_factory=list)
    """What a reader has to know about how it was made, in sentences."""


def choose_moment(
    flights: Sequence[CoreRecord], command: int = YAW, at_s: float | None = None
) -> ExplainedTick:
    """Return the moment of the strongest command, or that of a time of the first flight.

    The strongest yaw rate is that of the largest magnitude. A velocity counts by how far it is from
    its mean in the flight, because a vehicle that flies on has one all the time.

    Args:
        flights: the flights.
        command: number of the value of the command.
        at_s: time since the first frame of the first flight, s; None: the strongest.

    Raises:
        LiquidPilotError: the flights have no tick, or the time is not in the first one.
    """
    if not flights or not any(len(flight.ticks) for flight in flights):
        raise LiquidPilotError(
            'there is no tick to explain; record a flight that lasts longer than a moment'
        )
    if at_s is not None:
        end_s = float(flights[0].time_s[-1])
        if not 0.0 <= at_s <= end_s:
            raise LiquidPilotError(
                f'--at {at_s:g} is not in the flight of {flights[0].name}, which lasts '
                f'{end_s:.2f} s'
            )
        return ExplainedTick(0, int(np.abs(flights[0].time_s - at_s).argmin()), command)
    best, strongest = ExplainedTick(0, 0, command), -1.0
    for number, flight in enumerate(flights):
        values = flight.commands[:, command]
        strength = np.abs(values if command == YAW else values - values.mean())
        strength[flight.time_s < min(_SETTLED_S, flight.time_s[-1])] = -1.0
        tick = int(strength.argmax())
        if strength[tick] > strongest:
            best, strongest = ExplainedTick(number, tick, command), float(strength[tick])
    return best


def explain_moment(
    pilot: PilotFile, flights: Sequence[CoreRecord], moment: ExplainedTick, paths: int = 12
) -> MomentExplanation:
    """Explain one value of one command.

    Args:
        pilot: the pilot file.
        flights: the flights.
        moment: the moment.
        paths: number of strongest paths.
    """
    flight = flights[moment.flight]
    inputs = np.concatenate([[tick.inputs for tick in each.ticks] for each in flights])
    spread = np.maximum(inputs.std(axis=0), 1e-6)
    common: dict[str, Any] = {
        'moment': moment,
        'flight': flight.name,
        'time_s': float(flight.time_s[moment.tick]),
        'value': float(flight.commands[moment.tick, moment.command]),
        'variables': {
            name: float(values[moment.tick]) for name, values in flight.variables.items()
        },
    }
    first, by_age = _by_age(pilot, flight, moment.tick)
    ticks = flight.ticks[first : moment.tick + 1]
    sensitivity = _sensitivity(by_age, spread, ticks, moment.command)
    if pilot.ltc_parameters is None:
        return MomentExplanation(**common, **sensitivity)
    core = CorePaths(pilot)
    decomposition = core.decompose_window(flight.before[first], ticks)
    return MomentExplanation(
        **common,
        **sensitivity,
        decomposition=decomposition,
        parts=strongest_paths(core, decomposition, moment.command, paths),
    )


def feature_weights(
    pilot: PilotFile, flight: CoreRecord, tick: int, command: int
) -> npt.NDArray[np.float64]:
    """Return the derivatives (F,) of a command by the features, held over the window before it.

    They are the weights of a saliency map of that command (`pixels.PixelExplainer.explain`).

    Args:
        pilot: the pilot file.
        flight: the flight.
        tick: number of the tick in the flight.
        command: number of the value of the command.
    """
    weights: npt.NDArray[np.float64] = _by_age(pilot, flight, tick)[1][:, command].sum(axis=0)[
        :-IMU_INPUTS
    ]
    return weights


def _by_age(pilot: PilotFile, flight: CoreRecord, tick: int) -> tuple[int, FloatArray]:
    """Return the first tick of the window before a tick, and the sensitivities by age."""
    first, ticks = flight.window(tick, WINDOW_S)
    if pilot.ltc_parameters is not None:
        return first, CorePaths(pilot).sensitivity_by_age(flight.before[first], ticks)
    first = max(first, tick + 1 - _DIFFERENCED_TICKS)
    ticks = flight.ticks[first : tick + 1]
    return first, DifferencedCore(pilot).sensitivity_by_age(flight.before[first], ticks)


def _sensitivity(
    by_age: FloatArray, spread: FloatArray, ticks: Sequence[CoreTick], command: int
) -> dict[str, Any]:
    return {
        'by_input': by_age[:, command].sum(axis=0),
        'memory': memory(by_age * spread, [tick.dt_s for tick in ticks], command),
    }


def explain_flights(
    pilot: PilotFile,
    flights: Sequence[CoreRecord],
    moment: ExplainedTick,
    on_progress: Progress | None = None,
) -> Explanation:
    """Explain a moment of some flights, and the neurons of their pilot.

    Args:
        pilot: the pilot file.
        flights: the flights.
        moment: the moment.
        on_progress: callback, called with what is done, the steps done and the steps in all.

    Raises:
        LiquidPilotError: scikit-learn is not installed, and the flights were simulated.
    """
    report = on_progress or (lambda stage, done, of: None)
    explained = explain_moment(pilot, flights, moment)
    names = [unit.name for unit in units(pilot)]
    places = [unit.places[0] for unit in units(pilot)]
    activity = [flight.after[:, places] for flight in flights]
    effects = open_loop(
        pilot,
        all_ablations(pilot, flights),
        flights,
        lambda done, of: report('ablation', done, of),
    )
    scales = time_scales(
        activity, [flight.tau_s[:, places] for flight in flights], _period_s(flights)
    )
    result = Explanation(pilot, list(flights), explained, names, effects, scales)
    if all(flight.variables for flight in flights):
        values = np.concatenate(activity)
        variables = {
            name: np.concatenate([flight.variables[name] for flight in flights])
            for name in flights[0].variables
        }
        numbers: npt.NDArray[np.intp] = np.repeat(
            np.arange(len(flights)), [len(flight.ticks) for flight in flights]
        )
        trees = explain_neurons(
            names, values, variables, numbers, lambda done, of: report('trees', done, of)
        )
        result.meanings = trees.meanings
        result.disentanglement = disentanglement(trees, values)
    else:
        result.notes.append(
            'What the neurons stand for is not told: the flights were not simulated here, so '
            'the positions of target and obstacles are not known.'
        )
    return result


def importance(effect: AblationEffect, command: int) -> float:
    """Return how much an ablation changes one value of the command, in its standard deviations."""
    return float(effect.relative[command])


def to_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as the content of explain.json."""
    pilot, moment = explanation.pilot, explanation.moment
    command = moment.moment.command
    inputs = input_names(pilot.specification.features)
    neurons = []
    for number, name in enumerate(explanation.names):
        entry: dict[str, Any] = {
            'name': name,
            'ablation': explanation.effects[number].to_json(),
            'time_scale': explanation.scales[number].to_json(),
        }
        if explanation.meanings is not None:
            entry['meaning'] = explanation.meanings[number].to_json()
        neurons.append(entry)
    content: dict[str, Any] = {
        'pilot': {
            'name': pilot.specification.name,
            'digest': pilot.digest,
            'core': pilot.specification.core_kind,
        },
        'flights': [
            {
                'name': flight.name,
                'outcome': flight.outcome or None,
                'ticks': len(flight.ticks),
                'duration_s': round(float(flight.time_s[-1]), 3),
            }
            for flight in explanation.flights
        ],
        'moment': {
            'flight': moment.flight,
            'time_s': round(moment.time_s, 4),
            'command': COMMANDS[command],
            'unit': COMMAND_UNITS[command],
            'value': moment.value,
            'derivative_by_input': dict(zip(inputs, moment.by_input.tolist(), strict=True)),
            'memory': {
                'mean_age_s': moment.memory.mean_age_s,
                'span_s': moment.memory.span_s,
                'complete': moment.memory.complete,
                'age_s': moment.memory.age_s.tolist(),
                'share': moment.memory.share.tolist(),
            },
            'variables': moment.variables,
        },
        'neurons': neurons,
        'synapse_groups': [
            effect.to_json() for effect in explanation.effects[len(explanation.names) :]
        ],
        'disentanglement': (
            None if explanation.disentanglement is None else explanation.disentanglement.to_json()
        ),
        'closed_loop': [flown.to_json() for flown in explanation.closed_loop],
        'notes': explanation.notes,
    }
    if moment.decomposition is not None and moment.parts is not None:
        content['moment']['decomposition'] = _decomposition_json(
            CorePaths(pilot), moment.decomposition, moment.parts, command, inputs
        )
    return content


def _decomposition_json(
    core: CorePaths,
    parts: PathDecomposition,
    paths: PathParts,
    command: int,
    inputs: Sequence[str],
) -> dict[str, Any]:
    by_tick = parts.from_inputs[:, command].sum(axis=1)
    return {
        'reference': 'the core at rest at the mean features of its training and a mean IMU',
        'reference_value': float(parts.reference_command[command]),
        'change': float(parts.change[command]),
        'by_input': dict(
            zip(inputs, parts.from_inputs[:, command].sum(axis=0).tolist(), strict=True)
        ),
        'by_tick_oldest_first': by_tick.tolist(),
        'remembered_from_before': float(parts.from_state[command].sum()),
        'through_neuron': dict(
            zip(core.names, parts.between[command].sum(axis=1).tolist(), strict=True)
        ),
        'paths': [{'path': path_text(core, path), 'part': path.part} for path in paths.paths],
        'other_paths': paths.others,
        'longer_paths': paths.longer,
    }


def _period_s(flights: Sequence[CoreRecord]) -> float:
    return float(np.median([tick.dt_s for flight in flights for tick in flight.ticks]))
