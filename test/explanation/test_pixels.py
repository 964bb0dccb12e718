"""Maps of the pixels: against captum and torch, and what holds of any map."""

import numpy as np
import pytest

from liquid_pilot.explanation.pixels import (
    GRADIENT_METHODS,
    METHODS,
    PixelExplainer,
    blurred,
)
from liquid_pilot.interfaces import LiquidPilotError

BLACK = np.zeros((1, 3, 72, 128), np.float32)
FAST = METHODS[:-1]
"""All methods but occlusion, which takes a tenth of a second."""


@pytest.fixture(scope='module')
def command(torch_encoder, by_feature):
    """A torch function from pictures (B, 3, H, W) to a weighted sum of the features (B,)."""
    import torch

    weights = torch.from_numpy(by_feature)
    return lambda pictures: torch_encoder(pictures) @ weights


@pytest.mark.slow
@pytest.mark.parametrize('method', GRADIENT_METHODS)
def test_gradient_methods_are_those_of_captum(
    method, explainer, forest_view, command, by_feature, torch_encoder
):
    attr = pytest.importorskip('captum.attr', reason='captum is not installed')
    import torch

    picture = torch.from_numpy(forest_view.picture)
    if method == 'integrated_gradients':
        expected = attr.IntegratedGradients(command).attribute(
            picture,
            torch.from_numpy(blurred(forest_view.picture)),
            n_steps=32,
            method='riemann_middle',
        )
    elif method == 'input_x_gradient':
        expected = attr.InputXGradient(command).attribute(picture.requires_grad_())
    else:
        saliency = attr.Saliency(command)
        samples = picture
        if method == 'smooth_gradient':
            noise = np.random.default_rng(0).normal(0.0, 0.1, (8, 3, 72, 128))
            samples = picture + torch.from_numpy(noise.astype(np.float32))
        expected = saliency.attribute(samples.requires_grad_(), abs=False).mean(0, keepdim=True)
    expected = expected.detach().numpy()[0]
    found = explainer.attribute(forest_view.picture, method, by_feature)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize('seed', range(3))
def test_shares_of_integrated_gradients_add_up_to_the_change(seed, explainer, forest_view):
    """Completeness (Sundararajan et al. 2017), as far as the steps of the path reach."""
    weights = np.random.default_rng(seed).normal(size=32)
    shares = explainer.attribute(forest_view.picture, 'integrated_gradients', weights)
    both = np.concatenate([forest_view.picture, blurred(forest_view.picture)])
    change = np.subtract(*explainer.features(both))
    largest = np.linalg.norm(change) * np.linalg.norm(weights)
    assert largest > 1.0
    assert float(shares.sum()) == pytest.approx(float(change @ weights), abs=0.005 * largest)


def torch_visual_backprop(encoder, picture):
    """Return the map of Bojarski et al. 2016, written with torch alone."""
    import torch
    from torch.nn import functional

    means, layers, maps = [], [], torch.from_numpy(picture) - 0.5
    for layer in encoder.convolutions:
        maps = layer(maps)
        if isinstance(layer, torch.nn.Conv2d):
            layers.append((layer, maps.shape[2:]))
            means.append(maps.relu().mean(1, keepdim=True))
    saliency = means.pop()
    sizes = [(72, 128), *(size for _, size in layers)]
    for (layer, _), size in zip(reversed(layers), reversed(sizes[:-1]), strict=True):
        ones = torch.ones(1, 1, *layer.kernel_size)
        shape = [
            size[k]
            - ((saliency.shape[2 + k] - 1) * layer.stride[k] - 2 * layer.padding[k])
            - layer.kernel_size[k]
            for k in (0, 1)
        ]
        total, count = (
            functional.conv_transpose2d(
                values, ones, stride=layer.stride, padding=layer.padding, output_padding=shape
            )
            for values in (saliency, torch.ones_like(saliency))
        )
        saliency = total / count
        if means:
            saliency = saliency * means.pop()
    return (saliency / saliency.max()).detach().numpy()[0, 0]


def test_visual_backprop_is_that_of_torch(explainer, forest_view, torch_encoder):
    found = explainer.explain(forest_view.picture)
    expected = torch_visual_backprop(torch_encoder, forest_view.picture)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert 0.0 < np.median(expected) < 0.5


@pytest.mark.parametrize('method', METHODS)
def test_a_map_is_finite_and_its_maximum_is_one(method, explainer, road_view, by_feature):
    for picture in (road_view.picture, BLACK):
        found = explainer.explain(picture, method, by_feature)
        assert found.shape == (72, 128) and found.dtype == np.float32
        assert np.isfinite(found).all() and found.min() >= 0.0
        # In a black picture there is nothing to blur, and nothing to multiply with.
        empty = picture is BLACK and method in METHODS[2:] and method != 'smooth_gradient'
        assert found.max() == (0.0 if empty else 1.0)


@pytest.mark.parametrize('method', FAST)
def test_the_same_map_twice(method, explainer, forest_view, by_feature):
    before = forest_view.picture.copy()
    first = explainer.explain(forest_view.picture, method, by_feature)
    explainer.explain(BLACK, method)
    assert (explainer.explain(forest_view.picture, method, by_feature) == first).all()
    assert (forest_view.picture == before).all()


@pytest.mark.parametrize('method', FAST)
def test_how_strong_the_weights_are_and_their_sign_make_no_difference(
    method, explainer, forest_view, by_feature
):
    first = explainer.explain(forest_view.picture, method, by_feature)
    for factor in (1e-3, 40.0, -1.0):
        scaled = explainer.explain(forest_view.picture, method, factor * by_feature)
        np.testing.assert_allclose(scaled, first, atol=1e-5)


@pytest.mark.parametrize('method', FAST)
def test_a_feature_that_uses_nothing_has_no_saliency(method, forest_pilot, forest_view):
    explainer = PixelExplainer(forest_pilot)

    def cut_feature_5(number, name, tensor):
        if name == 'project.weight':
            tensor = tensor.copy()
            tensor[5] = 0.0
        return tensor

    explainer.layers = explainer.layers.replace_weights(cut_feature_5)
    for feature, counts in ((5, False), (6, True)):
        found = explainer.explain(forest_view.picture, method, np.eye(32)[feature])
        assert found.any() == counts
    assert not explainer.explain(forest_view.picture, method, np.zeros(32)).any()


def test_pixels_outside_of_what_a_layer_reads_have_no_saliency(forest_pilot):
    """The gradient of the deepest layer at one place stays within its receptive field."""
    layers = PixelExplainer(forest_pilot).layers
    activations = layers.run(np.random.default_rng(1).random((1, 3, 72, 128), np.float32))
    first = layers.convolutions(activations)[0]
    gradient = np.zeros_like(first.maps)
    gradient[0, :, 10, 20] = 1.0
    (found,) = first.operator.backward(gradient, [activations.arrays['image']], first.maps)
    rows, columns = np.nonzero(np.abs(found[0]).sum(axis=0))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (18, 22, 38, 42)


def test_the_map_of_the_forest_pilot_shows_the_chair(explainer, forest_view):
    assert forest_view.target.sum() > 5
    found = explainer.explain(forest_view.picture)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert forest_view.target[row - 2 : row + 3, column - 2 : column + 3].max() > 0.5


def test_occlusion_finds_the_one_patch_that_counts(explainer, by_feature):
    picture = np.full((1, 3, 72, 128), 0.5, np.float32)
    picture[0, 0, 30:38, 90:98] = 1.0
    picture[0, 1:, 30:38, 90:98] = 0.0
    found = explainer.explain(picture, 'occlusion', by_feature)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 24 <= row < 44 and 84 <= column < 104
    assert found[:, :60].max() < 0.2


def test_shuffled_weights_are_another_network(explainer, forest_view):
    trained = explainer.explain(forest_view.picture)
    other = explainer.randomised(seed=1)
    assert (
        explainer.randomised(seed=1).explain(forest_view.picture)
        == other.explain(forest_view.picture)
    ).all()
    assert (explainer.explain(forest_view.picture) == trained).all()
    # Only the last layer: the features change, and the map without weights of features does not.
    last = explainer.randomised(seed=1, layers=1)
    assert (last.explain(forest_view.picture) == trained).all()
    gap = last.features(forest_view.picture) - explainer.features(forest_view.picture)
    assert np.abs(gap).max() > 0.1


@pytest.mark.parametrize(
    ('call', 'said'),
    [
        (lambda e: e.explain(BLACK, 'magic'), "no method 'magic'; choose one of"),
        (lambda e: e.attribute(BLACK, 'occlusion'), "no gradient method 'occlusion'; choose one"),
        (lambda e: e.explain(BLACK[0]), r'must have the shape \(1, 3, 72, 128\)'),
        (lambda e: e.explain(BLACK, 'gradient', np.ones(31)), 'must be 32 finite weights'),
        (lambda e: e.explain(BLACK, 'gradient', np.full(32, np.nan)), 'must be 32 finite'),
    ],
)
def test_what_cannot_be_explained_is_said(call, said, explainer):
    with pytest.raises(LiquidPilotError, match=said):
        call(explainer)
