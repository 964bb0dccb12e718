"""Compiles the kernels that only an adapting pilot calls, in a process of its own.

See `liquid.precompile` for the reason.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from liquid_pilot.onboard.adaptation import _filter_kernels, _texture_kernels
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter, block_edges

KERNELS = (
    _filter_kernels.luminance_stats,
    _texture_kernels.block_texture,
    _texture_kernels.difference_squares,
    _filter_kernels.apply_gain_offset,
    _filter_kernels.filter_step,
    _filter_kernels.estimated_filter_step,
)
"""The kernels that the frontend of an adapting pilot calls."""


def compilations() -> list[Callable[[], object]]:
    """Return functions that compile one kernel each, the same for a camera of any size."""
    image, one = np.zeros((3, 3, 3), np.float32), np.ones((1, 1), np.float32)
    temporal_filter = TemporalFilter(one, 3, 3)
    top, left = block_edges(one.shape, 3, 3)

    def compile_filter_step() -> object:
        return temporal_filter.step(image, temporal_filter.step(image, None, 0.05).state, 0.05)

    def compile_estimated_step() -> object:
        first = temporal_filter.estimated_step(image, None, 0.05).state
        return temporal_filter.estimated_step(image, first, 0.05)

    return [
        lambda: _filter_kernels.luminance_stats(image),
        lambda: _texture_kernels.block_texture(image.reshape(-1), top, left, one),
        lambda: _texture_kernels.difference_squares(image[0]),
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
