"""The base of every trainable core that is exported as a graph: those of this package and yours.

A subclass implements one step of its recurrence. Sequences, the read-out, the export as a one-step
ONNX graph with explicit state, and so the flight (`onboard.inference.recurrent_cores.OnnxCore`),
follow from it. The pilot file holds the graph: neither torch nor the package of the core is needed
where it flies.

Another package adds a core by an entry point of the group `liquid_pilot.cores` that names a
`factory.CoreFactory`, such as a subclass whose constructor takes the same arguments
(docs/how_to/own_core.md).

Shapes: B sequences of T ticks, I inputs, N values of the state, H hidden values, M motor outputs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from liquid_pilot.learning.models.onnx_export import export
from liquid_pilot.pilot_file import NAMED_GRAPH, ONNX_CORE_TYPES

_EXAMPLE_DT_S = 0.05


class GraphCore(nn.Module):
    """A trainable core: input mapping, sequence, linear read-out and export.

    A subclass implements `advance`. It must also work on the device 'meta', where its size is
    fitted to the number of parameters, and be one that torch exports to ONNX.

    Args:
        inputs: number of inputs I.
        state_size: number of values of the state, N.
        hidden: number of inputs of the linear read-out, H.
        motors: number of motor outputs M.
    """

    kind: str = ''
    """Kind of the core: its type in pilot.json, or its name there for one of another package, of
    which it is set when the core is made."""

    def __init__(self, inputs: int, state_size: int, hidden: int, motors: int) -> None:
        super().__init__()
        self.inputs, self.state_size, self.motors = inputs, state_size, motors
        self.input_w = nn.Parameter(torch.ones(inputs))
        self.input_b = nn.Parameter(torch.zeros(inputs))
        self.fc = nn.Linear(hidden, motors)

    def advance(
        self, state: torch.Tensor, x: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute one step of the recurrence.

        Args:
            state: (B, N) state before.
            x: (B, I) mapped inputs.
            dt_s: (B, 1) elapsed time, s.

        Returns:
            The state after (B, N) and the hidden values (B, H) that are read out.
        """
        raise NotImplementedError

    def step(
        self, state: torch.Tensor, inputs: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute one step from raw inputs.

        Args:
            state: (B, N) state before.
            inputs: (B, I) inputs.
            dt_s: (B, 1) elapsed time, s.

        Returns:
            The state after (B, N) and the outputs (B, M).
        """
        after, hidden = self.advance(state, inputs * self.input_w + self.input_b, dt_s)
        return after, self.fc(hidden)

    def forward(
        self, x: torch.Tensor, dt_s: torch.Tensor, state: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run sequences through the network; gradients reach the parameters, x and the state.

        Args:
            x: (B, T, I) inputs.
            dt_s: (B, T) elapsed times, s.
            state: (B, N) initial state; None for zeros.

        Returns:
            Outputs (B, T, M) and states (B, T, N).
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
    def specification(self) -> dict[str, Any]:
        """The entry `core` of pilot.json."""
        if self.kind in ONNX_CORE_TYPES and self.kind != NAMED_GRAPH:
            return {'type': self.kind, 'state_size': self.state_size}
        return {'type': NAMED_GRAPH, 'name': self.kind, 'state_size': self.state_size}

    def to_onnx(self) -> bytes:
        """Return one step as ONNX, for `onboard.inference.recurrent_cores.OnnxCore`."""
        example = (
            torch.zeros(1, self.state_size),
            torch.zeros(1, self.inputs),
            torch.full((1, 1), _EXAMPLE_DT_S),
        )
        return export(_Step(self), example, ['state', 'inputs', 'dt'], ['state_after', 'output'])


class _Step(nn.Module):
    """A module whose `forward` is `GraphCore.step`, for the exporter."""

    def __init__(self, core: GraphCore) -> None:
        super().__init__()
        self.core = core

    def forward(
        self, state: torch.Tensor, inputs: torch.Tensor, dt_s: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        after, output = self.core.step(state, inputs, dt_s)
        # An output of a graph must not be one of its inputs.
        return after + 0.0, output
