"""The parameters of an LRC core, and the number of trained ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from liquid_pilot.liquid.parameters import CoreParameters


@dataclass(frozen=True)
class LrcParameters(CoreParameters):
    """Effective (constrained) parameters of an LRC core, float32: as an LTC has, and the elastance.

    I inputs, N neurons, M motors. Matrices are [j, i]: neuron or input j feeds neuron i.
    Construction checks nothing; `validate` does, and `from_tensors` calls it.

    The elastance of a neuron, the inverse of its capacitance, depends on the inputs and neurons
    that feed it, by weights of their own. cm scales it, so that time constants are in seconds.

    >>> one, pair = np.ones(1, np.float32), np.ones((1, 1), np.float32)
    >>> vectors = ('gleak', 'vleak', 'cm', 'input_w', 'input_b', 'output_w', 'output_b')
    >>> matrices = ('w', 'sigma', 'mu', 'erev', 'elastance_w')
    >>> parameters = LrcParameters.from_tensors(
    ...     {name: one for name in (*vectors, 'elastance_b', 'elastance_shift')}
    ...     | {name: pair for name in matrices}
    ...     | {f'sensory_{name}': pair for name in matrices}
    ... )
    >>> parameters.inputs, parameters.neurons, parameters.motors
    (1, 1, 1)
    """

    CORE: ClassVar[str] = 'LRC'

    elastance_w: npt.NDArray[np.float32]
    """(N, N) weights of the neurons in the elastance; 0 where there is no synapse."""
    sensory_elastance_w: npt.NDArray[np.float32]
    """(I, N) weights of the mapped inputs, as `elastance_w`."""
    elastance_b: npt.NDArray[np.float32]
    """(N,) offset of the elastance's argument."""
    elastance_shift: npt.NDArray[np.float32]
    """(N,) half the distance of the two sigmoids whose difference is the elastance, >= 0."""

    @property
    def present(self) -> tuple[np.ndarray, np.ndarray]:
        """The synapses that are there; one may have a conductance of 0 and act on the elastance."""
        return (
            (self.sensory_w != 0.0) | (self.sensory_elastance_w != 0.0),
            (self.w != 0.0) | (self.elastance_w != 0.0),
        )


def count_lrc_parameters(inputs: int, neurons: int, motors: int, synapses: int) -> int:
    """Return the number of trained parameters of an LRC core.

    A synapse has five (w, sigma, mu, erev, elastance_w) and a neuron five (gleak, vleak, cm,
    elastance_b, elastance_shift). An input and a motor neuron have two each, those of their
    mappings.

    >>> count_lrc_parameters(inputs=2, neurons=3, motors=1, synapses=15)
    96

    Args:
        inputs: number of inputs.
        neurons: number of neurons.
        motors: number of motor neurons among them.
        synapses: number of synapses that are present, from inputs and between neurons.
    """
    return 5 * synapses + 5 * neurons + 2 * inputs + 2 * motors
