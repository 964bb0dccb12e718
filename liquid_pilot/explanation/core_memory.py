"""For how long a core remembers: what the past adds to the sensitivity of the present command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from liquid_pilot.explanation.ltc_tick import FloatArray

REMEMBERED_SHARE = 0.95
"""Share of the sensitivity that lies within the memory span."""


class Memory(NamedTuple):
    """The sensitivity of one value of the command to the past, by age."""

    age_s: FloatArray
    """(K,) time from the frame of each tick to the frame of the last one, the oldest first, s."""
    share: FloatArray
    """(K,) share of each tick in the summed magnitude of the sensitivities."""
    mean_age_s: float
    """Mean age, weighted by the shares, s."""
    span_s: float
    """Age that REMEMBERED_SHARE of the sensitivity does not exceed, s."""
    complete: bool
    """Whether the window is long enough: its oldest tenth has less than 1 % of the sensitivity."""


def memory(sensitivity: FloatArray, dt_s: Sequence[float], command: int) -> Memory:
    """Return for how long a core remembers, from the sensitivity of its command by age.

    >>> import numpy as np
    >>> past = np.exp(-np.arange(60)[::-1] * 0.05 / 0.2)[:, None, None] * np.ones((60, 4, 1))
    >>> found = memory(past, [0.05] * 60, 3)
    >>> round(found.span_s, 2), round(found.mean_age_s, 2), found.complete
    (0.55, 0.18, True)

    Args:
        sensitivity: (K, 4, I) derivatives of the command with respect to the inputs of K ticks, as
            `CorePaths.sensitivity_by_age` or `other_cores.sensitivity_by_age` returns them. It is
            best divided by the spread of each input, so that the inputs can be compared.
        dt_s: elapsed time of each tick, s.
        command: number of the value of the command.
    """
    magnitude = np.abs(sensitivity[:, command]).sum(axis=1)
    whole = magnitude.sum()
    share = magnitude / whole if whole > 0.0 else np.full(len(magnitude), 1.0 / len(magnitude))
    steps = np.asarray(dt_s, np.float64)
    age_s = np.append(np.cumsum(steps[:0:-1])[::-1], 0.0)
    newest_first = np.cumsum(share[::-1])
    span = int(np.searchsorted(newest_first, REMEMBERED_SHARE - 1e-12))
    oldest = max(1, len(share) // 10)
    return Memory(
        age_s,
        share,
        float((share * age_s).sum()),
        float(age_s[::-1][min(span, len(age_s) - 1)]),
        bool(len(share) > 1 and share[:oldest].sum() < 0.01),
    )
