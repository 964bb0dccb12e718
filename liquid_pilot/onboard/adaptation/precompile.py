"""Compiles what only an adapting pilot calls, in a process of its own; see `liquid.precompile`."""

from __future__ import annotations

import numpy as np

from liquid_pilot.liquid.dynamics import LtcParameters
from liquid_pilot.liquid.sensitivity import LtcSensitivity
from liquid_pilot.onboard.adaptation import _filter_kernels
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter


def main() -> None:
    """Compile; the kernels are the same for a camera of any size."""
    image = np.zeros((3, 2, 2), np.float32)
    _filter_kernels.luminance_stats(image)
    _filter_kernels.apply_gain_offset(image, 1.0, 0.0)
    neuron = {
        name: np.ones(1, np.float32)
        for name in ('gleak', 'vleak', 'cm', 'input_w', 'input_b', 'output_w', 'output_b')
    }
    synapses = {
        prefix + name: np.ones((1, 1), np.float32)
        for prefix in ('', 'sensory_')
        for name in ('w', 'sigma', 'mu', 'erev')
    }
    LtcSensitivity(LtcParameters(**neuron, **synapses), 1).warm_up()
    receptors = TemporalFilter(np.ones((1, 1), np.float32), 2, 2)
    receptors.step(image, receptors.step(image, None, 0.05).state, 0.05)


if __name__ == '__main__':
    main()
