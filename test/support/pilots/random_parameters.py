"""Random but valid cores for the tests of this folder."""

from __future__ import annotations

import numpy as np
import pytest

from liquid_pilot.liquid.lrc.parameters import LrcParameters
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.wiring import Wiring


def random_parameters(wiring: Wiring, seed: int = 0) -> LtcParameters:
    """Return parameters in the initial ranges of ncps, on a wiring."""
    generator = np.random.default_rng(seed)
    neurons, inputs, motors = wiring.neurons, wiring.inputs, wiring.motors

    def uniform(low: float, high: float, *shape: int) -> np.ndarray:
        return generator.uniform(low, high, shape).astype(np.float32)

    tensors = {
        'gleak': uniform(0.001, 1.0, neurons),
        'vleak': uniform(-0.2, 0.2, neurons),
        'cm': uniform(0.01, 0.6, neurons),
        'input_w': uniform(0.5, 1.5, inputs),
        'input_b': uniform(-0.2, 0.2, inputs),
        'output_w': uniform(0.5, 1.5, motors),
        'output_b': uniform(-0.2, 0.2, motors),
    }
    for prefix, polarity in (('', wiring.polarity), ('sensory_', wiring.sensory_polarity)):
        shape = polarity.shape
        tensors[prefix + 'w'] = uniform(0.001, 1.0, *shape) * np.abs(polarity)
        tensors[prefix + 'sigma'] = uniform(3.0, 8.0, *shape)
        tensors[prefix + 'mu'] = uniform(0.3, 0.8, *shape)
        tensors[prefix + 'erev'] = polarity.astype(np.float32)
    return LtcParameters.from_tensors(tensors)


def lrc_parameters(wiring: Wiring, seed: int = 0) -> LrcParameters:
    """Return the same with elastances that vary from neuron to neuron and with the sources."""
    generator = np.random.default_rng((seed, 1))

    def normal(deviation: float, *shape: int) -> np.ndarray:
        return generator.normal(0.0, deviation, shape).astype(np.float32)

    return LrcParameters.from_tensors(
        {
            **random_parameters(wiring, seed).to_tensors(),
            'elastance_w': normal(0.4, *wiring.polarity.shape) * np.abs(wiring.polarity),
            'sensory_elastance_w': (
                normal(0.2, *wiring.sensory_polarity.shape) * np.abs(wiring.sensory_polarity)
            ),
            'elastance_b': normal(0.5, wiring.neurons),
            'elastance_shift': np.exp(normal(0.5, wiring.neurons)),
        }
    )


@pytest.fixture(scope='session')
def parameters_for():
    """Function (wiring, seed) -> LtcParameters in ncps' initial ranges."""
    return random_parameters
