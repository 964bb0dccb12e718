"""Compiles the kernels that only an adapting pilot calls, in a process of its own.

See `liquid.precompile` for the reason.
"""

from __future__ import annotations

import numpy as np

from liquid_pilot.onboard.adaptation import _filter_kernels
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter


def main() -> None:
    """Compile the kernels, which are the same for a camera of any size."""
    image = np.zeros((3, 2, 2), np.float32)
    _filter_kernels.luminance_stats(image)
    _filter_kernels.apply_gain_offset(image, 1.0, 0.0)
    temporal_filter = TemporalFilter(np.ones((1, 1), np.float32), 2, 2)
    temporal_filter.step(image, temporal_filter.step(image, None, 0.05).state, 0.05)


if __name__ == '__main__':
    main()
