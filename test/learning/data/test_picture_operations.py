"""Simple operations on pictures: in range, decided by their amounts, and nothing moves."""

import numpy as np
import pytest
import torch
from random_pictures import (
    DOT,
    HEIGHT,
    WIDTH,
    brightest,
    dotted_pictures,
    grey_pictures,
    noise_pictures,
)
from torch.nn import functional

from liquid_pilot.learning.data.picture_operations import (
    OPERATIONS,
    interpolate,
    local_means,
    mean_3x3,
    rotate_colours,
    shift_channels,
)


@pytest.mark.parametrize('operation', OPERATIONS)
def test_each_operation_stays_in_range_and_is_decided_by_its_amounts(operation):
    images = noise_pictures(6)
    amounts = torch.tensor(
        [[-1, -1], [-0.6, 0.4], [-0.2, -0.5], [0.3, 0.7], [0.7, -0.2], [0.95, 0.95]]
    )
    before = images.clone()
    found = operation(images, amounts)
    assert torch.equal(images, before), 'the chains of a mixture share their source'
    assert found.shape == images.shape and found.min() >= 0 and found.max() <= 1
    assert ((found - images).abs().flatten(1).amax(1) > 0.02).all()
    for k in range(6):
        alone = operation(images[k : k + 1], amounts[k : k + 1])
        torch.testing.assert_close(found[k : k + 1], alone, rtol=0, atol=1e-5)
    assert not torch.equal(operation(images, amounts.flip(0)), found)


@pytest.mark.parametrize('operation', OPERATIONS)
def test_each_operation_leaves_a_dot_in_its_place(operation):
    images = dotted_pictures(200, 0.6)  # Brighter dots are highlights, which may be folded.
    amounts = 2 * torch.rand(200, 2, generator=torch.Generator().manual_seed(1)) - 1
    found = operation(images, amounts)
    assert all(brightest(channel) == DOT for channel in found.mean(0))
    if operation is not shift_channels:
        assert {brightest(image.sum(0)) for image in found} == {DOT}


def test_shifted_channels_move_by_a_pixel_at_most_and_green_does_not():
    images = dotted_pictures(50, 0.6)
    amounts = 2 * torch.rand(50, 2, generator=torch.Generator().manual_seed(1)) - 1
    found = shift_channels(images, amounts)
    assert torch.equal(found[:, 1], images[:, 1])
    for red, blue, (by, side) in zip(found[:, 0], found[:, 2], amounts.tolist(), strict=True):
        summed, at = (0, DOT[1]) if side < 0 else (1, DOT[0])
        lines = [(each - 0.3).sum(summed) for each in (red, blue)]
        places = torch.arange(len(lines[0])) - at
        moved = [float((line * places).sum() / line.sum()) for line in lines]
        np.testing.assert_allclose(moved, [by, -by], atol=1e-4)


def test_rotated_colours_keep_greys_and_the_mean_of_the_channels():
    images = 0.4 + 0.1 * noise_pictures(8)
    amounts = 2 * torch.rand(8, 2, generator=torch.Generator().manual_seed(1)) - 1
    found = rotate_colours(images, amounts)
    torch.testing.assert_close(found.mean(1), images.mean(1))
    torch.testing.assert_close(
        rotate_colours(grey_pictures(8, 0.4), amounts), grey_pictures(8, 0.4)
    )
    red = torch.tensor([1.0, 0.2, 0.2])[None, :, None, None].expand(1, 3, HEIGHT, WIDTH)
    forwards, backwards = (
        rotate_colours(0.5 * red, torch.tensor([[by, 0.0]]))[0, :, 0, 0] for by in (0.9, -0.9)
    )
    assert forwards[1] > forwards[2] and backwards[1] < backwards[2]


def test_the_mean_of_neighbours_is_that_of_torch():
    for images in (noise_pictures(5), noise_pictures(5).contiguous(), torch.rand(2, 3, 2, 5)):
        expected = functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
        torch.testing.assert_close(mean_3x3(images), expected, rtol=0, atol=1e-6)


def test_a_grid_is_interpolated_between_its_points():
    grid = torch.rand(2, 4, 5, 3)
    found = interpolate(grid, 31, 41)
    torch.testing.assert_close(found[:, :, ::10, ::10].permute(0, 2, 3, 1), grid)
    assert found.min() >= grid.min() and found.max() <= grid.max()
    torch.testing.assert_close(local_means(grey_pictures(2, 0.3)), torch.full((2, 6, 9, 3), 0.3))
