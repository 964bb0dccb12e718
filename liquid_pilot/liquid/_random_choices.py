"""Random choices that are the same on every machine and with every numpy."""

from __future__ import annotations

from typing import Any

import numpy as np


class RandomChoices:
    """Random choices made from the raw bits of PCG64.

    A pilot file holds only the seed of a wiring. numpy guarantees that the raw bits of a seed never
    change, but not what its Generator makes of them, so that the choices are made here.
    """

    def __init__(self, seed: int) -> None:
        """Start at the first bits.

        Args:
            seed: the seed, >= 0.
        """
        self._bits = np.random.PCG64(seed)

    def below(self, bound: int) -> int:
        """Return an integer in [0, bound), without bias.

        Args:
            bound: the bound, from 1 to 2^64.
        """
        limit = (1 << 64) // bound * bound
        while (raw := int(self._bits.random_raw())) >= limit:
            pass
        return raw % bound

    def sign(self) -> int:
        """Return -1 or 1."""
        return 2 * self.below(2) - 1

    def sample(self, items: Any, count: int) -> list[int]:
        """Return distinct ones of the items (partial Fisher-Yates shuffle).

        Args:
            items: the items, at least `count` of them.
            count: number of items to return.
        """
        pool = list(items)
        for k in range(count):
            other = k + self.below(len(pool) - k)
            pool[k], pool[other] = pool[other], pool[k]
        return pool[:count]
