"""Chance that needs no memory: every draw is named by seed, purpose and step.

A training that was interrupted takes up at step k with the same numbers as one that was not,
because step k draws from a generator of its own: there is no generator's state to save.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch


def numpy_generator(seed: int, purpose: str, step: int) -> np.random.Generator:
    """The numpy generator of a step."""
    return np.random.default_rng(_sequence(seed, purpose, step))


def torch_generator(seed: int, purpose: str, step: int) -> torch.Generator:
    """The torch generator (of the CPU, whatever the device) of a step."""
    (word,) = _sequence(seed, purpose, step).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(word) >> 1)


def _sequence(seed: int, purpose: str, step: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), step])
