"""Ablation: what a core does without one of its neurons, or without a group of its synapses.

A neuron that is ablated keeps the mean that it had in recorded flights (Morcos et al. 2018,
arXiv:1803.06959, compare it with zero, which a liquid neuron may never be at). A group of synapses
is cut. In open loop the ablated core is stepped with recorded inputs, and its commands are compared
with those of the whole core; `flights.closed_loop` flies it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.core_paths import CoreTick, neuron_names
from liquid_pilot.explanation.ltc_tick import FloatArray
from liquid_pilot.explanation.other_cores import to_command
from liquid_pilot.explanation.wrapped_core import ClampedCore, linear_readout
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.wiring import Wiring
from liquid_pilot.onboard.inference.recurrent_cores import Core, make_core, make_liquid_core
from liquid_pilot.pilot_file import PilotFile

_MIN_SPREAD = 0.02
"""Least spread of a value of the command that a change is compared with, as a share of its limit:
a car's command to the left is next to constant."""
_LAYERS = ('sensory', 'inter', 'command', 'motor')


class StepsOfFlight(Protocol):
    """What is needed of a flight; `flights.core_record.CoreRecord` has it."""

    @property
    def ticks(self) -> Sequence[CoreTick]:
        """What the core was stepped with."""

    @property
    def after(self) -> npt.NDArray[np.float32]:
        """(T, N) state after each tick."""


class Unit(NamedTuple):
    """A neuron, or what counts as one in a core without synapses."""

    name: str
    """Name, such as 'inter 21' or 'unit 5'."""
    places: tuple[int, ...]
    """Its places in the state: one, and two of an LSTM (hidden and cell state)."""


class Ablation(NamedTuple):
    """One change to a core."""

    name: str
    """What is ablated, such as 'inter 21' or 'inter -> command'."""
    apply: Callable[[Core], Core]
    """Function from the core of the pilot to the ablated one."""


class AblationEffect(NamedTuple):
    """How much an ablation changes the commands in open loop."""

    name: str
    """What is ablated."""
    rms_change: FloatArray
    """(4,) root mean square of the change of each value of the command, in m/s and rad/s."""
    relative: FloatArray
    """(4,) the same, divided by the standard deviation of that value in the recorded flights, or
    by a fiftieth of the vehicle's limit where it changes less; 0 where the limit is 0."""

    def to_json(self) -> dict[str, object]:
        """Return it for a file."""
        return {
            'name': self.name,
            'rms_change': self.rms_change.round(5).tolist(),
            'relative': self.relative.round(4).tolist(),
        }


def units(pilot: PilotFile) -> list[Unit]:
    """Return the neurons of a pilot's core, in their order."""
    if pilot.wiring is not None:
        return [Unit(name, (i,)) for i, name in enumerate(neuron_names(pilot.wiring))]
    core = pilot.specification.core
    places = int(core['state_size'])
    if core['type'] == 'lstm':
        half = places // 2
        return [Unit(f'unit {i}', (i, i + half)) for i in range(half)]
    return [Unit(f'unit {i}', (i,)) for i in range(places)]


def clamp(
    pilot: PilotFile, clamped: Iterable[Unit], flights: Sequence[StepsOfFlight], name: str = ''
) -> Ablation:
    """Return the ablation that clamps neurons to their mean.

    Args:
        pilot: the pilot file.
        clamped: the neurons.
        flights: flights whose states give the means.
        name: what it is called; empty: by its neurons.
    """
    clamped = list(clamped)
    means = np.concatenate([flight.after for flight in flights]).mean(axis=0)
    values = {place: float(means[place]) for unit in clamped for place in unit.places}
    readout = None if pilot.parameters is not None else linear_readout(make_core(pilot))
    return Ablation(
        name or ', '.join(unit.name for unit in clamped),
        lambda core: ClampedCore(core, values, readout),
    )


def synapse_groups(wiring: Wiring) -> list[tuple[str, str]]:
    """Return the pairs of layers between which there are synapses, from the inputs on.

    >>> from liquid_pilot import load_pilot
    >>> wiring = load_pilot('forest-ltc').wiring
    >>> [' -> '.join(group) for group in synapse_groups(wiring)]
    ['sensory -> inter', 'inter -> command', 'command -> command', 'command -> motor']
    """
    roles = np.array([wiring.role(i) for i in range(wiring.neurons)])
    return [
        (source, target)
        for source in _LAYERS
        for target in _LAYERS[1:]
        if np.any(
            (wiring.sensory_polarity if source == 'sensory' else wiring.polarity[roles == source])[
                :, roles == target
            ]
        )
    ]


def cut(pilot: PilotFile, source: str, target: str) -> Ablation:
    """Return the ablation that cuts all synapses from one layer to another.

    Args:
        pilot: a pilot with a liquid core.
        source: layer that they come from: 'sensory', 'inter', 'command' or 'motor'.
        target: layer that they lead to.

    Raises:
        LiquidPilotError: the core of the pilot has no synapses.
    """
    if pilot.parameters is None or pilot.wiring is None:
        raise LiquidPilotError(
            f'{pilot.path}: the core is a {pilot.specification.core["type"]} graph without '
            'synapses to cut; ablate its units'
        )
    wiring, p = pilot.wiring, pilot.parameters
    roles = np.array([wiring.role(i) for i in range(wiring.neurons)])
    sources = np.ones(wiring.inputs, bool) if source == 'sensory' else roles == source
    prefix, cut_off = 'sensory_' if source == 'sensory' else '', np.ix_(sources, roles == target)
    tensors = {name: np.array(tensor) for name, tensor in p.to_tensors().items()}
    for name in (f'{prefix}w', f'{prefix}elastance_w'):
        if name in tensors:
            tensors[name][cut_off] = 0.0
    changed = type(p).from_tensors(tensors)
    return Ablation(
        f'{source} -> {target}', lambda core: make_liquid_core(changed, pilot.specification.unfolds)
    )


def replay(
    pilot: PilotFile, core: Core, flights: Sequence[StepsOfFlight]
) -> npt.NDArray[np.float64]:
    """Return the commands of a core that is stepped with the inputs of flights, one by one.

    Args:
        pilot: the pilot file, for the scale of its commands.
        core: the core.
        flights: the flights.

    Returns:
        (ticks of all flights, 4), before the guard and without slowing down for novelty.
    """
    scale, commands = to_command(pilot), []
    for flight in flights:
        state = core.initial_state()
        for tick in flight.ticks:
            inputs = np.asarray(tick.inputs, np.float32)
            state, output = core.step(state, inputs, tick.dt_s, tick.scales)
            commands.append(scale(output))
    return np.array(commands)


def open_loop(
    pilot: PilotFile,
    ablations: Sequence[Ablation],
    flights: Sequence[StepsOfFlight],
    on_progress: Callable[[int, int], None] | None = None,
) -> list[AblationEffect]:
    """Return how much each ablation changes the commands on recorded inputs.

    Args:
        pilot: the pilot file.
        ablations: the ablations.
        flights: flights whose inputs are used.
        on_progress: callback, called after each with the number done and the number in all.
    """
    whole = replay(pilot, make_core(pilot), flights)
    limits = np.array(pilot.specification.limits.maximum)
    spread = np.where(limits > 0.0, np.maximum(whole.std(axis=0), _MIN_SPREAD * limits), np.inf)
    effects = []
    for number, ablation in enumerate(ablations, start=1):
        change = replay(pilot, ablation.apply(make_core(pilot)), flights) - whole
        rms = np.sqrt((change**2).mean(axis=0))
        effects.append(AblationEffect(ablation.name, rms, rms / spread))
        if on_progress is not None:
            on_progress(number, len(ablations))
    return effects


def all_ablations(pilot: PilotFile, flights: Sequence[StepsOfFlight]) -> list[Ablation]:
    """Return the ablation of each neuron, then of each group of synapses.

    Args:
        pilot: the pilot file.
        flights: flights whose states give the means.
    """
    found = [clamp(pilot, [unit], flights) for unit in units(pilot)]
    if pilot.wiring is not None:
        found += [cut(pilot, *group) for group in synapse_groups(pilot.wiring)]
    return found
