"""Batches of pictures for tests of augmentation, the channels last as in a training."""

import torch

HEIGHT, WIDTH = 36, 64
DOT = (13, 40)
"""Row and column of the dot of `dotted_pictures`."""


def noise_pictures(n):
    """Return n pictures of uniform noise, always the same."""
    pictures = torch.rand(n, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(n))
    return pictures.contiguous(memory_format=torch.channels_last)


def grey_pictures(n, level):
    """Return n pictures of one level."""
    pictures = torch.full((n, 3, HEIGHT, WIDTH), level)
    return pictures.contiguous(memory_format=torch.channels_last)


def dotted_pictures(n, level):
    """Return n dark grey pictures with a dot of a level."""
    pictures = grey_pictures(n, 0.3)
    pictures[:, :, DOT[0], DOT[1]] = level
    return pictures


def brightest(plane):
    """Return row and column of the largest value of (H, W)."""
    return divmod(int(plane.argmax()), plane.shape[1])
