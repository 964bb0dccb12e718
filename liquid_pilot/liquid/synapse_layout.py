"""Synapses in the order in which the kernels read them; what the order is, says `_synapses`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liquid_pilot.liquid._lanes import LANES


@dataclass(frozen=True)
class SynapseLayout:
    """Where every synapse of a wiring lies; I inputs, N neurons, P neurons in whole blocks.

    E entries, sensory ones first, by block of targets, by source.
    """

    inputs: int
    neurons: int
    sources: np.ndarray
    """(E,) uint64, the number of the source among the inputs or among the neurons."""
    bounds: np.ndarray
    """(blocks, 2, 2) uint64: first entry and one past the last, of sensory and recurrent ones."""
    rows: np.ndarray
    """(E,) the source, inputs first, neurons after them."""
    blocks: np.ndarray
    """(E,) the block of targets."""

    @classmethod
    def of(cls, sensory_present: np.ndarray, present: np.ndarray) -> SynapseLayout:
        """For synapses present from (I, N) inputs and (N, N) neurons, [j, i]: j feeds i."""
        inputs, neurons = sensory_present.shape
        count = -(-neurons // LANES)
        bounds = np.zeros((count, 2, 2), np.uint64)
        sources, blocks, begin = [], [], 0
        for kind, part in enumerate((sensory_present, present)):
            fed = _to_blocks(part).any(axis=2)
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
    def padded(self) -> int:
        """P."""
        return len(self.bounds) * LANES

    def pack(self, *pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """(E, len(pairs), LANES) float32 of pairs of (I, N) and (N, N)."""
        entries = np.stack(
            [_to_blocks(np.concatenate(pair))[self.rows, self.blocks] for pair in pairs], axis=1
        )
        # What is too large becomes infinite, and its output refused as not finite.
        with np.errstate(over='ignore'):
            return np.ascontiguousarray(entries, np.float32)

    def unpack(self, entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(E, LANES) -> (I, N) and (N, N), zero where no entry is."""
        matrix = np.zeros((self.inputs + self.neurons, len(self.bounds), LANES), entries.dtype)
        matrix[self.rows, self.blocks] = entries
        matrix = matrix.reshape(len(matrix), -1)[:, : self.neurons]
        return matrix[: self.inputs].copy(), matrix[self.inputs :].copy()

    def pad_neurons(self, vectors: np.ndarray, value: float = 0.0) -> np.ndarray:
        """(K, N) -> (K, P) float32."""
        return np.pad(
            vectors, ((0, 0), (0, self.padded - self.neurons)), constant_values=value
        ).astype(np.float32)


def _to_blocks(matrix: np.ndarray) -> np.ndarray:
    """(R, N) -> (R, blocks, LANES)."""
    sources, neurons = matrix.shape
    return np.pad(matrix, ((0, 0), (0, -neurons % LANES))).reshape(sources, -1, LANES)
