"""GraphCores that a liquid core is compared with: CfC, GRU, LSTM and feed-forward.

All have the interface of `ltc.LiquidCore`, and so the same training: they map inputs (B, T, I) and
elapsed times (B, T) in seconds to outputs (B, T, M) and states (B, T, N), and have an input mapping
that `imitation.fit_input_scale` sets.

Shapes: B sequences of T ticks, I inputs, N values of the state, H hidden values, M motor outputs.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from liquid_pilot.learning.models.graph_core import GraphCore

CFC_MODES = ('default', 'no_gate', 'pure')
"""Variants of the CfC, by the names of ncps."""


class Cfc(GraphCore):
    """Closed-form continuous-time network (Hasani et al. 2022), as ncps' `CfC` without a wiring.

    With f, g, a, b linear in a backbone's output: state = tanh(f) (1 - t) + tanh(g) t, where
    t = sigmoid(a dt + b). 'no_gate' leaves out the factor 1 - t; 'pure' is
    A - A exp(-dt (|w_tau| + |f|)) f. Parameters have the names of ncps.

    Args:
        inputs: number of inputs I.
        neurons: number of neurons N.
        motors: number of motor outputs M.
        mode: one of CFC_MODES.
        backbone_units: width of the backbone's layers.
        backbone_layers: number of the backbone's layers; 0 leaves the backbone out.

    Raises:
        ValueError: the mode is unknown.
    """

    kind = 'cfc'

    def __init__(
        self,
        inputs: int,
        neurons: int,
        motors: int,
        mode: str = 'default',
        backbone_units: int = 128,
        backbone_layers: int = 1,
    ) -> None:
        if mode not in CFC_MODES:
            raise ValueError(f'mode must be one of {", ".join(CFC_MODES)}, not {mode!r}')
        super().__init__(inputs, neurons, neurons, motors)
        self.mode = mode
        wide = inputs + neurons
        self.backbone = None
        if backbone_layers:
            # ncps has activations at the odd places: `_gate` computes them, the names stay.
            layers: list[nn.Module] = []
            for _ in range(backbone_layers):
                layers += [nn.Linear(wide, backbone_units), nn.Identity()]
                wide = backbone_units
            self.backbone = nn.Sequential(*layers)
        self.ff1 = nn.Linear(wide, neurons)
        if mode == 'pure':
            self.w_tau = nn.Parameter(torch.zeros(1, neurons))
            self.A = nn.Parameter(torch.ones(1, neurons))
        else:
            self.ff2, self.time_a, self.time_b = (nn.Linear(wide, neurons) for _ in range(3))
        for weight in self.parameters():
            if weight.dim() == 2:
                nn.init.xavier_uniform_(weight)

    def advance(
        self, state: torch.Tensor, x: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute one step; see `GraphCore.advance`."""
        layers = self._layers()
        weight, bias = layers[0]
        given = functional.linear(x, weight[:, : self.inputs], bias)
        after = self._gate(layers, given, state, dt_s)
        return after, after

    def forward(
        self, x: torch.Tensor, dt_s: torch.Tensor, state: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run sequences through the network; see `GraphCore.forward`.

        What does not depend on the state is computed for all ticks at once.
        """
        if state is None:
            state = x.new_zeros(x.shape[0], self.state_size)
        x = x * self.input_w + self.input_b
        layers = self._layers()
        given = functional.linear(x, layers[0][0][:, : self.inputs], layers[0][1])
        states = []
        # The gradient of an index into a sequence would be as long as the sequence, at every tick.
        for now, dt in zip(given.unbind(1), dt_s[..., None].unbind(1), strict=True):
            state = self._gate(layers, now, state, dt)
            states.append(state)
        stacked = torch.stack(states, 1)
        return self.fc(stacked), stacked

    def _layers(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return weights and biases of the layers, the heads joined into the last one."""
        heads = [self.ff1]
        if self.mode != 'pure':
            heads += [self.ff2, self.time_a, self.time_b]
        weights, biases = zip(*((head.weight, head.bias) for head in heads), strict=True)
        layers = [*self.backbone][::2] if self.backbone is not None else []
        joined = torch.cat(weights), torch.cat(biases)
        return [*((layer.weight, layer.bias) for layer in layers), joined]

    def _gate(
        self,
        layers: list[tuple[torch.Tensor, torch.Tensor]],
        given: torch.Tensor,
        state: torch.Tensor,
        dt_s: torch.Tensor,
    ) -> torch.Tensor:
        """Return the state after a tick.

        Args:
            layers: see `_layers`.
            given: what the inputs give the first layer, its bias included.
            state: (B, N) state before.
            dt_s: (B, 1) elapsed time, s.
        """
        (first_weight, _), *others = layers
        hidden = torch.addmm(given, state, first_weight[:, self.inputs :].T)
        for weight, bias in others:
            hidden = torch.addmm(bias, _lecun_tanh(hidden), weight.T)
        if self.mode == 'pure':
            decay = torch.exp(-dt_s * (self.w_tau.abs() + hidden.abs()))
            return self.A - self.A * decay * hidden
        count = self.state_size
        first, second = torch.tanh(hidden[:, : 2 * count]).chunk(2, 1)
        slope, offset = hidden[:, 2 * count :].chunk(2, 1)
        t = torch.sigmoid(torch.addcmul(offset, slope, dt_s))
        return first + t * second if self.mode == 'no_gate' else torch.lerp(first, second, t)

    def load_ncps(self, state: dict[str, torch.Tensor]) -> None:
        """Load the state dict of an `ncps.torch.CfC` with `proj_size` = M.

        The input mapping, which ncps does not have, becomes the identity.

        Raises:
            RuntimeError: names or shapes do not match.
        """
        renamed = {name.removeprefix('rnn_cell.'): value for name, value in state.items()}
        self.load_state_dict(
            {'input_w': torch.ones(self.inputs), 'input_b': torch.zeros(self.inputs), **renamed}
        )


def _lecun_tanh(x: torch.Tensor) -> torch.Tensor:
    """Return LeCun's scaled hyperbolic tangent, with the constants of ncps."""
    return 1.7159 * torch.tanh(0.666 * x)


class _TimeAwareCore(GraphCore):
    """A core that takes elapsed time as one more input, log(dt * rate_hz), or not at all.

    Args:
        inputs: number of inputs I.
        state_size: number of values of the state, N.
        hidden: number of inputs of the linear read-out, H.
        motors: number of motor outputs M.
        rate_hz: rate at which that input is 0; None leaves elapsed time out.
    """

    def __init__(
        self, inputs: int, state_size: int, hidden: int, motors: int, rate_hz: float | None
    ) -> None:
        super().__init__(inputs, state_size, hidden, motors)
        self.rate_hz = rate_hz

    @property
    def cell_inputs(self) -> int:
        """The number of inputs of the cell: I, and one more with elapsed time."""
        return self.inputs + (self.rate_hz is not None)

    def append_log_dt(self, x: torch.Tensor, dt_s: torch.Tensor) -> torch.Tensor:
        """Return the inputs of the cell for mapped inputs (B, I) and elapsed times (B, 1)."""
        if self.rate_hz is None:
            return x
        return torch.cat([x, torch.log(dt_s * self.rate_hz)], 1)


class Gru(_TimeAwareCore):
    """A gated recurrent unit (Cho et al. 2014) of N neurons, with or without elapsed time.

    See `_TimeAwareCore` for `rate_hz`.
    """

    kind = 'gru'

    def __init__(
        self, inputs: int, neurons: int, motors: int, rate_hz: float | None = None
    ) -> None:
        super().__init__(inputs, neurons, neurons, motors, rate_hz)
        self.cell = nn.GRUCell(self.cell_inputs, neurons)

    def advance(
        self, state: torch.Tensor, x: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute one step; see `GraphCore.advance`."""
        after = self.cell(self.append_log_dt(x, dt_s), state)
        return after, after


class Lstm(_TimeAwareCore):
    """Long short-term memory of N neurons; its state is the hidden state, then the cell state.

    See `_TimeAwareCore` for `rate_hz`.
    """

    kind = 'lstm'

    def __init__(
        self, inputs: int, neurons: int, motors: int, rate_hz: float | None = None
    ) -> None:
        super().__init__(inputs, 2 * neurons, neurons, motors, rate_hz)
        self.cell = nn.LSTMCell(self.cell_inputs, neurons)

    def advance(
        self, state: torch.Tensor, x: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute one step; see `GraphCore.advance`."""
        hidden, cell = self.cell(self.append_log_dt(x, dt_s), state.chunk(2, 1))
        return torch.cat([hidden, cell], 1), hidden


class FeedForward(_TimeAwareCore):
    """Two layers of N neurons without memory; its state holds the second layer and is never read.

    See `_TimeAwareCore` for `rate_hz`.
    """

    kind = 'feedforward'

    def __init__(
        self, inputs: int, neurons: int, motors: int, rate_hz: float | None = None
    ) -> None:
        super().__init__(inputs, neurons, neurons, motors, rate_hz)
        self.layers = nn.Sequential(
            nn.Linear(self.cell_inputs, neurons), nn.Tanh(), nn.Linear(neurons, neurons), nn.Tanh()
        )

    def advance(
        self, state: torch.Tensor, x: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute one step; see `GraphCore.advance`."""
        after = self.layers(self.append_log_dt(x, dt_s))
        return after, after
