"""Liquid neurons with the memory of an LSTM, as `mixed_memory` of ncps (Lechner and Hasani 2020).

An LSTM cell writes the potentials of a densely wired LTC network, which then runs for the elapsed
time. The LSTM's gates keep what has to be remembered for long, and the liquid neurons read time.

Shapes: B sequences of T ticks, I inputs, N neurons, M motor outputs.
"""

from __future__ import annotations

import torch
from torch import nn

from liquid_pilot.learning.models.graph_core import GraphCore
from liquid_pilot.learning.models.ltc import LiquidCore, sensory_sums, unfold
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.parameters import count_ltc_parameters


class MixedMemory(GraphCore):
    """An LSTM cell and an LTC network of N neurons each; the state is potentials, then LSTM cells.

    Args:
        inputs: number of inputs I.
        neurons: number of neurons N.
        motors: number of motor outputs M.
        unfolds: solver steps per tick.
        seed: seed of the polarities and of the initial values of the liquid neurons.
        max_tau_s: largest initial time constant, s.
        backend: what computes the liquid neurons of sequences, see `ltc.LiquidCore`. A single step
            is always computed by torch.
    """

    kind = 'mixed_memory'

    def __init__(
        self,
        inputs: int,
        neurons: int,
        motors: int,
        unfolds: int = 6,
        seed: int = 0,
        max_tau_s: float = 0.5,
        backend: str = 'numba',
    ) -> None:
        super().__init__(inputs, 2 * neurons, neurons, motors)
        self.neurons, self.unfolds = neurons, unfolds
        self.lstm = nn.LSTMCell(inputs, neurons)
        with torch.no_grad():
            # As in ncps: the forget gate starts open.
            self.lstm.bias_ih[neurons : 2 * neurons] += 1.0
        wired = wiring.dense(inputs, neurons, min(motors, neurons), seed)
        self.liquid = LiquidCore(wired, unfolds, seed, backend, max_tau_s)
        # The inputs are mapped before, and a linear layer reads the potentials.
        for name in ('input_w', 'input_b', 'output_w', 'output_b'):
            getattr(self.liquid, name).requires_grad_(False)

    @staticmethod
    def count_parameters(inputs: int, neurons: int, motors: int) -> int:
        """Return the number of trained parameters of a core of that size."""
        synapses = neurons * (neurons + inputs)
        liquid = count_ltc_parameters(0, neurons, 0, synapses)
        lstm = 4 * neurons * (inputs + neurons + 2)
        return liquid + lstm + 2 * inputs + motors * (neurons + 1)

    def advance(
        self, state: torch.Tensor, x: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute one step; see `GraphCore.advance`."""
        potentials, cells = self._remember(state, x)
        inputs = sensory_sums(self.liquid.effective(), x)
        after = unfold(inputs, self.unfolds, potentials, dt_s)
        return torch.cat([after, cells], 1), after

    def forward(
        self, x: torch.Tensor, dt_s: torch.Tensor, state: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run sequences through the network; see `GraphCore.forward`."""
        if state is None:
            state = x.new_zeros(x.shape[0], self.state_size)
        x = x * self.input_w + self.input_b
        tick = self.liquid.tick_function(self.liquid.effective())
        states = []
        # The gradient of an index into a sequence would be as long as the sequence, at every tick.
        for now, dt in zip(x.unbind(1), dt_s[..., None].unbind(1), strict=True):
            potentials, cells = self._remember(state, now)
            after = tick(potentials, now, dt)
            state = torch.cat([after, cells], 1)
            states.append(state)
        stacked = torch.stack(states, 1)
        return self.fc(stacked[..., : self.neurons]), stacked

    def _remember(self, state: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the potentials that the LSTM writes, and its cells."""
        potentials, cells = self.lstm(x, state.chunk(2, 1))
        return potentials, cells
