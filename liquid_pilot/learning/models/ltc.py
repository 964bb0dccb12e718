"""The trainable liquid time-constant (LTC) core: torch parameters around `liquid.sequences`.

Shapes: B sequences of T ticks, I inputs, N neurons, M motor neurons.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from liquid_pilot.learning.models.wired_core import (
    WiredCore,
    check_for_kernels,
    initial_synapses,
    initial_time_constants,
    seeded_generator,
)
from liquid_pilot.liquid import sequences
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.sequences import CoreTables, Gradients, SequenceCache
from liquid_pilot.liquid.wiring import Wiring

_NO_INPUTS = np.zeros((1, 1, 0), np.float32)
_EPSILON = 1e-8
"""Added to the denominator of the solver, as in ncps."""


class LiquidCore(WiredCore[LtcParameters]):
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

    parameters_type = LtcParameters
    dynamics_parameters = (
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
    positive_parameters = ('gleak', 'cm', 'w', 'sensory_w')
    synaptic_weights = ('w',)

    def __init__(
        self,
        wiring: Wiring,
        unfolds: int = 6,
        seed: int | torch.Generator = 0,
        backend: str = 'numba',
        max_tau_s: float = 0.5,
    ) -> None:
        super().__init__(wiring, backend)
        if unfolds < 1:
            raise ValueError(f'unfolds must be at least 1, not {unfolds}')
        self.unfolds = unfolds
        generator = seeded_generator(seed)
        values, conductance = initial_synapses(self.mask, self.sensory_mask, generator)
        tau_s = initial_time_constants(wiring.neurons, max_tau_s, generator)
        self._register({**values, 'cm': tau_s * conductance})

    @property
    def specification(self) -> dict[str, Any]:
        """The entry `core` of pilot.json."""
        return {'type': 'ltc', 'unfolds': self.unfolds, 'wiring': self.wiring.to_dict()}

    def _torch_states(
        self,
        values: dict[str, torch.Tensor],
        v0: torch.Tensor,
        x: torch.Tensor,
        dt_s: torch.Tensor,
    ) -> torch.Tensor:
        """Compute the equations of `liquid.dynamics`; see `WiredCore.states`."""
        inputs = sensory_sums(values, x * values['input_w'] + values['input_b'])
        v, states = v0, []
        for t in range(x.shape[1]):
            v = unfold(inputs.at(t), self.unfolds, v, dt_s[:, t, None])
            states.append(v)
        return torch.stack(states, 1)

    def _kernel_states(
        self, parameters: LtcParameters, v0: np.ndarray, x: np.ndarray, dt_s: np.ndarray
    ) -> tuple[np.ndarray, SequenceCache]:
        """Compute the equations by the kernels; see `sequences.forward_sequence`."""
        return sequences.forward_sequence(parameters, self.unfolds, v0, x, dt_s)

    def _kernel_gradients(
        self, parameters: LtcParameters, cache: SequenceCache, grad_v: np.ndarray
    ) -> Gradients:
        """Return the gradients of `_kernel_states`; see `sequences.backward_sequence`."""
        return sequences.backward_sequence(parameters, self.unfolds, cache, grad_v)

    def tick_function(self, values: dict[str, torch.Tensor]) -> TickFunction:
        """Return the function (v (B, N), u (B, I), dt_s (B, 1)) -> v (B, N) of one tick.

        Where a core is stepped by another one in turn, a tick is a sequence of its own. What the
        kernels read of the parameters is then made once, and so are their gradients.

        Args:
            values: the parameters, see `effective`.
        """
        if self.backend != 'numba':
            return lambda v, u, dt_s: self.states(values, v, u[:, None], dt_s)[:, 0]
        given = [values[name] for name in self.dynamics_parameters]
        check_for_kernels(given)
        tables = CoreTables(self.kernel_parameters(given))
        token = _Tables.apply(self, tables, *given)
        return lambda v, u, dt_s: _Tick.apply(tables, self.unfolds, token, v, u[:, None], dt_s)


TickFunction = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""See `LiquidCore.tick_function`."""


class _Tables(torch.autograd.Function):
    """Stands for the tables of a core; its gradient is the sum of those of all ticks.

    A tick gives its gradients as the kernels sum them up. They become those of the parameters here,
    once.
    """

    @staticmethod
    def forward(
        ctx: Any, core: LiquidCore, tables: CoreTables, *values: torch.Tensor
    ) -> torch.Tensor:
        """Return a vector of the size of the sums; its numbers have no meaning."""
        ctx.core, ctx.tables = core, tables
        return torch.zeros(tables.sums(_NO_INPUTS).raw.size)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, raw: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of the parameters, in the order of `forward`."""
        sums = ctx.tables.sums(_NO_INPUTS)
        sums.set_raw(raw.numpy())
        grads = sums.by_name(ctx.tables.parameters)
        names = ctx.core.dynamics_parameters
        return None, None, *(torch.from_numpy(grads[name]) for name in names)


class _Tick(torch.autograd.Function):
    """One tick by the kernels, with its analytic backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        tables: CoreTables,
        unfolds: int,
        token: torch.Tensor,
        v: torch.Tensor,
        u: torch.Tensor,
        dt_s: torch.Tensor,
    ) -> torch.Tensor:
        """Return the potentials (B, N); `token` is what `_Tables` returned."""
        ctx.tables, ctx.unfolds = tables, unfolds
        after, ctx.cache = tables.forward(
            unfolds, v.detach().numpy(), u.detach().numpy(), dt_s.detach().numpy()
        )
        return torch.from_numpy(after[:, 0])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_v: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients in the order of the arguments of `forward`."""
        sums = ctx.tables.backward(ctx.unfolds, ctx.cache, grad_v.numpy()[:, None])
        parts = (torch.from_numpy(part) for part in (sums.raw, sums.v0, sums.x))
        return None, None, *parts, None


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
