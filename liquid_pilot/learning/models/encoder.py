"""The CNN encoder: from an image to a small feature vector, cheap enough for a Raspberry Pi.

Four convolutions and a spatial softmax (Finn et al. 2016, 'Deep spatial autoencoders'), which gives
the position in the image where each channel is most active. The mean of each channel adds how
active it is.
"""

from __future__ import annotations

import torch
from torch import nn

from liquid_pilot.learning.models.onnx_export import export

CHANNELS = (16, 24, 32, 32)
"""Channels after each convolution."""


class Encoder(nn.Module):
    """Maps RGB images (B, 3, H, W), float in [0, 1], to features (B, F).

    Args:
        height: image rows H.
        width: image columns W.
        features: size F of the feature vector.
    """

    positions: torch.Tensor

    def __init__(self, height: int = 72, width: int = 128, features: int = 32) -> None:
        super().__init__()
        self.height, self.width, self.features = height, width, features
        a, b, c, d = CHANNELS
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, a, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(a, b, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(b, c, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(c, d, 3, stride=1, padding=1),
        )
        with torch.no_grad():
            rows, columns = self.convolutions(torch.zeros(1, 3, height, width)).shape[2:]
        y, x = torch.meshgrid(
            torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing='ij'
        )
        self.register_buffer('positions', torch.stack([x.flatten(), y.flatten()], 1))
        self.log_sharpness = nn.Parameter(torch.zeros(d))
        self.project = nn.Linear(3 * d, features)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the features (B, F) of images (B, 3, H, W)."""
        maps = self.convolutions(image - 0.5).flatten(2)  # (B, C, rows*columns)
        attention = torch.softmax(maps * self.log_sharpness.exp()[:, None], dim=2)
        where = attention @ self.positions  # (B, C, 2)
        amount = torch.relu(maps).mean(dim=2, keepdim=True)
        features: torch.Tensor = self.project(torch.cat([where, amount], dim=2).flatten(1))
        return features

    def use_channels_last(self) -> Encoder:
        """Lay the weights out in memory as the CPU convolves fastest; returns the encoder."""
        # The stubs of torch leave `memory_format` out.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def to_onnx(self) -> bytes:
        """Return the encoder as ONNX: input `image` (1, 3, H, W), output `features` (1, F)."""
        example = torch.zeros(1, 3, self.height, self.width)
        return export(self, (example,), ['image'], ['features'])
