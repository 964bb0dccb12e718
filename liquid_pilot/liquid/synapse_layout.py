"""Which neuron feeds which, and synapses in the order in which the kernels read them.

`_synapses` describes that order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from liquid_pilot.liquid._lanes import LANES


@dataclass(frozen=True)
class SynapseLayout:
    """The position of every synapse of a wiring; I inputs, N neurons, P neurons in whole blocks.

    There are E entries: the sensory ones, then the recurrent ones, each sorted by block of targets
    and then by source.
    """

    inputs: int
    """Number of inputs, I."""
    neurons: int
    """Number of neurons, N."""
    sources: np.ndarray
    """(E,) uint64 number of the source among the inputs or among the neurons."""
    bounds: np.ndarray
    """(blocks, 2, 2) uint64 first entry, and one past the last, of a block's sensory and recurrent
    entries."""
    rows: np.ndarray
    """(E,) number of the source, with inputs before neurons."""
    blocks: np.ndarray
    """(E,) block of targets."""

    @classmethod
    def of(cls, sensory_present: np.ndarray, present: np.ndarray) -> SynapseLayout:
        """Return the layout of a wiring.

        Args:
            sensory_present: (I, N) booleans, [j, i]: input j feeds neuron i.
            present: (N, N) booleans, [j, i]: neuron j feeds neuron i.
        """
        inputs, neurons = sensory_present.shape
        count = -(-neurons // LANES)
        bounds = np.zeros((count, 2, 2), np.uint64)
        sources, blocks, begin = [], [], 0
        for kind, part in enumerate((sensory_present, present)):
            fed: np.ndarray = np.any(_to_blocks(part), axis=2)
            for block in range(count):
                feeding = np.flatnonzero(fed[:, block])
                bounds[block, kind] = begin, begin + len(feeding)
                begin += len(feeding)
                sources.append(feeding)
                blocks.append(np.full(len(feeding), block))
        of_source, of_block = np.concatenate(sources), np.concatenate(blocks)
        sensory = int(bounds[-1, 0, 1])
        rows = of_source + np.where(np.arange(len(of_source)) < sensory, 0, inputs)
        return cls(inputs, neurons, of_source.astype(np.uint64), bounds, rows, of_block)

    @property
    def padded_neurons(self) -> int:
        """Number of neurons in whole blocks, P."""
        return len(self.bounds) * LANES

    def pack(self, *pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Return (E, len(pairs), LANES) float32 of pairs of (I, N) and (N, N) matrices."""
        entries = np.stack(
            [_to_blocks(np.concatenate(pair))[self.rows, self.blocks] for pair in pairs], axis=1
        )
        # A value that is too large becomes infinite; its output is refused as not finite.
        with np.errstate(over='ignore'):
            return np.ascontiguousarray(entries, np.float32)

    def unpack(self, entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the (I, N) and (N, N) matrices of (E, LANES), zero where there is no entry."""
        matrix = np.zeros((self.inputs + self.neurons, len(self.bounds), LANES), entries.dtype)
        matrix[self.rows, self.blocks] = entries
        matrix = matrix.reshape(len(matrix), -1)[:, : self.neurons]
        return matrix[: self.inputs].copy(), matrix[self.inputs :].copy()

    def pad_neurons(self, vectors: np.ndarray, value: float = 0.0) -> np.ndarray:
        """Return (K, N) vectors padded to (K, P) with a value, as float32."""
        padded = np.full((len(vectors), self.padded_neurons), value, np.float32)
        padded[:, : self.neurons] = vectors
        return padded


def _to_blocks(matrix: np.ndarray) -> np.ndarray:
    """Return an (R, N) matrix as (R, blocks, LANES), padded with zeros."""
    # np.pad would take longer than the kernels need for a tick.
    sources, neurons = matrix.shape
    padded = np.zeros((sources, neurons + -neurons % LANES), matrix.dtype)
    padded[:, :neurons] = matrix
    return padded.reshape(sources, -1, LANES)


def reachable_range(present: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the range of neurons from which a path of synapses leads to a neuron.

    >>> chain = np.array([[False, True, False], [False, False, True], [False, False, False]])
    >>> reachable_range(chain)
    array([[0, 1],
           [0, 2],
           [0, 3]])

    Args:
        present: (N, N) booleans, [j, i]: j feeds i.

    Returns:
        (N, 2): the first such neuron, and one past the last. The neuron itself is one of them.
    """
    reachable = present.T | np.eye(len(present), dtype=bool)
    while True:
        wider = (reachable.astype(np.float32) @ reachable.astype(np.float32)) > 0
        if (wider == reachable).all():
            break
        reachable = wider
    first = reachable.argmax(axis=1)
    last = len(present) - reachable[:, ::-1].argmax(axis=1)
    return np.stack([first, last], axis=1).astype(np.int64)
