"""The base of the trainable liquid cores: torch parameters around kernels with their gradient.

Parameters have the names of ncps. As in ncps' `LTC`, those that must be positive are the softplus
of the trained values, and absent synapses are masked. Time is in seconds.

Shapes: B sequences of T ticks, I inputs, N neurons, M motor neurons.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from liquid_pilot.liquid.parameters import CoreParameters
from liquid_pilot.liquid.sequences import Gradients, SequenceCache
from liquid_pilot.liquid.wiring import Wiring

_RANGES = {
    'gleak': (0.001, 1.0),
    'vleak': (-0.2, 0.2),
    'w': (0.001, 1.0),
    'sigma': (3.0, 8.0),
    'mu': (0.3, 0.8),
}
"""Initial ranges of ncps, except for its cm, which is meant for steps of one second."""
_MIN_TAU_S = 0.02
"""Shortest initial time constant, approximately, at rest and with inputs of unit variance, s."""

ParametersT = TypeVar('ParametersT', bound=CoreParameters)


class WiredCore(nn.Module, Generic[ParametersT]):
    """A network of neurons: maps inputs (B, T, I) and elapsed times (B, T) to outputs (B, T, M).

    A subclass gives the names of its parameters and their initial values, its equations in torch,
    and functions of `liquid` that compute the same with an analytic gradient.

    Args:
        wiring: the synapses.
        backend: 'numba' computes in float32 on the CPU, by the kernels. 'torch' computes the same
            numbers by torch alone, on any device and also in float64, but more slowly.

    Raises:
        ValueError: the backend is unknown.
    """

    parameters_type: type[ParametersT]
    """Type of the parameters that are exported."""
    dynamics_parameters: tuple[str, ...]
    """Parameters of the differential equations: all but those of the output mapping."""
    positive_parameters: tuple[str, ...]
    """Parameters that a softplus of the trained values keeps positive."""
    synaptic_weights: tuple[str, ...]
    """Parameters, and with `sensory_` before them too, that are 0 where there is no synapse."""

    mask: torch.Tensor
    sensory_mask: torch.Tensor
    input_w: nn.Parameter
    input_b: nn.Parameter

    def __init__(self, wiring: Wiring, backend: str) -> None:
        super().__init__()
        if backend not in ('numba', 'torch'):
            raise ValueError(f"backend must be 'numba' or 'torch', not {backend!r}")
        self.wiring = wiring
        self.backend = backend
        for name, polarity in (('', wiring.polarity), ('sensory_', wiring.sensory_polarity)):
            present = torch.tensor(polarity, dtype=torch.float32).abs()
            self.register_buffer(f'{name}mask', present, persistent=False)

    def _register(self, initial: dict[str, torch.Tensor]) -> None:
        """Make the trained parameters.

        Args:
            initial: effective initial values, without those that the wiring gives: the reversal
                potentials are its polarities, and the mappings are the identity.
        """
        wiring = self.wiring
        initial = {
            **initial,
            'erev': torch.tensor(wiring.polarity, dtype=torch.float32),
            'sensory_erev': torch.tensor(wiring.sensory_polarity, dtype=torch.float32),
            'input_w': torch.ones(wiring.inputs),
            'input_b': torch.zeros(wiring.inputs),
            'output_w': torch.ones(wiring.motors),
            'output_b': torch.zeros(wiring.motors),
        }
        for name, value in initial.items():
            raw = inverse_softplus(value) if name in self.positive_parameters else value
            self.register_parameter(name, nn.Parameter(raw.clone()))

    @property
    def state_size(self) -> int:
        """The number of values of the state, N."""
        return self.wiring.neurons

    @property
    def specification(self) -> dict[str, Any]:
        """The entry `core` of pilot.json."""
        raise NotImplementedError

    def effective(self) -> dict[str, torch.Tensor]:
        """Return the parameters of the equations: positive, and zero where there is no synapse."""
        values = {
            name: getattr(self, name)
            for name in (*self.dynamics_parameters, 'output_w', 'output_b')
        }
        for name in self.positive_parameters:
            values[name] = functional.softplus(values[name])
        for name in self.synaptic_weights:
            values[name] = values[name] * self.mask
            values[f'sensory_{name}'] = values[f'sensory_{name}'] * self.sensory_mask
        return values

    def forward(
        self, x: torch.Tensor, dt_s: torch.Tensor, v0: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run sequences through the network; gradients reach the parameters, x and v0, not dt_s.

        Args:
            x: (B, T, I) inputs.
            dt_s: (B, T) elapsed times, s.
            v0: (B, N) initial state; None for rest.

        Returns:
            Outputs (B, T, M) and states (B, T, N).
        """
        values = self.effective()
        if v0 is None:
            v0 = x.new_zeros(x.shape[0], self.wiring.neurons)
        v = self.states(values, v0, x, dt_s)
        outputs = v[..., : self.wiring.motors] * values['output_w'] + values['output_b']
        return outputs, v

    def states(
        self,
        values: dict[str, torch.Tensor],
        v0: torch.Tensor,
        x: torch.Tensor,
        dt_s: torch.Tensor,
    ) -> torch.Tensor:
        """Return the states (B, T, N) of sequences, as the backend computes them.

        Args:
            values: the parameters, see `effective`.
            v0: (B, N) initial state.
            x: (B, T, I) inputs.
            dt_s: (B, T) elapsed times, s.
        """
        if self.backend == 'numba':
            given = (values[name] for name in self.dynamics_parameters)
            return _Sequence.apply(self, v0, x, dt_s, *given)
        return self._torch_states(values, v0, x, dt_s)

    def _torch_states(
        self,
        values: dict[str, torch.Tensor],
        v0: torch.Tensor,
        x: torch.Tensor,
        dt_s: torch.Tensor,
    ) -> torch.Tensor:
        """Compute `states` in torch."""
        raise NotImplementedError

    def _kernel_states(
        self, parameters: ParametersT, v0: np.ndarray, x: np.ndarray, dt_s: np.ndarray
    ) -> tuple[np.ndarray, SequenceCache]:
        """Compute the equations by the kernels; see `sequences.forward_sequence`."""
        raise NotImplementedError

    def _kernel_gradients(
        self, parameters: ParametersT, cache: SequenceCache, grad_v: np.ndarray
    ) -> Gradients:
        """Return the gradients of `_kernel_states`; see `sequences.backward_sequence`."""
        raise NotImplementedError

    def kernel_parameters(self, values: Sequence[torch.Tensor]) -> ParametersT:
        """Return parameters for the kernels, without the output mapping, which torch computes.

        Args:
            values: the effective `dynamics_parameters`, in their order.
        """
        arrays = (value.detach().numpy() for value in values)
        none = np.zeros(0, np.float32)
        return self.parameters_type(
            **dict(zip(self.dynamics_parameters, arrays, strict=True)), output_w=none, output_b=none
        )

    def export(self) -> ParametersT:
        """Return the effective parameters as float32 arrays.

        Raises:
            LiquidPilotError: a value is not finite, because training diverged.
        """
        return self.parameters_type.from_tensors(
            {
                name: value.detach().to('cpu', torch.float32).numpy()
                for name, value in self.effective().items()
            }
        )

    def load(self, parameters: ParametersT, min_raw: float) -> None:
        """Set the trained values to those that `export` makes these parameters of.

        Args:
            parameters: effective parameters.
            min_raw: trained value that stands for 0, which a softplus does not reach.
        """
        with torch.no_grad():
            for name, value in parameters.to_tensors().items():
                raw = torch.from_numpy(np.array(value))
                if name in self.positive_parameters:
                    raw = inverse_softplus(raw.double()).clamp_min(min_raw).float()
                getattr(self, name).copy_(raw)


def check_for_kernels(tensors: Iterable[torch.Tensor]) -> None:
    """Refuse tensors that the kernels cannot read.

    Raises:
        ValueError: one is not float32 on the CPU.
    """
    for tensor in tensors:
        if tensor.dtype != torch.float32 or tensor.device.type != 'cpu':
            raise ValueError(
                'the numba backend takes float32 on the CPU, not '
                f"{tensor.dtype} on {tensor.device}; use backend='torch'"
            )


class _Sequence(torch.autograd.Function):
    """`WiredCore._kernel_states` with its analytic backward pass, as a function of torch."""

    @staticmethod
    def forward(
        ctx: Any,
        core: WiredCore[Any],
        v0: torch.Tensor,
        x: torch.Tensor,
        dt_s: torch.Tensor,
        *values: torch.Tensor,
    ) -> torch.Tensor:
        """Return states (B, T, N); `values` are the `dynamics_parameters` of the core."""
        check_for_kernels((v0, x, *values))
        ctx.core = core
        ctx.parameters = core.kernel_parameters(values)
        v, ctx.cache = core._kernel_states(
            ctx.parameters, v0.detach().numpy(), x.detach().numpy(), dt_s.detach().numpy()
        )
        return torch.from_numpy(v)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_v: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients in the order of the arguments of `forward`."""
        grads, grad_v0, grad_x = ctx.core._kernel_gradients(
            ctx.parameters, ctx.cache, grad_v.numpy()
        )
        return (
            None,
            torch.from_numpy(grad_v0),
            torch.from_numpy(grad_x),
            None,
            *(torch.from_numpy(grads[name]) for name in ctx.core.dynamics_parameters),
        )


def initial_synapses(
    mask: torch.Tensor, sensory_mask: torch.Tensor, generator: torch.Generator
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Return random initial values of leaks and synapses, and the conductances that they make.

    Args:
        mask: (N, N) ones where there is a synapse.
        sensory_mask: (I, N) ones where there is a synapse.
        generator: generator of the values.

    Returns:
        The effective values by name, and the leak and mean synaptic conductance (N,) at rest and
        with inputs of unit variance.
    """
    neurons, inputs = mask.shape[0], sensory_mask.shape[0]

    def uniform(name: str, *shape: int) -> torch.Tensor:
        low, high = _RANGES[name]
        return low + (high - low) * torch.rand(*shape, generator=generator)

    values = {name: uniform(name, neurons) for name in ('gleak', 'vleak')}
    for prefix, rows in (('', neurons), ('sensory_', inputs)):
        for name in ('w', 'sigma', 'mu'):
            values[prefix + name] = uniform(name, rows, neurons)
    # Mean opening of the synapses: at v = 0, and over a standard normal input.
    resting = torch.sigmoid(-values['sigma'] * values['mu'])
    slope = values['sensory_sigma']
    driven = mean_sigmoid(-slope * values['sensory_mu'], slope)
    conductance = (
        values['gleak']
        + (mask * values['w'] * resting).sum(0)
        + (sensory_mask * values['sensory_w'] * driven).sum(0)
    )
    return values, conductance


def initial_time_constants(
    neurons: int, max_tau_s: float, generator: torch.Generator
) -> torch.Tensor:
    """Return time constants (N,) from 20 ms to `max_tau_s`, evenly spread in their logarithm, s."""
    low, high = math.log(_MIN_TAU_S), math.log(max_tau_s)
    return torch.exp(low + (high - low) * torch.rand(neurons, generator=generator))


def mean_sigmoid(mean: torch.Tensor, deviation: torch.Tensor) -> torch.Tensor:
    """Return the mean of a sigmoid over a Gaussian, by the usual probit approximation."""
    return torch.sigmoid(mean / torch.sqrt(1.0 + math.pi / 8.0 * deviation**2))


def inverse_softplus(value: torch.Tensor) -> torch.Tensor:
    """Return the number whose softplus is `value` > 0."""
    return value + torch.log(-torch.expm1(-value))


def seeded_generator(seed: int | torch.Generator) -> torch.Generator:
    """Return a generator with a seed, or the generator itself."""
    if isinstance(seed, torch.Generator):
        return seed
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator
