"""Simple operations on pictures."""

import torch
from torch.nn import functional

from liquid_pilot.learning.data.picture_operations import mean_3x3


def test_the_mean_of_neighbours_is_that_of_torch():
    images = torch.rand(5, 3, 36, 64, generator=torch.Generator().manual_seed(5))
    for each in (
        images,
        images.contiguous(memory_format=torch.channels_last),
        torch.rand(2, 3, 2, 5),
    ):
        expected = functional.avg_pool2d(each, 3, 1, 1, count_include_pad=False)
        torch.testing.assert_close(mean_3x3(each), expected, rtol=0, atol=1e-6)
