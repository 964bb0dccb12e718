"""Which parameters of a core are learned, and where each of them stands in a vector.

A learned vector holds *changes*: 0 is the core as trained. A positive parameter (cm, gleak, w) is
multiplied by the exponential of its change, and any other has its change added. So a positive one
stays positive, and one bound on the change means the same for all of a kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.recurrent_learning.groups import GROUPS

POSITIVE = frozenset({'cm', 'gleak', 'w'})
"""Parameters whose change is that of their logarithm."""
NEURON_KINDS = ('cm', 'gleak', 'vleak')
SYNAPSE_KINDS = GROUPS['synapses']
ABSENT = -1
"""Stands in place of the first column of a kind that is not learned."""

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TensorColumns:
    """The columns of one tensor."""

    tensor: str
    """Name of the tensor."""
    columns: Int64Array
    """(n,) numbers of the columns."""
    indices: tuple[Int64Array, ...]
    """Index of each column's parameter in the tensor: one array (n,) for each axis."""
    is_positive: bool
    """Whether the change is that of the logarithm."""


@dataclass(frozen=True)
class Columns:
    """The vector of the learned parameters of a wiring.

    First come the parameters of neuron 0 and of the synapses that end there, then those of neuron
    1, and so on; then those of the input map, and at last those of the output map. A change of
    what belongs to neuron k acts on neuron k and those that it feeds, so that a row of derivatives
    is zero outside of one range of neurons.
    """

    groups: tuple[str, ...]
    """The groups that are learned, in the order of GROUPS."""
    pieces: tuple[TensorColumns, ...]
    """The columns of each tensor."""
    of_neuron: Int64Array
    """(N + 1,) first column of each neuron; the last entry is one past the columns of neurons."""
    at_neuron: Int64Array
    """(N, 3) column of cm, gleak and vleak of a neuron; ABSENT where it is not learned."""
    at_synapse: Int64Array
    """(2, N, 4) first column of w, sigma, mu and erev of the sensory [0] and the recurrent [1]
    synapses that end at a neuron, in the order of their sources; ABSENT where not learned."""
    at_input: int
    """First column of the input map: I slopes, then I offsets."""
    at_output: int
    """First column of the output map: M slopes, then M offsets. The state does not depend on it."""
    count: int
    """Number of all columns."""

    @classmethod
    def of(cls, parameters: LtcParameters, groups: Iterable[str] = tuple(GROUPS)) -> Columns:
        """Return the columns of a core.

        >>> pair = LtcParameters.ones(inputs=2, neurons=1, motors=1)
        >>> Columns.of(pair, ['time_constants', 'leak']).count
        3
        >>> Columns.of(pair).count
        21

        Args:
            parameters: parameters of the core; only its wiring counts.
            groups: names of the groups that are learned, of GROUPS.

        Raises:
            LiquidPilotError: there is no such group, or none is given.
        """
        chosen = set(groups)
        if unknown := sorted(chosen - set(GROUPS)):
            raise LiquidPilotError(
                f'there is no group of parameters {unknown[0]!r}; there are {", ".join(GROUPS)}'
            )
        if not chosen:
            raise LiquidPilotError(f'no parameters are learned; choose of {", ".join(GROUPS)}')
        return _Builder(parameters, tuple(group for group in GROUPS if group in chosen)).build()

    def changed(self, parameters: LtcParameters, change: np.ndarray) -> LtcParameters:
        """Return parameters with a change.

        Args:
            parameters: those that the change is counted from.
            change: (count,) changes.

        Raises:
            ValueError: when the shape of `change` is wrong.
        """
        if change.shape != (self.count,):
            raise ValueError(f'change must have the shape {(self.count,)}, not {change.shape}')
        tensors = parameters.to_tensors()
        for piece in self.pieces:
            tensor = tensors[piece.tensor].copy()
            moved = tensor[piece.indices].astype(np.float64)
            by = change[piece.columns].astype(np.float64)
            tensor[piece.indices] = moved * np.exp(by) if piece.is_positive else moved + by
            tensors[piece.tensor] = tensor
        return replace(parameters, **tensors)

    def mask(self, *groups: str) -> npt.NDArray[np.bool_]:
        """Return (count,) whether a column is of one of these groups."""
        kinds = {kind for group in groups for kind in GROUPS[group]}
        found = np.zeros(self.count, np.bool_)
        for piece in self.pieces:
            if piece.tensor.removeprefix('sensory_') in kinds:
                found[piece.columns] = True
        return found

    def neurons(self) -> Int64Array:
        """Return (count,) the neuron that a column belongs to.

        That is where a synapse ends, and the motor neuron of an output map; ABSENT for the input
        map, which feeds many neurons.
        """
        found = np.full(self.count, ABSENT, np.int64)
        for piece in self.pieces:
            if not piece.tensor.startswith('input_'):
                found[piece.columns] = piece.indices[-1]
        return found


class _Builder:
    """Numbers the columns of a core, neuron by neuron."""

    def __init__(self, parameters: LtcParameters, groups: tuple[str, ...]) -> None:
        self._parameters, self._groups = parameters, groups
        self._kinds = {kind for group in groups for kind in GROUPS[group]}
        self._columns: dict[str, list[int]] = {}
        self._indices: dict[str, list[tuple[int, ...]]] = {}
        self._count = 0

    def _add(self, tensor: str, indices: Sequence[tuple[int, ...]]) -> int:
        """Give the next columns to entries of a tensor; returns the first column."""
        first = self._count
        if tensor.removeprefix('sensory_') not in self._kinds:
            return ABSENT
        self._columns.setdefault(tensor, []).extend(range(first, first + len(indices)))
        self._indices.setdefault(tensor, []).extend(indices)
        self._count += len(indices)
        return first

    def build(self) -> Columns:
        """Return the columns."""
        parameters = self._parameters
        neurons = parameters.neurons
        of_neuron = np.zeros(neurons + 1, np.int64)
        at_neuron = np.full((neurons, len(NEURON_KINDS)), ABSENT, np.int64)
        at_synapse = np.full((2, neurons, len(SYNAPSE_KINDS)), ABSENT, np.int64)
        for i in range(neurons):
            of_neuron[i] = self._count
            at_neuron[i] = [self._add(kind, [(i,)]) for kind in NEURON_KINDS]
            for part, (prefix, present) in enumerate(
                zip(('sensory_', ''), parameters.present, strict=True)
            ):
                ends = [(int(j), i) for j in np.flatnonzero(present[:, i])]
                at_synapse[part, i] = [self._add(prefix + kind, ends) for kind in SYNAPSE_KINDS]
        of_neuron[neurons] = at_input = self._count
        for kind in GROUPS['input_map']:
            self._add(kind, [(j,) for j in range(parameters.inputs)])
        at_output = self._count
        for kind in GROUPS['output_map']:
            self._add(kind, [(m,) for m in range(parameters.motors)])
        pieces = tuple(
            TensorColumns(
                tensor,
                np.array(columns, np.int64),
                tuple(np.array(self._indices[tensor], np.int64).reshape(len(columns), -1).T),
                tensor.removeprefix('sensory_') in POSITIVE,
            )
            for tensor, columns in self._columns.items()
            if columns
        )
        return Columns(
            self._groups,
            pieces,
            of_neuron,
            at_neuron,
            at_synapse,
            at_input,
            at_output,
            self._count,
        )
