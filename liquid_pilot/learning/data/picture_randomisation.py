"""Broad randomisation of how pictures look, so that a pilot learns shapes rather than appearance.

Every part changes a batch in place, by a strength, with numbers from the given generator alone, and
moves nothing in the pictures: their labels stay true. The pictures are taken in small groups, which
stay in the processor's cache.

Shapes: B pictures of H rows and W columns, (B, 3, H, W) float in [0, 1]; G pictures of a group.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from liquid_pilot.learning.data.picture_operations import OPERATIONS, interpolate_grey

GROUP = 8
"""Largest number of pictures that are changed at a time."""
_MIXED_SHARE = 1 / 3
"""Probability that a picture is mixed; a mixture is the most expensive part."""
_CHAINS, _CHAIN_LENGTH = 3, 2
_LIGHT_GRID = (3, 4)


def choose(images: torch.Tensor, share: float, rng: torch.Generator) -> torch.Tensor:
    """Return the numbers of pictures that are chosen at random, in order.

    Args:
        images: (B, ...) pictures.
        share: probability that a picture is chosen.
        rng: generator on the CPU.
    """
    return torch.nonzero(torch.rand(len(images), generator=rng) < share).flatten()


def uniform(rng: torch.Generator, device: torch.device, *shape: int) -> torch.Tensor:
    """Return uniform numbers of [0, 1), drawn on the CPU, so that every device has the same."""
    return torch.rand(*shape, generator=rng).to(device)


def convolve_randomly(images: torch.Tensor, share: float, rng: torch.Generator) -> None:
    """Filter some pictures with a random 3x3 convolution over their channels, in place.

    Xu et al. 2021, 'Robust and Generalizable Visual Representation Learning via Random
    Convolutions'. The weights are as there, but those of each output sum to one, which keeps greys.
    The result is mixed with the picture by a random share.

    Args:
        images: (B, 3, H, W).
        share: probability that a picture is filtered.
        rng: generator on the CPU.
    """
    rows = choose(images, share, rng)
    filters = _random_filters(len(rows), rng).to(images.device)
    grey = images.new_full((3,), 0.5)
    for row, weights in zip(rows.tolist(), filters, strict=True):
        picture = images[row : row + 1]
        # Beyond its border the picture is grey, as for the encoder.
        found = functional.conv2d(picture - 0.5, weights, grey, padding=1)
        picture.copy_(found.clamp_(0, 1))


def mix_operations(images: torch.Tensor, share: float, rng: torch.Generator) -> None:
    """Mix every third picture with copies that chains of simple operations changed, in place.

    As AugMix does (Hendrycks et al. 2020, 'AugMix: A Simple Data Processing Method to Improve
    Robustness and Uncertainty'), with operations that move nothing: two or three chains of one or
    two operations each, with Dirichlet weights. The pictures of a group have the same operations,
    by different amounts and weights.

    Args:
        images: (B, 3, H, W).
        share: largest share of the changed copies in the mixture.
        rng: generator on the CPU.
    """
    for rows in choose(images, _MIXED_SHARE, rng).split(GROUP):
        count = len(rows)
        chains = int(torch.randint(_CHAINS - 1, _CHAINS + 1, (), generator=rng))
        weights = -torch.log1p(-torch.rand(chains, count, 1, 1, 1, generator=rng))
        weights *= share * torch.rand(count, 1, 1, 1, generator=rng) / weights.sum(0)
        pictures, weights = images[rows], weights.to(images.device)
        amounts = 2 * uniform(rng, images.device, chains, _CHAIN_LENGTH, count, 2) - 1
        mixture = pictures * (1 - weights.sum(0))
        for weight, amounts_of_chain in zip(weights, amounts, strict=True):
            changed = pictures
            length = int(torch.randint(1, _CHAIN_LENGTH + 1, (), generator=rng))
            for amount in amounts_of_chain[:length]:
                operation = OPERATIONS[int(torch.randint(len(OPERATIONS), (), generator=rng))]
                changed = operation(changed, amount)
            mixture.addcmul_(changed, weight)
        images[rows] = mixture


def light_unevenly(images: torch.Tensor, change: float, rng: torch.Generator) -> None:
    """Multiply every picture by a smooth field of gains, as shade and sun do, in place.

    Values may exceed one; the caller clamps them.

    Args:
        images: (B, 3, H, W).
        change: largest relative change of a pixel.
        rng: generator on the CPU.
    """
    count, channels, height, width = images.shape
    grids = 1 + change * (2 * uniform(rng, images.device, count, *_LIGHT_GRID) - 1)
    for pictures, grid in zip(images.split(GROUP), grids.split(GROUP), strict=True):
        pictures.mul_(interpolate_grey(grid, height, width, channels))


def _random_filters(count: int, rng: torch.Generator) -> torch.Tensor:
    """Return the filters of some pictures, (count, 3, 3, 3, 3) by output, input, row and column."""
    taps = 27
    noise = torch.randn(count, 3, taps, generator=rng) / math.sqrt(taps)
    filters = noise - noise.mean(2, keepdim=True) + 1 / taps
    unchanged = functional.pad(torch.eye(3)[..., None, None], (1, 1, 1, 1)).flatten(1)
    weights = torch.rand(count, 1, 1, generator=rng)
    return unchanged.lerp(filters, weights).view(-1, 3, 3, 3, 3)
