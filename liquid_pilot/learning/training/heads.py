"""Heads that learn together with encoder or core, and are discarded after the training.

Shapes: B sequences of T frames, F features, S values of the core's state.
"""

from __future__ import annotations

import torch
from torch import nn

from liquid_pilot.learning.models.factory import TrainableCore
from liquid_pilot.learning.random_streams import torch_generator

_HIDDEN_UNITS = 48


class ReadoutHead(nn.Module):
    """Maps features (B, F) and IMU (B, 6) to scaled commands (B, 4), while the encoder learns.

    With six outputs the last two are cosine and sine of the target's direction.

    Args:
        features: number F of features.
        generator: generator of the initial weights.
        outputs: number of outputs, 4 or 6.
    """

    def __init__(self, features: int, generator: torch.Generator, outputs: int) -> None:
        super().__init__()
        linear = (nn.Linear(features + 6, _HIDDEN_UNITS), nn.Linear(_HIDDEN_UNITS, outputs))
        self.layers = nn.Sequential(nn.Tanh(), linear[0], nn.Tanh(), linear[1])
        for layer in linear:
            bound = layer.in_features**-0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(self, features: torch.Tensor, imu: torch.Tensor) -> torch.Tensor:
        """Return the outputs of features (B, F) and IMU (B, 6)."""
        outputs: torch.Tensor = self.layers(torch.cat([features, imu], 1))
        return outputs


class TargetRecallLoss(nn.Module):
    """An auxiliary loss that makes a core remember: a read-out of the target from its state.

    A linear layer maps states (B, T, S) to cosine and sine (B, T, 2) of the target's direction,
    which the expert knows even when the camera does not see the target (privileged information, as
    in Chen et al. 2020, 'Learning by cheating'). The layer is discarded after training.

    Args:
        core: the core whose state is read.
        weight: factor on the loss.
        seed: seed of the layer's initial weights.
    """

    def __init__(self, core: TrainableCore, weight: float, seed: int) -> None:
        super().__init__()
        self.weight = weight
        size = core.state_size
        self.layer = nn.Linear(size, 2)
        bound, generator = size**-0.5, torch_generator(seed, 'recall', 0)
        for parameter in self.layer.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def forward(
        self, states: torch.Tensor, bearing: torch.Tensor, valid: torch.Tensor
    ) -> torch.Tensor:
        """Return the weighted loss.

        Args:
            states: (B, T, S) states of the core.
            bearing: (B, T, 2) cosine and sine of the target's direction.
            valid: (B, T) ones for frames that count, zeros for padding.
        """
        return self.weight * masked_loss(self.layer(states), bearing, valid)


def masked_loss(outputs: torch.Tensor, targets: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error over the frames (B, T) that are not padding.

    Args:
        outputs: (B, T, K) outputs.
        targets: (B, T, K) what they should be.
        valid: (B, T) ones for frames that count, zeros for padding.
    """
    return (((outputs - targets) ** 2).mean(2) * valid).sum() / valid.sum()
