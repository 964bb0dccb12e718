"""Compiles the kernels that an LRC core calls in flight, in a process of its own.

See `liquid.precompile` for the reason.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from liquid_pilot.liquid.lrc import _kernels
from liquid_pilot.liquid.lrc.dynamics import LrcDynamics
from liquid_pilot.liquid.lrc.parameters import LrcParameters

KERNELS = (_kernels.step, _kernels.rates)
"""The kernels that a core calls in flight."""


def compilations() -> list[Callable[[], object]]:
    """Return functions that compile one kernel each, the same for a core of any size."""
    dynamics, zero = LrcDynamics(LrcParameters.ones(1, 1, 1)), np.zeros(1, np.float32)
    return [
        lambda: dynamics.step(zero, zero, 0.05),
        lambda: dynamics.time_constants(zero, zero),
    ]


def main() -> None:
    """Compile the kernels into the cache."""
    for compilation in compilations():
        compilation()


if __name__ == '__main__':
    main()
