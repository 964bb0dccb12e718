"""The parameters of a liquid core: those that all share, and those of an LTC core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError

if TYPE_CHECKING:
    from typing import Self

_MATRICES = ('w', 'sigma', 'mu', 'erev', 'elastance_w')
_NON_NEGATIVE = ('gleak', 'w', 'sensory_w', 'elastance_shift')


@dataclass(frozen=True)
class CoreParameters:
    """The parameters that every liquid core has: leaks, synapses, and mappings of its ends.

    LtcParameters and LrcParameters are siblings below this class, so that neither passes for the
    other. I inputs, N neurons, M motors; matrices are [j, i]: neuron or input j feeds neuron i.
    """

    CORE: ClassVar[str] = 'liquid'
    """What the core is called in messages."""

    gleak: npt.NDArray[np.float32]
    """(N,) leak conductance, >= 0."""
    vleak: npt.NDArray[np.float32]
    """(N,) leak potential."""
    cm: npt.NDArray[np.float32]
    """(N,) membrane capacitance, > 0; divided by a conductance it is a time in seconds."""
    w: npt.NDArray[np.float32]
    """(N, N) synaptic conductance, >= 0; 0: no synapse."""
    sigma: npt.NDArray[np.float32]
    """(N, N) steepness of the synapse's sigmoid."""
    mu: npt.NDArray[np.float32]
    """(N, N) threshold of the pre-synaptic potential."""
    erev: npt.NDArray[np.float32]
    """(N, N) reversal potential."""
    sensory_w: npt.NDArray[np.float32]
    """(I, N) conductance of the sensory synapses, as `w`."""
    sensory_sigma: npt.NDArray[np.float32]
    """(I, N) steepness, as `sigma`."""
    sensory_mu: npt.NDArray[np.float32]
    """(I, N) threshold of the mapped input, as `mu`."""
    sensory_erev: npt.NDArray[np.float32]
    """(I, N) reversal potential, as `erev`."""
    input_w: npt.NDArray[np.float32]
    """(I,) slope of the input mapping input_w*x + input_b."""
    input_b: npt.NDArray[np.float32]
    """(I,) offset of the input mapping."""
    output_w: npt.NDArray[np.float32]
    """(M,) slope of the output mapping output_w*v + output_b of the first M neurons."""
    output_b: npt.NDArray[np.float32]
    """(M,) offset of the output mapping."""

    @property
    def present(self) -> tuple[np.ndarray, np.ndarray]:
        """The synapses that are there: booleans (I, N) of the sensory ones, and (N, N)."""
        return self.sensory_w != 0.0, self.w != 0.0

    @property
    def neurons(self) -> int:
        """Number of neurons, N."""
        return len(self.gleak)

    @property
    def inputs(self) -> int:
        """Number of inputs, I."""
        return len(self.input_w)

    @property
    def motors(self) -> int:
        """Number of motor neurons, M."""
        return len(self.output_w)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> Self:
        """Build from float32 arrays by name, which are copied.

        Raises:
            LiquidPilotError: names the tensor that is missing, unknown or wrong.
        """
        names = {field.name for field in fields(cls)}
        for name in sorted(names ^ set(tensors)):
            what = 'is missing' if name in names else f'is not a parameter of an {cls.CORE} core'
            raise LiquidPilotError(f'tensor {name!r} {what}')
        for name, tensor in tensors.items():
            if not isinstance(tensor, np.ndarray) or tensor.dtype != np.float32:
                kind = getattr(tensor, 'dtype', type(tensor).__name__)
                raise LiquidPilotError(f'tensor {name!r} must be float32, not {kind}')
        parameters = cls(**{name: np.array(tensors[name], order='C') for name in names})
        parameters.validate()
        return parameters

    @classmethod
    def ones(cls, inputs: int, neurons: int, motors: int) -> Self:
        """Return parameters that are all 1.

        Args:
            inputs: number of inputs.
            neurons: number of neurons.
            motors: number of motor neurons among them.
        """
        names = (field.name for field in fields(cls))
        return cls(
            **{name: np.ones(_shape(name, inputs, neurons, motors), np.float32) for name in names}
        )

    def to_tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def validate(self) -> None:
        """Check shapes and values.

        Raises:
            LiquidPilotError: names the tensor of wrong shape, not finite, or out of range.
        """
        for name in ('gleak', 'input_w', 'output_w'):
            if getattr(self, name).ndim != 1 or getattr(self, name).size == 0:
                shape = getattr(self, name).shape
                raise LiquidPilotError(f'tensor {name!r} must be a vector, not of shape {shape}')
        inputs, neurons, motors = self.inputs, self.neurons, self.motors
        if motors > neurons:
            raise LiquidPilotError(
                f"tensor 'output_w' has {motors} entries, more than the {neurons} neurons"
            )
        for name, tensor in self.to_tensors().items():
            shape = _shape(name, inputs, neurons, motors)
            if tensor.shape != shape:
                raise LiquidPilotError(
                    f'tensor {name!r} must have the shape {shape}, not {tensor.shape}'
                )
            if not np.isfinite(tensor).all():
                raise LiquidPilotError(f'tensor {name!r} holds values that are not finite')
            if name in _NON_NEGATIVE and (tensor < 0).any():
                raise LiquidPilotError(f'tensor {name!r} must not be negative')
            if name == 'cm' and (tensor <= 0).any():
                raise LiquidPilotError("tensor 'cm' must be positive")


@dataclass(frozen=True)
class LtcParameters(CoreParameters):
    """Effective (constrained) parameters of an LTC core, float32, with ncps' names.

    I inputs, N neurons, M motors. Matrices are [j, i]: neuron or input j feeds neuron i.
    Construction checks nothing; `validate` does, and `from_tensors` calls it.

    >>> one, pair = np.ones(1, np.float32), np.ones((1, 1), np.float32)
    >>> vectors = ('gleak', 'vleak', 'cm', 'input_w', 'input_b', 'output_w', 'output_b')
    >>> matrices = ('w', 'sigma', 'mu', 'erev')
    >>> parameters = LtcParameters.from_tensors(
    ...     {name: one for name in vectors}
    ...     | {name: pair for name in matrices}
    ...     | {f'sensory_{name}': pair for name in matrices}
    ... )
    >>> parameters.inputs, parameters.neurons, parameters.motors
    (1, 1, 1)
    """

    CORE: ClassVar[str] = 'LTC'


def count_ltc_parameters(inputs: int, neurons: int, motors: int, synapses: int) -> int:
    """Return the number of trained parameters of an LTC core.

    A synapse has four (w, sigma, mu, erev) and a neuron three (gleak, vleak, cm). An input and a
    motor neuron have two each, those of their mappings.

    >>> count_ltc_parameters(inputs=2, neurons=3, motors=1, synapses=15)
    75

    Args:
        inputs: number of inputs.
        neurons: number of neurons.
        motors: number of motor neurons among them.
        synapses: number of synapses that are present, from inputs and between neurons.
    """
    return 4 * synapses + 3 * neurons + 2 * inputs + 2 * motors


def _shape(name: str, inputs: int, neurons: int, motors: int) -> tuple[int, ...]:
    if name.startswith('sensory_'):
        return inputs, neurons
    if name in _MATRICES:
        return neurons, neurons
    return ({'i': inputs, 'o': motors}.get(name[0], neurons),)
