"""Simple operations on pictures, each by an amount per picture; none of them moves an object.

Shapes: B pictures of H rows and W columns, (B, 3, H, W) float in [0, 1], fastest with the channels
last in memory, as the encoder takes them. Amounts are (B, 2) in [-1, 1).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch.nn import functional

_CELL = 8
"""Pixels from one local mean to the next."""
_MAX_TONE_BEND = 0.8
_MAX_HUE_RAD = math.pi / 3
_MAX_CHROMA_CHANGE = 0.7
_MAX_CONTRAST = 2.0
_MAX_SHARPNESS = 4.0


def mean_3x3(images: torch.Tensor) -> torch.Tensor:
    """Return the mean of each pixel and its neighbours within the picture, (B, 3, H, W).

    It equals `avg_pool2d(images, 3, 1, 1, count_include_pad=False)`, several times faster.
    """
    channels, height, width = images.shape[1:]
    ones = images.new_ones(channels, 1, 3, 3)
    counts = _neighbours(height, width, channels, images.device)
    return functional.conv2d(images, ones, padding=1, groups=channels).div_(counts)


def interpolate(grid: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return pictures (B, C, H, W) that run smoothly through a coarse grid, and never beyond it.

    Args:
        grid: (B, h, w, C) values; the outermost ones lie on the border of the picture.
        height: rows H.
        width: columns W.
    """
    rows = _grid_weights(grid.shape[1], height, grid.device)
    columns = _channel_weights(grid.shape[2], width, grid.shape[3], grid.device)
    values = rows @ (grid.flatten(2) @ columns.T)
    return values.unflatten(2, (width, -1)).permute(0, 3, 1, 2)


def interpolate_grey(grid: torch.Tensor, height: int, width: int, channels: int) -> torch.Tensor:
    """Return what `interpolate` does for a grid (B, h, w) that is the same in all channels."""
    rows = _grid_weights(grid.shape[1], height, grid.device)
    columns = _grid_weights(grid.shape[2], width, grid.device).repeat_interleave(channels, 0)
    return (rows @ (grid @ columns.T)).unflatten(2, (width, -1)).permute(0, 3, 1, 2)


def local_means(images: torch.Tensor) -> torch.Tensor:
    """Return weighted means of the surroundings of the points of a coarse grid, (B, h, w, 3).

    The points are about eight pixels apart; `interpolate` takes such a grid.
    """
    channels, height, width = images.shape[1:]
    rows = _grid_weights(-(-height // _CELL) + 1, height, images.device)
    columns = _channel_weights(-(-width // _CELL) + 1, width, channels, images.device)
    lines = images.permute(0, 2, 3, 1).flatten(2)
    means = ((rows / rows.sum(0)).T @ lines) @ (columns / columns.sum(0))
    return means.unflatten(2, (-1, channels))


def posterise(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Return pictures of four to nine levels per channel."""
    steps = torch.round(5.5 + 2.5 * _first(amounts))
    return (images * steps).round_().div_(steps)


def fold_highlights(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Return pictures whose values above a threshold fall again, as in a solarised photograph."""
    threshold = 0.75 + 0.25 * _first(amounts)
    return (images - threshold).abs_().neg_().add_(threshold).clamp_(min=0)


def bend_tones(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Return pictures with another tone curve, which keeps black, white and the order of values."""
    bend = _MAX_TONE_BEND * _first(amounts)
    return (images * -bend).add_(1 + bend).mul_(images)


def rotate_colours(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Return pictures whose hues are rotated about the grey axis, by up to 60 degrees.

    The second amount weakens or strengthens the colours. The mean of the channels changes only
    where a channel is clamped.
    """
    angle, chroma = _MAX_HUE_RAD * amounts[:, 0], 1 + _MAX_CHROMA_CHANGE * amounts[:, 1]
    # Rodrigues' formula for the axis (1, 1, 1), which keeps greys.
    main = 1 / 3 + chroma * angle.cos() * 2 / 3
    before, after = (
        1 / 3 - chroma * (angle.cos() / 3 + sign * angle.sin() / math.sqrt(3)) for sign in (1, -1)
    )
    matrices = torch.stack(
        [main, before, after, after, main, before, before, after, main], 1
    ).unflatten(1, (3, 3))
    pixels = images.permute(0, 2, 3, 1).flatten(1, 2) @ matrices.transpose(1, 2)
    return pixels.unflatten(1, images.shape[2:]).permute(0, 3, 1, 2).clamp_(0, 1)


def change_local_contrast(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Return pictures whose differences from the mean of their surroundings are scaled."""
    surroundings = interpolate(local_means(images), *images.shape[2:])
    return surroundings.lerp_(images, _MAX_CONTRAST ** _first(amounts)).clamp_(0, 1)


def change_sharpness(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Return pictures whose differences from the mean of 3x3 pixels are scaled: blur or halos."""
    return mean_3x3(images).lerp_(images, _MAX_SHARPNESS ** _first(amounts)).clamp_(0, 1)


def shift_channels(images: torch.Tensor, amounts: torch.Tensor) -> torch.Tensor:
    """Return pictures with colour fringes: red and blue shifted apart, each by up to a pixel.

    The shift is along a row of the picture for every second image, and along a column for the
    others. Green stays in its place.
    """
    shifted = images.clone()
    for image, result, by, side in zip(images, shifted, *amounts.T.tolist(), strict=True):
        dimension = 2 if side < 0 else 1
        for channel, forward in ((0, by > 0), (2, by <= 0)):
            count = images.shape[1 + dimension] - 1
            source, target = (0, 1) if forward else (1, 0)
            neighbours = image[channel].narrow(dimension - 1, source, count)
            result[channel].narrow(dimension - 1, target, count).lerp_(neighbours, abs(by))
    return shifted


OPERATIONS: tuple[Callable[[torch.Tensor, torch.Tensor], torch.Tensor], ...] = (
    posterise,
    fold_highlights,
    bend_tones,
    rotate_colours,
    change_local_contrast,
    change_sharpness,
    shift_channels,
)
"""All operations that take pictures and amounts; their results are within [0, 1]."""


def _first(amounts: torch.Tensor) -> torch.Tensor:
    """Return the first amount of each picture, (B, 1, 1, 1)."""
    return amounts[:, 0, None, None, None]


@functools.lru_cache(maxsize=8)
def _neighbours(height: int, width: int, channels: int, device: torch.device) -> torch.Tensor:
    """Return the number of pixels that `mean_3x3` adds, (C, H, W), the channels last in memory."""
    rows, columns = (
        3 - (torch.arange(size) == 0).float() - (torch.arange(size) == size - 1).float()
        for size in (height, width)
    )
    counts = (rows[:, None] * columns)[..., None].expand(-1, -1, channels)
    return counts.contiguous().permute(2, 0, 1).to(device)


@functools.lru_cache(maxsize=32)
def _grid_weights(points: int, size: int, device: torch.device) -> torch.Tensor:
    """Return the weights (size, points) of the points of a grid line at each pixel.

    They are raised cosines from one point to the next; those of a pixel sum to one.
    """
    places = torch.linspace(0, points - 1, size)
    distances = (places[:, None] - torch.arange(points)).abs().clamp(max=1)
    return (0.5 + 0.5 * (math.pi * distances).cos()).to(device)


@functools.lru_cache(maxsize=32)
def _channel_weights(points: int, size: int, channels: int, device: torch.device) -> torch.Tensor:
    """Return the grid weights of channels that lie side by side, (size * C, points * C)."""
    return torch.kron(_grid_weights(points, size, device), torch.eye(channels, device=device))
