"""The trainable liquid core: torch parameters around `liquid.sequences`.

Parameters have the names of ncps. As in ncps' `LTC`, cm, gleak, w and sensory_w are the softplus of
the trained values, which keeps them positive, and absent synapses are masked. Time is in seconds.

Shapes: B sequences of T ticks, I inputs, N neurons, M motor neurons.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from liquid_pilot.liquid import sequences
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.wiring import Wiring

POSITIVE_PARAMETERS = ('gleak', 'cm', 'w', 'sensory_w')
"""Parameters that a softplus of the trained values keeps positive."""
_DYNAMICS_PARAMETERS = (
    'gleak',
    'vleak',
    'cm',
    'w',
    'sigma',
    'mu',
    'erev',
    'sensory_w',
    'sensory_sigma',
    'sensory_mu',
    'sensory_erev',
    'input_w',
    'input_b',
)
"""Parameters of the differential equations, in the order that `_Sequence` takes them."""
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
_EPSILON = 1e-8
"""Added to the denominator of the solver, as in ncps."""


class LiquidCore(nn.Module):
    """An LTC network: maps inputs (B, T, I) and elapsed times (B, T) to outputs (B, T, M).

    Args:
        wiring: the synapses.
        unfolds: solver steps per tick.
        seed: seed or generator of the initial values.
        backend: 'numba' computes in float32 on the CPU, by `liquid.sequences` with its analytic
            gradient. 'torch' computes the same numbers by torch alone, on any device and also in
            float64, but more slowly.
        max_tau_s: largest initial time constant, s. Initial time constants are spread from 20 ms to
            this value, evenly in their logarithm.

    Raises:
        ValueError: the backend is unknown, or there is no solver step.
    """

    mask: torch.Tensor
    sensory_mask: torch.Tensor
    input_w: nn.Parameter
    input_b: nn.Parameter

    def __init__(
        self,
        wiring: Wiring,
        unfolds: int = 6,
        seed: int | torch.Generator = 0,
        backend: str = 'numba',
        max_tau_s: float = 0.5,
    ) -> None:
        super().__init__()
        if backend not in ('numba', 'torch'):
            raise ValueError(f"backend must be 'numba' or 'torch', not {backend!r}")
        if unfolds < 1:
            raise ValueError(f'unfolds must be at least 1, not {unfolds}')
        self.wiring = wiring
        self.unfolds = unfolds
        self.backend = backend
        generator = seed if isinstance(seed, torch.Generator) else _generator(seed)
        polarity = torch.tensor(wiring.polarity, dtype=torch.float32)
        sensory_polarity = torch.tensor(wiring.sensory_polarity, dtype=torch.float32)
        self.register_buffer('mask', polarity.abs(), persistent=False)
        self.register_buffer('sensory_mask', sensory_polarity.abs(), persistent=False)
        initial = _initial_values(self.mask, self.sensory_mask, generator, max_tau_s)
        initial.update(
            erev=polarity,
            sensory_erev=sensory_polarity,
            input_w=torch.ones(wiring.inputs),
            input_b=torch.zeros(wiring.inputs),
            output_w=torch.ones(wiring.motors),
            output_b=torch.zeros(wiring.motors),
        )
        for name, value in initial.items():
            raw = inverse_softplus(value) if name in POSITIVE_PARAMETERS else value
            self.register_parameter(name, nn.Parameter(raw.clone()))

    @property
    def state_size(self) -> int:
        """The number of values of the state, N."""
        return self.wiring.neurons

    @property
    def specification(self) -> dict[str, Any]:
        """The entry `core` of pilot.json."""
        return {'type': 'ltc', 'unfolds': self.unfolds, 'wiring': self.wiring.to_dict()}

    def effective(self) -> dict[str, torch.Tensor]:
        """Return the parameters of the equations: positive, and zero where there is no synapse."""
        values = {
            name: getattr(self, name) for name in (*_DYNAMICS_PARAMETERS, 'output_w', 'output_b')
        }
        for name in POSITIVE_PARAMETERS:
            values[name] = functional.softplus(values[name])
        values['w'] = values['w'] * self.mask
        values['sensory_w'] = values['sensory_w'] * self.sensory_mask
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
        if self.backend == 'numba':
            v = _Sequence.apply(
                self.unfolds, v0, x, dt_s, *(values[name] for name in _DYNAMICS_PARAMETERS)
            )
        else:
            v = _torch_sequence(values, self.unfolds, v0, x, dt_s)
        outputs = v[..., : self.wiring.motors] * values['output_w'] + values['output_b']
        return outputs, v

    def export(self) -> LtcParameters:
        """Return the effective parameters as float32 arrays.

        Raises:
            LiquidPilotError: a value is not finite, because training diverged.
        """
        return LtcParameters.from_tensors(
            {
                name: value.detach().to('cpu', torch.float32).numpy()
                for name, value in self.effective().items()
            }
        )


class _Sequence(torch.autograd.Function):
    """`sequences.forward_sequence` with its analytic backward pass, as a function of torch."""

    @staticmethod
    def forward(
        ctx: Any,
        unfolds: int,
        v0: torch.Tensor,
        x: torch.Tensor,
        dt_s: torch.Tensor,
        *values: torch.Tensor,
    ) -> torch.Tensor:
        """Return states (B, T, N); `values` are the parameters in _DYNAMICS_PARAMETERS."""
        for tensor in (v0, x, *values):
            if tensor.dtype != torch.float32 or tensor.device.type != 'cpu':
                raise ValueError(
                    'the numba backend takes float32 on the CPU, not '
                    f"{tensor.dtype} on {tensor.device}; use backend='torch'"
                )
        arrays = dict(
            zip(_DYNAMICS_PARAMETERS, (value.detach().numpy() for value in values), strict=True)
        )
        # Torch computes the output mapping.
        none = np.zeros(0, np.float32)
        ctx.parameters = LtcParameters(**arrays, output_w=none, output_b=none)
        ctx.unfolds = unfolds
        v, ctx.cache = sequences.forward_sequence(
            ctx.parameters, unfolds, v0.detach().numpy(), x.detach().numpy(), dt_s.detach().numpy()
        )
        return torch.from_numpy(v)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_v: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients in the order of the arguments of `forward`."""
        grads, grad_v0, grad_x = sequences.backward_sequence(
            ctx.parameters, ctx.unfolds, ctx.cache, grad_v.numpy()
        )
        return (
            None,
            torch.from_numpy(grad_v0),
            torch.from_numpy(grad_x),
            None,
            *(torch.from_numpy(grads[name]) for name in _DYNAMICS_PARAMETERS),
        )


class SolverInputs(NamedTuple):
    """What the solver reads in a tick: parameters, and the sums that do not depend on the state."""

    values: dict[str, torch.Tensor]
    """The effective parameters."""
    above: torch.Tensor
    """(B, N) or (B, T, N) terms of the numerator, from leak and inputs."""
    below: torch.Tensor
    """(B, N) or (B, T, N) terms of the denominator, from leak and inputs."""

    def at(self, t: int) -> SolverInputs:
        """Return those of tick t of sequences."""
        return SolverInputs(self.values, self.above[:, t], self.below[:, t])


def sensory_sums(values: dict[str, torch.Tensor], u: torch.Tensor) -> SolverInputs:
    """Return what the solver reads, for mapped inputs (B, I) or (B, T, I)."""
    s = torch.sigmoid(values['sensory_sigma'] * (u[..., None] - values['sensory_mu']))
    weighted = values['sensory_w'] * s
    below = weighted.sum(-2) + values['gleak']
    above = (weighted * values['sensory_erev']).sum(-2) + values['gleak'] * values['vleak']
    return SolverInputs(values, above, below)


def unfold(inputs: SolverInputs, unfolds: int, v: torch.Tensor, dt_s: torch.Tensor) -> torch.Tensor:
    """Compute one tick of `liquid.dynamics` in torch.

    Args:
        inputs: what the solver reads in this tick.
        unfolds: solver steps.
        v: (B, N) potentials before.
        dt_s: (B, 1) elapsed time, s.

    Returns:
        (B, N) potentials after.
    """
    values = inputs.values
    c = values['cm'] * (unfolds / dt_s)
    for _ in range(unfolds):
        s = torch.sigmoid(values['sigma'] * (v[..., None] - values['mu']))
        weighted = values['w'] * s
        numerator = c * v + inputs.above + (weighted * values['erev']).sum(-2)
        v = numerator / (c + inputs.below + weighted.sum(-2) + _EPSILON)
    return v


def _torch_sequence(
    values: dict[str, torch.Tensor],
    unfolds: int,
    v0: torch.Tensor,
    x: torch.Tensor,
    dt_s: torch.Tensor,
) -> torch.Tensor:
    """Compute the equations of `liquid.sequences` in torch; returns states (B, T, N)."""
    inputs = sensory_sums(values, x * values['input_w'] + values['input_b'])
    v, states = v0, []
    for t in range(x.shape[1]):
        v = unfold(inputs.at(t), unfolds, v, dt_s[:, t, None])
        states.append(v)
    return torch.stack(states, 1)


def _initial_values(
    mask: torch.Tensor, sensory_mask: torch.Tensor, generator: torch.Generator, max_tau_s: float
) -> dict[str, torch.Tensor]:
    """Return effective initial values, with cm such that time constants reach `max_tau_s`."""
    neurons, inputs = mask.shape[0], sensory_mask.shape[0]

    def uniform(name: str, *shape: int) -> torch.Tensor:
        low, high = _RANGES[name]
        return low + (high - low) * torch.rand(*shape, generator=generator)

    values = {name: uniform(name, neurons) for name in ('gleak', 'vleak')}
    for prefix, rows in (('', neurons), ('sensory_', inputs)):
        for name in ('w', 'sigma', 'mu'):
            values[prefix + name] = uniform(name, rows, neurons)
    # Mean opening of the synapses: at v = 0, and over a standard normal input (the usual probit
    # approximation of a logistic averaged over a Gaussian).
    resting = torch.sigmoid(-values['sigma'] * values['mu'])
    slope = values['sensory_sigma']
    driven = torch.sigmoid(
        -slope * values['sensory_mu'] / torch.sqrt(1.0 + math.pi / 8.0 * slope**2)
    )
    conductance = (
        values['gleak']
        + (mask * values['w'] * resting).sum(0)
        + (sensory_mask * values['sensory_w'] * driven).sum(0)
    )
    low, high = math.log(_MIN_TAU_S), math.log(max_tau_s)
    tau_s = torch.exp(low + (high - low) * torch.rand(neurons, generator=generator))
    values['cm'] = tau_s * conductance
    return values


def inverse_softplus(value: torch.Tensor) -> torch.Tensor:
    """Return the number whose softplus is `value` > 0."""
    return value + torch.log(-torch.expm1(-value))


def _generator(seed: int) -> torch.Generator:
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator
