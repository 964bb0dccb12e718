"""The single paths from an input over neurons to a motor neuron, and what each adds to a command.

A path is a list of synapses: input, inter neuron, command neuron, motor neuron, say. What passes
along it may wait in each neuron for any number of unfolds and ticks; the part of a path sums over
all of that. Paths of up to four synapses are listed. What took longer ones, over recurrent
synapses, is summed up, so that the parts still add up to the change of the command.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.core_paths import CorePaths, PathDecomposition
from liquid_pilot.explanation.ltc_tick import FloatArray

MAX_SYNAPSES = 4
"""Number of synapses of the longest paths that are listed; a layered wiring needs three."""
_MAX_PATHS = 300_000
"""Number of paths above which no longer ones are listed: a dense wiring has millions."""


class CorePath(NamedTuple):
    """One path from an input to a motor neuron."""

    source: int
    """Number of the input."""
    neurons: tuple[int, ...]
    """Numbers of the neurons that it passes; the last one is a motor neuron."""
    part: float
    """What it adds to the command, compared with the reference, in the command's unit."""


class PathParts(NamedTuple):
    """All parts of one value of a command. They add up to its change from the reference."""

    paths: list[CorePath]
    """The strongest paths, the strongest first."""
    others: float
    """Sum of the parts of all other listed paths."""
    longer: float
    """Sum of the parts of longer paths."""
    remembered: float
    """Part of what the core remembered before the window."""

    @property
    def total(self) -> float:
        """The sum of all parts: command - reference."""
        return sum(path.part for path in self.paths) + self.others + self.longer + self.remembered


class _Level(NamedTuple):
    """The paths of one number of synapses."""

    nodes: npt.NDArray[np.intp]
    """(P, 1 + synapses) the input, then the neurons."""
    parents: npt.NDArray[np.intp]
    """(P,) number of the path, one synapse shorter, that it continues."""
    synapses: npt.NDArray[np.intp]
    """(P,) number of its last synapse in the list."""


def strongest_paths(
    paths: CorePaths, decomposition: PathDecomposition, command: int, count: int = 10
) -> PathParts:
    """Return the strongest paths to one value of a command.

    Args:
        paths: the object that made the decomposition.
        decomposition: a decomposition of one tick or of a window.
        command: number of the value: 0 forward, 1 left, 2 up, 3 yaw rate.
        count: number of paths to return.
    """
    weights = decomposition.outputs_to_command[command]
    levels = _levels(paths, np.flatnonzero(weights))
    values = _values(paths, levels, decomposition)
    found: list[tuple[FloatArray, _Level, npt.NDArray[np.intp]]] = []
    for level, value in zip(levels, values, strict=True):
        ends = level.nodes[:, -1]
        at_motor = np.flatnonzero(ends < len(weights))
        found.append((value[at_motor] * weights[ends[at_motor]], level, at_motor))
    parts = np.concatenate([part for part, _, _ in found])
    chosen = np.argsort(-np.abs(parts), kind='stable')[:count]
    bounds = np.cumsum([0, *(len(part) for part, _, _ in found)])
    listed = []
    for number in chosen:
        depth = int(np.searchsorted(bounds, number, 'right')) - 1
        _, level, at_motor = found[depth]
        source, *neurons = level.nodes[at_motor[number - bounds[depth]]].tolist()
        listed.append(CorePath(source, tuple(neurons), float(parts[number])))
    whole = float(parts.sum())
    remembered = float(decomposition.from_state[command].sum())
    sensed = float(decomposition.from_inputs[:, command].sum())
    return PathParts(listed, whole - sum(path.part for path in listed), sensed - whole, remembered)


def path_text(paths: CorePaths, path: CorePath) -> str:
    """Return a path as text, such as 'feature 3 -> inter 21 -> command 7 -> motor yaw rate'."""
    return ' -> '.join(
        [paths.input_names[path.source], *(paths.names[neuron] for neuron in path.neurons)]
    )


def _levels(paths: CorePaths, motors: npt.NDArray[np.intp]) -> list[_Level]:
    """Return the paths that can still reach one of the motor neurons within MAX_SYNAPSES."""
    s, q = paths.tick.between, paths.tick.sensory
    neurons = len(paths.tick.cm)
    # reaches[h] (N,): whether a motor neuron is at most h synapses away.
    reaches = [np.isin(np.arange(neurons), motors)]
    for _ in range(MAX_SYNAPSES - 1):
        further = reaches[-1].copy()
        further[s.sources[reaches[-1][s.targets]]] = True
        reaches.append(further)
    kept = np.flatnonzero(reaches[-1][q.targets])
    levels = [_Level(np.stack([q.sources[kept], q.targets[kept]], axis=1), kept, kept)]
    leaving = [np.flatnonzero(s.sources == neuron) for neuron in range(neurons)]
    fan_out = np.array([len(each) for each in leaving])
    for depth in range(1, MAX_SYNAPSES):
        ends = levels[-1].nodes[:, -1]
        if fan_out[ends].sum() > _MAX_PATHS:
            break
        parents = np.repeat(np.arange(len(ends)), fan_out[ends])
        synapses = (
            np.concatenate([leaving[end] for end in ends]) if len(ends) else np.empty(0, np.intp)
        )
        useful = reaches[MAX_SYNAPSES - 1 - depth][s.targets[synapses]]
        parents, synapses = parents[useful], synapses[useful]
        if not len(parents):
            break
        nodes = np.column_stack([levels[-1].nodes[parents], s.targets[synapses]])
        levels.append(_Level(nodes, parents, synapses))
    return levels


def _values(
    paths: CorePaths, levels: list[_Level], decomposition: PathDecomposition
) -> list[FloatArray]:
    """Return what each path has brought to its last neuron at the end of the window."""
    sources = paths.tick.sensory.sources[levels[0].synapses]
    values = [np.zeros(len(level.nodes)) for level in levels]
    ends = [level.nodes[:, -1] for level in levels]
    for tick in decomposition.ticks:
        sensed = tick.input_change[sources]
        for n in range(len(tick.keep)):
            # From the longest on, so that each takes what its parent had before this unfold.
            for depth in range(len(levels) - 1, 0, -1):
                level = levels[depth]
                values[depth] *= tick.keep[n][ends[depth]]
                values[depth] += tick.between[n][level.synapses] * values[depth - 1][level.parents]
            values[0] *= tick.keep[n][ends[0]]
            values[0] += tick.sensory[n][levels[0].synapses] * sensed
    return values
