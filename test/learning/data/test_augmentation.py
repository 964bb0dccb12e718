"""Augmentation: each part by itself, off by 0, seeded, and sequences whose times stay true."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from liquid_pilot.learning.config import PRESETS as NAMES
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.data.augmentation import PRESETS, Augmentation, reduce_between_kept

OF_IMAGES = (
    'brightness',
    'contrast',
    'channel_gain',
    'noise',
    'blur',
    'erasing',
    'random_convolution',
    'mixture',
    'uneven_light',
    'occluders',
)
BROAD = OF_IMAGES[6:]
MOMENTS = {
    'none': (0.499811, 0.333145, -0.000477),
    'photometric': (0.518857, 0.350898, -0.000419),
    'strong': (0.608001, 0.42239, -0.000136),
}
"""Mean, mean square and mean product with a sine of the images of each preset, before there was
broad randomisation."""


def changed(part, images, seed=1):
    augment = Augmentation(**{part: 0.4}) if part else Augmentation()
    return augment.images(images.clone(), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize('part', OF_IMAGES)
def test_each_change_of_images_is_seeded_in_range_and_leaves_something(part):
    images = torch.rand(12, 3, 16, 20)
    found = changed(part, images)
    assert torch.equal(found, changed(part, images)) and found.shape == images.shape
    assert not torch.equal(found, changed(part, images, 2))
    assert not torch.equal(found, images)
    assert found.min() >= 0 and found.max() <= 1
    assert np.corrcoef(found.flatten(), images.flatten())[0, 1] > 0.3


def test_none_changes_nothing_and_settings_override_their_preset():
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(changed(None, images), images)
    assert set(PRESETS) == set(NAMES)
    assert Augmentation.from_settings(TrainingSettings(augmentation='none')) == Augmentation()
    own = Augmentation.from_settings(TrainingSettings(augmentation='strong', noise=0.0, blur=0.5))
    assert (own.noise, own.blur) == (0.0, 0.5)
    assert own.contrast == PRESETS['strong'].contrast > PRESETS['photometric'].contrast > 0
    assert all(getattr(PRESETS['broad'], part.name) > 0 for part in fields(Augmentation))


@pytest.mark.parametrize('part', OF_IMAGES)
def test_each_part_of_images_has_augmented_copies(part):
    assert Augmentation(**{part: 0.1}).changes_images
    assert not Augmentation(dropped_frames=0.5, irregular_dt=0.2).changes_images


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('preset', MOMENTS)
def test_without_broad_randomisation_images_are_those_that_they_always_were(preset, layout):
    """Trainings with the other presets draw the same numbers, and learn the same, as before."""
    assert not any(getattr(PRESETS[preset], part) for part in BROAD)
    images = torch.arange(6 * 3 * 24 * 40, dtype=torch.float32).mul(0.618).frac()
    images = images.view(6, 3, 24, 40).contiguous(memory_format=layout)
    found = PRESETS[preset].images(images, torch.Generator().manual_seed(7))
    values = found.contiguous().double().flatten()
    wave = torch.arange(len(values)).double().mul(0.377).sin()
    moments = [float(each.mean()) for each in (values, values * values, values * wave)]
    # Rounding differs from one kind of processor to the next.
    assert moments == pytest.approx(MOMENTS[preset], abs=2e-6)


def test_dropped_frames_leave_their_time_and_their_imu_to_the_next():
    dt_s = np.arange(1.0, 7.0, dtype=np.float32)[None]
    imu = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
    kept = np.array([[1, 2, 5]])
    np.testing.assert_array_equal(
        reduce_between_kept(dt_s, kept, total=True), [[1 + 2, 3, 4 + 5 + 6]]
    )
    np.testing.assert_allclose(
        reduce_between_kept(imu, kept, total=False),
        [[imu[0, :2].mean(0), imu[0, 2], imu[0, 3:].mean(0)]],
    )


def test_frames_are_dropped_in_order_up_to_the_share_given():
    augment = Augmentation(dropped_frames=0.5)
    counts = set()
    for seed in range(40):
        kept = augment.kept((3, 20), np.random.default_rng(seed))
        if kept is None:
            counts.add(20)
            continue
        counts.add(kept.shape[1])
        assert (np.diff(kept, axis=1) > 0).all() and kept.min() >= 0 and kept.max() < 20
    assert 10 <= min(counts) < 13 and max(counts) > 17
    assert Augmentation().kept((3, 20), np.random.default_rng(0)) is None


@pytest.mark.parametrize('from_episode_start', [False, True])
def test_dropping_frames_keeps_the_time_and_the_first_frame_of_an_episode(
    from_episode_start,
):
    augment = Augmentation(dropped_frames=0.9)
    dt_s, imu = np.linspace(0.04, 0.06, 30, dtype=np.float32), np.ones((30, 6), np.float32)
    index, valid = np.array([np.arange(20), np.arange(10, 30)]), np.ones((2, 20), bool)
    valid[1, 15:] = False
    firsts = set()
    for seed in range(30):
        found, counted, times, seen = augment.drop_frames(
            index, valid, dt_s, imu, np.random.default_rng(seed), from_episode_start
        )
        firsts |= set(found[0, :1])
        np.testing.assert_allclose(  # Up to each frame, from where the sequence began.
            np.cumsum(times, 1)[0], np.cumsum(dt_s)[found[0]], rtol=1e-5
        )
        np.testing.assert_array_equal(counted[1], found[1] < 25)
        assert (np.diff(found, axis=1) > 0).all() and (seen == 1.0).all()
    assert firsts == {0} if from_episode_start else len(firsts) > 3


def test_irregular_times_stay_within_their_share():
    dt_s = np.full((4, 50), 0.05, np.float32)
    found = Augmentation(irregular_dt=0.2).times(dt_s, np.random.default_rng(0))
    ratio = found / dt_s
    assert np.exp(-0.2) <= ratio.min() < 0.9 and 1.1 < ratio.max() <= np.exp(0.2) + 1e-6
    assert Augmentation().times(dt_s, np.random.default_rng(0)) is dt_s
