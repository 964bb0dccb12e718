"""The measures of a map: their ends, their middle, and maps that they must tell apart."""

import math

import numpy as np
import pytest

from liquid_pilot.explanation import saliency_scores as scores
from liquid_pilot.explanation.pixels import METHODS, blurred
from liquid_pilot.interfaces import LiquidPilotError

RNG = np.random.default_rng(0)
MASK = np.zeros((72, 128), bool)
MASK[20:30, 40:60] = True


def test_share_inside_a_mask():
    even = np.ones(MASK.shape, np.float32)
    assert scores.saliency_share(even, MASK) == pytest.approx(scores.area_share(MASK))
    assert scores.area_share(MASK) == pytest.approx(200 / 9216)
    assert scores.saliency_share(np.float32(MASK), MASK) == 1.0
    assert scores.saliency_share(np.float32(~MASK), MASK) == 0.0
    assert scores.saliency_share(even, 0.5 * MASK) == pytest.approx(100 / 9216)


def test_without_saliency_or_without_object_there_is_no_score():
    nothing = np.zeros(MASK.shape, np.float32)
    for score in (scores.saliency_share, scores.pointing_hit):
        assert math.isnan(score(nothing, MASK))
        assert math.isnan(score(np.float32(MASK), nothing))


@pytest.mark.parametrize(
    ('place', 'tolerance', 'hit'),
    [((25, 50), 0, 1), ((19, 50), 0, 0), ((19, 50), 1, 1), ((18, 39), 1, 0), ((18, 38), 2, 1)],
)
def test_pointing(place, tolerance, hit):
    saliency = RNG.random(MASK.shape)
    saliency[place] = 2.0
    assert scores.pointing_hit(saliency, MASK, tolerance) == hit
    assert scores.pointing_hit(saliency, 0.6 * MASK, tolerance) == hit
    assert math.isnan(scores.pointing_hit(saliency, 0.4 * MASK, tolerance))


def test_pointing_of_random_maps_is_chance():
    hits = [scores.pointing_hit(RNG.random(MASK.shape), MASK, 3) for _ in range(2000)]
    chance = scores.pointing_chance(MASK, 3)
    assert chance == pytest.approx(16 * 26 / 9216)
    assert np.mean(hits) == pytest.approx(chance, abs=4 * math.sqrt(chance / 2000))
    # Of equal maxima, each counts.
    assert scores.pointing_hit(np.ones(MASK.shape), MASK, 3) == pytest.approx(chance)


def test_curves_of_an_output_that_depends_on_known_pixels():
    """The output is the sum over the mask; the best map is the mask, the worst one its opposite."""
    picture, baseline = RNG.random((1, 3, 72, 128)), np.zeros((1, 3, 72, 128))
    calls = []

    def respond(pictures):
        calls.append(len(pictures))
        return (pictures * MASK).sum(axis=(1, 2, 3))[:, None]

    best = scores.deletion_curve(picture, np.float32(MASK), respond, baseline, steps=48)
    assert best.kept[0] == 1.0 and best.kept[-1] == pytest.approx(0.0, abs=1e-9)
    assert best.shares[0] == 0.0 and best.shares[-1] == 1.0 and calls == [49]
    assert best.kept[2] == pytest.approx(0.0, abs=1e-9)
    assert (np.diff(best.kept) <= 1e-9).all()
    worst = scores.deletion_curve(picture, np.float32(~MASK), respond, baseline, steps=48)
    even = scores.deletion_curve(picture, np.ones(MASK.shape), respond, baseline, steps=48)
    assert best.area < 0.02 and worst.area > 0.98
    # Equal pixels go in a random order: those of the mask are spread evenly over it.
    assert even.area == pytest.approx(0.5, abs=0.05)
    for saliency, curve in ((np.float32(MASK), best), (np.float32(~MASK), worst)):
        put_in = scores.insertion_curve(picture, saliency, respond, baseline, steps=48)
        assert put_in.area == pytest.approx(1.0 - curve.area, abs=1e-6)


def test_an_output_that_never_changes_has_no_curve():
    picture = RNG.random((1, 3, 8, 8))
    curve = scores.deletion_curve(
        picture, RNG.random((8, 8)), lambda pictures: np.ones((len(pictures), 2)), 0 * picture
    )
    assert np.isnan(curve.kept).all() and math.isnan(curve.area)


def test_rank_correlation():
    a = RNG.random((20, 30))
    assert scores.rank_correlation(a, a**3) == pytest.approx(1.0)
    assert scores.rank_correlation(a, -a) == pytest.approx(-1.0)
    assert abs(scores.rank_correlation(a, RNG.random((20, 30)))) < 0.15
    assert math.isnan(scores.rank_correlation(a, np.zeros_like(a)))
    # With ties, by hand: ranks 1.5 1.5 3 4 and 1 2 3.5 3.5.
    found = scores.rank_correlation(np.array([1, 1, 2, 3.0]), np.array([1, 2, 3, 3.0]))
    assert found == pytest.approx(np.corrcoef([1.5, 1.5, 3, 4], [1, 2, 3.5, 3.5])[0, 1])


def test_ssim_is_that_of_its_definition():
    a, b = RNG.random((2, 30, 40))
    # One window, by hand (Wang et al. 2004): a Gaussian of 11 x 11 pixels.
    line = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(line, line) / line.sum() ** 2

    def at(row, column):
        x, y = (values[row - 5 : row + 6, column - 5 : column + 6] for values in (a, b))
        mean_x, mean_y = (window * x).sum(), (window * y).sum()
        spread_x, spread_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
        both = (window * (x - mean_x) * (y - mean_y)).sum()
        light = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
        return light * (2 * both + 9e-4) / (spread_x + spread_y + 9e-4)

    inner = np.mean([at(row, column) for row in range(5, 25) for column in range(5, 35)])
    padded = scores.ssim(a, b)
    assert padded == pytest.approx(inner, abs=0.03)
    assert scores.ssim(a, a) == pytest.approx(1.0)
    assert scores.ssim(a, 1.0 - a) < -0.5
    assert scores.ssim(a, b) == scores.ssim(b, a)


def test_stability_under_noise():
    picture = RNG.random((1, 3, 36, 64)).astype(np.float32)
    steady = scores.noise_stability(lambda x: np.float32(MASK[:36, :64]), picture)
    assert steady == pytest.approx(1.0)
    little, much = (
        scores.noise_stability(lambda x: x[0, 0], picture, deviation) for deviation in (0.02, 0.3)
    )
    assert 1.0 > little > 0.9 > much
    assert scores.noise_stability(lambda x: x[0, 0], picture, 0.3, seed=1) != much


def test_maps_of_shuffled_weights(explainer, forest_view, by_feature):
    """Gradients depend on all weights; the mean of the maps hardly on those of the last layers."""
    picture = forest_view.picture
    by_gradient = scores.randomised_maps(explainer, picture, 'gradient', by_feature)
    assert [entry.layers for entry in by_gradient] == [1, 2, 3, 4, 5]
    assert by_gradient[-1].rank_correlation < 0.7 and by_gradient[-1].ssim < 0.8
    backprop = scores.randomised_maps(explainer, picture, 'visual_backprop')
    assert backprop[0] == (1, pytest.approx(1.0), pytest.approx(1.0))
    assert backprop[-1].ssim < 0.9


def test_deletion_of_what_a_map_shows_changes_the_features_sooner(explainer, forest_view):
    """On a real picture, every method but the bare gradient beats a random map."""
    picture = forest_view.picture
    baseline = blurred(picture)
    random = scores.deletion_curve(
        picture, RNG.random((72, 128)), explainer.features, baseline, steps=12
    )
    for method in METHODS[:5]:
        curve = scores.deletion_curve(
            picture, explainer.explain(picture, method), explainer.features, baseline, steps=12
        )
        assert curve.area < random.area, method


def test_maps_of_different_sizes_are_refused():
    small = np.ones((10, 10))
    for measure in (scores.saliency_share, scores.rank_correlation, scores.ssim):
        with pytest.raises(LiquidPilotError, match='one shape'):
            measure(small, MASK)
