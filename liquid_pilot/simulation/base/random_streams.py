"""Random generators of the simulation, keyed by seed and purpose."""

from __future__ import annotations

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError


def random_stream(seed: int, purpose: str) -> np.random.Generator:
    """A random stream of its own for each purpose, so that one never shifts another.

    Raises:
        LiquidPilotError: when the seed is negative or not a whole number.
    """
    if int(seed) != seed or seed < 0:
        raise LiquidPilotError(f'a seed must be a whole number >= 0, not {seed!r}')
    key = int.from_bytes(purpose.encode()[:8], 'little')
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([int(seed), key])))
