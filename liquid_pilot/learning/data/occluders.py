"""Random shapes in front of pictures: leaves, struts, drops and dirt that no course has.

Shapes of tensors: B pictures of H rows and W columns, of which R are occluded, S shapes in all,
each on a grid of h rows and w columns.
"""

from __future__ import annotations

import math

import torch

from liquid_pilot.learning.data.picture_operations import interpolate, interpolate_grey, local_means
from liquid_pilot.learning.data.picture_randomisation import GROUP, choose

_OCCLUDED_SHARE = 1 / 3
"""Probability that a picture is occluded."""
_MAX_SHAPES = 4
"""Largest number of shapes on a picture."""
_OUTLINES = (
    (64.0, 0.0, 0.0),
    (3.0, 0.0, 0.0),
    (4.0, 0.0, 0.0),
    (5.0, 0.0, 0.0),
    (64.0, 0.25, 3.0),
    (64.0, 0.25, 5.0),
)
"""Number of sides, height of the wave on the radius and number of waves: discs (64 sides),
triangles, bars, pentagons, and blobs of three and five lobes."""
_LOG_STRETCH = 0.8
"""Logarithm of the largest factor by which a shape is longer than one of equal sides."""
_SOFTEST, _HARDEST = 0.6, 0.04
"""Widths of the edge, as a share of the radius."""


def paint_occluders(images: torch.Tensor, area: float, rng: torch.Generator) -> None:
    """Paint one large or several small shapes over every third picture, in place.

    They have hard or soft edges, and are of one colour, of coarse noise, or of a blurred copy of
    the picture.

    Args:
        images: (B, 3, H, W) float in [0, 1].
        area: largest area of the shapes of a picture, as a share of the picture.
        rng: generator on the CPU.
    """
    rows = choose(images, _OCCLUDED_SHARE, rng)
    if not len(rows):
        return
    height, width = images.shape[2:]
    covers = _cover(len(rows), height, width, area, rng).to(images.device)
    fillings = _fillings(images, rows, rng)
    for some, cover, filling in zip(
        rows.split(GROUP), covers.split(GROUP), fillings.split(GROUP), strict=True
    ):
        shares = interpolate_grey(cover, height, width, images.shape[1])
        paint = interpolate(filling, height, width)
        for row, of_one, share in zip(some.tolist(), paint, shares, strict=True):
            images[row].lerp_(of_one, share)


def _cover(n: int, height: int, width: int, area: float, rng: torch.Generator) -> torch.Tensor:
    """Return how much of each point the shapes of n pictures cover, (n, h, w) in [0, 1]."""
    several = torch.rand(n, generator=rng) < 0.5
    counts = torch.where(several, torch.randint(2, _MAX_SHAPES + 1, (n,), generator=rng), 1)
    areas = area * height * width * torch.rand(n, generator=rng) / counts
    owners = torch.arange(n).repeat_interleave(counts)
    shapes = _shapes(areas[owners], height, width, rng)
    cover = torch.zeros(n, *shapes.shape[1:])
    return cover.index_add_(0, owners, shapes).clamp_(max=1)


def _shapes(areas: torch.Tensor, height: int, width: int, rng: torch.Generator) -> torch.Tensor:
    """Return how much of each point shapes cover, (S, h, w) in [0, 1].

    Args:
        areas: (S,) areas of the shapes in pixels.
        height: rows of the picture.
        width: columns of the picture.
        rng: generator on the CPU.
    """
    count = len(areas)
    draws = torch.rand(count, 5, generator=rng)
    kinds = torch.randint(len(_OUTLINES), (count,), generator=rng)
    sides, wave, lobes = torch.tensor(_OUTLINES)[kinds].T[..., None, None]
    x, y, turn, stretch, edge = draws.T[..., None, None]
    # Area of an outline whose incircle, without waves, has the radius one.
    of_unit = sides * (math.pi / sides).tan() * (1 + 0.5 * wave**2)
    radius = (areas[:, None, None] / of_unit).clamp(min=1e-6).sqrt()
    stretch = (_LOG_STRETCH * (2 * stretch - 1)).exp()
    grid_rows, grid_columns = -(-height // 2), -(-width // 2)
    down = (torch.arange(grid_rows)[:, None] + 0.5) * height / grid_rows - y * height
    right = (torch.arange(grid_columns) + 0.5) * width / grid_columns - x * width
    turn = 2 * math.pi * turn
    along = (turn.cos() * right + turn.sin() * down) / (radius * stretch)
    across = (turn.cos() * down - turn.sin() * right) / (radius / stretch)
    angle = torch.atan2(across, along)
    sector = 2 * math.pi / sides
    to_side = (angle / sector).round_().mul_(-sector).add_(angle).cos_()
    # One on the outline, less within.
    distance = torch.hypot(along, across).mul_(to_side).div_(1 + wave * (lobes * angle).cos_())
    width_of_edge = _SOFTEST * (_HARDEST / _SOFTEST) ** edge
    return (1 - distance).div_(width_of_edge).clamp_(0, 1)


def _fillings(images: torch.Tensor, rows: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Return what the shapes are made of: a colour, coarse noise or the blurred picture.

    Args:
        images: (B, 3, H, W).
        rows: (R,) numbers of the pictures.
        rng: generator on the CPU.

    Returns:
        (R, h, w, 3) on a grid a quarter as fine as the picture.
    """
    grid = [-(-size // 4) for size in images.shape[2:]]
    kinds = torch.randint(3, (len(rows),), generator=rng)
    colours = torch.rand(len(rows), 1, 1, 3, generator=rng)
    noise = torch.rand(len(rows), *grid, 3, generator=rng) - 0.5
    noise *= (kinds == 1)[:, None, None, None]
    fillings = (colours + noise).clamp_(0, 1).to(images.device)
    blurred = torch.nonzero(kinds == 2).flatten()
    for some in blurred.split(GROUP) if len(blurred) else ():
        means = local_means(images[rows[some]])
        fillings[some] = interpolate(means, *grid).permute(0, 2, 3, 1)
    return fillings
