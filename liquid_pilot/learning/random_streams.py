"""Stateless random streams, keyed by seed, purpose and step.

A training that was interrupted resumes at step k with the same numbers as one that was not, because
step k draws from a generator of its own. There is no state of a generator to save.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch


def numpy_generator(seed: int, purpose: str, step: int) -> np.random.Generator:
    """Return the numpy generator of a step.

    Args:
        seed: seed of the training.
        purpose: what is drawn; different purposes give independent streams.
        step: number of the step or epoch.
    """
    return np.random.default_rng(_sequence(seed, purpose, step))


def torch_generator(seed: int, purpose: str, step: int) -> torch.Generator:
    """Return the torch generator of a step, which is on the CPU for every device.

    Args:
        seed: seed of the training.
        purpose: what is drawn; different purposes give independent streams.
        step: number of the step or epoch.
    """
    (word,) = _sequence(seed, purpose, step).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(word) >> 1)


def _sequence(seed: int, purpose: str, step: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), step])
