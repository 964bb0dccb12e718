"""The trainable liquid-resistance, liquid-capacitance core: parameters around `lrc.sequences`.

Shapes: B sequences of T ticks, I inputs, N neurons, M motor neurons.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from liquid_pilot.learning.models.wired_core import (
    WiredCore,
    initial_synapses,
    initial_time_constants,
    mean_sigmoid,
    seeded_generator,
)
from liquid_pilot.liquid.lrc import sequences
from liquid_pilot.liquid.lrc.parameters import LrcParameters
from liquid_pilot.liquid.sequences import Gradients, SequenceCache
from liquid_pilot.liquid.wiring import Wiring

_INITIAL_SHIFT = 1.0
"""Initial elastance_shift, that of the authors."""
_ELASTANCE_DEVIATION = 0.5
"""Standard deviation of the elastance's argument over inputs and states of unit variance, at
first: the elastance then varies, and none is closed."""


class TrainableLrc(WiredCore[LrcParameters]):
    """An LRC network: maps inputs (B, T, I) and elapsed times (B, T) to outputs (B, T, M).

    The equations are those of `liquid.lrc.dynamics`.

    Args:
        wiring: the synapses.
        seed: seed or generator of the initial values.
        backend: 'numba' computes in float32 on the CPU, by `liquid.lrc.sequences` with its analytic
            gradient. 'torch' computes the same numbers by torch alone, on any device and also in
            float64, but more slowly.
        max_tau_s: largest initial time constant, s. Initial time constants are spread from 20 ms to
            this value, evenly in their logarithm.

    Raises:
        ValueError: the backend is unknown.
    """

    parameters_type = LrcParameters
    dynamics_parameters = (
        'gleak',
        'vleak',
        'cm',
        'w',
        'sigma',
        'mu',
        'erev',
        'elastance_w',
        'elastance_b',
        'elastance_shift',
        'sensory_w',
        'sensory_sigma',
        'sensory_mu',
        'sensory_erev',
        'sensory_elastance_w',
        'input_w',
        'input_b',
    )
    positive_parameters = ('gleak', 'cm', 'w', 'sensory_w', 'elastance_shift')
    synaptic_weights = ('w', 'elastance_w')

    def __init__(
        self,
        wiring: Wiring,
        seed: int | torch.Generator = 0,
        backend: str = 'numba',
        max_tau_s: float = 0.5,
    ) -> None:
        super().__init__(wiring, backend)
        generator = seeded_generator(seed)
        values, conductance = initial_synapses(self.mask, self.sensory_mask, generator)
        tau_s = initial_time_constants(wiring.neurons, max_tau_s, generator)
        # Sources by neuron; one without any has no weights to scale.
        fan_in = (self.mask.sum(0) + self.sensory_mask.sum(0)).clamp_min(1.0)
        for prefix, mask in (('', self.mask), ('sensory_', self.sensory_mask)):
            drawn = torch.randn(mask.shape, generator=generator)
            values[f'{prefix}elastance_w'] = _ELASTANCE_DEVIATION * drawn / fan_in.sqrt()
        deviation = (self.sensory_mask * values['sensory_elastance_w']).square().sum(0).sqrt()
        shift = torch.full_like(deviation, _INITIAL_SHIFT)
        # At rest, over standard normal inputs.
        elastance = mean_sigmoid(shift, deviation) - mean_sigmoid(-shift, deviation)
        values['elastance_b'] = torch.zeros_like(deviation)
        values['elastance_shift'] = shift
        values['cm'] = tau_s * elastance * torch.sigmoid(conductance)
        self._register(values)

    @property
    def specification(self) -> dict[str, Any]:
        """The entry `core` of pilot.json."""
        return {'type': 'lrc', 'wiring': self.wiring.to_dict()}

    def _torch_states(
        self,
        values: dict[str, torch.Tensor],
        v0: torch.Tensor,
        x: torch.Tensor,
        dt_s: torch.Tensor,
    ) -> torch.Tensor:
        """Compute the equations of `lrc.dynamics`; see `WiredCore.states`."""
        u = x * values['input_w'] + values['input_b']
        s = torch.sigmoid(values['sensory_sigma'] * (u[..., None] - values['sensory_mu']))
        weighted = values['sensory_w'] * s
        f_sensory = weighted.sum(-2) + values['gleak']
        g_sensory = (weighted * values['sensory_erev']).sum(-2) + values['gleak']
        z_sensory = u @ values['sensory_elastance_w'] + values['elastance_b']
        shift = values['elastance_shift']
        v, states = v0, []
        for t in range(x.shape[1]):
            s = torch.sigmoid(values['sigma'] * (v[..., None] - values['mu']))
            weighted = values['w'] * s
            f = f_sensory[:, t] + weighted.sum(-2)
            g = g_sensory[:, t] + (weighted * values['erev']).sum(-2)
            z = z_sensory[:, t] + v @ values['elastance_w']
            elastance = torch.sigmoid(z + shift) - torch.sigmoid(z - shift)
            rate = dt_s[:, t, None] / values['cm'] * elastance
            v = (v + rate * values['vleak'] * torch.tanh(g)) / (1.0 + rate * torch.sigmoid(f))
            states.append(v)
        return torch.stack(states, 1)

    def _kernel_states(
        self, parameters: LrcParameters, v0: np.ndarray, x: np.ndarray, dt_s: np.ndarray
    ) -> tuple[np.ndarray, SequenceCache]:
        """Compute the equations by the kernels; see `sequences.forward_lrc_sequence`."""
        return sequences.forward_lrc_sequence(parameters, v0, x, dt_s)

    def _kernel_gradients(
        self, parameters: LrcParameters, cache: SequenceCache, grad_v: np.ndarray
    ) -> Gradients:
        """Return the gradients of `_kernel_states`; see `sequences.backward_lrc_sequence`."""
        return sequences.backward_lrc_sequence(parameters, cache, grad_v)
