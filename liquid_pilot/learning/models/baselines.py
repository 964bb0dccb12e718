"""The cores that a liquid one is measured against: CfC, GRU, LSTM, feed-forward.

All have the face of `ltc.LiquidCore`: inputs (B,T,I) and elapsed times (B,T) in seconds to outputs
(B,T,M) and states (B,T,N), an input mapping that `imitation.fit_input_scale` sets, and so the same
training. `to_onnx` gives one step as a graph with explicit state, which `onboard.inference.recurrent_cores` flies.
"""

from __future__ import annotations

import torch
from torch import nn

from liquid_pilot.learning.models.onnx_export import export

CFC_MODES = ('default', 'no_gate', 'pure')


class Baseline(nn.Module):
    """What the cores share: the input mapping, the sequence, the linear read-out, the export.

    A subclass sets `kind` (the core type of a pilot file) and writes `advance`.
    """

    kind: str

    def __init__(self, inputs: int, state_size: int, hidden: int, motors: int) -> None:
        super().__init__()
        self.inputs, self.state_size, self.motors = inputs, state_size, motors
        self.input_w = nn.Parameter(torch.ones(inputs))
        self.input_b = nn.Parameter(torch.zeros(inputs))
        self.fc = nn.Linear(hidden, motors)

    def advance(
        self, state: torch.Tensor, x: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """State (B,N), mapped inputs (B,I), dt (B,1) seconds -> state after, hidden (B,H)."""
        raise NotImplementedError

    def step(
        self, state: torch.Tensor, inputs: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """State (B,N), inputs (B,I), dt (B,1) seconds -> state after (B,N), output (B,M)."""
        after, hidden = self.advance(state, inputs * self.input_w + self.input_b, dt_s)
        return after, self.fc(hidden)

    def forward(
        self, x: torch.Tensor, dt_s: torch.Tensor, state: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """X (B,T,I), dt_s (B,T), state (B,N) or None for zeros -> outputs (B,T,M), states (B,T,N).

        Gradients reach the parameters, x and the state.
        """
        if state is None:
            state = x.new_zeros(x.shape[0], self.state_size)
        states, outputs = [], []
        for t in range(x.shape[1]):
            state, output = self.step(state, x[:, t], dt_s[:, t, None])
            states.append(state)
            outputs.append(output)
        return torch.stack(outputs, 1), torch.stack(states, 1)

    @property
    def specification(self) -> dict[str, str | int]:
        """The entry `core` of pilot.json."""
        return {'type': self.kind, 'state_size': self.state_size}

    def to_onnx(self) -> bytes:
        """One step for `onboard.inference.recurrent_cores.OnnxCore`; see there for names and shapes."""
        example = (
            torch.zeros(1, self.state_size),
            torch.zeros(1, self.inputs),
            torch.full((1, 1), 0.05),
        )
        return export(_Step(self), example, ['state', 'inputs', 'dt'], ['state_after', 'output'])


class _Step(nn.Module):
    """`Baseline.step` as what the exporter calls."""

    def __init__(self, core: Baseline) -> None:
        super().__init__()
        self.core = core

    def forward(
        self, state: torch.Tensor, inputs: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        after, output = self.core.step(state, inputs, dt_s)
        # What a graph gives back must not be what it was given.
        return after + 0.0, output


class Cfc(Baseline):
    """Closed-form continuous-time network (Hasani et al. 2022), as ncps' `CfC` without a wiring.

    With f, g, a, b linear in a backbone's output: state = tanh(f) (1 - t) + tanh(g) t, where
    t = sigmoid(a dt + b). 'no_gate' leaves out the factor 1 - t; 'pure' is
    A - A exp(-dt (|w_tau| + |f|)) f. Parameters carry ncps' names.
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
        """`neurons`: N; `backbone_layers` of `backbone_units` come before them (0: none)."""
        if mode not in CFC_MODES:
            raise ValueError(f'mode must be one of {", ".join(CFC_MODES)}, not {mode!r}')
        super().__init__(inputs, neurons, neurons, motors)
        self.mode = mode
        wide = inputs + neurons
        self.backbone = None
        if backbone_layers:
            layers: list[nn.Module] = []
            for _ in range(backbone_layers):
                layers += [nn.Linear(wide, backbone_units), _LeCunTanh()]
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
        """See Baseline."""
        seen = torch.cat([x, state], 1)
        if self.backbone is not None:
            seen = self.backbone(seen)
        first = self.ff1(seen)
        if self.mode == 'pure':
            decay = torch.exp(-dt_s * (self.w_tau.abs() + first.abs()))
            after = self.A - self.A * decay * first
        else:
            first, second = torch.tanh(first), torch.tanh(self.ff2(seen))
            t = torch.sigmoid(self.time_a(seen) * dt_s + self.time_b(seen))
            after = first + t * second if self.mode == 'no_gate' else first * (1.0 - t) + t * second
        return after, after

    def load_ncps(self, state: dict[str, torch.Tensor]) -> None:
        """Take the state dict of an `ncps.torch.CfC` with `proj_size` = M; RuntimeError if unlike.

        What it has no word for, the input mapping, becomes the identity.
        """
        taken = {name.removeprefix('rnn_cell.'): value for name, value in state.items()}
        self.load_state_dict(
            {'input_w': torch.ones(self.inputs), 'input_b': torch.zeros(self.inputs), **taken}
        )


class _LeCunTanh(nn.Module):
    """LeCun's scaled hyperbolic tangent, with the constants of ncps."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1.7159 * torch.tanh(0.666 * x)


class _TimeAwareCore(Baseline):
    """A core that knows elapsed time, if at all, as one more input: log(dt * rate_hz)."""

    def __init__(
        self, inputs: int, state_size: int, hidden: int, motors: int, rate_hz: float | None
    ) -> None:
        """`rate_hz`: the rate that the input is 0 at; None leaves time out."""
        super().__init__(inputs, state_size, hidden, motors)
        self.rate_hz = rate_hz

    @property
    def seen(self) -> int:
        """Width of what the cell sees."""
        return self.inputs + (self.rate_hz is not None)

    def append_log_dt(self, x: torch.Tensor, dt_s: torch.Tensor) -> torch.Tensor:
        """Mapped inputs (B,I), dt (B,1) -> (B, seen)."""
        if self.rate_hz is None:
            return x
        return torch.cat([x, torch.log(dt_s * self.rate_hz)], 1)


class Gru(_TimeAwareCore):
    """A gated recurrent unit (Cho et al. 2014) of N neurons, with or without elapsed time."""

    kind = 'gru'

    def __init__(
        self, inputs: int, neurons: int, motors: int, rate_hz: float | None = None
    ) -> None:
        """See _Timed for `rate_hz`."""
        super().__init__(inputs, neurons, neurons, motors, rate_hz)
        self.cell = nn.GRUCell(self.seen, neurons)

    def advance(
        self, state: torch.Tensor, x: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See Baseline."""
        after = self.cell(self.append_log_dt(x, dt_s), state)
        return after, after


class Lstm(_TimeAwareCore):
    """Long short-term memory of N neurons; the state is hidden, then cell state: 2N values."""

    kind = 'lstm'

    def __init__(
        self, inputs: int, neurons: int, motors: int, rate_hz: float | None = None
    ) -> None:
        """See _Timed for `rate_hz`."""
        super().__init__(inputs, 2 * neurons, neurons, motors, rate_hz)
        self.cell = nn.LSTMCell(self.seen, neurons)

    def advance(
        self, state: torch.Tensor, x: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See Baseline."""
        hidden, cell = self.cell(self.append_log_dt(x, dt_s), state.chunk(2, 1))
        return torch.cat([hidden, cell], 1), hidden


class FeedForward(_TimeAwareCore):
    """Two layers of N neurons without memory; the state shows the second one and is never read."""

    kind = 'feedforward'

    def __init__(
        self, inputs: int, neurons: int, motors: int, rate_hz: float | None = None
    ) -> None:
        """See _Timed for `rate_hz`."""
        super().__init__(inputs, neurons, neurons, motors, rate_hz)
        self.layers = nn.Sequential(
            nn.Linear(self.seen, neurons), nn.Tanh(), nn.Linear(neurons, neurons), nn.Tanh()
        )

    def advance(
        self, state: torch.Tensor, x: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See Baseline."""
        after = self.layers(self.append_log_dt(x, dt_s))
        return after, after
