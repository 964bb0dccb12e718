"""Light or lens: a gain is for what the light took from contrast, not a blur and not dirt."""

import math

import cv2
import numpy as np
import pytest
from statistics_makers import make_statistics

from liquid_pilot.onboard.adaptation import _texture_kernels
from liquid_pilot.onboard.adaptation.lens_loss import (
    BLURRED,
    CONTRAST_PER_TEXTURE,
    PATCHY,
    PERIOD_S,
    LensLoss,
    LensSigns,
)
from liquid_pilot.onboard.adaptation.novelty_gate import log_texture
from liquid_pilot.onboard.adaptation.photometric_match import PhotometricMatch
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter, block_edges

HEIGHT, WIDTH, GRID = 72, 128, (4, 8)
TICK_S = 0.05
NEW = range(1000, 1006)
"""Scenes that training has not seen."""


def scene(seed):
    """A picture (3, H, W) of a bright sky, dark leaves and trunks, all with sharp edges."""
    rng = np.random.default_rng(seed)
    size = 4  # Drawn larger and averaged, as a camera does it.
    picture = np.full((size * HEIGHT, size * WIDTH, 3), (0.62, 0.66, 0.7))
    picture[size * HEIGHT // 2 :] = 0.4, 0.36, 0.25
    for _ in range(260):
        x, y = rng.uniform(0, size * WIDTH), rng.uniform(0, size * HEIGHT)
        wide, high = rng.uniform(4, 90), rng.uniform(4, 150)
        colour = rng.uniform(0.1, 0.45) * np.array([0.9, 1.0, 0.7]) * rng.uniform(0.7, 1.3, 3)
        begin, end = (round(x - wide / 2), round(y - high / 2)), (round(x), round(y + high / 2))
        cv2.rectangle(picture, begin, end, colour.tolist(), -1)
    small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.clip(small, 0, 1).transpose(2, 0, 1), np.float32)


def luminance(image):
    """Return the mean luminance and the logarithm of its standard deviation."""
    grey = np.tensordot((0.299, 0.587, 0.114), image.astype(float), 1)
    return grey.mean(), math.log(grey.std())


def texture(image):
    measured = np.empty(GRID, np.float32)
    edges = block_edges(GRID, HEIGHT, WIDTH)
    _texture_kernels.block_texture(image.reshape(-1), *edges, measured)
    return measured


@pytest.fixture(scope='module')
def statistics():
    """The statistics of a training on such scenes."""
    scenes = [scene(seed) for seed in range(200)]
    light = np.array([luminance(image) for image in scenes])
    textures = np.mean([log_texture(texture(image)) for image in scenes], axis=0)
    return make_statistics(light=(light.mean(0), light.std(0)), texture_mean=textures.reshape(GRID))


@pytest.fixture(scope='module')
def match(statistics):
    return PhotometricMatch(statistics, HEIGHT, WIDTH)


@pytest.fixture(scope='module')
def lens_loss(statistics):
    return LensLoss(statistics.texture_mean, HEIGHT, WIDTH)


def defocused(image, diameter=13):
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter)).astype(np.float32)
    return np.stack([cv2.filter2D(each, -1, disc / disc.sum()) for each in image])


def smeared(image, length=25):
    line = np.full((1, length), 1.0 / length, np.float32)
    return np.stack([cv2.filter2D(each, -1, line) for each in image])


def spattered(image, share=0.75, seed=0):
    """Return the picture behind dull smears that cover a share of it, and are nearly opaque."""
    grid = np.random.default_rng(seed).standard_normal((5, 9)).astype(np.float32)
    field = cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    edge = np.quantile(field, 1.0 - share)
    opacity = 0.94 * np.clip((field - edge) / 0.1 + 0.5, 0.0, 1.0)
    return (image + opacity * (0.2 - image)).astype(np.float32)


def hazy(image, share=0.75):
    return (0.45 + (1 - share) * (image - 0.45)).astype(np.float32)


def dark(image, factor=0.2, grain=0.0, seed=0):
    noise = grain * np.random.default_rng(seed).standard_normal(image.shape)
    return np.clip(factor * image + noise, 0, 1).astype(np.float32)


def gain(match, image):
    """Return the gain of a picture that has been there for a while."""
    light = None
    for _ in range(10):
        light, found = match.process(image.copy(), light, TICK_S)
    return found


def gain_of_contrast(statistics, image):
    """Return the gain that contrast alone calls for, whatever took it."""
    missing = float(statistics.luminance[0, 1]) - luminance(image)[1]
    spreads = missing / float(statistics.luminance[1, 1])
    return math.exp(max(missing, 0.0) * min(max((spreads - 2) / 2, 0.0), 1.0))


@pytest.mark.parametrize('lens', [defocused, smeared, spattered], ids=lambda each: each.__name__)
def test_what_the_lens_took_is_not_stretched(match, statistics, lens):
    by_contrast = [gain_of_contrast(statistics, lens(scene(seed))) for seed in NEW]
    gains = [gain(match, lens(scene(seed))) for seed in NEW]
    assert min(by_contrast) > 1.4, 'contrast has fallen far enough'
    assert np.median(gains) < 1.05
    assert np.log(gains).mean() < 0.2 * np.log(by_contrast).mean()


@pytest.mark.parametrize('grain', [0.0, 0.015])
@pytest.mark.parametrize('factor', [0.12, 0.2, 0.4])
def test_darkness_has_its_whole_gain(match, statistics, factor, grain):
    for seed in NEW:
        image = dark(scene(seed), factor, grain)
        wanted = gain_of_contrast(statistics, image)
        assert wanted > 2.0
        assert gain(match, image) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize('share', [0.6, 0.75, 0.9])
def test_haze_has_its_whole_gain(match, statistics, share):
    for seed in NEW:
        image = hazy(scene(seed), share)
        wanted = gain_of_contrast(statistics, image)
        assert wanted > 2.0
        assert gain(match, image) == pytest.approx(wanted, rel=1e-3)


def test_a_clear_picture_keeps_its_bits_and_nothing_is_measured(match):
    for seed in NEW:
        image = scene(seed)
        kept = image.tobytes()
        light, found = match.process(image, None, TICK_S)
        assert found == 1.0 and light.lens is None
        # The mean of some scenes is beyond the dead band; then the brightness is corrected.
        spreads = abs(light.mean - match._mean) / match._sigma_mean
        assert (image.tobytes() == kept) == (spreads <= 2.0)


def test_haze_before_a_blurred_lens_keeps_a_part_of_its_gain(match, statistics):
    both = [hazy(defocused(scene(seed)), 0.8) for seed in NEW]
    gains = np.array([gain(match, image) for image in both])
    by_contrast = np.array([gain_of_contrast(statistics, image) for image in both])
    of_haze = np.array([gain(match, hazy(scene(seed), 0.8)) for seed in NEW])
    assert (gains > 1.3).all() and (gains < 0.9 * by_contrast).all()
    assert np.log(gains).mean() < np.log(of_haze).mean(), 'no more than without the blur'


def test_a_slight_blur_in_the_dark_costs_little_gain(match):
    for seed in NEW:
        sharp, slight = dark(scene(seed)), dark(smeared(scene(seed), 3))
        assert gain(match, slight) > 0.7 * gain(match, sharp)


def test_grain_hides_a_blur_so_that_a_dark_picture_has_its_gain(match, statistics):
    image = dark(defocused(scene(1000), 9), 0.2, grain=0.02)
    wanted = gain_of_contrast(statistics, image)
    assert gain(match, image) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize('scale', [1.0, 0.3, 0.05])
@pytest.mark.parametrize('lens', [np.copy, defocused, spattered], ids=lambda each: each.__name__)
def test_the_signs_are_blind_to_brightness_and_contrast(lens_loss, lens, scale):
    image = lens(scene(1000))
    first = lens_loss.measure(image, 0.5)
    other = lens_loss.measure((0.1 + scale * image).astype(np.float32), 0.5 - math.log(scale))
    assert other.sharpness == pytest.approx(first.sharpness, abs=0.01)
    assert other.texture_excess == pytest.approx(first.texture_excess, abs=2e-3)
    assert other.spread == pytest.approx(first.spread, abs=5e-3)


def test_sharpness_is_that_of_edges_of_slopes_and_of_grain(lens_loss):
    def sharpness(grey):
        return lens_loss.measure(np.stack([grey.astype(np.float32)] * 3), 0.0).sharpness

    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    step = np.where(columns < 60, 0.2, 0.7) + np.where(rows < 30, 0.0, 0.2)
    assert sharpness(step) == pytest.approx(-0.5 * math.log(2), abs=0.01)
    slope = columns / WIDTH + rows / HEIGHT
    assert sharpness(slope) == pytest.approx(-math.log(2), abs=1e-3)
    grain = np.random.default_rng(0).uniform(size=(HEIGHT, WIDTH))
    assert sharpness(grain) == pytest.approx(0.0, abs=0.03)
    # A blur in one direction is one, although the edges in the other are sharp.
    three = np.stack([step] * 3).astype(np.float32)
    assert sharpness(smeared(three)[0]) < BLURRED[1]
    assert sharpness(smeared(three.transpose(0, 2, 1))[0].T) < BLURRED[1]


def test_excess_and_spread_are_those_of_blocks_whose_texture_was_halved():
    image = scene(1000)
    loss = LensLoss(log_texture(texture(image)).reshape(GRID), HEIGHT, WIDTH)
    assert loss.measure(image, 0.0) == pytest.approx((0.0, -0.4, 0.0, 0.0), abs=0.1)
    weight = (texture(image).astype(float) + 0.5 / 255) ** 2
    left = weight[:, : GRID[1] // 2].sum() / weight.sum()
    image[:, :, : WIDTH // 2] = 0.4 + 0.5 * (image[:, :, : WIDTH // 2] - 0.4)
    signs = loss.measure(image, 0.0)
    assert signs.texture_excess == pytest.approx(left * math.log(2), abs=0.02)
    assert signs.spread == pytest.approx(math.sqrt(left * (1 - left)) * math.log(2), abs=0.02)


def test_the_texture_is_that_of_the_temporal_filter(statistics):
    """Training measured it there; both must agree."""
    step = TemporalFilter(statistics.filter_tau_s, HEIGHT, WIDTH).step(scene(1000), None, TICK_S)
    np.testing.assert_allclose(texture(scene(1000)), step.texture, rtol=1e-4)


def test_only_a_smooth_or_patchy_picture_is_a_reason_to_look_at_texture(lens_loss):
    (sharp, smooth), (even, patchy) = BLURRED, PATCHY
    assert lens_loss.contrast(LensSigns(2.0, sharp, even)) == 0.0
    whole = CONTRAST_PER_TEXTURE * 0.3
    for signs in ((smooth - 0.1, even), (sharp, patchy + 0.1), (smooth, patchy)):
        assert lens_loss.contrast(LensSigns(0.3, *signs)) == pytest.approx(whole)
        assert lens_loss.contrast(LensSigns(-0.3, *signs)) == 0.0
    for signs in ((0.5 * (sharp + smooth), even), (sharp, 0.5 * (even + patchy))):
        assert lens_loss.contrast(LensSigns(0.3, *signs)) == pytest.approx(0.5 * whole)


def test_the_signs_are_measured_now_and_then_and_smoothed_over_the_time_between(lens_loss):
    blurred, sharp = defocused(scene(1000)), scene(1000)
    first = signs = lens_loss.update(blurred, 0.5, None, TICK_S, 1.0)
    ticks = round(PERIOD_S / TICK_S)
    for tick in range(1, ticks):
        signs = lens_loss.update(sharp, 0.5, signs, TICK_S, 1.0)
        assert signs[:3] == first[:3] and signs.age_s == pytest.approx(tick * TICK_S)
    signs = lens_loss.update(sharp, 0.5, signs, TICK_S, 1.0)
    share = -math.expm1(-PERIOD_S)
    for after, old, new in zip(signs[:3], first, lens_loss.measure(sharp, 0.5), strict=False):
        assert after == pytest.approx(old + share * (new - old), abs=1e-6)
    assert signs.age_s == 0.0


def test_a_slow_camera_is_measured_at_every_frame(lens_loss):
    signs = lens_loss.update(defocused(scene(1000)), 0.5, None, 0.5, 1.0)
    after = lens_loss.update(scene(1000), 0.5, signs, 0.5, 1.0)
    assert after.sharpness > signs.sharpness + 0.05


def test_the_signs_are_forgotten_when_contrast_returns(match):
    light, _ = match.process(defocused(scene(1000)), None, TICK_S)
    assert light.lens.sharpness < BLURRED[1]
    for _ in range(200):
        light, _ = match.process(scene(1000), light, TICK_S)
    assert light.lens is None
