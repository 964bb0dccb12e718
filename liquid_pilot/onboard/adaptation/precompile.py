"""Compiles the kernels that only an adapting pilot calls, in a process of its own.

See `liquid.precompile` for the reason.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from liquid_pilot.onboard.adaptation import _filter_kernels
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter

KERNELS = (
    _filter_kernels.luminance_stats,
    _filter_kernels.apply_gain_offset,
    _filter_kernels.filter_step,
    _filter_kernels.estimated_filter_step,
)
"""The kernels that the frontend of an adapting pilot calls."""


def compilations() -> list[Callable[[], object]]:
    """Return functions that compile one kernel each, the same for a camera of any size."""
    image = np.zeros((3, 2, 2), np.float32)
    temporal_filter = TemporalFilter(np.ones((1, 1), np.float32), 2, 2)

    def compile_filter_step() -> object:
        return temporal_filter.step(image, temporal_filter.step(image, None, 0.05).state, 0.05)

    def compile_estimated_step() -> object:
        first = temporal_filter.estimated_step(image, None, 0.05).state
        return temporal_filter.estimated_step(image, first, 0.05)

    return [
        lambda: _filter_kernels.luminance_stats(image),
        lambda: _filter_kernels.apply_gain_offset(image, 1.0, 0.0),
        compile_filter_step,
        compile_estimated_step,
    ]


def main() -> None:
    """Compile the kernels into the cache."""
    for compilation in compilations():
        compilation()


if __name__ == '__main__':
    main()
