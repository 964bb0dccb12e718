"""Random generators of the simulation, keyed by seed and purpose."""

from __future__ import annotations

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError


def random_stream(seed: int, purpose: str) -> np.random.Generator:
    """Return the random generator of one purpose, independent of those of all other purposes.

    Args:
        seed: seed of the scene or flight.
        purpose: name of what is drawn. Its first eight bytes select the stream.

    Raises:
        LiquidPilotError: if the seed is negative or not a whole number.
    """
    if int(seed) != seed or seed < 0:
        raise LiquidPilotError(f'a seed must be a whole number >= 0, not {seed!r}')
    key = int.from_bytes(purpose.encode()[:8], 'little')
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([int(seed), key])))
