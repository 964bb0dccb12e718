"""Broad randomisation: each part does what it says, within its strength, and moves nothing."""

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

from liquid_pilot.learning.data.occluders import paint_occluders
from liquid_pilot.learning.data.picture_randomisation import (
    convolve_randomly,
    light_unevenly,
    mix_operations,
)

PARTS = (convolve_randomly, mix_operations, light_unevenly, paint_occluders)


def changed(part, images, strength, seed=1):
    found = images.clone()
    part(found, strength, torch.Generator().manual_seed(seed))
    return found.clamp(0, 1)


@pytest.mark.parametrize('part', PARTS)
def test_the_generator_alone_decides(part):
    images = noise_pictures(20)
    torch.manual_seed(1)
    found = changed(part, images, 0.5)
    before = torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(changed(part, images, 0.5), found)
    torch.manual_seed(1)
    changed(part, images, 0.5)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(changed(part, images, 0.5, seed=2), found)


@pytest.mark.parametrize('part', PARTS)
def test_memory_layout_makes_no_difference(part):
    images = noise_pictures(20)
    torch.testing.assert_close(
        changed(part, images.contiguous(), 0.5), changed(part, images, 0.5), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize('part', PARTS)
def test_nothing_moves(part):
    """A bright dot is at its pixel in the mean of many draws, in each channel and in all."""
    mean = changed(part, dotted_pictures(400, 0.9), 0.6).mean(0)
    assert brightest(mean.sum(0)) == DOT
    for channel in mean:
        assert brightest(channel) == DOT
    surroundings = mean.sum(0)[DOT[0] - 1 : DOT[0] + 2, DOT[1] - 1 : DOT[1] + 2].numpy()
    excess = surroundings - np.median(mean.sum(0))
    rows, columns = np.mgrid[-1:2, -1:2]
    # A shift by a tenth of a pixel would show.
    assert abs((excess * rows).sum() / excess.sum()) < 0.1
    assert abs((excess * columns).sum() / excess.sum()) < 0.1


@pytest.mark.parametrize('part', PARTS)
def test_pictures_stay_about_as_bright(part):
    found = changed(part, dotted_pictures(300, 0.9), 0.6)
    assert abs(found.mean() - dotted_pictures(1, 0.9).mean()) < 0.05
    assert found.min() >= 0 and found.max() <= 1


def test_a_random_convolution_filters_as_many_pictures_as_its_strength_says_and_keeps_greys():
    images = noise_pictures(300)
    found = changed(convolve_randomly, images, 0.3)
    differs = (found != images).flatten(1).any(1)
    assert 0.22 < differs.float().mean() < 0.38
    assert (changed(convolve_randomly, images, 1.0) != images).flatten(1).any(1).all()
    found = changed(convolve_randomly, grey_pictures(50, 0.3), 1.0)[:, :, 1:-1, 1:-1]
    torch.testing.assert_close(found, torch.full_like(found, 0.3), rtol=0, atol=1e-5)


def test_a_random_convolution_is_one_of_neighbours_and_channels():
    """What a red dot turns into is within 3x3 pixels, and in other channels too."""
    images = grey_pictures(50, 0.5)
    images[:, 0, DOT[0], DOT[1]] = 0.7
    change = (changed(convolve_randomly, images, 1.0) - 0.5).abs()
    near = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    near[DOT[0] - 1 : DOT[0] + 2, DOT[1] - 1 : DOT[1] + 2] = True
    assert change[..., ~near].max() < 1e-5
    assert (change[..., near].amax(2) > 1e-3).all()


def test_a_mixture_differs_from_its_picture_by_no_more_than_its_strength():
    images = noise_pictures(200)
    for strength in (0.1, 0.5):
        difference = (changed(mix_operations, images, strength) - images).abs().flatten(1).amax(1)
        assert difference.max() <= strength + 1e-6
        assert difference.max() > 0.3 * strength
        assert 0.22 < (difference > 1e-6).float().mean() < 0.45


def test_uneven_light_is_a_smooth_gain_within_its_strength():
    gain = changed(light_unevenly, grey_pictures(60, 0.5), 0.4) / 0.5
    assert gain.min() >= 0.6 - 1e-5 and gain.max() <= 1.4 + 1e-5
    assert gain.min() < 0.65 and gain.max() > 1.35
    assert (gain.amax((1, 2, 3)) - gain.amin((1, 2, 3)) > 0.1).all()
    assert gain.diff(dim=2).abs().max() < 0.1 and gain.diff(dim=3).abs().max() < 0.1
    torch.testing.assert_close(gain[:, 0], gain[:, 2])


@pytest.mark.parametrize('area', [0.05, 0.3])
def test_occluders_cover_no_more_than_their_area(area):
    # The same shapes on black and on white: what is covered is alike in both.
    black, white = (
        changed(paint_occluders, grey_pictures(400, level), area) for level in (0.0, 1.0)
    )
    covered = 1 - (white - black).mean(1)
    share = covered.mean((1, 2))
    assert share.min() >= -1e-6 and share.max() <= 1.05 * area
    assert share.max() > 0.6 * area
    # A third is occluded, and of these a third by its own blurred picture.
    assert 0.15 < (share > 1e-4).float().mean() < 0.3
    assert covered.max() == 1, 'what is covered is hidden'


def test_some_occluders_are_a_blurred_copy_of_the_picture():
    images = noise_pictures(300)
    found = changed(paint_occluders, images, 0.3)
    means = functional.avg_pool2d(images, 9, 1, 4, count_include_pad=False)
    blurred = ((found - means).abs() < 0.15).float().mean((1, 2, 3))
    plain = ((images - means).abs() < 0.15).float().mean((1, 2, 3))
    assert ((blurred - plain) > 0.05).sum() > 3
